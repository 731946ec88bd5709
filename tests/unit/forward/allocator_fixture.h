/* One receiver with its slots, for tests of the allocator. */
#pragma once

#include "forward/allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TICK_US = 100000 };

/* 150, 500 and 1500 kbit/s, as the SDK publishes them. */
static const struct allocator_source __attribute__((unused)) camera = {
    .spatial_count = 3,
    .spatial = {{320, 180, 30, 3, {60000, 100000, 150000}},
                {640, 360, 30, 3, {200000, 330000, 500000}},
                {1280, 720, 30, 3, {600000, 1000000, 1500000}}},
};
static const struct allocator_source __attribute__((unused))
single = {.spatial_count = 1, .spatial = {{1280, 720, 30, 1, {800000}}}};
static const struct allocator_source __attribute__((unused)) screen = {
    .screen = true,
    .spatial_count = 2,
    .spatial = {{960, 540, 10, 1, {200000}}, {1920, 1080, 10, 2, {600000, 1000000}}},
};
static const struct allocator_source __attribute__((unused)) svc = {
    .svc = true,
    .spatial_count = 3,
    .spatial = {{320, 180, 30, 2, {100000, 150000}},
                {640, 360, 30, 2, {200000, 350000}},
                {1280, 720, 30, 2, {600000, 1000000}}},
};

static struct allocator a;
static struct allocator_slot slots[ALLOCATOR_SLOTS];
static uint64_t now;

static inline int setup(void **state) {
    (void)state;
    memset(slots, 0, sizeof slots);
    now = 1000000;
    return 0;
}

/* n slots with the same source in tiles of full size. */
static inline void bind(unsigned n, const struct allocator_source *source) {
    for (unsigned i = 0; i < n; i++) {
        slots[i].source = source;
    }
    allocator_init(&a, slots, n);
}

/* Updates with one estimate for some time; the number of those that changed something. */
static inline unsigned run(uint64_t estimate_bps, unsigned ms) {
    unsigned changes = 0;
    for (unsigned t = 0; t < ms; t += TICK_US / 1000) {
        changes += allocator_update(&a, estimate_bps, now);
        now += TICK_US;
    }
    return changes;
}

static inline void assert_target(unsigned slot, int spatial, int temporal) {
    if (slots[slot].target.spatial != spatial || slots[slot].target.temporal != temporal) {
        fail_msg("slot %u has %d/%d, not %d/%d", slot, slots[slot].target.spatial, slots[slot].target.temporal, spatial,
                 temporal);
    }
}
