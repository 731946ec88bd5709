/* Counts values in buckets whose width grows with the value, so that every percentile is known within
 * HISTOGRAM_RESOLUTION of itself, in fixed memory. Units are the caller's; the bench uses nanoseconds. */
#pragma once

#include <stdint.h>

enum {
    HISTOGRAM_BITS = 7,      /* 128 buckets per power of two */
    HISTOGRAM_MAX_BITS = 40, /* larger values are counted in the last bucket; the maximum stays exact */
    HISTOGRAM_BUCKETS = (HISTOGRAM_MAX_BITS - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS,
};
/* Largest relative error of a percentile: 1/128. */
#define HISTOGRAM_RESOLUTION (1.0 / (1 << HISTOGRAM_BITS))

struct histogram {
    uint64_t total;
    uint64_t sum;
    uint64_t min; /* exact; UINT64_MAX while empty */
    uint64_t max; /* exact */
    uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t value, uint64_t times);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The smallest value that at least `percent` of all values do not exceed, rounded up to its bucket's
 * upper edge but never above the maximum. 0 when empty. 0 < percent <= 100. */
uint64_t histogram_percentile(const struct histogram *h, double percent);

/* 0 when empty. */
double histogram_mean(const struct histogram *h);
