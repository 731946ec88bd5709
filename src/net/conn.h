/* A TCP or TLS connection that carries STUN/TURN frames, owned by the worker that accepted it. */
#pragma once

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

struct conn;

/* What the owner of the stream protocol is told. All on the worker's thread. */
struct conn_handlers {
    /* A connection was classified as STUN/TURN. The returned pointer comes back as `stream` below;
     * NULL refuses and closes. tuple: remote and local address, TRANSPORT_TCP or TRANSPORT_TLS. */
    void *(*opened)(void *ctx, struct conn *conn, const struct five_tuple *tuple);
    /* One whole STUN message or ChannelData frame (padding stripped), borrowed until return. */
    void (*frame)(void *stream, const uint8_t *frame, size_t len);
    /* The connection is gone; conn must not be used again. */
    void (*closed)(void *stream);
    void *ctx;
};

/* Queues bytes (already framed, padded by the caller where ChannelData over a stream needs it). Copies.
 * -ENOBUFS when the connection's output bound is reached: media is then dropped, the stream stays in step. */
int conn_send(struct conn *conn, const void *data, size_t len);
/* The name that the client's TLS handshake asked for (SNI); NULL: none, or no TLS. Valid as long as the connection. */
const char *conn_server_name(const struct conn *conn);
/* Closes after what is queued has been written (flush) or at once. closed() is called before return in
 * neither case; it follows from the loop. */
void conn_close(struct conn *conn, int flush);
