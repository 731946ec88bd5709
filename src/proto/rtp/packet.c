#include "proto/rtp/packet.h"

#include <errno.h>

enum {
    RTP_VERSION = 2,
    PADDING_BIT = 0x20,
    EXTENSION_BIT = 0x10,
    COUNT_BITS = 0x0f,
    MARKER_BIT = 0x80,
    TYPE_BITS = 0x7f
};

long rtp_header_bytes(const uint8_t *data, size_t len) {
    if (len < RTP_HEADER_BYTES || len > RTP_PACKET_BYTES_MAX || data[0] >> 6 != RTP_VERSION) {
        return -EBADMSG;
    }
    size_t header = RTP_HEADER_BYTES + (size_t)4 * (data[0] & COUNT_BITS);
    if (data[0] & EXTENSION_BIT) {
        if (len < header + RTP_EXT_HEADER_BYTES) {
            return -EBADMSG;
        }
        header += RTP_EXT_HEADER_BYTES + (size_t)4 * load_be16(data + header + 2);
    }
    return header <= len ? (long)header : -EBADMSG;
}

static int parse_payload(struct rtp_packet *out, const uint8_t *data, size_t len) {
    size_t left = len - out->header_len;
    if (data[0] & PADDING_BIT) {
        uint8_t count = left > 0 ? data[len - 1] : 0;
        if (count == 0 || count > left) {
            return -EBADMSG;
        }
        out->padding = count;
        left -= count;
    } else if (left == 0) {
        return -EBADMSG;
    }
    out->payload = data + out->header_len;
    out->payload_len = (uint16_t)left;
    return 0;
}

int rtp_packet_parse(struct rtp_packet *out, const uint8_t *data, size_t len) {
    long header = rtp_header_bytes(data, len);
    if (header < 0) {
        return -EBADMSG;
    }
    *out = (struct rtp_packet){
        .csrcs = data + RTP_HEADER_BYTES,
        .csrc_count = data[0] & COUNT_BITS,
        .marker = data[1] & MARKER_BIT,
        .payload_type = data[1] & TYPE_BITS,
        .seq = load_be16(data + 2),
        .timestamp = load_be32(data + 4),
        .ssrc = load_be32(data + 8),
        .header_len = (uint16_t)header,
    };
    if (data[0] & EXTENSION_BIT) {
        const uint8_t *block = out->csrcs + (size_t)4 * out->csrc_count;
        out->ext_profile = load_be16(block);
        out->ext = block + RTP_EXT_HEADER_BYTES;
        out->ext_len = (uint16_t)(4U * load_be16(block + 2));
    }
    return parse_payload(out, data, len);
}

void rtp_header_write(struct writer *w, const struct rtp_header *h) {
    if (h->csrc_count > RTP_CSRCS_MAX) {
        w->failed = true;
    }
    writer_u8(w, (uint8_t)(RTP_VERSION << 6 | (h->padding ? PADDING_BIT : 0) | (h->extension ? EXTENSION_BIT : 0) |
                           (h->csrc_count & COUNT_BITS)));
    writer_u8(w, (uint8_t)((h->marker ? MARKER_BIT : 0) | (h->payload_type & TYPE_BITS)));
    writer_u16(w, h->seq);
    writer_u32(w, h->timestamp);
    writer_u32(w, h->ssrc);
    for (size_t i = 0; i < h->csrc_count && !w->failed; i++) {
        writer_u32(w, h->csrcs[i]);
    }
}
