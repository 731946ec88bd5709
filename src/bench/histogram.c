#include "bench/histogram.h"

#include <math.h>
#include <string.h>

/* Values below 2 << BITS have a bucket each; above, the leading BITS + 1 bits choose it. */
static uint32_t bucket_of(uint64_t value) {
    if (value >> HISTOGRAM_MAX_BITS) {
        return HISTOGRAM_BUCKETS - 1;
    }
    uint32_t top = value ? 63 - (uint32_t)__builtin_clzll(value) : 0;
    uint32_t shift = top > HISTOGRAM_BITS ? top - HISTOGRAM_BITS : 0;
    return (shift << HISTOGRAM_BITS) + (uint32_t)(value >> shift);
}

static uint64_t bucket_upper_edge(uint32_t bucket) {
    uint32_t shift = bucket >> HISTOGRAM_BITS;
    if (shift > 0) {
        shift--;
    }
    uint64_t lead = bucket - (shift << HISTOGRAM_BITS);
    return ((lead + 1) << shift) - 1;
}

void histogram_init(struct histogram *h) {
    memset(h, 0, sizeof *h);
    h->min = UINT64_MAX;
}

void histogram_add(struct histogram *h, uint64_t value, uint64_t times) {
    if (times == 0) {
        return;
    }
    h->counts[bucket_of(value)] += times;
    h->total += times;
    h->sum += value * times;
    h->min = value < h->min ? value : h->min;
    h->max = value > h->max ? value : h->max;
}

void histogram_merge(struct histogram *into, const struct histogram *from) {
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        into->counts[i] += from->counts[i];
    }
    into->total += from->total;
    into->sum += from->sum;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
}

uint64_t histogram_percentile(const struct histogram *h, double percent) {
    if (h->total == 0) {
        return 0;
    }
    uint64_t rank = (uint64_t)ceil((double)h->total * percent / 100.0);
    rank = rank == 0 ? 1 : rank > h->total ? h->total : rank;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        seen += h->counts[i];
        if (seen >= rank) {
            uint64_t edge = bucket_upper_edge(i);
            return edge < h->max ? edge : h->max;
        }
    }
    return h->max;
}

double histogram_mean(const struct histogram *h) { return h->total ? (double)h->sum / (double)h->total : 0.0; }
