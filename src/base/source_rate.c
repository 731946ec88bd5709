#include "base/source_rate.h"

#include <string.h>

void source_rate_init(struct source_rate *rate) {
    memset(rate, 0, sizeof *rate);
    hash_key_random(&rate->key);
}

bool source_rate_take(struct source_rate *rate, const struct addr *source, uint64_t limit, uint64_t now_us) {
    if (limit == 0) {
        return true;
    }
    /* A subscriber has a whole /64 (RFC 6177 section 2): the address within says nothing. */
    size_t len = source->family == AF_INET6 ? 8 : 4;
    uint32_t second = (uint32_t)(now_us / 1000000);
    uint64_t hash = hash_bytes(&rate->key, source->ip, len);
    uint32_t *at = &rate->buckets[hash % SOURCE_RATE_BUCKETS].second;
    uint32_t *count = &rate->buckets[hash % SOURCE_RATE_BUCKETS].count;
    if (*at != second) {
        *at = second;
        *count = 0;
    }
    if (*count >= limit) {
        return false;
    }
    (*count)++;
    return true;
}
