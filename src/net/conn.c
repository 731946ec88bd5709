#include "net/conn.h"

#include "base/log.h"
#include "net/event_struct.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tcp_internal.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(STUN_FRAME_BYTES_MAX + TCP_READ_BUDGET / 4 <= TCP_SCRATCH_BYTES, "a frame's rest and a read fit");

enum { READ_CHUNK = TCP_READ_BUDGET / 4 };

struct conn {
    struct list node;
    struct tcp *tcp;
    struct stream *stream;
    void *owner;      /* what opened() returned */
    uint8_t *partial; /* the beginning of a frame; NULL: none */
    size_t partial_len;
    struct event on_end; /* closed() comes from the loop */
    bool closing;
    bool paused;
    bool flush;
};

static struct log_limit broken_limit = {.burst = 5};

static void conn_free(struct conn *c) {
    list_remove(&c->node);
    event_del(&c->on_end);
    free(c->partial);
    free(c);
}

/* Stops reading; the rest happens when the loop comes to it. */
static void conn_end(struct conn *c, bool flush) {
    c->flush = flush && (!c->closing || c->flush);
    if (!c->closing) {
        c->closing = true;
        stream_pause(c->stream);
        event_active(&c->on_end, 0, 0);
    }
}

static void on_end(evutil_socket_t fd, short events, void *arg) {
    struct conn *c = arg;
    (void)fd;
    (void)events;
    c->tcp->options.turn.closed(c->owner);
    if (c->flush) {
        stream_finish(c->stream);
    } else {
        stream_free(c->stream);
    }
    conn_free(c);
}

/* Hands over every whole frame. Returns the number of bytes used, or -EBADMSG. */
static long deliver(struct conn *c, const uint8_t *data, size_t len) {
    size_t used = 0;
    while (used < len && !c->closing && !c->paused) {
        struct stun_frame frame;
        int rc = stun_frame_next(&frame, data + used, len - used);
        if (rc == -EAGAIN) {
            break;
        }
        if (rc < 0) {
            return rc;
        }
        c->tcp->options.turn.frame(c->owner, data + used, frame.len);
        used += frame.stride;
    }
    return (long)used;
}

static int keep_rest(struct conn *c, const uint8_t *data, size_t len) {
    free(c->partial);
    c->partial = NULL;
    c->partial_len = 0;
    if (len == 0) {
        return 0;
    }
    c->partial = malloc(len);
    if (!c->partial) {
        return -ENOMEM;
    }
    memcpy(c->partial, data, len);
    c->partial_len = len;
    return 0;
}

/* One read and what it completes. Positive: go on; 0 or negative: why not. */
static long read_step(struct conn *c) {
    uint8_t *buf = c->tcp->scratch;
    long n = stream_read(c->stream, buf + c->partial_len, READ_CHUNK);
    if (n <= 0) {
        return n == 0 ? -ECONNRESET : n;
    }
    if (c->partial) {
        memcpy(buf, c->partial, c->partial_len);
    }
    size_t len = c->partial_len + (size_t)n;
    long used = deliver(c, buf, len);
    if (used < 0) {
        return used;
    }
    int rc = keep_rest(c, buf + used, len - (size_t)used);
    return rc < 0 ? rc : n;
}

static void on_readable(void *ctx) {
    struct conn *c = ctx;
    long budget = TCP_READ_BUDGET;
    loop_refresh_now(c->tcp->loop);
    while (budget > 0 && !c->closing && !c->paused) {
        long n = read_step(c);
        if (n == -EAGAIN) {
            return;
        }
        if (n == -EBADMSG) {
            metrics_inc(METRIC_TCP_STREAMS_MALFORMED);
            log_limited(&broken_limit, LOG_LEVEL_INFO, "tcp", "stream is not STUN framing any more");
        }
        if (n < 0) {
            conn_end(c, false);
            return;
        }
        budget -= n;
    }
    if (!c->closing && !c->paused) {
        stream_again(c->stream);
    }
}

static void on_drained(void *ctx) { (void)ctx; }

static void on_broken(void *ctx, int rc) {
    (void)rc;
    conn_end(ctx, false);
}

static const struct stream_owner framing = {.readable = on_readable, .drained = on_drained, .broken = on_broken};

int conn_send(struct conn *c, const void *data, size_t len) {
    if (c->closing) {
        return -EPIPE;
    }
    if (stream_queued(c->stream) + len > TCP_OUTPUT_BOUND) {
        metrics_inc(METRIC_TCP_OUTPUT_FULL);
        return -ENOBUFS;
    }
    return stream_write(c->stream, data, len);
}

int conn_send_alone(struct conn *c, const void *data, size_t len) {
    stream_flush(c->stream);
    int rc = conn_send(c, data, len);
    if (rc == 0) {
        stream_flush(c->stream);
    }
    return rc;
}

void conn_close(struct conn *c, int flush) { conn_end(c, flush != 0); }

void conn_pause(struct conn *c) {
    c->paused = true;
    stream_pause(c->stream);
}

/* What was read beyond the last frame goes back to where it came from. */
static int unread_rest(struct conn *c) {
    int rc = stream_unread(c->stream, c->partial, c->partial_len);
    if (rc < 0) {
        conn_end(c, false);
        return rc;
    }
    return keep_rest(c, NULL, 0);
}

void conn_resume(struct conn *c) {
    if (c->paused && !c->closing && unread_rest(c) == 0) {
        c->paused = false;
        stream_resume(c->stream);
    }
}

struct stream *conn_detach(struct conn *c) {
    struct stream *stream = c->stream;
    if (c->closing || unread_rest(c) < 0) {
        return NULL;
    }
    conn_free(c);
    return stream;
}

void conn_start(struct tcp *tcp, struct stream *stream, const struct five_tuple *tuple) {
    struct conn *c = calloc(1, sizeof *c);
    if (!c) {
        stream_free(stream);
        return;
    }
    c->tcp = tcp;
    c->stream = stream;
    list_push_back(&tcp->conns, &c->node);
    event_assign(&c->on_end, loop_base(tcp->loop), -1, 0, on_end, c);
    c->owner = tcp->options.turn.opened(tcp->options.turn.ctx, c, tuple);
    if (!c->owner) {
        conn_free(c);
        stream_free(stream);
        return;
    }
    stream_set_owner(stream, &framing, c);
    if (!c->closing && !c->paused) { /* opened() may have changed its mind */
        stream_resume(stream);
        stream_again(stream);
    }
}

void conn_close_all(struct tcp *tcp) {
    LIST_FOREACH_SAFE(node, after, &tcp->conns) {
        struct conn *c = LIST_ENTRY(node, struct conn, node);
        tcp->options.turn.closed(c->owner);
        stream_free(c->stream);
        conn_free(c);
    }
}

const char *conn_server_name(const struct conn *conn) {
    const struct ssl_st *ssl = stream_ssl(conn->stream);
    return ssl ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) : NULL;
}
