/* Bandwidth limits of users and of all together, as one worker keeps them. A limit is a token bucket that all workers
 * share (relay_hooks.lease). A worker takes blocks of 10 ms' worth from it and spends them on its own, so a packet costs
 * a compare and a subtraction, and no two workers write one cache line per packet. A worker whose block is spent books
 * the next one, so that workers of one user take turns. What they move together exceeds the limit at most by two blocks
 * per worker, and by the burst that the shared bucket grants after a quiet time. Bytes are those of payloads, as the
 * counters of a session have them.
 *
 * No clock and no socket: the time is that of the batch. One thread. */
#pragma once

#include "base/hash.h"
#include "relay/relay.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct relay_meter; /* one user's sessions on this worker */

/* A share of a bucket. */
struct relay_tokens {
    uint64_t bytes;  /* may be moved now */
    uint64_t booked; /* and these from ready_us on */
    uint64_t ready_us;
    uint64_t block; /* taken at a time; 0: no limit */
};

struct relay_bandwidth {
    const struct relay_hooks *hooks;
    struct relay_tokens total;
    uint64_t user_block; /* bytes; 0: users are not limited */
    struct hash_table meters;
    struct hash_key key;
};

enum relay_verdict { RELAY_PASS, RELAY_OVER_USER, RELAY_OVER_TOTAL };

/* hooks: borrowed for life; without lease nothing is limited. */
void relay_bandwidth_init(struct relay_bandwidth *b, const struct relay_hooks *hooks);
/* All meters have been left. */
void relay_bandwidth_deinit(struct relay_bandwidth *b);

/* Bits per second, 0: no limit. What was taken of the shared buckets and not spent is forgotten. */
void relay_bandwidth_set(struct relay_bandwidth *b, uint64_t user_bps, uint64_t total_bps);
bool relay_bandwidth_limits(const struct relay_bandwidth *b);

/* The meter of a user of a realm, left as often as it was joined. NULL: no memory. */
struct relay_meter *relay_meter_join(struct relay_bandwidth *b, const char *realm, const char *user);
void relay_meter_leave(struct relay_bandwidth *b, struct relay_meter *meter);

/* May so many bytes pass? Takes them if so. */
enum relay_verdict relay_meter_take(struct relay_bandwidth *b, struct relay_meter *meter, size_t bytes,
                                    uint64_t now_us);
/* How many bytes, at most want, relay_meter_take would let pass now. 0: none before *wait_us microseconds. */
size_t relay_meter_room(struct relay_bandwidth *b, struct relay_meter *meter, size_t want, uint64_t now_us,
                        uint64_t *wait_us);
