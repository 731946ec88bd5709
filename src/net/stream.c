#include "net/stream.h"

#include "base/list.h"
#include "net/event_struct.h"
#include "net/loop.h"

#include <errno.h>
#include <event2/buffer.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TLS_RECORD_BYTES = 16384,
    LINGER_US = 3 * 1000 * 1000, /* for the peer to take our last bytes */
    LINGER_READ_BYTES = 1 << 20, /* read away at most */
};

struct stream {
    struct list node; /* in the group */
    struct loop *loop;
    const struct stream_owner *owner; /* NULL while finishing */
    void *ctx;
    SSL *ssl;
    struct evbuffer *out;
    uint8_t *unread; /* put back by stream_unread; NULL: nothing */
    size_t unread_len;
    size_t unread_pos;
    struct event on_read;
    struct event on_write;
    struct event again;
    struct loop_timer linger;
    void (*on_free)(void *ctx);
    void *on_free_ctx;
    size_t lingered_bytes;
    int fd;
    int failed;            /* negative code once broken */
    bool read_wants_write; /* OpenSSL's renegotiated key or alert has to leave first */
    bool write_wants_read;
    bool paused;
    bool shutting;
    bool said_goodbye;
};

static void finish_step(struct stream *s);
static void say_goodbye(struct stream *s);

/* ---- reading ---- */

static long read_plain(struct stream *s, void *buf, size_t cap) {
    ssize_t n = recv(s->fd, buf, cap, 0);
    return n >= 0 ? n : errno == EINTR ? -EAGAIN : -errno;
}

