/* The packets of one encoding, decrypted, kept a while so that receivers can ask for them again (RFC 4585). One block of
 * memory of fixed size, whatever is sent: the oldest bytes give way. A publication owns the cache of each encoding; a
 * slot that may still repeat its packets holds a reference. One thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct cache_options {
    size_t bytes;     /* of packets */
    unsigned packets; /* a power of two, at most 32768 */
    uint64_t age_us;  /* older packets are not given out */
};

struct cache;
/* With one reference. NULL: no memory. */
struct cache *cache_new(const struct cache_options *options);
struct cache *cache_ref(struct cache *c);
void cache_unref(struct cache *c); /* the last one frees; NULL is ignored */
size_t cache_memory_bytes(const struct cache *c);

struct cache_packet {
    const uint8_t *data; /* a whole RTP packet, valid until the next cache_put */
    size_t len;
};

/* Copies a packet with this sequence number; allocates nothing. -EMSGSIZE: longer than a quarter of the cache. */
int cache_put(struct cache *c, uint16_t seq, const struct cache_packet *packet, uint64_t now_us);
/* -ENOENT: never had, too old, or given way. */
int cache_get(const struct cache *c, uint16_t seq, uint64_t now_us, struct cache_packet *out);
