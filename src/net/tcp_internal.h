/* What the files of one worker's TCP share: tcp.c (table), listener.c, intake.c (first bytes), conn.c (STUN/TURN
 * streams), pump.c (HTTP behind TLS). All on the worker's thread. */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "base/metrics.h"
#include "net/classify.h"
#include "net/proxy.h"
#include "net/tcp.h"

struct stream;

struct tcp {
    struct loop *loop;
    struct tcp_options options;
    struct proxy_sources proxies;
    struct list listeners;
    struct list intakes; /* connections whose first bytes are awaited */
    struct list conns;   /* STUN/TURN streams */
    struct list pumps;   /* HTTP behind TLS */
    struct list streams; /* every stream made here, WebSockets and closing ones included */
    struct hash_table sources;
    struct hash_key key;
    uint32_t count;
    uint8_t *scratch; /* TCP_SCRATCH_BYTES for whoever reads just now */
};

enum {
    TCP_SCRATCH_BYTES = 128 * 1024,
    TCP_READ_BUDGET = 64 * 1024, /* bytes of one connection before others have their turn */
    TCP_FIRST_BYTES_US = 10 * 1000 * 1000,
    TCP_OUTPUT_BOUND = 256 * 1024,
};

/* A place in the table; held from accept to close. */
struct tcp_seat;

/* NULL when the worker or the source holds too many (counted). proxy: many clients share this source. */
struct tcp_seat *tcp_seat_take(struct tcp *tcp, const struct addr *remote, bool proxy);
void tcp_seat_leave(void *seat);

/* Counts and logs (rate-limited) a connection that is turned away. */
void tcp_refuse(enum metric_id reason, const char *why, const struct addr *remote);

/* ---- listener.c */
void tcp_listener_close_all(struct tcp *tcp);

/* ---- intake.c: takes fd and seat. */
void tcp_intake_start(struct tcp *tcp, int fd, struct tcp_seat *seat, const struct five_tuple *tuple, unsigned accept);
void tcp_intake_close_all(struct tcp *tcp);

/* ---- conn.c: takes the stream. */
void conn_start(struct tcp *tcp, struct stream *stream, const struct five_tuple *tuple);
void conn_close_all(struct tcp *tcp);
