/* A byte stream on one loop, plain or TLS: what frames, the HTTP pump and WebSockets read and write. The TLS
 * handshake happens inside the first reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct list;
struct loop;
struct ssl_st;
struct stream;

/* Whoever reads the stream. All callbacks come from the loop, never from inside a call. A callback may free or
 * finish the stream. */
struct stream_owner {
    /* Bytes or the end may be there: call stream_read until -EAGAIN, or stream_again when leaving some. */
    void (*readable)(void *ctx);
    /* All output was taken by the kernel. */
    void (*drained)(void *ctx);
    /* Writing failed (negative code): the stream is of no more use. */
    void (*broken)(void *ctx, int rc);
};

/* Takes fd (non-blocking) and ssl (NULL: plain; server side, not yet started) on success. group: the list the
 * stream is kept in, so that it can be freed at the end. Paused until stream_resume. NULL: no memory. */
struct stream *stream_new(struct loop *loop, int fd, struct ssl_st *ssl, struct list *group);
/* Closes at once. */
void stream_free(struct stream *s);
/* Frees all streams of a group. */
void stream_free_group(struct list *group);
/* Writes what is queued, says goodbye (TLS close_notify, FIN), reads the peer's rest away for a moment so that it
 * sees our last bytes instead of a reset, and frees itself. No callback comes any more. */
void stream_finish(struct stream *s);

/* Sends the end (TLS close_notify, FIN) after what is queued; reading goes on. Nothing may be written after. */
void stream_shutdown(struct stream *s);
/* Moves the stream to another group. */
void stream_regroup(struct stream *s, struct list *group);

void stream_set_owner(struct stream *s, const struct stream_owner *owner, void *ctx);
/* fn is called when the stream is freed, however. */
void stream_on_free(struct stream *s, void (*fn)(void *ctx), void *ctx);

/* Up to cap bytes: their number, 0 at the end, -EAGAIN, or another negative code when the stream broke. */
long stream_read(struct stream *s, void *buf, size_t cap);
/* Puts bytes back in front of what is to be read. -ENOMEM. */
int stream_unread(struct stream *s, const void *data, size_t len);
/* Makes readable() be called once more after other events had their turn. */
void stream_again(struct stream *s);
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Queues a copy, sent soon. Bounds are the caller's: see stream_queued. -ENOMEM, -EPIPE when the stream broke. */
int stream_write(struct stream *s, const void *data, size_t len);
/* Writes what the kernel takes now, instead of soon. What fails is told later, from the loop. */
void stream_flush(struct stream *s);
size_t stream_queued(const struct stream *s);

bool stream_is_tls(const struct stream *s);
/* TLS handshake done, or no TLS. */
bool stream_is_established(const struct stream *s);
struct ssl_st *stream_ssl(const struct stream *s);
