/* Counters: one block per thread, written only by its thread, summed by whoever reads. */
#pragma once

#include "base/cacheline.h"

#include <stdatomic.h>
#include <stdint.h>

enum metric_type { METRIC_TYPE_COUNTER, METRIC_TYPE_GAUGE };

enum metric_id {
#define METRIC(id, type, name, labels, help) METRIC_##id,
#include "base/metrics.def"
#undef METRIC
    METRIC_COUNT
};

struct metric_info {
    const char *name;   /* without turnout_ */
    const char *labels; /* `transport="udp"` or "" */
    const char *help;
    enum metric_type type;
};

extern const struct metric_info metric_table[METRIC_COUNT];

struct metric_block {
    _Alignas(CACHE_LINE) _Atomic int64_t values[METRIC_COUNT];
    struct metric_block *next;
};

/* This thread's block; made and registered at the first use, kept until the process ends. */
extern _Thread_local struct metric_block *metric_self;
struct metric_block *metrics_register_thread(void);

/* Adds to this thread's share of a counter or gauge (a gauge's shares may be negative; the sum counts). */
static inline void metrics_add(enum metric_id id, int64_t n) {
    struct metric_block *block = metric_self ? metric_self : metrics_register_thread();
    atomic_store_explicit(&block->values[id], atomic_load_explicit(&block->values[id], memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void metrics_inc(enum metric_id id) { metrics_add(id, 1); }

/* The sum over all threads. */
int64_t metrics_read(enum metric_id id);
