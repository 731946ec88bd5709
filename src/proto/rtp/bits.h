/* Reading bits, the most significant first, with a sticky failure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bits {
    const uint8_t *data; /* borrowed */
    size_t pos, end;     /* in bits */
    bool failed;         /* a read went past the end; every later read gives zero */
};

static inline void bits_init(struct bits *b, const uint8_t *data, size_t len) {
    *b = (struct bits){.data = data, .end = len * 8};
}

static inline size_t bits_left(const struct bits *b) { return b->end - b->pos; }

/* The next n bits, n at most 32. */
static inline uint32_t bits_read(struct bits *b, unsigned n) {
    uint64_t window = 0;
    if (b->failed || b->end - b->pos < n) {
        b->failed = true;
        return 0;
    }
    unsigned skipped = b->pos % 8;
    size_t bytes = (skipped + n + 7) / 8; /* at most five */
    for (size_t i = 0; i < bytes; i++) {
        window = window << 8 | b->data[b->pos / 8 + i];
    }
    b->pos += n;
    return (uint32_t)(window >> (8 * bytes - skipped - n) & ((UINT64_C(1) << n) - 1));
}

static inline bool bits_flag(struct bits *b) { return bits_read(b, 1); }

/* AV1's ns(n): a number below n (n > 0) in as few bits as that takes. */
static inline uint32_t bits_below(struct bits *b, uint32_t n) {
    unsigned w = 0;
    for (uint32_t x = n; x != 0; x >>= 1) {
        w++;
    }
    uint32_t m = (UINT32_C(1) << w) - n;
    uint32_t v = bits_read(b, w - 1);
    return v < m ? v : (v << 1) - m + bits_read(b, 1);
}
