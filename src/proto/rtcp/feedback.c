#include "proto/rtcp/feedback.h"

#include <errno.h>

enum {
    COMMON_BYTES = 8,
    NACK_BYTES = 4,
    FIR_BYTES = 8,
    NACK_REACH = 16,
    REMB_HEADER_BYTES = 8,
    REMB_MANTISSA_BITS = 18
};

static const uint8_t remb_name[4] = {'R', 'E', 'M', 'B'};

int rtcp_feedback_parse(struct rtcp_feedback *out, const struct rtcp_packet *p) {
    if ((p->type != RTCP_RTPFB && p->type != RTCP_PSFB) || p->len < COMMON_BYTES) {
        return -EBADMSG;
    }
    out->sender = load_be32(p->body);
    out->media = load_be32(p->body + 4);
    out->items = p->body + COMMON_BYTES;
    out->len = p->len - COMMON_BYTES;
    return 0;
}

static size_t begin_feedback(struct writer *w, uint8_t type, unsigned format, const uint32_t ssrcs[2]) {
    size_t begin = rtcp_write_begin(w, type, format);
    writer_u32(w, ssrcs[0]);
    writer_u32(w, ssrcs[1]);
    return begin;
}

long rtcp_nack_sequences(const struct rtcp_feedback *f, uint16_t *out, size_t cap) {
    size_t count = 0;
    if (f->len == 0 || f->len % NACK_BYTES != 0) {
        return -EBADMSG;
    }
    for (size_t at = 0; at < f->len && count < cap; at += NACK_BYTES) {
        uint16_t first = load_be16(f->items + at);
        uint16_t more = load_be16(f->items + at + 2);
        out[count++] = first;
        for (unsigned i = 0; i < NACK_REACH && count < cap; i++) {
            if (more >> i & 1) {
                out[count++] = (uint16_t)(first + i + 1);
            }
        }
    }
    return (long)count;
}

void rtcp_nack_write(struct writer *w, const struct rtcp_nack *nack) {
    size_t begin = begin_feedback(w, RTCP_RTPFB, RTCP_RTPFB_NACK, (uint32_t[]){nack->sender, nack->media});
    for (size_t i = 0; i < nack->count && !w->failed;) {
        uint16_t first = nack->seqs[i++], more = 0;
        for (; i < nack->count; i++) {
            uint16_t ahead = (uint16_t)(nack->seqs[i] - first);
            if (ahead > NACK_REACH) {
                break;
            }
            more |= ahead > 0 ? (uint16_t)(1 << (ahead - 1)) : 0;
        }
        writer_u16(w, first);
        writer_u16(w, more);
    }
    rtcp_write_end(w, begin);
}

void rtcp_pli_write(struct writer *w, uint32_t sender, uint32_t media) {
    rtcp_write_end(w, begin_feedback(w, RTCP_PSFB, RTCP_PSFB_PLI, (uint32_t[]){sender, media}));
}

long rtcp_fir_entries(const struct rtcp_feedback *f, struct rtcp_fir *out, size_t cap) {
    size_t count = 0;
    if (f->len == 0 || f->len % FIR_BYTES != 0) {
        return -EBADMSG;
    }
    for (size_t at = 0; at < f->len && count < cap; at += FIR_BYTES) {
        out[count++] = (struct rtcp_fir){load_be32(f->items + at), f->items[at + 4]};
    }
    return (long)count;
}

void rtcp_fir_write(struct writer *w, uint32_t sender, const struct rtcp_fir *fir) {
    size_t begin = begin_feedback(w, RTCP_PSFB, RTCP_PSFB_FIR, (uint32_t[]){sender, 0});
    writer_u32(w, fir->ssrc);
    writer_u8(w, fir->seq);
    writer_zeros(w, 3);
    rtcp_write_end(w, begin);
}

int rtcp_remb_parse(struct rtcp_remb *out, const struct rtcp_feedback *f) {
    if (f->len < REMB_HEADER_BYTES || memcmp(f->items, remb_name, sizeof remb_name) != 0) {
        return -ENOENT;
    }
    uint32_t rate = load_be32(f->items + 4) & 0xffffff;
    unsigned exponent = rate >> REMB_MANTISSA_BITS;
    uint64_t mantissa = rate & ((1U << REMB_MANTISSA_BITS) - 1);
    out->ssrc_count = f->items[4];
    out->ssrcs = f->items + REMB_HEADER_BYTES;
    out->bitrate_bps = mantissa << exponent >> exponent == mantissa ? mantissa << exponent : UINT64_MAX;
    return f->len < REMB_HEADER_BYTES + (size_t)4 * out->ssrc_count ? -EBADMSG : 0;
}

void rtcp_remb_write(struct writer *w, const struct rtcp_remb_out *remb) {
    size_t begin = begin_feedback(w, RTCP_PSFB, RTCP_PSFB_AFB, (uint32_t[]){remb->sender, 0});
    uint64_t mantissa = remb->bitrate_bps;
    unsigned exponent = 0;
    while (mantissa >> REMB_MANTISSA_BITS != 0) {
        mantissa >>= 1;
        exponent++;
    }
    writer_bytes(w, remb_name, sizeof remb_name);
    writer_u32(w, (uint32_t)remb->ssrc_count << 24 | exponent << REMB_MANTISSA_BITS | (uint32_t)mantissa);
    for (size_t i = 0; i < remb->ssrc_count && !w->failed; i++) {
        writer_u32(w, remb->ssrcs[i]);
    }
    rtcp_write_end(w, begin);
}
