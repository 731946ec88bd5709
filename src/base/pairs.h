/* A short list of key and value strings, packed into one buffer: no allocation, bounded, copied by
 * assignment. Keys are unique; the order is that of first setting. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAIRS_BYTES_MAX = 4096 }; /* keys, values and their terminators together */

struct pairs {
    uint16_t count;
    uint16_t len;
    char data[PAIRS_BYTES_MAX]; /* key \0 value \0 key \0 … */
};

void pairs_init(struct pairs *p);
/* Sets or replaces; an empty value removes the key. -EINVAL for an empty key, -ENOBUFS when it does not
 * fit: the list is then as before. */
int pairs_set(struct pairs *p, const char *key, const char *value);
/* NULL when absent. */
const char *pairs_get(const struct pairs *p, const char *key);
/* Iteration: start with *cursor = 0; false at the end. */
bool pairs_next(const struct pairs *p, size_t *cursor, const char **key, const char **value);
