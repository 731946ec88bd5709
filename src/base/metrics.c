#include "base/metrics.h"

#include <stdlib.h>
#include <string.h>

const struct metric_info metric_table[METRIC_COUNT] = {
#define METRIC(id, type, name, labels, help) {name, labels, help, METRIC_TYPE_##type},
#include "base/metrics.def"
#undef METRIC
};

_Thread_local struct metric_block *metric_self;
static struct metric_block *_Atomic all_blocks;

struct metric_block *metrics_register_thread(void) {
    struct metric_block *block = cacheline_alloc(sizeof *block);
    if (!block) {
        abort();
    }
    block->next = atomic_load(&all_blocks);
    while (!atomic_compare_exchange_weak(&all_blocks, &block->next, block)) {
    }
    metric_self = block;
    return block;
}

int64_t metrics_read(enum metric_id id) {
    int64_t sum = 0;
    for (struct metric_block *b = atomic_load(&all_blocks); b; b = b->next) {
        sum += atomic_load_explicit(&b->values[id], memory_order_relaxed);
    }
    return sum;
}
