/* What a TCP connection carries, told from its first bytes without consuming them. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum stream_class {
    STREAM_MORE,    /* not decided: *wanted bytes are needed */
    STREAM_TLS,     /* a TLS handshake record */
    STREAM_HTTP,    /* an HTTP method */
    STREAM_TURN,    /* STUN framing, RFC 8489 section 6.2.2 */
    STREAM_ICE_TCP, /* STUN in RFC 4571 framing, RFC 6544 */
    STREAM_PROXY,   /* PROXY protocol, version 1 or 2 */
    STREAM_UNKNOWN,
};

enum { CLASSIFY_MAX_BYTES = 16 };

/* wanted is set only for STREAM_MORE, to more than len and at most CLASSIFY_MAX_BYTES. */
enum stream_class classify_stream(const uint8_t *data, size_t len, size_t *wanted);
