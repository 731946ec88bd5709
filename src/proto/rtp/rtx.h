/* Retransmission (RFC 4588): a packet of another SSRC whose payload is the original sequence number (16 bits) and the
 * original payload. */
#pragma once

#include "proto/rtp/packet.h"

enum { RTP_RTX_OSN_BYTES = 2 };

/* The original stream that an RTX stream repeats. */
struct rtp_rtx_original {
    uint32_t ssrc;
    uint8_t payload_type;
};

/* Makes the original packet of an RTX packet, in place: it begins at packet + RTP_RTX_OSN_BYTES and is that much shorter.
 * -ENOENT: only padding (a probe); -EBADMSG: no RTP, or no payload behind the sequence number. */
int rtp_rtx_unwrap(uint8_t *packet, size_t len, const struct rtp_rtx_original *original);

/* Writes a repetition of a whole packet: the header's payload type, SSRC and sequence number are the RTX stream's; all
 * else is the original's, its padding left out. */
struct rtp_rtx_stream {
    uint32_t ssrc;
    uint16_t seq;
    uint8_t payload_type;
};
void rtp_rtx_wrap(struct writer *w, const uint8_t *packet, const struct rtp_packet *parsed,
                  const struct rtp_rtx_stream *stream);
