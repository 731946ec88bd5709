#include "proto/rtcp/report.h"

#include <errno.h>

enum { BLOCK_BYTES = 24, SDES_END = 0, SDES_CNAME = 1 };

int rtcp_report_parse(struct rtcp_report *out, const struct rtcp_packet *p) {
    struct reader r;
    if (p->type != RTCP_SR && p->type != RTCP_RR) {
        return -EBADMSG;
    }
    reader_init(&r, p->body, p->len);
    *out = (struct rtcp_report){.ssrc = reader_u32(&r), .is_sender = p->type == RTCP_SR, .block_count = p->count};
    if (out->is_sender) {
        out->sender.ntp = reader_u64(&r);
        out->sender.rtp_timestamp = reader_u32(&r);
        out->sender.packets = reader_u32(&r);
        out->sender.bytes = reader_u32(&r);
    }
    out->blocks = reader_bytes(&r, (size_t)BLOCK_BYTES * p->count);
    return r.failed ? -EBADMSG : 0; /* profiles may add to the end */
}

struct rtcp_block rtcp_report_block(const struct rtcp_report *report, size_t i) {
    const uint8_t *b = report->blocks + i * BLOCK_BYTES;
    uint32_t lost = load_be32(b + 4);
    return (struct rtcp_block){
        .ssrc = load_be32(b),
        .fraction_lost = (uint8_t)(lost >> 24),
        .lost = (int32_t)(lost << 8) / 256, /* the sign of 24 bits kept */
        .highest_seq = load_be32(b + 8),
        .jitter = load_be32(b + 12),
        .last_sr = load_be32(b + 16),
        .delay_since_sr = load_be32(b + 20),
    };
}

static int32_t within_24_bits(int32_t v) { return v > 0x7fffff ? 0x7fffff : v < -0x800000 ? -0x800000 : v; }

void rtcp_report_write(struct writer *w, const struct rtcp_report *report, const struct rtcp_block *blocks) {
    size_t begin = rtcp_write_begin(w, report->is_sender ? RTCP_SR : RTCP_RR, report->block_count);
    writer_u32(w, report->ssrc);
    if (report->is_sender) {
        writer_u64(w, report->sender.ntp);
        writer_u32(w, report->sender.rtp_timestamp);
        writer_u32(w, report->sender.packets);
        writer_u32(w, report->sender.bytes);
    }
    for (size_t i = 0; i < report->block_count && !w->failed; i++) {
        const struct rtcp_block *b = &blocks[i];
        writer_u32(w, b->ssrc);
        writer_u32(w, (uint32_t)b->fraction_lost << 24 | ((uint32_t)within_24_bits(b->lost) & 0xffffff));
        writer_u32(w, b->highest_seq);
        writer_u32(w, b->jitter);
        writer_u32(w, b->last_sr);
        writer_u32(w, b->delay_since_sr);
    }
    rtcp_write_end(w, begin);
}

/* One chunk: an SSRC, items up to an item 0, zeros up to a whole word. */
static int read_chunk(struct reader *r, const uint8_t *start, struct rtcp_cname *out) {
    *out = (struct rtcp_cname){.ssrc = reader_u32(r)};
    while (!r->failed) {
        uint8_t item = reader_u8(r);
        if (item == SDES_END) {
            size_t used = (size_t)(r->pos - start);
            reader_bytes(r, (4 - used % 4) % 4);
            break;
        }
        uint8_t len = reader_u8(r);
        const uint8_t *text = reader_bytes(r, len);
        if (item == SDES_CNAME && text && !out->name) {
            out->name = (const char *)text;
            out->len = len;
        }
    }
    return r->failed ? -EBADMSG : 0;
}

long rtcp_sdes_cnames(const struct rtcp_packet *p, struct rtcp_cname *out, size_t cap) {
    struct reader r;
    size_t found = 0;
    reader_init(&r, p->body, p->len);
    for (size_t i = 0; i < p->count; i++) {
        struct rtcp_cname cname;
        if (read_chunk(&r, p->body, &cname) < 0) {
            return -EBADMSG;
        }
        if (cname.name && found < cap) {
            out[found++] = cname;
        }
    }
    return p->type == RTCP_SDES ? (long)found : -EBADMSG;
}

void rtcp_sdes_write(struct writer *w, const struct rtcp_cname *cname) {
    size_t begin = rtcp_write_begin(w, RTCP_SDES, 1);
    writer_u32(w, cname->ssrc);
    writer_u8(w, SDES_CNAME);
    writer_u8(w, cname->len);
    writer_bytes(w, cname->name, cname->len);
    writer_zeros(w, 4 - (2U + cname->len) % 4); /* at least one: the end of the list */
    rtcp_write_end(w, begin);
}

long rtcp_bye_sources(const struct rtcp_packet *p, uint32_t *out, size_t cap) {
    if (p->type != RTCP_BYE || p->len < (size_t)4 * p->count) {
        return -EBADMSG;
    }
    size_t count = p->count < cap ? p->count : cap;
    for (size_t i = 0; i < count; i++) {
        out[i] = load_be32(p->body + 4 * i);
    }
    return (long)count;
}

void rtcp_bye_write(struct writer *w, const uint32_t *ssrcs, unsigned count) {
    size_t begin = rtcp_write_begin(w, RTCP_BYE, count);
    for (size_t i = 0; i < count && !w->failed; i++) {
        writer_u32(w, ssrcs[i]);
    }
    rtcp_write_end(w, begin);
}
