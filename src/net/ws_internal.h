/* What the files of WebSockets share: ws.c (the control thread's side), ws_conn.c (the worker's side, frames). A
 * message crosses as an owned buffer in a post; every post holds a reference to the ws. */
#pragma once

#include "base/list.h"
#include "net/http_link.h"
#include "net/loop.h"
#include "net/ws.h"
#include "net/ws_handshake.h"

#include <stdatomic.h>
#include <stdbool.h>

struct ws_conn;
struct ws_worker;

enum {
    WS_MESSAGE_BYTES_MAX = 256 * 1024,
    WS_OUTPUT_BYTES_MAX = 1024 * 1024, /* queued towards the client */
    WS_INBOUND_HIGH = 512 * 1024,      /* on the way to the control thread: reading stops */
    WS_INBOUND_LOW = 256 * 1024,
    WS_ABNORMAL = 1006,
    WS_GOING_AWAY = 1001,
};

struct ws_buffer {
    size_t len;
    char data[];
};

struct ws {
    _Atomic unsigned refs;
    struct loop *control;
    struct ws_worker *worker;
    struct ws_deflate deflate;
    struct ws_conn *conn;   /* the worker's; made with the ws so that its end can always be told */
    _Atomic size_t waiting; /* bytes posted and not yet framed */
    _Atomic size_t held;    /* bytes framed and not yet with the kernel */
    _Atomic size_t inbound; /* bytes of messages on the way to the control thread */
    _Atomic uint32_t rtt_us;
    /* the control thread's */
    struct list node;
    struct ws_handlers handlers;
    void *ctx;
    uint32_t *live_count;
    struct loop_timer retry;
    struct ws_buffer *reason;
    unsigned close_code; /* asked by ws_close; 0: not yet */
    bool close_posted;
    bool failed; /* never attached, or the worker is out of reach: ends from the timer */
    bool opened;
    bool ended;
};

/* ---- ws.c */
struct ws_plan {
    struct loop *control;
    struct ws_worker *worker;
    const struct ws_handlers *handlers;
    void *ctx;
    struct ws_deflate deflate;
    struct list *group;   /* the server's list */
    uint32_t *live_count; /* counted up here, down at the end */
};
struct ws *ws_new(const struct ws_plan *plan);
/* Where the bytes come from. */
struct ws_source {
    struct http_link *link; /* NULL: no worker's connection */
    int fd;                 /* the client's socket, or behind TLS the server's end of the pump's pair */
    bool tls;
    const void *extra; /* bytes read too far */
    size_t extra_len;
};
/* Takes link and fd, copies extra. opened() is called before return. */
void ws_attach(struct ws *ws, const struct ws_source *source);
/* It will never be attached: opened() and closed(1006) come from the loop. */
void ws_fail(struct ws *ws);
/* closed(1001) for all; the workers' loops have stopped. */
void ws_close_all(struct list *group);

void ws_ref(struct ws *ws);
void ws_unref(struct ws *ws);

/* Posted to the control thread. */
struct ws_post {
    struct ws *ws;
    struct ws_buffer *buffer;
    unsigned code;
};
void ws_on_text(void *post);
void ws_on_closed(void *post);

/* ---- ws_worker.c */
/* What the WebSockets of one loop share. */
struct ws_worker *ws_worker_new(struct loop *loop, uint64_t ping_us);
void ws_worker_free(struct ws_worker *worker);
struct loop *ws_worker_loop(const struct ws_worker *worker);

struct ws_conn *ws_conn_new(void);
void ws_conn_discard(struct ws_conn *c); /* never attached */

/* Posted to the worker. */
struct ws_attach_post {
    struct ws *ws;
    struct http_link *link;
    struct ws_buffer *extra;
    int fd;
    bool tls;
};
void ws_conn_on_attach(void *post);
void ws_conn_on_send(void *post);
void ws_conn_on_close(void *post);

struct ws_buffer *ws_buffer_new(const void *data, size_t len);