static long read_tls(struct stream *s, void *buf, size_t cap) {
    ERR_clear_error();
    errno = 0;
    int n = SSL_read(s->ssl, buf, cap > INT32_MAX ? INT32_MAX : (int)cap);
    if (n > 0) {
        return n;
    }
    switch (SSL_get_error(s->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        s->read_wants_write = true;
        event_add(&s->on_write, NULL);
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return errno ? -errno : -ECONNRESET;
    default:
        return -EPROTO;
    }
}

long stream_read(struct stream *s, void *buf, size_t cap) {
    if (s->unread) {
        size_t n = s->unread_len - s->unread_pos;
        n = n < cap ? n : cap;
        memcpy(buf, s->unread + s->unread_pos, n);
        s->unread_pos += n;
        if (s->unread_pos == s->unread_len) {
            free(s->unread);
            s->unread = NULL;
        }
        return (long)n;
    }
    if (s->failed) {
        return s->failed;
    }
    long n = s->ssl ? read_tls(s, buf, cap) : read_plain(s, buf, cap);
    if (n < 0 && n != -EAGAIN) {
        s->failed = (int)n;
    }
    return n;
}

int stream_unread(struct stream *s, const void *data, size_t len) {
    if (len == 0) {
        return 0;
    }
    size_t rest = s->unread ? s->unread_len - s->unread_pos : 0;
    uint8_t *joined = malloc(len + rest);
    if (!joined) {
        return -ENOMEM;
    }
    memcpy(joined, data, len);
    if (rest > 0) {
        memcpy(joined + len, s->unread + s->unread_pos, rest);
    }
    free(s->unread);
    s->unread = joined;
    s->unread_len = len + rest;
    s->unread_pos = 0;
    return 0;
}

static void tell_readable(struct stream *s) {
    if (!s->owner) {
        finish_step(s);
    } else if (!s->paused) {
        s->owner->readable(s->ctx);
    }
}

static void on_readable(evutil_socket_t fd, short events, void *arg) {
    struct stream *s = arg;
    (void)fd;
    (void)events;
    if (s->write_wants_read) {
        s->write_wants_read = false;
        event_active(&s->on_write, EV_WRITE, 0);
    }
    tell_readable(s);
}

static void on_again(evutil_socket_t fd, short events, void *arg) {
    (void)fd;
    (void)events;
    tell_readable(arg);
}

void stream_again(struct stream *s) {
    static const struct timeval now = {0, 0};
    event_add(&s->again, &now);
}

void stream_pause(struct stream *s) {
    if (!s->paused) {
        s->paused = true;
        event_del(&s->on_read);
        event_del(&s->again);
    }
}

void stream_resume(struct stream *s) {
    if (s->paused) {
        s->paused = false;
        event_add(&s->on_read, NULL);
        if (s->unread || (s->ssl && SSL_has_pending(s->ssl))) {
            stream_again(s);
        }
    }
}

/* ---- writing ---- */

static long write_tls(struct stream *s) {
    size_t n = evbuffer_get_length(s->out);
    n = n < TLS_RECORD_BYTES ? n : TLS_RECORD_BYTES;
    const unsigned char *data = evbuffer_pullup(s->out, (ev_ssize_t)n);
    ERR_clear_error();
    errno = 0;
    int sent = data ? SSL_write(s->ssl, data, (int)n) : -1;
    if (sent > 0) {
        evbuffer_drain(s->out, (size_t)sent);
        return sent;
    }
    if (!data) {
        return -ENOMEM;
    }
    switch (SSL_get_error(s->ssl, sent)) {
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_WANT_READ:
        s->write_wants_read = true;
        return -EAGAIN;
    case SSL_ERROR_SYSCALL:
        return errno ? -errno : -EPIPE;
    default:
        return -EPROTO;
    }
}

static long write_plain(struct stream *s) {
    int n = evbuffer_write(s->out, s->fd);
    return n >= 0 ? n : errno == EINTR ? -EAGAIN : -errno;
}

static void try_write(struct stream *s) {
    long n = 1;
    while (n > 0 && evbuffer_get_length(s->out) > 0) {
        n = s->ssl ? write_tls(s) : write_plain(s);
    }
    if (n == -EAGAIN) {
        if (!s->write_wants_read) {
            event_add(&s->on_write, NULL);
        }
        return;
    }
    if (n < 0) {
        s->failed = (int)n;
        evbuffer_drain(s->out, evbuffer_get_length(s->out));
    }
    if (n >= 0 && s->shutting && !s->said_goodbye) {
        say_goodbye(s);
    }
    if (!s->owner) {
        finish_step(s);
    } else if (n < 0) {
        s->owner->broken(s->ctx, (int)n);
    } else {
        s->owner->drained(s->ctx);
    }
}

static void on_writable(evutil_socket_t fd, short events, void *arg) {
    struct stream *s = arg;
    (void)fd;
    (void)events;
    if (s->read_wants_write) {
        s->read_wants_write = false;
        stream_again(s);
    }
    if (evbuffer_get_length(s->out) > 0) {
        try_write(s);
    }
}

int stream_write(struct stream *s, const void *data, size_t len) {
    if (s->failed) {
        return -EPIPE;
    }
    bool idle = evbuffer_get_length(s->out) == 0;
    if (evbuffer_add(s->out, data, len) < 0) {
        return -ENOMEM;
    }
    if (idle && len > 0) {
        event_active(&s->on_write, EV_WRITE, 0);
    }
    return 0;
}

void stream_flush(struct stream *s) {
    long n = s->failed || s->write_wants_read ? 0 : 1;
    while (n > 0 && evbuffer_get_length(s->out) > 0) {
        n = s->ssl ? write_tls(s) : write_plain(s);
    }
}

size_t stream_queued(const struct stream *s) { return evbuffer_get_length(s->out); }

/* ---- life ---- */

static void on_linger_over(void *ctx) { stream_free(ctx); }

struct stream *stream_new(struct loop *loop, int fd, struct ssl_st *ssl, struct list *group) {
    struct stream *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    s->out = evbuffer_new();
    if (!s->out || (ssl && !SSL_set_fd(ssl, fd))) {
        if (s->out) {
            evbuffer_free(s->out);
        }
        free(s);
        return NULL;
    }
    s->loop = loop;
    s->fd = fd;
    s->ssl = ssl;
    s->paused = true;
    event_assign(&s->on_read, loop_base(loop), fd, EV_READ | EV_PERSIST, on_readable, s);
    event_assign(&s->on_write, loop_base(loop), fd, EV_WRITE, on_writable, s);
    event_assign(&s->again, loop_base(loop), -1, 0, on_again, s);
    loop_timer_init(&s->linger, on_linger_over, s);
    list_push_back(group, &s->node);
    return s;
}

void stream_free(struct stream *s) {
    list_remove(&s->node);
    event_del(&s->on_read);
    event_del(&s->on_write);
    event_del(&s->again);
    loop_timer_cancel(s->loop, &s->linger);
    SSL_free(s->ssl);
    evbuffer_free(s->out);
    free(s->unread);
    close(s->fd);
    if (s->on_free) {
        s->on_free(s->on_free_ctx);
    }
    free(s);
}

void stream_free_group(struct list *group) {
    LIST_FOREACH_SAFE(node, after, group) { stream_free(LIST_ENTRY(node, struct stream, node)); }
}

static void say_goodbye(struct stream *s) {
    s->said_goodbye = true;
    if (s->ssl && SSL_is_init_finished(s->ssl)) {
        ERR_clear_error();
        SSL_shutdown(s->ssl); /* one way: what does not fit the socket now is not worth waiting for */
    }
    shutdown(s->fd, SHUT_WR);
}

/* Reads below TLS: after our close_notify nobody wants the peer's bytes. Returns true when it is over. */
static bool read_away(struct stream *s) {
    uint8_t scrap[4096];
    for (int i = 0; i < 16; i++) {
        ssize_t n = recv(s->fd, scrap, sizeof scrap, 0);
        if (n <= 0) {
            return n == 0 || (errno != EAGAIN && errno != EINTR);
        }
        s->lingered_bytes += (size_t)n;
        if (s->lingered_bytes > LINGER_READ_BYTES) {
            return true;
        }
    }
    return false;
}

static void finish_step(struct stream *s) {
    if (!s->failed && evbuffer_get_length(s->out) > 0) {
        return; /* on_write goes on */
    }
    if (!s->failed && !s->said_goodbye) {
        say_goodbye(s);
    }
    if (s->failed || read_away(s)) {
        stream_free(s);
    } else {
        event_add(&s->on_read, NULL);
    }
}

void stream_finish(struct stream *s) {
    s->owner = NULL;
    loop_timer_set(s->loop, &s->linger, LINGER_US);
    event_del(&s->on_read); /* until our last bytes are out */
    stream_again(s);
}

void stream_shutdown(struct stream *s) {
    s->shutting = true;
    if (!s->failed && !s->said_goodbye && evbuffer_get_length(s->out) == 0) {
        say_goodbye(s);
    }
}

void stream_regroup(struct stream *s, struct list *group) {
    list_remove(&s->node);
    list_push_back(group, &s->node);
}

void stream_set_owner(struct stream *s, const struct stream_owner *owner, void *ctx) {
    s->owner = owner;
    s->ctx = ctx;
}

void stream_on_free(struct stream *s, void (*fn)(void *ctx), void *ctx) {
    s->on_free = fn;
    s->on_free_ctx = ctx;
}

bool stream_is_tls(const struct stream *s) { return s->ssl != NULL; }

bool stream_is_established(const struct stream *s) { return !s->ssl || SSL_is_init_finished(s->ssl); }

struct ssl_st *stream_ssl(const struct stream *s) {
    return s->ssl;
}
