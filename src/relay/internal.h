/* Shared by the files of src/relay only. */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "base/metrics.h"
#include "net/loop.h"
#include "proto/turn/server.h"
#include "relay/bandwidth.h"
#include "relay/relay.h"

#include <event2/event.h>

enum { RELAY_LISTENERS_MAX = 64, RELAY_OWN = -1, RELAY_PEERS_MAX = 8192 /* TCP connections with peers */ };

/* How to reach a client: one of these is set, or none when its connection is gone. */
struct relay_path {
    struct udp_socket *udp;
    struct conn *conn;
    struct dtls_peer *dtls;
    bool steered; /* the connection is another worker's */
};

/* A bound relay port: what the machine knows as a handle. */
struct relay_port {
    struct udp_socket socket;
    struct relay *relay;
    struct addr told; /* the relayed address as clients know it */
    struct event *event;
    struct turn_allocation *allocation; /* NULL while the port is only reserved */
    struct relay_path path;             /* to the allocation's client */
    uint32_t error_second;              /* in which error_count errors were told */
    uint32_t error_count;
    bool stream;        /* listens for TCP connections */
    struct list paused; /* in paused_ports: no descriptors to accept connections with */
};

/* A client's TCP or TLS connection, or its DTLS session. */
struct relay_stream {
    struct relay *relay;
    struct conn *conn;      /* or */
    struct dtls_peer *dtls; /* one of these */
    struct five_tuple tuple;
    uint64_t hash;
    uint64_t opened_us;
    int owner;        /* the worker its messages are forwarded to, or RELAY_OWN */
    struct list node; /* in idle_streams, oldest first */
};

struct relay {
    struct relay_options options;
    const struct relay_settings *settings;
    struct turn_server *server;
    struct udp_socket *listeners[RELAY_LISTENERS_MAX];
    unsigned listener_count;
    struct hash_table streams;
    struct list idle_streams;
    struct relay_bandwidth bandwidth;
    struct hash_key key;
    struct loop_timer timer;
    uint64_t timer_due_us;
    /* RFC 6062: at the owner of an allocation, and at the worker that has the client's data connection. */
    struct hash_table peers, joins;
    struct list unclosed;       /* peers whose end another worker is still to be told */
    struct list open_joins;     /* struct relay_join */
    struct list joined_streams; /* struct stream */
    struct list paused_ports;
    struct loop_timer tick;
    bool ticking;
    /* The message being put into the machine, for FORWARD. */
    const uint8_t *input;
    size_t input_len;
};

/* service.c: carries out what the machine wants, until it wants nothing, and sets the timer. */
void relay_drain(struct relay *relay);
struct turn_time relay_time_now(const struct relay *relay);
void relay_input(struct relay *relay, const struct five_tuple *client, const uint8_t *data, size_t len);
struct relay_path relay_path_to(struct relay *relay, const struct five_tuple *client);

/* port.c */
int relay_port_open(struct relay *relay, const struct turn_output *out, struct turn_opened *opened);
void relay_port_close(struct relay_port *port);

/* To the client of the port's allocation. The message may be padded: three bytes follow it. */
void relay_send_to_client(struct relay_port *port, uint8_t *message, size_t len);

/* data.c: the packet path. RELAY_BORROW: the message lies as relay_client_channel says, with room around it; RELAY_TIGHT:
 * the same without room; RELAY_COPY: it is gone after return. */
enum relay_hold { RELAY_BORROW, RELAY_TIGHT, RELAY_COPY };

/* A client's payload and where it goes. */
struct relay_outgoing {
    const struct addr *peer;
    const uint8_t *data;
    size_t len;
    enum turn_route route;
    enum relay_hold hold;
    bool dont_fragment;
};

void relay_port_readable(evutil_socket_t fd, short events, void *arg);
void relay_channel_data(struct relay *relay, const struct five_tuple *client, const uint8_t *data, size_t len,
                        enum relay_hold hold);
void relay_send_indication(struct relay *relay, const struct five_tuple *client, const uint8_t *data, size_t len,
                           enum relay_hold hold);
/* Counts a packet that goes no further. a may be NULL. */
void relay_drop(struct turn_allocation *a, enum metric_id reason);
void relay_count_from_client(struct turn_allocation *a, size_t len);
void relay_count_to_client(struct turn_allocation *a, unsigned packets, size_t bytes);
/* Sends a payload of packet->remote to the client, in the way turn_peer_to_client said. False: dropped. */
bool relay_to_client(struct relay_port *port, const struct udp_packet *packet, int how);

/* handoff.c: to the peer through no socket. False when the peer is not one of our own addresses. */
bool relay_hand_off(struct relay *relay, struct turn_allocation *a, const struct turn_relay *from,
                    const struct relay_outgoing *out);

/* limits.c: bandwidth. When an allocation is made, before it is gone, after new settings. */
void relay_limits_begin(struct relay *relay, struct turn_allocation *a);
void relay_limits_end(struct relay *relay, struct turn_allocation *a);
void relay_limits_configure(struct relay *relay);
bool relay_limits_take(struct relay *relay, struct turn_allocation *a, size_t bytes);
/* May a payload of so many bytes pass, either way? False: drop it; it is counted already. Time is that of the last
 * loop_refresh_now. */
static inline bool relay_may_pass(struct relay *relay, struct turn_allocation *a, size_t bytes) {
    return !a->bandwidth || relay_limits_take(relay, a, bytes);
}
/* peer.c: TCP connections of peers until a client binds them, at the worker that owns the allocation. */
void relay_port_acceptable(evutil_socket_t fd, short events, void *arg);
void relay_peer_connect(struct relay *relay, const struct turn_output *out);
void relay_peer_close(struct relay *relay, const struct turn_output *out);
/* Hands the connection's descriptor to a worker. -ENOENT. */
int relay_peer_give(struct relay *relay, uint32_t id, unsigned worker);
/* The connection has ended where it is; the machine is told. */
void relay_peer_gone(struct relay *relay, uint32_t id);
void relay_peers_tick(struct relay *relay);
void relay_peers_free(struct relay *relay);

/* join.c: a client's data connection and its peer's, at the worker that accepted the client's. */
void relay_ask_connection(struct relay *relay, const struct turn_output *out);
/* Ends a join of this worker; what it has not reported is counted to the allocation (NULL: to none). */
void relay_join_close(struct relay *relay, uint32_t id, struct turn_allocation *a);
/* After new limits on bandwidth. */
void relay_joins_limit(struct relay *relay);
/* Makes relay_tick happen within a second. */
void relay_tick_soon(struct relay *relay);
void relay_tick(void *relay);

/* errors.c: reads the port's ICMP errors and tells its client. */
void relay_port_errors(struct relay_port *port);

/* stream.c */
/* The conn is detached: the stream is none of ours any more. */
void relay_stream_forget(struct relay_stream *stream);
struct relay_stream *relay_stream_find(const struct relay *relay, const struct five_tuple *tuple);
/* Closes a client's connection, wherever it is. */
void relay_stream_end(struct relay *relay, const struct five_tuple *client);
void relay_streams_expire(struct relay *relay, uint64_t now_us);

/* sessions.c */
void relay_session_describe(const struct relay *relay, const struct turn_allocation *a, struct relay_session *out);

/* busiest.c: a description with rates; before an allocation is gone. */
void relay_session_look(const struct relay *relay, struct turn_allocation *a, struct relay_session *out);
void relay_session_forget(struct turn_allocation *a);

/* report.c: log lines and metrics of the machine's events. */
void relay_report_event(struct relay *relay, const struct turn_output *out);
void relay_report_reply(const struct turn_output *out);
