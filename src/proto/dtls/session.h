/* A server's DTLS 1.2 session (RFC 6347) as a machine: datagrams go in, plaintext and datagrams come out. It knows no
 * socket; when to call it for a retransmission is asked. OpenSSL reads the wall clock for that, and nothing else here. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ssl_ctx_st;
struct ssl_st;
struct dtls_session;

enum {
    DTLS_MTU = 1200,                 /* bytes of a handshake datagram, at most */
    DTLS_PLAINTEXT_BYTES_MAX = 4096, /* of one record that we send */
};

enum dtls_state { DTLS_HANDSHAKING, DTLS_OPEN, DTLS_CLOSED /* by the peer */, DTLS_FAILED };

/* One datagram leaves. The bytes are borrowed until return. */
struct dtls_sink {
    void (*send)(void *ctx, const uint8_t *data, size_t len);
    void *ctx;
};

/* An SSL_CTX for servers, without a certificate yet: DTLS 1.2 only, no renegotiation, small buffers. NULL: no memory. */
struct ssl_ctx_st *dtls_context_new(void);

/* A session that waits for its ClientHello. Takes ssl (made of a dtls_context_new context), also when it fails.
 * NULL: no memory. */
struct dtls_session *dtls_session_new(struct ssl_st *ssl, const struct dtls_sink *sink);
/* Sends nothing. NULL is ignored. */
void dtls_session_free(struct dtls_session *s);

/* Begins with a ClientHello (one record, message_seq 1) whose cookie the caller has checked. (read) -EPROTO. */
int dtls_session_begin(struct dtls_session *s, const uint8_t *hello, size_t len);
/* A datagram from the peer; borrowed until read says -EAGAIN. (read) -EBADMSG: dropped (dtls_datagram_sound). */
int dtls_session_input(struct dtls_session *s, const uint8_t *datagram, size_t len);
/* What follows (read): takes the handshake further and returns the length of the next plaintext record, or -EAGAIN
 * when there is no more, or -ECONNRESET when the state became DTLS_CLOSED or DTLS_FAILED. */
long dtls_session_read(struct dtls_session *s, void *out, size_t cap);
/* Sends one record in one datagram. -EPROTO when not open, -EMSGSIZE over DTLS_PLAINTEXT_BYTES_MAX. */
int dtls_session_write(struct dtls_session *s, const void *data, size_t len);
/* Tells the peer (close_notify) if the handshake has been made. */
void dtls_session_close(struct dtls_session *s);

/* The name that the handshake asked for (SNI), or NULL. Borrowed. */
const char *dtls_session_server_name(const struct dtls_session *s);
enum dtls_state dtls_session_state(const struct dtls_session *s);
/* Microseconds until dtls_session_timeout is due; UINT64_MAX: never. */
uint64_t dtls_session_delay_us(const struct dtls_session *s);
/* Sends the last flight again. -ETIMEDOUT: often enough. */
int dtls_session_timeout(struct dtls_session *s);
/* Frees the buffers of an idle session; they come back with the next record. */
void dtls_session_trim(struct dtls_session *s);

/* For the files of this folder. */
struct ssl_st *dtls_session_ssl(struct dtls_session *s);
