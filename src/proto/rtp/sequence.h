/* Arithmetic of numbers that wrap: 16-bit sequence numbers, 32-bit timestamps (RFC 3550). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Is a after b? Half the number space ahead counts as before. */
static inline bool rtp_seq_newer(uint16_t a, uint16_t b) { return (int16_t)(uint16_t)(a - b) > 0; }
static inline bool rtp_timestamp_newer(uint32_t a, uint32_t b) { return (int32_t)(a - b) > 0; }

/* Turns wrapping numbers into ones that do not: each is taken for the one nearest to the highest before it. The first is
 * taken as it is; what lies before it may come out negative. Zeroed: nothing came yet. */
struct rtp_unwrap {
    int64_t highest;
    bool started;
};

static inline int64_t rtp_unwrap_move(struct rtp_unwrap *u, int64_t value) {
    if (!u->started || value > u->highest) {
        u->highest = value;
        u->started = true;
    }
    return value;
}

static inline int64_t rtp_unwrap_seq(struct rtp_unwrap *u, uint16_t seq) {
    int16_t ahead = (int16_t)(uint16_t)(seq - (uint16_t)u->highest);
    return rtp_unwrap_move(u, u->started ? u->highest + ahead : seq);
}

static inline int64_t rtp_unwrap_timestamp(struct rtp_unwrap *u, uint32_t timestamp) {
    int32_t ahead = (int32_t)(timestamp - (uint32_t)u->highest);
    return rtp_unwrap_move(u, u->started ? u->highest + ahead : timestamp);
}
