/* The worker's side of WebSockets: frames by wslay over a stream, compression, pings, the closing handshake. */
#include "net/ws_conn.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "net/stream.h"
#include "net/ws_deflate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_BUDGET = 64 * 1024,
    WRITE_AHEAD = 64 * 1024,    /* framed bytes in the stream before wslay waits */
    DEFLATE_FROM_BYTES = 256,   /* shorter messages gain nothing */
    CLOSE_US = 5 * 1000 * 1000, /* for the peer's close frame, and for a slow reader to take ours */
    RETRY_US = 50 * 1000,
    PINGS_MISSED_MAX = 2,
};

/* Something for the control thread. */
struct item {
    struct list node;
    struct ws_buffer *buffer; /* NULL: the end */
    unsigned code;
};

/* ---- to the control thread */

static int post_item(struct ws *ws, struct ws_buffer *buffer, unsigned code) {
    struct ws_post post = {.ws = ws, .buffer = buffer, .code = code};
    ws_ref(ws);
    int rc = loop_post(ws->control, buffer ? ws_on_text : ws_on_closed, &post, sizeof post);
    if (rc < 0) {
        ws_unref(ws);
    }
    return rc;
}

void ws_conn_free(struct ws_conn *c) {
    list_remove(&c->node);
    loop_timer_cancel(c->worker->loop, &c->retry);
    LIST_FOREACH_SAFE(node, after, &c->outbox) {
        struct item *item = LIST_ENTRY(node, struct item, node);
        free(item->buffer);
        free(item);
    }
    free(c->close_reason);
    ws_unref(c->ws);
    free(c);
}

static void block(struct ws_conn *c) {
    c->blocked = true;
    if (c->stream) {
        stream_pause(c->stream);
    }
    loop_timer_set(c->worker->loop, &c->retry, RETRY_US);
}

/* In order: what did not fit waits, and reading with it. Takes the buffer. */
static void tell(struct ws_conn *c, struct ws_buffer *buffer, unsigned code) {
    size_t len = buffer ? buffer->len : 0;
    size_t inbound = atomic_fetch_add(&c->ws->inbound, len) + len;
    if (!list_empty(&c->outbox) || post_item(c->ws, buffer, code) < 0) {
        struct item *item = calloc(1, sizeof *item);
        if (!item) { /* no memory for a pointer: the message is lost, the end is told when the server stops */
            atomic_fetch_sub(&c->ws->inbound, len);
            free(buffer);
            return;
        }
        item->buffer = buffer;
        item->code = code;
        list_push_back(&c->outbox, &item->node);
        block(c);
    } else if (inbound > WS_INBOUND_HIGH) {
        block(c);
    }
}

static void on_retry(void *ctx) {
    struct ws_conn *c = ctx;
    while (!list_empty(&c->outbox)) {
        struct item *item = LIST_ENTRY(c->outbox.next, struct item, node);
        if (post_item(c->ws, item->buffer, item->code) < 0) {
            break;
        }
        list_remove(&item->node);
        free(item);
    }
    bool behind = !list_empty(&c->outbox) || atomic_load(&c->ws->inbound) > WS_INBOUND_LOW;
    if (c->ended && list_empty(&c->outbox)) {
        ws_conn_free(c);
    } else if (behind) {
        loop_timer_set(c->worker->loop, &c->retry, RETRY_US);
    } else {
        c->blocked = false;
        stream_resume(c->stream);
    }
}

/* ---- the end */

static unsigned closing_code(const struct ws_conn *c) {
    if (c->code) {
        return c->code;
    }
    if (wslay_event_get_close_received(c->wslay)) {
        return wslay_event_get_status_code_received(c->wslay);
    }
    return wslay_event_get_close_sent(c->wslay) ? wslay_event_get_status_code_sent(c->wslay) : WS_ABNORMAL;
}

