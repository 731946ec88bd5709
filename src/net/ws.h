/* WebSocket sessions as the control thread sees them: whole messages. Framing, masking, deflate (RFC 7692),
 * pings and TLS happen on the worker that owns the connection; messages cross by its inbox. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ws;

struct ws_handlers {
    /* The WebSocket is open; keep ws until closed(). Called exactly once, before anything else. */
    void (*opened)(void *ctx, struct ws *ws);
    /* A whole text message, valid UTF-8, within the message bound. Borrowed until return. */
    void (*text)(void *ctx, struct ws *ws, const char *data, size_t len);
    /* Gone, with the peer's close code (1006 when it vanished, 1001/4xxx when we closed). Called exactly
     * once; ws must not be used after it. */
    void (*closed)(void *ctx, struct ws *ws, unsigned code);
};

/* Queues a text message (copied). -ENOBUFS when more than the session's bound (1 MiB) is waiting
 * unread: the caller coalesces or closes. */
int ws_send(struct ws *ws, const char *data, size_t len);
/* Bytes queued and not yet taken by the kernel. */
size_t ws_queued_bytes(const struct ws *ws);
/* Sends a close frame after what is queued; closed() follows. reason: at most 123 bytes. */
void ws_close(struct ws *ws, unsigned code, const char *reason);
/* The smoothed round trip of pings in microseconds; 0 before the first. */
uint32_t ws_rtt_us(const struct ws *ws);
