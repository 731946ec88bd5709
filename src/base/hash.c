#include "base/hash.h"

#include "base/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct hash_slot {
    void *item; /* NULL: free */
    uint32_t hash;
};

enum { SLOTS_MIN = 8 };

void hash_key_random(struct hash_key *key) { rng_bytes(key, sizeof *key); }

static uint64_t rotl(uint64_t x, int b) { return x << b | x >> (64 - b); }

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t n) {
    const uint8_t *in = data;
    uint64_t v[4] = {key->k0 ^ 0x736f6d6570736575ULL, key->k1 ^ 0x646f72616e646f6dULL, key->k0 ^ 0x6c7967656e657261ULL,
                     key->k1 ^ 0x7465646279746573ULL};
    uint64_t last = (uint64_t)n << 56;
    uint64_t word;
    size_t left = n;

    for (; left >= 8; in += 8, left -= 8) {
        memcpy(&word, in, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t)in[i] << (8 * i);
    }
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void hash_table_init(struct hash_table *t) { memset(t, 0, sizeof *t); }

void hash_table_deinit(struct hash_table *t) {
    free(t->slots);
    hash_table_init(t);
}

void *hash_table_find(const struct hash_table *t, uint64_t hash, hash_match *match, const void *wanted) {
    if (!t->slots) {
        return NULL;
    }
    for (uint32_t i = (uint32_t)hash & t->mask; t->slots[i].item; i = (i + 1) & t->mask) {
        if (t->slots[i].hash == (uint32_t)hash && match(t->slots[i].item, wanted)) {
            return t->slots[i].item;
        }
    }
    return NULL;
}

static void place(struct hash_table *t, uint32_t hash, void *item) {
    uint32_t i = hash & t->mask;
    while (t->slots[i].item) {
        i = (i + 1) & t->mask;
    }
    t->slots[i] = (struct hash_slot){.item = item, .hash = hash};
}

static int grow(struct hash_table *t) {
    struct hash_table bigger = {.mask = t->slots ? t->mask * 2 + 1 : SLOTS_MIN - 1, .count = t->count};
    bigger.slots = calloc((size_t)bigger.mask + 1, sizeof *bigger.slots);
    if (!bigger.slots) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; t->slots && i <= t->mask; i++) {
        if (t->slots[i].item) {
            place(&bigger, t->slots[i].hash, t->slots[i].item);
        }
    }
    free(t->slots);
    *t = bigger;
    return 0;
}

int hash_table_insert(struct hash_table *t, uint64_t hash, void *item) {
    /* At most three quarters full. */
    if (!t->slots || (uint64_t)(t->count + 1) * 4 > ((uint64_t)t->mask + 1) * 3) {
        int rc = grow(t);
        if (rc < 0) {
            return rc;
        }
    }
    place(t, (uint32_t)hash, item);
    t->count++;
    return 0;
}

/* Closes the gap at i: later entries of the same run move back, so that no marks are needed. */
static void close_gap(struct hash_table *t, uint32_t i) {
    for (uint32_t j = (i + 1) & t->mask; t->slots[j].item; j = (j + 1) & t->mask) {
        uint32_t home = t->slots[j].hash & t->mask;
        if (((j - home) & t->mask) >= ((j - i) & t->mask)) {
            t->slots[i] = t->slots[j];
            i = j;
        }
    }
    t->slots[i].item = NULL;
}

bool hash_table_remove(struct hash_table *t, uint64_t hash, const void *item) {
    if (!t->slots) {
        return false;
    }
    for (uint32_t i = (uint32_t)hash & t->mask; t->slots[i].item; i = (i + 1) & t->mask) {
        if (t->slots[i].item == item) {
            close_gap(t, i);
            t->count--;
            return true;
        }
    }
    return false;
}

void *hash_table_next(const struct hash_table *t, uint32_t *cursor) {
    while (t->slots && *cursor <= t->mask) {
        void *item = t->slots[(*cursor)++].item;
        if (item) {
            return item;
        }
    }
    return NULL;
}
