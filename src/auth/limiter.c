#include "auth/limiter.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* Each bucket is one number: when it will be full again (the generic cell rate algorithm). A source may be in
 * any of the WAYS places of its set. */
enum { WAYS = 8, SOURCES_MIN = 16, SOURCES_MAX = 1 << 20 };

static const uint64_t minute_us = 60000000;

struct bucket {
    uint64_t tag; /* hash of the source; 0: empty */
    uint64_t full_us;
};

struct auth_limiter {
    struct hash_key key;
    uint64_t step_us;   /* between two tokens; 0: no limit */
    uint64_t window_us; /* from empty to full */
    size_t mask;        /* sets - 1 */
    struct bucket buckets[];
};

struct auth_limiter *auth_limiter_new(size_t sources, uint64_t rate, uint64_t burst) {
    size_t count = SOURCES_MIN;
    while (count < sources && count < SOURCES_MAX) {
        count *= 2;
    }
    struct auth_limiter *l = calloc(1, sizeof *l + count * sizeof(struct bucket));
    if (l) {
        hash_key_random(&l->key);
        l->mask = count / WAYS - 1;
        auth_limiter_set_rate(l, rate, burst);
    }
    return l;
}

void auth_limiter_free(struct auth_limiter *limiter) { free(limiter); }

void auth_limiter_set_rate(struct auth_limiter *limiter, uint64_t rate, uint64_t burst) {
    limiter->step_us = rate == 0 ? 0 : rate >= minute_us ? 1 : minute_us / rate;
    limiter->window_us = limiter->step_us * (burst > 0 ? burst : 1);
}

/* The source's bucket, else the one of its set that is nearest to full. */
static const struct bucket *find(const struct auth_limiter *l, uint64_t tag) {
    const struct bucket *set = &l->buckets[(tag >> 32 & l->mask) * WAYS];
    const struct bucket *best = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].tag == tag) {
            return &set[i];
        }
        if (set[i].full_us < best->full_us) {
            best = &set[i];
        }
    }
    return best;
}

static uint64_t tag_of(const struct auth_limiter *l, const void *key, size_t len) {
    uint64_t tag = hash_bytes(&l->key, key, len);
    return tag ? tag : 1;
}

/* When the bucket would be full again after one more token, or 0 and how long to wait. */
static uint64_t after_one_more(const struct auth_limiter *l, uint64_t full_us, uint64_t now_us, uint32_t *wait_s) {
    uint64_t next = (full_us > now_us ? full_us : now_us) + l->step_us;
    if (next - now_us <= l->window_us) {
        *wait_s = 0;
        return next;
    }
    uint64_t wait_us = next - now_us - l->window_us;
    *wait_s = (uint32_t)((wait_us + 999999) / 1000000);
    return 0;
}

uint32_t auth_limiter_take(struct auth_limiter *limiter, const void *key, size_t len, uint64_t now_us) {
    uint32_t wait_s = 0;
    if (limiter->step_us > 0) {
        uint64_t tag = tag_of(limiter, key, len);
        struct bucket *bucket = (struct bucket *)(uintptr_t)find(limiter, tag);
        uint64_t full_us = bucket->tag == tag ? bucket->full_us : 0;
        uint64_t next = after_one_more(limiter, full_us, now_us, &wait_s);
        if (next > 0) {
            *bucket = (struct bucket){.tag = tag, .full_us = next};
        }
    }
    return wait_s;
}

uint32_t auth_limiter_look(const struct auth_limiter *limiter, const void *key, size_t len, uint64_t now_us) {
    uint32_t wait_s = 0;
    if (limiter->step_us > 0) {
        uint64_t tag = tag_of(limiter, key, len);
        const struct bucket *bucket = find(limiter, tag);
        after_one_more(limiter, bucket->tag == tag ? bucket->full_us : 0, now_us, &wait_s);
    }
    return wait_s;
}

/* A subscriber has a whole /64 (RFC 6177 section 2): the address within says nothing. */
static size_t source_bytes(const struct addr *source) { return source->family == AF_INET6 ? 8 : 4; }

uint32_t auth_limiter_take_addr(struct auth_limiter *limiter, const struct addr *source, uint64_t now_us) {
    return auth_limiter_take(limiter, source->ip, source_bytes(source), now_us);
}

uint32_t auth_limiter_look_addr(const struct auth_limiter *limiter, const struct addr *source, uint64_t now_us) {
    return auth_limiter_look(limiter, source->ip, source_bytes(source), now_us);
}
