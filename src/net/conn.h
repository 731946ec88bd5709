/* A TCP or TLS connection that carries STUN/TURN frames, owned by the worker that accepted it. */
#pragma once

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

struct conn;
struct stream;

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
/* The same, at once and, if the line is free, in a TLS record of its own: coturn's client reads one message of each
 * record. For replies, not for media. */
int conn_send_alone(struct conn *conn, const void *data, size_t len);
/* Closes after what is queued has been written (flush) or at once. closed() is called before return in
 * neither case; it follows from the loop. */
void conn_close(struct conn *conn, int flush);

/* Delivers no frame after the present one and reads no more, until conn_resume. */
void conn_pause(struct conn *conn);
void conn_resume(struct conn *conn);
/* Ends the framing of a paused connection: what the client sent after the last frame can be read from the stream, which
 * is the caller's, paused; what was queued is sent first. The conn is gone, closed() is not called. Not from inside
 * frame(). NULL: it is closing or there is no memory; closed() then comes from the loop. */
struct stream *conn_detach(struct conn *conn);
