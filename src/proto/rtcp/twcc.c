/* Reading transport-wide feedback. */
#include "proto/rtcp/twcc.h"

#include <errno.h>

enum { NOT_RECEIVED, SMALL_DELTA, LARGE_DELTA, UNDEFINED };
enum { VECTOR_BIT = 0x8000, TWO_BIT_SYMBOLS = 0x4000, RUN_BITS = 0x1fff, ONE_BIT_COUNT = 14, TWO_BIT_COUNT = 7 };

static unsigned chunk_statuses(uint16_t word) {
    if (!(word & VECTOR_BIT)) {
        return word & RUN_BITS;
    }
    return word & TWO_BIT_SYMBOLS ? TWO_BIT_COUNT : ONE_BIT_COUNT;
}

/* Status i of a chunk, i below chunk_statuses(). */
static unsigned chunk_symbol(uint16_t word, unsigned i) {
    if (!(word & VECTOR_BIT)) {
        return word >> 13 & 3;
    }
    return word & TWO_BIT_SYMBOLS ? word >> (2 * (TWO_BIT_COUNT - 1 - i)) & 3 : word >> (ONE_BIT_COUNT - 1 - i) & 1;
}

/* Bytes of deltas that the first n statuses of a chunk announce. */
static long chunk_delta_bytes(uint16_t word, unsigned n) {
    if (!(word & VECTOR_BIT)) {
        unsigned symbol = chunk_symbol(word, 0);
        return symbol == UNDEFINED ? -EBADMSG : (long)(symbol * n);
    }
    long bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned symbol = chunk_symbol(word, i);
        if (symbol == UNDEFINED) {
            return -EBADMSG;
        }
        bytes += (long)symbol; /* a small delta has one byte, a large one two */
    }
    return bytes;
}

int rtcp_twcc_parse(struct rtcp_twcc *out, const struct rtcp_feedback *f) {
    struct reader r;
    size_t delta_bytes = 0;
    reader_init(&r, f->items, f->len);
    out->base_seq = reader_u16(&r);
    out->status_count = reader_u16(&r);
    uint32_t time = reader_u32(&r);
    out->reference = (int32_t)time / 256;
    out->reference -= (int32_t)time < 0 && time % 256 != 0; /* rounded down */
    out->feedback_count = (uint8_t)time;
    out->chunks = r.pos;
    for (unsigned left = out->status_count; left > 0 && !r.failed;) {
        uint16_t word = reader_u16(&r);
        unsigned n = chunk_statuses(word) < left ? chunk_statuses(word) : left;
        long bytes = chunk_delta_bytes(word, n);
        if (bytes < 0) {
            return -EBADMSG;
        }
        delta_bytes += (size_t)bytes;
        left -= n;
    }
    out->deltas = r.pos;
    out->end = r.end;
    return r.failed || out->status_count == 0 || reader_left(&r) < delta_bytes ? -EBADMSG : 0;
}

void rtcp_twcc_begin(struct rtcp_twcc_iter *it, const struct rtcp_twcc *feedback) {
    *it = (struct rtcp_twcc_iter){
        .feedback = feedback,
        .chunk = feedback->chunks,
        .delta = feedback->deltas,
        .seq = feedback->base_seq,
        .left = feedback->status_count,
        .ticks = (int64_t)feedback->reference * RTCP_TWCC_REFERENCE_TICKS,
    };
}

static void load_chunk(struct rtcp_twcc_iter *it) {
    while (it->run == 0) {
        it->word = load_be16(it->chunk);
        it->chunk += 2;
        unsigned n = chunk_statuses(it->word);
        it->run = (uint16_t)(n < it->left ? n : it->left);
        it->at = 0;
    }
}

/* How many statuses from here on say "not received", within the chunk. */
static uint16_t count_lost(const struct rtcp_twcc_iter *it) {
    if (!(it->word & VECTOR_BIT)) {
        return it->run;
    }
    uint16_t n = 0;
    while (n < it->run && chunk_symbol(it->word, it->at + n) == NOT_RECEIVED) {
        n++;
    }
    return n;
}

static void advance(struct rtcp_twcc_iter *it, uint16_t n) {
    it->seq = (uint16_t)(it->seq + n);
    it->left = (uint16_t)(it->left - n);
    it->run = (uint16_t)(it->run - n);
    if (it->word & VECTOR_BIT) {
        it->at = (uint8_t)(it->at + n);
    }
}

bool rtcp_twcc_next(struct rtcp_twcc_iter *it, struct rtcp_twcc_step *out) {
    if (it->left == 0) {
        return false;
    }
    load_chunk(it);
    unsigned symbol = chunk_symbol(it->word, it->at);
    *out = (struct rtcp_twcc_step){.seq = it->seq, .count = 1};
    if (symbol == NOT_RECEIVED) {
        out->count = count_lost(it);
        advance(it, out->count);
        return true;
    }
    if (symbol == SMALL_DELTA) {
        it->ticks += it->delta[0];
    } else {
        it->ticks += (int16_t)load_be16(it->delta);
    }
    it->delta += symbol;
    out->received = true;
    out->arrival_us = it->ticks * RTCP_TWCC_TICK_US;
    advance(it, 1);
    return true;
}