/* orderly: what is queued still goes out. */
static void conn_end(struct ws_conn *c, unsigned code, bool orderly) {
    struct stream *stream = c->stream;
    c->ended = true;
    c->stream = NULL;
    c->ws->conn = NULL;
    atomic_store(&c->ws->held, 0);
    loop_timer_cancel(c->worker->loop, &c->ping);
    loop_timer_cancel(c->worker->loop, &c->deadline);
    wslay_event_context_free(c->wslay);
    if (orderly) {
        stream_finish(stream);
    } else {
        stream_free(stream);
    }
    metrics_inc(code == WS_ABNORMAL ? METRIC_WS_CLOSED_ABNORMAL : METRIC_WS_CLOSED);
    tell(c, NULL, code);
    if (list_empty(&c->outbox)) {
        ws_conn_free(c);
    }
}

static bool is_over(const struct ws_conn *c) {
    return !wslay_event_want_read(c->wslay) && !wslay_event_want_write(c->wslay);
}

/* Puts our close frame behind the last message: wslay lets control frames overtake messages. True when it did. */
static bool queue_close(struct ws_conn *c) {
    const struct ws_buffer *reason = c->close_reason;
    if (!c->close_waits || wslay_event_get_queued_msg_count(c->wslay) > 0) {
        return false;
    }
    c->close_waits = false;
    return wslay_event_queue_close(c->wslay, (uint16_t)c->code, reason ? (const uint8_t *)reason->data : NULL,
                                   reason ? reason->len : 0) == 0;
}

void ws_conn_step(struct ws_conn *c) {
    do {
        if (wslay_event_want_write(c->wslay) && wslay_event_send(c->wslay) != 0) {
            conn_end(c, WS_ABNORMAL, false);
            return;
        }
    } while (queue_close(c));
    atomic_store(&c->ws->held, wslay_event_get_queued_msg_length(c->wslay) + stream_queued(c->stream));
    if (is_over(c)) {
        conn_end(c, closing_code(c), true);
        return;
    }
    if (!wslay_event_want_read(c->wslay)) { /* our close frame is on its way out */
        stream_pause(c->stream);
        if (!wheel_timer_pending(&c->deadline.timer)) {
            loop_timer_set(c->worker->loop, &c->deadline, CLOSE_US);
        }
    }
}

static void fail(struct ws_conn *c, unsigned code) {
    c->code = c->code ? c->code : code;
    wslay_event_queue_close(c->wslay, (uint16_t)code, NULL, 0);
    wslay_event_shutdown_read(c->wslay);
}

static void on_deadline(void *ctx) {
    struct ws_conn *c = ctx;
    conn_end(c, closing_code(c), false);
}

/* ---- wslay's callbacks */

static ssize_t would_block(wslay_event_context_ptr ctx) {
    wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
    return -1;
}

