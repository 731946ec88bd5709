#include "bench/stream.h"

#include "proto/stun/stun.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUT_BYTES = 256 * 1024, IN_BYTES = 256 * 1024 };

struct stream {
    int fd;
    bool connecting; /* TCP or TLS not set up yet */
    int error;       /* of a broken connection, -errno */
    SSL *ssl;
    size_t out_at, out_len; /* out[out_at .. out_len) waits */
    size_t in_len;
    uint8_t out[OUT_BYTES];
    uint8_t in[IN_BYTES];
};

SSL_CTX *stream_tls_new(void) {
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (tls) {
        SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    }
    return tls;
}

void stream_tls_free(SSL_CTX *tls) { SSL_CTX_free(tls); }

int stream_open(struct stream **out, const struct addr *local, const struct addr *remote, SSL_CTX *tls) {
    struct stream *s = malloc(sizeof *s); /* the buffers stay untouched until used */
    if (!s) {
        return -ENOMEM;
    }
    s->fd = socket(remote->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    s->connecting = tls != NULL;
    s->error = 0;
    s->out_at = s->out_len = s->in_len = 0;
    s->ssl = tls ? SSL_new(tls) : NULL;
    int on = 1;
    struct sockaddr_storage ss;
    if (s->fd < 0 || (tls && (!s->ssl || !SSL_set_fd(s->ssl, s->fd))) ||
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        (local->family && bind(s->fd, (void *)&ss, addr_to_sockaddr(local, &ss)) < 0) ||
        (connect(s->fd, (void *)&ss, addr_to_sockaddr(remote, &ss)) < 0 && errno != EINPROGRESS)) {
        int rc = s->fd < 0 || errno ? -errno : -ENOMEM;
        stream_free(s);
        return rc;
    }
    if (s->ssl) {
        SSL_set_connect_state(s->ssl);
    }
    *out = s;
    return 0;
}

void stream_free(struct stream *s) {
    if (!s) {
        return;
    }
    SSL_free(s->ssl);
    if (s->fd >= 0) {
        close(s->fd);
    }
    free(s);
}

int stream_fd(const struct stream *s) { return s->fd; }

bool stream_wants_write(const struct stream *s) { return s->connecting || s->out_at < s->out_len; }

/* A result of SSL_read, SSL_write or SSL_do_handshake: bytes, -EAGAIN or -EPIPE. */
static ssize_t tls_result(struct stream *s, int n) {
    if (n > 0) {
        return n;
    }
    int why = SSL_get_error(s->ssl, n);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -EAGAIN : -EPIPE;
}

static ssize_t write_some(struct stream *s, const uint8_t *data, size_t n) {
    if (s->ssl) {
        return tls_result(s, SSL_write(s->ssl, data, (int)n));
    }
    ssize_t done = send(s->fd, data, n, MSG_NOSIGNAL);
    if (done >= 0) {
        return done;
    }
    return errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? -EAGAIN : -errno;
}

static ssize_t read_some(struct stream *s, uint8_t *data, size_t n) {
    if (s->ssl) {
        return tls_result(s, SSL_read(s->ssl, data, (int)n));
    }
    ssize_t done = recv(s->fd, data, n, 0);
    if (done > 0) {
        return done;
    }
    return done == 0 ? -EPIPE : errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? -EAGAIN : -errno;
}

/* Notes what broke the connection; true when nothing did. */
static bool keep(struct stream *s, ssize_t result) {
    if (result < 0 && result != -EAGAIN && s->error == 0) {
        s->error = (int)result;
    }
    return s->error == 0;
}

int stream_flush(struct stream *s) {
    if (s->connecting && s->error == 0) {
        ssize_t rc = tls_result(s, SSL_do_handshake(s->ssl));
        s->connecting = rc < 0;
        keep(s, rc);
    }
    while (s->error == 0 && !s->connecting && s->out_at < s->out_len) {
        ssize_t n = write_some(s, s->out + s->out_at, s->out_len - s->out_at);
        if (!keep(s, n) || n == -EAGAIN) {
            break;
        }
        s->out_at += (size_t)n;
    }
    return s->error;
}

int stream_send(struct stream *s, const void *data, size_t len) {
    size_t padded = (len + 3) & ~(size_t)3;
    if (s->out_at > 0 && s->out_len + padded > OUT_BYTES) {
        memmove(s->out, s->out + s->out_at, s->out_len - s->out_at);
        s->out_len -= s->out_at;
        s->out_at = 0;
    }
    if (s->out_len + padded > OUT_BYTES) {
        return -ENOBUFS;
    }
    memcpy(s->out + s->out_len, data, len);
    memset(s->out + s->out_len + len, 0, padded - len);
    s->out_len += padded;
    int rc = stream_flush(s);
    if (s->out_at == s->out_len) {
        s->out_at = s->out_len = 0;
    }
    return rc;
}

/* Hands out the whole messages at the start of the input and keeps the rest. */
static int take_frames(struct stream *s, stream_message *fn, void *ctx) {
    size_t at = 0;
    struct stun_frame frame;
    int rc;
    while ((rc = stun_frame_next(&frame, s->in + at, s->in_len - at)) == 0) {
        fn(ctx, s->in + at, frame.len);
        at += frame.stride;
    }
    if (rc != -EAGAIN) {
        return rc;
    }
    memmove(s->in, s->in + at, s->in_len - at);
    s->in_len -= at;
    return 0;
}

int stream_receive(struct stream *s, stream_message *fn, void *ctx) {
    if (s->connecting && stream_flush(s) == 0 && s->connecting) {
        return 0;
    }
    /* What OpenSSL holds already would not wake the loop again. */
    for (int turns = 0; turns < 4 || (s->ssl && SSL_pending(s->ssl) > 0); turns++) {
        ssize_t n = read_some(s, s->in + s->in_len, IN_BYTES - s->in_len);
        if (!keep(s, n) || n == -EAGAIN) {
            break;
        }
        s->in_len += (size_t)n;
        int rc = take_frames(s, fn, ctx);
        if (rc < 0) {
            return rc;
        }
    }
    return s->error;
}
