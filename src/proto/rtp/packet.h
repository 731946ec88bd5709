/* RTP packets (RFC 3550 section 5.1).
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 *  |                           timestamp                           |
 *  |                             SSRC                              |
 *  |                        CC times a CSRC                        |
 *  | if X: profile                 | words of extension that follow|
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  then the payload and, if P, padding whose last byte counts it.
 *
 * A parsed packet borrows the bytes it was made from. */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RTP_HEADER_BYTES = 12, /* the fixed part */
    RTP_CSRCS_MAX = 15,
    RTP_PACKET_BYTES_MAX = 65535,
    RTP_EXT_HEADER_BYTES = 4,
};

struct rtp_packet {
    const uint8_t *csrcs; /* csrc_count times four bytes */
    const uint8_t *ext;   /* what follows the extension's first word; NULL without extension */
    const uint8_t *payload;
    uint32_t timestamp;
    uint32_t ssrc;
    uint16_t seq;
    uint16_t ext_profile; /* 0xBEDE, 0x1000 to 0x100F, or none of RFC 8285's */
    uint16_t ext_len;     /* bytes */
    uint16_t header_len;  /* up to the payload */
    uint16_t payload_len; /* without padding; 0 for a packet that is all padding */
    uint8_t padding;      /* bytes of it, with the count; 0: none */
    uint8_t csrc_count;
    uint8_t payload_type; /* 0 to 127 */
    bool marker;
};

/* Bytes of the header with CSRCs and extension, or -EBADMSG. For encrypted packets, whose padding cannot be read yet. */
long rtp_header_bytes(const uint8_t *data, size_t len);

/* Reads a whole packet. -EBADMSG: another version, parts that reach beyond the end, padding of 0 bytes or of more than
 * there are behind the header, or neither payload nor padding. */
int rtp_packet_parse(struct rtp_packet *out, const uint8_t *data, size_t len);
static inline uint32_t rtp_packet_csrc(const struct rtp_packet *p, size_t i) { return load_be32(p->csrcs + 4 * i); }

/* The fixed part of a header and its CSRCs, to be written. */
struct rtp_header {
    uint32_t timestamp;
    uint32_t ssrc;
    uint16_t seq;
    uint8_t payload_type;
    bool marker;
    bool padding;   /* the P bit: padding will follow the payload */
    bool extension; /* the X bit: an extension block will follow */
    uint8_t csrc_count;
    const uint32_t *csrcs; /* borrowed until return */
};
void rtp_header_write(struct writer *w, const struct rtp_header *h);
