/* The PROXY protocol, versions 1 (text) and 2 (binary): what a load balancer writes before a client's bytes, so that
 * the server behind it knows who the client is. A codec for what arrives; whom to believe is the caller's. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROXY_HEADER_BYTES_MAX = 2048, /* a longer header is refused, though its length field could say 64 KiB */
    PROXY_V1_BYTES_MAX = 107,      /* with its CRLF and without a terminator */
};

struct proxy_header {
    size_t len;              /* bytes of the header; what follows is the client's */
    bool binary;             /* version 2 */
    bool datagram;           /* version 2 tells of a datagram, not of a stream */
    bool tls;                /* the client came to the proxy by TLS (PP2_TYPE_SSL) */
    struct addr source;      /* the client; AF_UNSPEC: the proxy speaks for itself, or tells no Internet address */
    struct addr destination; /* where it came to; AF_UNSPEC likewise */
};

/* Reads a header from the beginning of data. -EAGAIN: not whole yet, *wanted (more than len, at most
 * PROXY_HEADER_BYTES_MAX) bytes are needed to go on. -EBADMSG: it is none or malformed, its checksum is wrong or it is
 * too long. */
int proxy_header_parse(struct proxy_header *out, const uint8_t *data, size_t len, size_t *wanted);
