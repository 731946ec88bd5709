/* Token buckets per source in fixed memory: request rates and the lock-out of password guessers. A full table
 * forgets the source nearest to a full bucket, so a flood of sources cannot free a limited one cheaply.
 * One thread. */
#pragma once

#include "base/addr.h"

struct auth_limiter;

/* sources: buckets kept (16 to 1 Mi, rounded up to a power of two, 16 bytes each). rate: tokens per minute, burst: the bucket's
 * size; rate 0 lets everything pass. NULL: no memory. */
struct auth_limiter *auth_limiter_new(size_t sources, uint64_t rate, uint64_t burst);
void auth_limiter_free(struct auth_limiter *limiter);
void auth_limiter_set_rate(struct auth_limiter *limiter, uint64_t rate, uint64_t burst);

/* Takes one token. 0, or the seconds until there is one (Retry-After, at least 1). */
uint32_t auth_limiter_take(struct auth_limiter *limiter, const void *key, size_t len, uint64_t now_us);
/* The same without taking: 0 when one is there. For lock-out: look before the check, take after a failure. */
uint32_t auth_limiter_look(const struct auth_limiter *limiter, const void *key, size_t len, uint64_t now_us);

/* By address without port; an IPv6 source is its /64. */
uint32_t auth_limiter_take_addr(struct auth_limiter *limiter, const struct addr *source, uint64_t now_us);
uint32_t auth_limiter_look_addr(const struct auth_limiter *limiter, const struct addr *source, uint64_t now_us);
