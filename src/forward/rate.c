#include "forward/rate.h"

void rate_add(struct rate *r, uint32_t bytes, uint64_t now_us) {
    uint64_t step = now_us / RATE_STEP_US;
    for (unsigned cleared = 0; r->step < step && cleared < RATE_STEPS; cleared++) {
        r->bytes[++r->step % RATE_STEPS] = 0;
    }
    if (r->step < step) { /* a long silence: all are clear */
        r->step = step;
    }
    r->bytes[r->step % RATE_STEPS] += bytes;
}

uint64_t rate_bps(const struct rate *r, uint64_t now_us) {
    uint64_t step = now_us / RATE_STEP_US, sum = 0;
    for (uint64_t back = 0; back < RATE_STEPS && back <= r->step; back++) {
        sum += r->step - back + RATE_STEPS > step ? r->bytes[(r->step - back) % RATE_STEPS] : 0;
    }
    return sum * 8 * 1000000 / ((RATE_STEPS - 1) * UINT64_C(1) * RATE_STEP_US + now_us % RATE_STEP_US);
}
