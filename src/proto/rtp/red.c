#include "proto/rtp/red.h"

#include <errno.h>

enum { FOLLOWS = 0x80, TYPE_BITS = 0x7f, LENGTH_BITS = 0x3ff };

static int parse_headers(struct rtp_red *out, struct reader *r) {
    out->count = 0;
    while (out->count < RTP_RED_BLOCKS_MAX) {
        struct rtp_red_block *block = &out->blocks[out->count++];
        uint8_t first = reader_u8(r);
        *block = (struct rtp_red_block){.payload_type = first & TYPE_BITS};
        if (!(first & FOLLOWS)) {
            return r->failed ? -EBADMSG : 0;
        }
        uint32_t rest = (uint32_t)reader_u8(r) << 16;
        rest |= reader_u16(r);
        block->timestamp_offset = (uint16_t)(rest >> 10);
        block->len = rest & LENGTH_BITS;
    }
    return -EBADMSG;
}

int rtp_red_parse(struct rtp_red *out, const uint8_t *payload, size_t len) {
    struct reader r;
    reader_init(&r, payload, len);
    int rc = len <= RTP_PACKET_BYTES_MAX ? parse_headers(out, &r) : -EBADMSG;
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < out->count; i++) {
        struct rtp_red_block *block = &out->blocks[i];
        if (i + 1 == out->count) {
            block->len = (uint16_t)reader_left(&r);
        }
        block->data = reader_bytes(&r, block->len);
    }
    return r.failed || out->blocks[out->count - 1].len == 0 ? -EBADMSG : 0;
}

long rtp_red_unwrap(uint8_t *packet, size_t len) {
    struct rtp_packet p;
    struct rtp_red red;
    if (rtp_packet_parse(&p, packet, len) < 0 || rtp_red_parse(&red, p.payload, p.payload_len) < 0) {
        return -EBADMSG;
    }
    const struct rtp_red_block *primary = &red.blocks[red.count - 1];
    size_t dropped = (size_t)(primary->data - p.payload);
    packet[1] = (uint8_t)((p.marker ? FOLLOWS : 0) | primary->payload_type);
    memmove(packet + dropped, packet, p.header_len);
    return (long)dropped;
}
