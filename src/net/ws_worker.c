/* WebSockets coming to a worker, and what they share there. */
#include "net/pump.h"
#include "net/stream.h"
#include "net/ws_conn.h"
#include "net/ws_deflate.h"

#include <stdlib.h>
#include <unistd.h>

static struct stream *find_stream(struct ws_worker *worker, const struct ws_attach_post *post) {
    struct stream *stream = NULL;
    const struct ws_buffer *extra = post->extra;
    if (post->tls) {
        stream = post->link->pump ? pump_detach(post->link->pump, post->fd, extra->data, extra->len) : NULL;
        close(post->fd);
        return stream;
    }
    stream = stream_new(worker->loop, post->fd, NULL, &worker->streams);
    if (!stream) {
        close(post->fd);
    } else if (stream_unread(stream, extra->data, extra->len) < 0) {
        stream_free(stream);
        stream = NULL;
    }
    return stream;
}

void ws_conn_on_attach(void *data) {
    struct ws_attach_post *post = data;
    struct ws *ws = post->ws;
    struct ws_conn *c = ws->conn;
    c->ws = ws;
    c->worker = ws->worker;
    ws_ref(ws); /* the connection's own */
    list_push_back(&ws->worker->conns, &c->node);
    struct stream *stream = find_stream(ws->worker, post);
    if (!stream || ws_conn_start(c, stream) < 0) {
        if (stream) {
            stream_free(stream);
        }
        ws_conn_never_started(c);
    }
    http_link_unref(post->link);
    free(post->extra);
    ws_unref(ws);
}

/* ---- life */

struct ws_conn *ws_conn_new(void) {
    struct ws_conn *c = calloc(1, sizeof *c);
    if (c) {
        list_init(&c->node);
        list_init(&c->outbox);
    }
    return c;
}

void ws_conn_discard(struct ws_conn *c) { free(c); }

struct ws_worker *ws_worker_new(struct loop *loop, uint64_t ping_us) {
    struct ws_worker *worker = calloc(1, sizeof *worker);
    if (!worker) {
        return NULL;
    }
    worker->codec = ws_codec_new(WS_MESSAGE_BYTES_MAX);
    if (!worker->codec) {
        free(worker);
        return NULL;
    }
    worker->loop = loop;
    worker->ping_us = ping_us;
    list_init(&worker->conns);
    list_init(&worker->streams);
    return worker;
}

void ws_worker_free(struct ws_worker *worker) {
    LIST_FOREACH_SAFE(node, after, &worker->conns) {
        struct ws_conn *c = LIST_ENTRY(node, struct ws_conn, node);
        if (c->stream) {
            loop_timer_cancel(worker->loop, &c->ping);
            loop_timer_cancel(worker->loop, &c->deadline);
            wslay_event_context_free(c->wslay);
            stream_free(c->stream);
        }
        ws_conn_free(c);
    }
    stream_free_group(&worker->streams);
    ws_codec_free(worker->codec);
    free(worker);
}

struct loop *ws_worker_loop(const struct ws_worker *worker) {
    return worker->loop;
}
