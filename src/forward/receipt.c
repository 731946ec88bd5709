#include "forward/receipt.h"

#include "proto/rtcp/ntp.h"

#include <string.h>

static uint64_t *word_of(struct receipt *r, int64_t seq) { return &r->seen[(uint64_t)seq % RECEIPT_WINDOW / 64]; }
static uint64_t bit_of(int64_t seq) { return UINT64_C(1) << ((uint64_t)seq % 64); }

static void begin(struct receipt *r, uint16_t seq) {
    memset(r->seen, 0, sizeof r->seen);
    r->unwrap = (struct rtp_unwrap){0};
    r->first = rtp_unwrap_seq(&r->unwrap, seq) + (INT64_C(1) << 16); /* room below for packets that are late */
    r->unwrap.highest = r->first;
    *word_of(r, r->first) |= bit_of(r->first);
    r->received = r->reported_expected = r->reported_received = 0;
    r->has_transit = false;
}

static void note_jitter(struct receipt *r, uint32_t timestamp, uint64_t now_us) {
    int64_t arrival = (int64_t)(now_us / 1000 * r->clock_hz / 1000 + now_us % 1000 * r->clock_hz / 1000000);
    int64_t transit = (int32_t)((uint32_t)arrival - timestamp);
    if (r->has_transit) {
        int64_t d = (int32_t)((uint32_t)transit - (uint32_t)r->transit);
        d = d < 0 ? -d : d;
        r->jitter_16 = (uint32_t)((int64_t)r->jitter_16 + d - ((r->jitter_16 + 8) >> 4));
    }
    r->transit = transit;
    r->has_transit = true;
}

/* Places a packet; the bits between the highest before and it are cleared. */
static struct receipt_result place(struct receipt *r, uint16_t seq) {
    int64_t before = r->unwrap.highest;
    int64_t at = rtp_unwrap_seq(&r->unwrap, seq);
    if (at > before) {
        for (int64_t clear = at - before > RECEIPT_WINDOW ? at - RECEIPT_WINDOW + 1 : before + 1; clear <= at;
             clear++) {
            *word_of(r, clear) &= ~bit_of(clear);
        }
        *word_of(r, at) |= bit_of(at);
        return (struct receipt_result){RECEIPT_NEXT, (uint16_t)(at - before - 1)};
    }
    if (at <= before - RECEIPT_WINDOW || *word_of(r, at) & bit_of(at)) {
        return (struct receipt_result){.kind = RECEIPT_DUPLICATE};
    }
    *word_of(r, at) |= bit_of(at);
    r->first = at < r->first ? at : r->first;
    return (struct receipt_result){.kind = RECEIPT_LATE};
}

struct receipt_result receipt_note(struct receipt *r, const struct receipt_packet *p, uint64_t now_us) {
    struct receipt_result result = {.kind = RECEIPT_RESTART};
    int16_t ahead = (int16_t)(uint16_t)(p->seq - (uint16_t)r->unwrap.highest);
    if (!r->unwrap.started || ahead > RECEIPT_JUMP_MAX || ahead < -RECEIPT_JUMP_MAX) {
        if (p->repeated) { /* of a stream that is not there */
            return (struct receipt_result){.kind = RECEIPT_DUPLICATE};
        }
        begin(r, p->seq);
    } else {
        result = place(r, p->seq);
    }
    if (result.kind != RECEIPT_DUPLICATE && !p->repeated) {
        r->received++;
        note_jitter(r, p->timestamp, now_us);
    }
    return result;
}

void receipt_note_sr(struct receipt *r, uint64_t ntp, uint64_t now_us) {
    r->sr_middle = rtcp_ntp_middle(ntp);
    r->sr_us = now_us;
}

static uint8_t fraction_of(uint64_t expected, uint64_t received) {
    uint64_t fraction = expected > received ? (expected - received) * 256 / expected : 0;
    return (uint8_t)(fraction < UINT8_MAX ? fraction : UINT8_MAX);
}

struct rtcp_block receipt_report(struct receipt *r, uint32_t ssrc, uint64_t now_us) {
    enum { LOST_MAX = 0x7fffff };
    uint64_t expected = (uint64_t)(r->unwrap.highest - r->first + 1);
    int64_t lost = (int64_t)(expected - r->received);
    struct rtcp_block block = {
        .ssrc = ssrc,
        .fraction_lost = fraction_of(expected - r->reported_expected, r->received - r->reported_received),
        .lost = (int32_t)(lost > LOST_MAX ? LOST_MAX : lost),
        .highest_seq = (uint32_t)(r->unwrap.highest - (INT64_C(1) << 16)),
        .jitter = r->jitter_16 >> 4,
        .last_sr = r->sr_us > 0 ? r->sr_middle : 0,
        .delay_since_sr = r->sr_us > 0 ? rtcp_short_of_us(now_us - r->sr_us) : 0,
    };
    r->reported_expected = expected;
    r->reported_received = r->received;
    return block;
}
