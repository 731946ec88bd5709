/* Keyed hashing (SipHash-1-3: an outsider cannot choose colliding keys) and a hash table of pointers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_key {
    uint64_t k0, k1;
};

void hash_key_random(struct hash_key *key);
uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t n);

/* Does the item match what is looked for? */
typedef bool hash_match(const void *item, const void *wanted);

/* Open addressing with linear probing and stored hashes; holds borrowed pointers, one allocation that
 * grows. An empty table owns no memory. */
struct hash_table {
    struct hash_slot *slots;
    uint32_t mask; /* slots - 1, or 0 without memory */
    uint32_t count;
};

void hash_table_init(struct hash_table *t);
void hash_table_deinit(struct hash_table *t); /* frees the slots, not the items */
void *hash_table_find(const struct hash_table *t, uint64_t hash, hash_match *match, const void *wanted);
/* Does not look for an equal item first. -ENOMEM. */
int hash_table_insert(struct hash_table *t, uint64_t hash, void *item);
/* Removes that very pointer. False when it is not there. */
bool hash_table_remove(struct hash_table *t, uint64_t hash, const void *item);
/* Iteration: start with *cursor = 0; NULL at the end. Do not insert or remove meanwhile. */
void *hash_table_next(const struct hash_table *t, uint32_t *cursor);
