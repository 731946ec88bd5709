/* One flow: a client socket, for TURN also an allocation and its peer's socket. The fleet is all flows of a
 * run, with what they share. */
#pragma once

#include "base/addr.h"
#include "bench/options.h"
#include "bench/turn_client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_udp_reader;
struct ssl_ctx_st;
struct stream;
struct stun_crypto;

enum flow_kind {
    FLOW_TURN,
    FLOW_STUN, /* Binding requests */
    FLOW_ECHO, /* against a sink that sends everything back */
};

enum { FLOW_UP, FLOW_DOWN, FLOW_WAYS, FLOW_HEAD_MAX = 64, FLOW_CHANNEL = 0x4000 };

/* Counters of one way of one flow. */
struct flow_way {
    uint32_t next_seq; /* of the sender */
    uint32_t seen_seq; /* highest at the receiver, plus one */
};

struct flow {
    uint32_t index;
    int client_fd; /* UDP socket, or the stream's descriptor; -1: closed */
    int peer_fd;   /* -1: none */
    bool watches_write;
    bool counted;       /* the fleet has noted how the set-up ended */
    uint8_t mismatches; /* 437s met: that many ports were still known to the server */
    struct stream *stream;
    struct turn_client *turn;
    uint64_t started_us;
    struct flow_way ways[FLOW_WAYS];
    uint8_t head_len; /* what precedes the payload from client to server */
    uint8_t head[FLOW_HEAD_MAX];
};

struct fleet {
    const struct bench_options *options;
    enum flow_kind kind;
    struct addr server;
    int epoll_fd;
    uint32_t count;
    struct flow *flows;
    struct bench_udp_reader *reader;
    struct stun_crypto *crypto;
    struct ssl_ctx_st *tls;
    struct turn_client_config turn_config;
    char user[BENCH_TEXT_MAX + 24];
    char password[BENCH_TEXT_MAX];
    uint32_t ready, failed;
    uint32_t mismatches;
    uint64_t opened; /* client sockets so far */
    int last_error;  /* of a failed flow: a STUN error code, 0 for silence, or -errno */
};

/* Prepares count flows without opening any. -errno; said to stderr. */
int fleet_init(struct fleet *fleet, const struct bench_options *o, enum flow_kind kind, const struct addr *server,
               uint32_t count);
/* Closes everything, releasing nothing at the server. */
void fleet_deinit(struct fleet *fleet);

/* Opens flow f's client socket and starts its allocation, if it is of that kind. -errno, then it is closed
 * again. */
int flow_open(struct fleet *fleet, struct flow *f);
void flow_close(struct flow *f);

/* Moves a flow on after something came for it or its time ran out (rc: what became of that); with bind as far
 * as READY, else to ALLOCATED. On 437 it starts again from another port, some times, as RFC 8656 section 7.4
 * asks. -errno; the state tells the rest. */
int flow_advance(struct fleet *fleet, struct flow *f, bool bind, int rc);

/* Sends what the flow's TURN client has to say, and opens the peer when bind is true and the allocation is
 * there. -errno. */
int flow_pump(struct fleet *fleet, struct flow *f, bool bind);

/* A STUN message that came for the flow. */
void flow_input(struct flow *f, const uint8_t *data, size_t len);

/* Reads the client's socket, expecting STUN messages only. -errno: the server is not there, the stream broke. */
int flow_receive(struct fleet *fleet, struct flow *f);

/* Retransmissions and upkeep. */
void flow_tick(struct fleet *fleet, struct flow *f, uint64_t now_us);

/* Sends one message from the client to the server, in any transport. -errno. */
int flow_send(struct fleet *fleet, struct flow *f, const void *data, size_t len);

/* Brings every flow up, `window` at a time. 0 when all are ready; -EIO when one failed. */
int fleet_establish(struct fleet *fleet);
/* Gives all allocations back; waits at most a few seconds. */
void fleet_release(struct fleet *fleet);

/* Prints why flows failed. */
void fleet_complain(const struct fleet *fleet);

/* epoll's data of a flow's sockets. */
static inline uint64_t flow_event(uint32_t index, bool peer) { return (uint64_t)index << 1 | peer; }
