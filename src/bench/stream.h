/* STUN and ChannelData over a TCP or TLS connection: messages are cut out of the byte stream by their
 * length fields (RFC 8656 section 3.5), writes are queued within a bound. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream;
struct ssl_ctx_st;

/* Starts to connect without waiting, from local unless that is AF_UNSPEC. tls may be NULL: plain TCP. -errno. */
int stream_open(struct stream **out, const struct addr *local, const struct addr *remote, struct ssl_ctx_st *tls);
void stream_free(struct stream *s);

int stream_fd(const struct stream *s);

/* True while bytes wait for the socket to take them, or TLS to be set up: watch for writability. */
bool stream_wants_write(const struct stream *s);

/* Queues one message, padded to four bytes, and writes what the socket takes. -ENOBUFS: the bound was hit,
 * nothing was queued; else why the
 * connection is gone: -EPIPE (closed by the server), -ECONNREFUSED and so on. */
int stream_send(struct stream *s, const void *data, size_t len);

/* Goes on connecting and writing; call when writable. Errors as above. */
int stream_flush(struct stream *s);

/* Called with each whole message, which is valid until it returns. */
typedef void stream_message(void *ctx, const uint8_t *data, size_t len);

/* Reads what is there. Errors as above; -EBADMSG: neither STUN nor ChannelData. */
int stream_receive(struct stream *s, stream_message *fn, void *ctx);

/* A client context that verifies nothing: the bench measures, it trusts nobody. NULL: OpenSSL failed. */
struct ssl_ctx_st *stream_tls_new(void);
void stream_tls_free(struct ssl_ctx_st *tls);
