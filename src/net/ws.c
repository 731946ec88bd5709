/* The control thread's side of WebSockets. */
#include "net/ws.h"

#include "base/metrics.h"
#include "net/ws_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REASON_BYTES_MAX = 123, RETRY_US = 50 * 1000 };

struct ws_buffer *ws_buffer_new(const void *data, size_t len) {
    struct ws_buffer *buffer = malloc(sizeof *buffer + len);
    if (buffer) {
        buffer->len = len;
    }
    if (buffer && len > 0) {
        memcpy(buffer->data, data, len);
    }
    return buffer;
}

void ws_ref(struct ws *ws) { atomic_fetch_add_explicit(&ws->refs, 1, memory_order_relaxed); }

void ws_unref(struct ws *ws) {
    if (atomic_fetch_sub_explicit(&ws->refs, 1, memory_order_acq_rel) == 1) {
        free(ws->reason);
        free(ws);
    }
}

/* ---- the end */

static void end(struct ws *ws, unsigned code) {
    if (ws->ended) {
        return;
    }
    ws->ended = true;
    loop_timer_cancel(ws->control, &ws->retry);
    list_remove(&ws->node);
    (*ws->live_count)--;
    metrics_add(METRIC_WEBSOCKETS, -1);
    if (!ws->opened) {
        ws->opened = true;
        ws->handlers.opened(ws->ctx, ws);
    }
    ws->handlers.closed(ws->ctx, ws, code);
    ws_unref(ws);
}

void ws_on_text(void *data) {
    struct ws_post *post = data;
    struct ws *ws = post->ws;
    if (!ws->ended && !ws->close_code) {
        metrics_inc(METRIC_WS_MESSAGES_IN);
        ws->handlers.text(ws->ctx, ws, post->buffer->data, post->buffer->len);
    }
    atomic_fetch_sub(&ws->inbound, post->buffer->len);
    free(post->buffer);
    ws_unref(ws);
}

void ws_on_closed(void *data) {
    struct ws_post *post = data;
    end(post->ws, post->code);
    ws_unref(post->ws);
}

void ws_fail(struct ws *ws) {
    ws->failed = true;
    ws_conn_discard(ws->conn);
    ws->conn = NULL;
    loop_timer_set(ws->control, &ws->retry, 0);
}

void ws_close_all(struct list *group) {
    LIST_FOREACH_SAFE(node, after, group) { end(LIST_ENTRY(node, struct ws, node), WS_GOING_AWAY); }
}

/* ---- towards the worker */

static int post_to_worker(struct ws *ws, void (*fn)(void *), const void *post, size_t n) {
    ws_ref(ws);
    int rc = loop_post(ws_worker_loop(ws->worker), fn, post, n);
    if (rc < 0) {
        ws_unref(ws);
    }
    return rc;
}

int ws_send(struct ws *ws, const char *data, size_t len) {
    if (ws->ended || ws->failed || ws->close_code) {
        return -EPIPE;
    }
    if (ws_queued_bytes(ws) + len > WS_OUTPUT_BYTES_MAX) {
        metrics_inc(METRIC_WS_OUTPUT_FULL);
        return -ENOBUFS;
    }
    struct ws_post post = {.ws = ws, .buffer = ws_buffer_new(data, len)};
    if (!post.buffer) {
        return -ENOMEM;
    }
    atomic_fetch_add(&ws->waiting, len);
    int rc = post_to_worker(ws, ws_conn_on_send, &post, sizeof post);
    if (rc < 0) {
        atomic_fetch_sub(&ws->waiting, len);
        free(post.buffer);
        return rc;
    }
    metrics_inc(METRIC_WS_MESSAGES_OUT);
    return 0;
}

size_t ws_queued_bytes(const struct ws *ws) { return atomic_load(&ws->waiting) + atomic_load(&ws->held); }

uint32_t ws_rtt_us(const struct ws *ws) { return atomic_load(&ws->rtt_us); }

static void post_close(struct ws *ws) {
    struct ws_post post = {.ws = ws, .buffer = ws->reason, .code = ws->close_code};
    if (post_to_worker(ws, ws_conn_on_close, &post, sizeof post) == 0) {
        ws->reason = NULL; /* went along */
        ws->close_posted = true;
    } else {
        loop_timer_set(ws->control, &ws->retry, RETRY_US);
    }
}

static void on_retry(void *ctx) {
    struct ws *ws = ctx;
    if (ws->failed) {
        end(ws, WS_ABNORMAL);
    } else if (ws->close_code && !ws->close_posted) {
        post_close(ws);
    }
}

void ws_close(struct ws *ws, unsigned code, const char *reason) {
    size_t len = reason ? strlen(reason) : 0;
    if (ws->ended || ws->close_code) {
        return;
    }
    ws->close_code = code;
    ws->reason = ws_buffer_new(reason, len <= REASON_BYTES_MAX ? len : 0); /* NULL: without a reason then */
    if (!ws->failed) {
        post_close(ws);
    }
}

/* ---- the beginning */

struct ws *ws_new(const struct ws_plan *plan) {
    struct ws *ws = calloc(1, sizeof *ws);
    if (!ws) {
        return NULL;
    }
    ws->conn = ws_conn_new();
    if (!ws->conn) {
        free(ws);
        return NULL;
    }
    atomic_init(&ws->refs, 1);
    ws->control = plan->control;
    ws->worker = plan->worker;
    ws->handlers = *plan->handlers;
    ws->ctx = plan->ctx;
    ws->deflate = plan->deflate;
    ws->live_count = plan->live_count;
    (*ws->live_count)++;
    loop_timer_init(&ws->retry, on_retry, ws);
    list_push_back(plan->group, &ws->node);
    metrics_add(METRIC_WEBSOCKETS, 1);
    return ws;
}

void ws_attach(struct ws *ws, const struct ws_source *source) {
    struct ws_attach_post post = {.ws = ws,
                                  .link = source->link,
                                  .fd = source->fd,
                                  .tls = source->tls,
                                  .extra = ws_buffer_new(source->extra, source->extra_len)};
    if (!post.extra || post_to_worker(ws, ws_conn_on_attach, &post, sizeof post) < 0) {
        free(post.extra);
        http_link_unref(source->link);
        close(source->fd);
        ws_fail(ws);
        return;
    }
    ws->opened = true;
    ws->handlers.opened(ws->ctx, ws);
}
