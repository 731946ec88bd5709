#include "forward/cache.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where a packet stands: at at % bytes, for as long as less than `bytes` were written since. */
struct place {
    uint64_t at;
    uint64_t put_us;
    uint32_t len; /* 0: nothing here */
    uint16_t seq;
};

struct cache {
    struct place *places; /* by the low bits of the sequence number */
    uint8_t *bytes;
    size_t cap;
    uint64_t age_us;
    uint64_t written; /* bytes since the beginning, skipped ones at the end of the block counted */
    unsigned mask;
    unsigned refs;
};

struct cache *cache_new(const struct cache_options *options) {
    assert(options->packets > 0 && options->packets <= 32768 && (options->packets & (options->packets - 1)) == 0);
    struct cache *c = calloc(1, sizeof *c + options->packets * sizeof(struct place) + options->bytes);
    if (!c) {
        return NULL;
    }
    c->places = (struct place *)(c + 1);
    c->bytes = (uint8_t *)(c->places + options->packets);
    c->cap = options->bytes;
    c->age_us = options->age_us;
    c->mask = options->packets - 1;
    c->refs = 1;
    return c;
}

struct cache *cache_ref(struct cache *c) {
    c->refs++;
    return c;
}

void cache_unref(struct cache *c) {
    if (c && --c->refs == 0) {
        free(c);
    }
}

size_t cache_memory_bytes(const struct cache *c) { return sizeof *c + (c->mask + 1) * sizeof(struct place) + c->cap; }

int cache_put(struct cache *c, uint16_t seq, const struct cache_packet *packet, uint64_t now_us) {
    if (packet->len == 0 || packet->len > c->cap / 4) {
        return -EMSGSIZE;
    }
    size_t at = c->written % c->cap;
    if (c->cap - at < packet->len) { /* packets are not broken in two */
        c->written += c->cap - at;
        at = 0;
    }
    memcpy(c->bytes + at, packet->data, packet->len);
    c->places[seq & c->mask] =
        (struct place){.at = c->written, .put_us = now_us, .len = (uint32_t)packet->len, .seq = seq};
    c->written += packet->len;
    return 0;
}

int cache_get(const struct cache *c, uint16_t seq, uint64_t now_us, struct cache_packet *out) {
    const struct place *p = &c->places[seq & c->mask];
    if (p->len == 0 || p->seq != seq || c->written - p->at > c->cap || now_us - p->put_us > c->age_us) {
        return -ENOENT;
    }
    *out = (struct cache_packet){.data = c->bytes + p->at % c->cap, .len = p->len};
    return 0;
}
