/* A bitrate over about the last second: seven whole steps and the one that runs. Zeroed: nothing was counted. */
#pragma once

#include <stdint.h>

enum { RATE_STEPS = 8, RATE_STEP_US = 125000 };

struct rate {
    uint32_t bytes[RATE_STEPS];
    uint64_t step; /* number of the newest, since time 0 */
};

void rate_add(struct rate *r, uint32_t bytes, uint64_t now_us);
/* Bits per second. In the first second after a silence it is lower than what is sent. */
uint64_t rate_bps(const struct rate *r, uint64_t now_us);