static ssize_t on_want_bytes(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags, void *user) {
    struct ws_conn *c = user;
    (void)flags;
    if (c->blocked) {
        return would_block(ctx);
    }
    if (c->budget == 0) {
        stream_again(c->stream);
        return would_block(ctx);
    }
    long n = stream_read(c->stream, buf, len);
    if (n == -EAGAIN) {
        return would_block(ctx);
    }
    if (n <= 0) {
        c->peer_gone = true;
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    c->pings_missed = 0;
    c->budget -= (size_t)n < c->budget ? (size_t)n : c->budget;
    return n;
}

static ssize_t on_bytes(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags, void *user) {
    struct ws_conn *c = user;
    size_t queued = stream_queued(c->stream);
    (void)flags;
    if (queued >= WRITE_AHEAD) {
        return would_block(ctx); /* on_drained goes on */
    }
    size_t n = len < WRITE_AHEAD - queued ? len : WRITE_AHEAD - queued;
    if (stream_write(c->stream, data, n) < 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    return (ssize_t)n;
}

/* What wslay lets pass: the compressed bit outside a message's first frame (RFC 7692 section 6), and fragments of
 * control frames (RFC 6455 section 5.5). */
static void on_frame(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_start_arg *arg, void *user) {
    bool starts_message = arg->opcode == WSLAY_TEXT_FRAME || arg->opcode == WSLAY_BINARY_FRAME;
    (void)ctx;
    if ((arg->rsv && !starts_message) || (wslay_is_ctrl_frame(arg->opcode) && !arg->fin)) {
        fail(user, WSLAY_CODE_PROTOCOL_ERROR);
    }
}

static void note_pong(struct ws_conn *c, const uint8_t *data, size_t len) {
    if (len != 8 || c->ping_sent_us == 0 || load_be64(data) != c->ping_sent_us) {
        return;
    }
    uint64_t sample = loop_refresh_now(c->worker->loop) - c->ping_sent_us;
    uint32_t old = atomic_load(&c->ws->rtt_us);
    sample = sample == 0 ? 1 : sample > UINT32_MAX ? UINT32_MAX : sample;
    c->ping_sent_us = 0;
    atomic_store(&c->ws->rtt_us, old ? (uint32_t)(old - old / 8 + sample / 8) : (uint32_t)sample); /* RFC 6298's gain */
}

static void take_text(struct ws_conn *c, const struct wslay_event_on_msg_recv_arg *arg) {
    const uint8_t *text = arg->msg;
    long len = (long)arg->msg_length;
    if (wslay_get_rsv1(arg->rsv)) {
        len = ws_codec_inflate(c->worker->codec, &text, arg->msg, arg->msg_length);
    }
    if (len < 0) {
        fail(c, len == -EMSGSIZE ? WSLAY_CODE_MESSAGE_TOO_BIG : WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA);
        return;
    }
    if (!text_is_utf8(text, (size_t)len)) {
        fail(c, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA);
        return;
    }
    struct ws_buffer *buffer = ws_buffer_new(text, (size_t)len);
    if (buffer) {
        tell(c, buffer, 0);
    } else {
        fail(c, WSLAY_CODE_INTERNAL_SERVER_ERROR);
    }
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg, void *user) {
    struct ws_conn *c = user;
    if (!wslay_event_get_read_enabled(ctx)) {
        return; /* failed within this message */
    }
    if (arg->opcode == WSLAY_TEXT_FRAME) {
        take_text(c, arg);
    } else if (arg->opcode == WSLAY_BINARY_FRAME) {
        fail(c, WSLAY_CODE_UNSUPPORTED_DATA);
    } else if (arg->opcode == WSLAY_PONG) {
        note_pong(c, arg->msg, arg->msg_length);
    }
}

/* ---- the stream's callbacks */

static void on_readable(void *ctx) {
    struct ws_conn *c = ctx;
    c->budget = READ_BUDGET;
    if (wslay_event_want_read(c->wslay) && wslay_event_recv(c->wslay) != 0) {
        if (c->peer_gone) {
            conn_end(c, closing_code(c), false);
            return;
        }
        fail(c, WSLAY_CODE_PROTOCOL_ERROR); /* a frame wslay gave up on */
    }
    ws_conn_step(c);
}

static void on_drained(void *ctx) { ws_conn_step(ctx); }

static void on_broken(void *ctx, int rc) {
    struct ws_conn *c = ctx;
    (void)rc;
    conn_end(c, closing_code(c), false);
}

static const struct stream_owner owner = {.readable = on_readable, .drained = on_drained, .broken = on_broken};

/* ---- pings */

static void on_ping(void *ctx) {
    struct ws_conn *c = ctx;
    uint8_t payload[8];
    uint64_t next = c->worker->ping_us;
    if (c->pings_missed >= PINGS_MISSED_MAX) {
        conn_end(c, WS_ABNORMAL, false);
        return;
    }
    c->ping_sent_us = loop_refresh_now(c->worker->loop);
    store_be64(payload, c->ping_sent_us);
    struct wslay_event_msg msg = {.opcode = WSLAY_PING, .msg = payload, .msg_length = sizeof payload};
    wslay_event_queue_msg(c->wslay, &msg); /* refused while closing, which has its own deadline */
    if (++c->pings_missed == PINGS_MISSED_MAX) {
        next /= 4; /* for the last answer; then it counts as gone */
    }
    loop_timer_set(c->worker->loop, &c->ping, next);
    ws_conn_step(c);
}

/* ---- from the control thread */

static void queue_text(struct ws_conn *c, const struct ws_buffer *buffer) {
    struct wslay_event_msg msg = {
        .opcode = WSLAY_TEXT_FRAME, .msg = (const uint8_t *)buffer->data, .msg_length = buffer->len};
    const uint8_t *small = NULL;
    long n = -ENOBUFS;
    uint8_t rsv = WSLAY_RSV_NONE;
    if (c->ws->deflate.on && buffer->len >= DEFLATE_FROM_BYTES) {
        n = ws_codec_deflate(c->worker->codec, &small, buffer->data, buffer->len, c->ws->deflate.server_bits);
    }
    if (n >= 0 && (size_t)n < buffer->len) {
        msg.msg = small;
        msg.msg_length = (size_t)n;
        rsv = WSLAY_RSV1_BIT;
    }
    if (wslay_event_queue_msg_ex(c->wslay, &msg, rsv) == WSLAY_ERR_NOMEM) {
        fail(c, WSLAY_CODE_INTERNAL_SERVER_ERROR); /* a gap would put the session out of step */
    }
}

void ws_conn_on_send(void *data) {
    struct ws_post *post = data;
    struct ws_conn *c = post->ws->conn;
    atomic_fetch_sub(&post->ws->waiting, post->buffer->len);
    if (c) {
        queue_text(c, post->buffer);
        ws_conn_step(c);
    }
    free(post->buffer);
    ws_unref(post->ws);
}

void ws_conn_on_close(void *data) {
    struct ws_post *post = data;
    struct ws_conn *c = post->ws->conn;
    if (c && !wslay_event_get_close_received(c->wslay)) {
        c->code = c->code ? c->code : post->code;
        c->close_reason = post->buffer;
        c->close_waits = true;
        post->buffer = NULL;
        loop_timer_set(c->worker->loop, &c->deadline, CLOSE_US);
        ws_conn_step(c);
    }
    free(post->buffer);
    ws_unref(post->ws);
}

/* ---- the beginning */

static int start_wslay(struct ws_conn *c) {
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_want_bytes,
        .send_callback = on_bytes,
        .on_frame_recv_start_callback = on_frame,
        .on_msg_recv_callback = on_message,
    };
    if (wslay_event_context_server_init(&c->wslay, &callbacks, c) != 0) {
        return -ENOMEM;
    }
    wslay_event_config_set_max_recv_msg_length(c->wslay, WS_MESSAGE_BYTES_MAX);
    if (c->ws->deflate.on) {
        wslay_event_config_set_allowed_rsv_bits(c->wslay, WSLAY_RSV1_BIT);
    }
    return 0;
}

int ws_conn_start(struct ws_conn *c, struct stream *stream) {
    struct loop *loop = c->worker->loop;
    if (start_wslay(c) < 0) {
        return -ENOMEM;
    }
    c->stream = stream;
    loop_timer_init(&c->ping, on_ping, c);
    loop_timer_init(&c->deadline, on_deadline, c);
    loop_timer_init(&c->retry, on_retry, c);
    loop_timer_set(loop, &c->ping, c->worker->ping_us);
    stream_set_owner(stream, &owner, c);
    stream_resume(stream);
    stream_again(stream);
    return 0;
}

void ws_conn_never_started(struct ws_conn *c) {
    c->ws->conn = NULL;
    c->ended = true;
    loop_timer_init(&c->retry, on_retry, c);
    tell(c, NULL, WS_ABNORMAL);
    if (list_empty(&c->outbox)) {
        ws_conn_free(c);
    }
}
