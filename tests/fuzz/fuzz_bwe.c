/* The bandwidth estimator under feedback that makes no sense: the estimate stays within its limits and is a number, probes
 * too.
 * covers: src/proto/bwe/estimator.c src/proto/bwe/measure.c src/proto/bwe/probe.c src/proto/bwe/rate.c src/proto/bwe/trend.c */
#include "proto/bwe/bwe.h"

#include "base/bytes.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MIN = 20000, MAX = 50000000 };

static uint64_t now_us;
static uint16_t next_seq;
static uint8_t probe;

static void must(bool ok) {
    if (!ok) {
        abort();
    }
}

static void send_some(struct bwe *b, uint8_t count, uint8_t gap) {
    for (unsigned i = 0; i < count % 32U; i++) {
        now_us += gap * 50U;
        bwe_sent(b,
                 &(struct bwe_sending){.seq = next_seq++, .bytes = 1200, .probe = i % 2 ? probe : 0, .now_us = now_us});
    }
}

/* Claims of arrivals, in any order and at any time. */
static void tell(struct bwe *b, struct reader *r) {
    unsigned count = reader_u8(r) % 40U;
    int64_t at = (int64_t)now_us + (int32_t)reader_u32(r);
    uint16_t seq = (uint16_t)(next_seq - reader_u8(r));
    bwe_feedback_begin(b);
    for (unsigned i = 0; i < count; i++) {
        uint8_t what = reader_u8(r);
        at += what * 37 - 1000;
        if (what % 5 == 0) {
            bwe_lost(b, seq, what);
        } else {
            bwe_arrived(b, seq, at);
        }
        seq = (uint16_t)(seq + 1 + (what == 7));
    }
    bwe_feedback_end(b, now_us);
}

static void step(struct bwe *b, struct reader *r) {
    struct bwe_probe wanted;
    switch (reader_u8(r) % 6) {
    case 0:
        send_some(b, reader_u8(r), reader_u8(r));
        break;
    case 1:
        tell(b, r);
        break;
    case 2:
        now_us += reader_u16(r) * 100ULL;
        bwe_timeout(b, now_us);
        break;
    case 3:
        bwe_set_wanted(b, reader_u32(r));
        break;
    case 4:
        bwe_set_rtt(b, reader_u32(r));
        break;
    default:
        if (bwe_probe_wanted(b, now_us, &wanted)) {
            probe = wanted.number;
            must(wanted.number != 0 && wanted.bytes > 0 && wanted.rate_bps <= 3ULL * MAX);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader r;
    struct bwe_state state;
    struct bwe *b = bwe_new(&(struct bwe_options){.min_bps = MIN, .max_bps = MAX}, now_us = 1000);
    next_seq = 65000;
    probe = 0;
    reader_init(&r, data, size);
    while (reader_left(&r) > 0 && !r.failed) {
        step(b, &r);
        must(bwe_estimate(b) >= MIN && bwe_estimate(b) <= MAX && bwe_target(b) >= MIN && bwe_target(b) <= MAX);
        bwe_get_state(b, &state);
        must(state.loss >= 0 && state.loss <= 1 && state.own_loss >= 0 && state.own_loss <= 1);
    }
    bwe_free(b);
    return 0;
}
