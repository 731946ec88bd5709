/* A WebSocket on its worker: ws_conn.c has frames, pings and the closing handshake, ws_worker.c the beginning. */
#pragma once

#include "net/ws_internal.h"

#include <wslay/wslay.h>

struct stream;
struct ws_codec;

struct ws_worker {
    struct loop *loop;
    uint64_t ping_us;
    struct ws_codec *codec;
    struct list conns;
    struct list streams; /* of plain connections; those behind TLS belong to net/tcp */
};

struct ws_conn {
    struct list node;
    struct ws_worker *worker;
    struct ws *ws;
    struct stream *stream; /* NULL before the start and after the end */
    wslay_event_context_ptr wslay;
    struct loop_timer ping;
    struct loop_timer deadline; /* of the closing handshake */
    struct loop_timer retry;    /* while the control thread is behind */
    struct list outbox;         /* messages its inbox had no room for */
    uint64_t ping_sent_us;
    size_t budget;
    unsigned pings_missed;
    unsigned code;                  /* why we close; 0: we do not */
    struct ws_buffer *close_reason; /* of a close that waits for what is queued; may be NULL */
    bool close_waits;
    bool blocked;   /* reading stopped until the control thread catches up */
    bool peer_gone; /* end of stream, or it broke */
    bool ended;
};

/* Sends what can be sent and ends the connection when nothing is left to do. c may be gone afterwards. */
void ws_conn_step(struct ws_conn *c);
/* Starts frames on a stream, which is taken. -ENOMEM: the stream stays the caller's. */
int ws_conn_start(struct ws_conn *c, struct stream *stream);
/* It never came to a stream: tells the control thread. c is gone afterwards. */
void ws_conn_never_started(struct ws_conn *c);
/* Frees without telling anybody. */
void ws_conn_free(struct ws_conn *c);
