/* How often a second a source address may have something. Fixed memory, no state per source: sources that share a
 * bucket share its limit. */
#pragma once

#include "base/addr.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stdint.h>

enum { SOURCE_RATE_BUCKETS = 2048 };

struct source_rate {
    struct hash_key key;
    struct {
        uint32_t second, count;
    } buckets[SOURCE_RATE_BUCKETS];
};

void source_rate_init(struct source_rate *rate);
/* Takes one; false when the source (an IPv4 address, an IPv6 /64) has had `limit` of them within this second already.
 * limit 0: never. */
bool source_rate_take(struct source_rate *rate, const struct addr *source, uint64_t limit, uint64_t now_us);
