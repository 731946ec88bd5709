#include "proto/rtp/rtx.h"

#include <errno.h>

enum { PADDING_BIT = 0x20, MARKER_BIT = 0x80 };

/* What a header says of its stream. */
static void set_stream(uint8_t *header, uint8_t payload_type, uint16_t seq, uint32_t ssrc) {
    header[1] = (uint8_t)((header[1] & MARKER_BIT) | (payload_type & 0x7f));
    store_be16(header + 2, seq);
    store_be32(header + 8, ssrc);
}

int rtp_rtx_unwrap(uint8_t *packet, size_t len, const struct rtp_rtx_original *original) {
    struct rtp_packet p;
    int rc = rtp_packet_parse(&p, packet, len);
    if (rc < 0) {
        return rc;
    }
    if (p.payload_len == 0) {
        return -ENOENT;
    }
    if (p.payload_len <= RTP_RTX_OSN_BYTES) {
        return -EBADMSG;
    }
    uint16_t seq = load_be16(p.payload);
    memmove(packet + RTP_RTX_OSN_BYTES, packet, p.header_len);
    set_stream(packet + RTP_RTX_OSN_BYTES, original->payload_type, seq, original->ssrc);
    return 0;
}

void rtp_rtx_wrap(struct writer *w, const uint8_t *packet, const struct rtp_packet *parsed,
                  const struct rtp_rtx_stream *stream) {
    uint8_t *header = writer_reserve(w, parsed->header_len);
    if (header) {
        memcpy(header, packet, parsed->header_len);
        header[0] &= (uint8_t)~PADDING_BIT;
        set_stream(header, stream->payload_type, stream->seq, stream->ssrc);
    }
    writer_u16(w, parsed->seq);
    writer_bytes(w, parsed->payload, parsed->payload_len);
}
