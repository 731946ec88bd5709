#include "base/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void fill_from_kernel(uint8_t *out, size_t n) {
    while (n > 0) {
        ssize_t got = getrandom(out, n, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            abort(); /* without randomness nothing here is safe */
        }
        out += got;
        n -= (size_t)got;
    }
}

void rng_bytes(void *out, size_t n) {
    static _Thread_local uint8_t pool[256];
    static _Thread_local size_t left;
    uint8_t *p = out;

    if (n > sizeof pool) {
        fill_from_kernel(p, n);
        return;
    }
    if (left < n) {
        fill_from_kernel(pool, sizeof pool);
        left = sizeof pool;
    }
    left -= n;
    memcpy(p, pool + left, n);
    explicit_bzero(pool + left, n);
}

uint32_t rng_u32(void) {
    uint32_t v;
    rng_bytes(&v, sizeof v);
    return v;
}

uint64_t rng_u64(void) {
    uint64_t v;
    rng_bytes(&v, sizeof v);
    return v;
}

uint32_t rng_below(uint32_t bound) {
    uint32_t reject_below = -bound % bound; /* the part of the range that would bias the result */
    for (;;) {
        uint32_t v = rng_u32();
        if (v >= reject_below) {
            return v % bound;
        }
    }
}

void rng_token(char *out, size_t n) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < n; i++) {
        out[i] = alphabet[rng_below(sizeof alphabet - 1)];
    }
    out[n] = '\0';
}
