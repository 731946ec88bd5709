/* The TURN relay of one worker: runs proto/turn on real sockets. The worker's ingress hands in what clients
 * send; relay ports are read here. Everything on the worker's thread unless it says otherwise. */
#pragma once

#include "base/addr.h"
#include "net/conn.h"
#include "net/dtls.h"
#include "net/udp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct owners;
struct relay;
struct relay_ports;
struct relay_session;
struct relay_settings;
struct turn_key;

/* A long-term user whose key is wanted; strings are borrowed. */
struct relay_user_query {
    const char *realm;
    const char *user;        /* NULL: by the hash */
    const uint8_t *userhash; /* 32 bytes of USERHASH */
    bool sha256;             /* the key of RFC 8489's SHA-256, not that of MD5 */
};

/* A payload on its way from one relayed address of this process to another, through no socket. */
struct relay_handed {
    struct addr to;    /* as the sender's client named it */
    struct addr from;  /* the sender's relayed address as clients were told it, */
    struct addr bound; /* and as bound: the receiver may know it as either */
    uint8_t *data;     /* writable; valid until udp_io_flush */
    size_t len;
    bool alone; /* as in struct udp_packet */
};

struct relay_hooks {
    void *ctx;
    /* Looks up a long-term user; the answer comes by relay_user_key with the same request number, now or
     * later. Negative: cannot look up now (the request is then dropped; the client sends it again). */
    int (*lookup_user)(void *ctx, uint64_t request, const struct relay_user_query *query);
    /* This message of a client belongs to another worker, and so does all that follows of its flow. Bytes are borrowed. */
    void (*forward)(void *ctx, unsigned worker, const struct five_tuple *client, const void *data, size_t len);
    /* These bytes are for a client whose connection is another worker's (its messages came by steering). */
    void (*deliver)(void *ctx, const struct five_tuple *client, const void *data, size_t len);
    /* Passes a payload to the worker that owns handed->to, which calls relay_take. Copies. -ENOBUFS: too many wait. */
    int (*hand_off)(void *ctx, unsigned worker, const struct relay_handed *handed);
    /* Another worker's connection of that client shall be closed: its session was killed. */
    void (*close)(void *ctx, const struct five_tuple *client);
    /* A connection ended whose messages were forwarded to that worker. */
    void (*gone)(void *ctx, unsigned worker, const struct five_tuple *client);
    /* A session has ended; borrowed. May be NULL. */
    void (*ended)(void *ctx, const struct relay_session *session, const char *reason);
    /* A user's bandwidth account, shared by all workers. NULL: no memory, the user is not limited. */
    void *(*account_open)(void *ctx, const char *realm, const char *user);
    void (*account_close)(void *ctx, void *account);
    /* Takes bytes of an account, or of all users' together (account NULL): they may be moved in so many microseconds.
     * NULL: there are no limits. */
    uint64_t (*lease)(void *ctx, void *account, size_t bytes, uint64_t now_us);
    void (*refund)(void *ctx, void *account, size_t bytes); /* gives back what was not moved */
    /* Runs run(relay of that worker, arg) on its thread, in order; the own worker included, but never before return.
     * Negative: it will not run, arg stays the caller's. NULL: TCP relaying is not served. */
    int (*post)(void *ctx, unsigned worker, void (*run)(struct relay *relay, void *arg), void *arg);
};

struct relay_options {
    struct loop *loop;
    struct udp_io *io;
    struct relay_ports *ports; /* shared by all workers */
    struct owners *owners;     /* the same */
    unsigned worker;
    struct relay_hooks hooks;
};

/* -ENOMEM, -EINVAL. Keeps a reference to settings. */
int relay_new(struct relay **out, const struct relay_options *options, const struct relay_settings *settings);
/* Closes the connections that relay_stream_handlers' clients have with their peers (RFC 6062): before the tcp that they
 * came from is freed. */
void relay_close_joins(struct relay *relay);
/* Ends all allocations. */
void relay_free(struct relay *relay);
/* Takes another snapshot; allocations stay. The old one stays on error. */
int relay_configure(struct relay *relay, const struct relay_settings *settings);

/* A UDP socket that clients talk to; borrowed until relay_free. Replies leave through the listener whose local
 * address the client used. -ENOBUFS beyond 64. */
int relay_add_listener(struct relay *relay, struct udp_socket *socket);

/* What came from a client, on a listener or by steering: data, len and alone count. It stays valid until the next
 * udp_io_flush and may be written over. */
void relay_client_stun(struct relay *relay, const struct five_tuple *client, const struct udp_packet *packet);
void relay_client_channel(struct relay *relay, const struct five_tuple *client, const struct udp_packet *packet);
/* What a client of another worker sends to a relayed address of this one. */
void relay_take(struct relay *relay, const struct relay_handed *handed);
/* Has the client an allocation here? */
bool relay_has_client(const struct relay *relay, const struct five_tuple *client);
/* A client's connection, which another worker has, is gone. */
void relay_client_gone(struct relay *relay, const struct five_tuple *client);
/* Bytes for a client from the worker that owns its session: the connection is ours. Borrowed. */
struct relay_delivery {
    const struct five_tuple *client;
    unsigned from; /* that worker */
    const void *data;
    size_t len;
};
void relay_deliver(struct relay *relay, const struct relay_delivery *delivery);
/* Closes a client's connection of ours, if it is still that worker's. */
void relay_close(struct relay *relay, const struct five_tuple *client, unsigned from);
/* Whose what comes from this connection of ours is from now on. */
void relay_set_owner(struct relay *relay, const struct five_tuple *client, unsigned worker);
/* For net/tcp: STUN/TURN streams. */
struct conn_handlers relay_stream_handlers(struct relay *relay);
/* For net/dtls: STUN/TURN in DTLS sessions. */
struct dtls_handlers relay_dtls_handlers(struct relay *relay);

/* Answers lookup_user; key NULL: there is no such user. */
void relay_user_key(struct relay *relay, uint64_t request, const struct turn_key *key);

/* Per second, over the time since the last look at the session (at first, since it began). */
struct relay_session_rates {
    uint64_t up_bps, down_bps; /* payload bits from the client, to it */
    uint64_t up_pps, down_pps; /* packets */
    uint64_t dropped_pps;
};

/* One allocation, for people. */
struct relay_session {
    char id[16];
    char user[129];
    char realm[128];
    struct five_tuple client;
    struct addr relayed[2];
    unsigned worker;
    bool tcp; /* a relay of TCP connections */
    unsigned permissions, channels, connections;
    uint64_t age_s, expires_s; /* since it began, until it ends */
    uint64_t packets_from_client, bytes_from_client, packets_to_client, bytes_to_client, dropped;
    struct relay_session_rates rates;
};
size_t relay_session_count(const struct relay *relay);
/* Writes at most cap sessions, beginning after *cursor (start with 0). Returns the number written. */
size_t relay_sessions(const struct relay *relay, uint32_t *cursor, struct relay_session *out, size_t cap);
/* 0 or -ENOENT. */
int relay_session_find(const struct relay *relay, const char *id, struct relay_session *out);
int relay_session_kill(struct relay *relay, const char *id);
