/* Memory of one thread that others must not slow down: what two threads write often never shares a cache line. */
#pragma once

#include <stdlib.h>
#include <string.h>

enum { CACHE_LINE = 64 };

/* Zeroed, with cache lines of its own. NULL: no memory. free() frees it. */
static inline void *cacheline_alloc(size_t n) {
    size_t whole = (n + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    void *p = aligned_alloc(CACHE_LINE, whole);
    if (p) {
        memset(p, 0, whole);
    }
    return p;
}
