#include "proto/dtls/session.h"

#include "proto/dtls/record.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct dtls_session {
    SSL *ssl;
    BIO_METHOD *method;
    struct dtls_sink sink;
    const uint8_t *input; /* the datagram that OpenSSL has not read yet */
    size_t input_len;
    enum dtls_state state;
    bool trimmed;
};

/* ---- the BIO: one read or write is one datagram */

static int bio_read(BIO *bio, char *out, int cap) {
    struct dtls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!s->input) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = s->input_len < (size_t)cap ? s->input_len : (size_t)cap;
    memcpy(out, s->input, n);
    s->input = NULL;
    return (int)n;
}

static int bio_write(BIO *bio, const char *data, int len) {
    struct dtls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    s->sink.send(s->sink.ctx, (const uint8_t *)data, (size_t)len);
    return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return DTLS_MTU;
    default:
        return 0;
    }
}

/* A method of each session's own: a shared one would be a global. */
static BIO *bio_new(struct dtls_session *s) {
    s->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "datagrams");
    if (!s->method) {
        return NULL;
    }
    BIO_meth_set_read(s->method, bio_read);
    BIO_meth_set_write(s->method, bio_write);
    BIO_meth_set_ctrl(s->method, bio_ctrl);
    BIO *bio = BIO_new(s->method);
    if (bio) {
        BIO_set_data(bio, s);
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* ---- life */

/* Only dtls_session_begin lets a hello come so far, and its caller has checked the cookie. */
static int cookie_was_checked(SSL *ssl, const unsigned char *cookie, unsigned len) {
    (void)ssl;
    (void)cookie;
    (void)len;
    return 1;
}

SSL_CTX *dtls_context_new(void) {
    SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
    if (!ctx) {
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_max_send_fragment(ctx, DTLS_PLAINTEXT_BYTES_MAX);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"turnout", 7);
    SSL_CTX_set_cookie_verify_cb(ctx, cookie_was_checked);
    return ctx;
}

struct dtls_session *dtls_session_new(SSL *ssl, const struct dtls_sink *sink) {
    struct dtls_session *s = calloc(1, sizeof *s);
    BIO *bio = s ? bio_new(s) : NULL;
    if (!bio) {
        SSL_free(ssl);
        if (s) {
            BIO_meth_free(s->method);
        }
        free(s);
        return NULL;
    }
    s->ssl = ssl;
    s->sink = *sink;
    SSL_set_bio(ssl, bio, bio);
    SSL_set_mtu(ssl, DTLS_MTU);
    SSL_set_accept_state(ssl);
    return s;
}

void dtls_session_free(struct dtls_session *s) {
    if (s) {
        SSL_free(s->ssl);
        BIO_meth_free(s->method);
        free(s);
    }
}

/* ---- input */

static void set_input(struct dtls_session *s, const uint8_t *data, size_t len) {
    s->input = data;
    s->input_len = len;
}

int dtls_session_begin(struct dtls_session *s, const uint8_t *hello, size_t len) {
    BIO_ADDR *peer = BIO_ADDR_new();
    set_input(s, hello, len);
    ERR_clear_error();
    int rc = peer && DTLSv1_listen(s->ssl, peer) == 1 ? 0 : -EPROTO;
    BIO_ADDR_free(peer);
    s->input = NULL;
    s->state = rc < 0 ? DTLS_FAILED : DTLS_HANDSHAKING;
    return rc;
}

int dtls_session_input(struct dtls_session *s, const uint8_t *datagram, size_t len) {
    if (!dtls_datagram_sound(datagram, len)) {
        return -EBADMSG;
    }
    set_input(s, datagram, len);
    return 0;
}

long dtls_session_read(struct dtls_session *s, void *out, size_t cap) {
    if (s->state >= DTLS_CLOSED) {
        return -ECONNRESET;
    }
    ERR_clear_error();
    int n = SSL_read(s->ssl, out, (int)cap);
    if (s->state == DTLS_HANDSHAKING && SSL_is_init_finished(s->ssl)) {
        s->state = DTLS_OPEN;
    }
    if (n > 0) {
        return n;
    }
    int error = SSL_get_error(s->ssl, n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        return -EAGAIN;
    }
    s->state = error == SSL_ERROR_ZERO_RETURN ? DTLS_CLOSED : DTLS_FAILED;
    return -ECONNRESET;
}

/* ---- output */

/* OpenSSL 3.0 makes freed buffers anew when it reads, never when it writes. */
static void restore_buffers(struct dtls_session *s) {
    char byte;
    if (s->trimmed) {
        s->trimmed = false;
        s->input = NULL;
        (void)SSL_peek(s->ssl, &byte, 1);
    }
}

int dtls_session_write(struct dtls_session *s, const void *data, size_t len) {
    if (s->state != DTLS_OPEN) {
        return -EPROTO;
    }
    if (len == 0 || len > DTLS_PLAINTEXT_BYTES_MAX) {
        return -EMSGSIZE;
    }
    restore_buffers(s);
    ERR_clear_error();
    return SSL_write(s->ssl, data, (int)len) > 0 ? 0 : -EPROTO;
}

void dtls_session_close(struct dtls_session *s) {
    if (s->state == DTLS_OPEN || s->state == DTLS_CLOSED) {
        restore_buffers(s);
        ERR_clear_error();
        SSL_shutdown(s->ssl);
    }
    if (s->state < DTLS_CLOSED) {
        s->state = DTLS_CLOSED;
    }
}

struct ssl_st *dtls_session_ssl(struct dtls_session *s) {
    return s->ssl;
}

enum dtls_state dtls_session_state(const struct dtls_session *s) { return s->state; }

uint64_t dtls_session_delay_us(const struct dtls_session *s) {
    struct timeval left;
    if (s->state != DTLS_HANDSHAKING || DTLSv1_get_timeout(s->ssl, &left) != 1) {
        return UINT64_MAX;
    }
    return (uint64_t)left.tv_sec * 1000000 + (uint64_t)left.tv_usec;
}

int dtls_session_timeout(struct dtls_session *s) {
    ERR_clear_error();
    return DTLSv1_handle_timeout(s->ssl) < 0 ? -ETIMEDOUT : 0;
}

void dtls_session_trim(struct dtls_session *s) {
    if (s->state == DTLS_OPEN) {
        s->trimmed = SSL_free_buffers(s->ssl) == 1;
    }
}

const char *dtls_session_server_name(const struct dtls_session *s) {
    return SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name);
}
