#include "base/pairs.h"

#include <errno.h>
#include <string.h>

void pairs_init(struct pairs *p) {
    p->count = 0;
    p->len = 0;
}

bool pairs_next(const struct pairs *p, size_t *cursor, const char **key, const char **value) {
    if (*cursor >= p->len) {
        return false;
    }
    *key = p->data + *cursor;
    *value = *key + strlen(*key) + 1;
    *cursor = (size_t)(*value - p->data) + strlen(*value) + 1;
    return true;
}

/* Where the pair of that key starts; *end is where it stops. -1 when absent. */
static long find(const struct pairs *p, const char *wanted, size_t *end) {
    const char *key;
    const char *value;
    *end = 0;
    for (size_t start = 0; pairs_next(p, end, &key, &value); start = *end) {
        if (strcmp(key, wanted) == 0) {
            return (long)start;
        }
    }
    return -1;
}

const char *pairs_get(const struct pairs *p, const char *key) {
    size_t end;
    long at = find(p, key, &end);
    return at < 0 ? NULL : p->data + at + strlen(key) + 1;
}

int pairs_set(struct pairs *p, const char *key, const char *value) {
    size_t key_bytes = strlen(key) + 1;
    size_t value_bytes = strlen(value) + 1;
    size_t need = value_bytes > 1 ? key_bytes + value_bytes : 0;
    size_t end;
    if (key_bytes == 1) {
        return -EINVAL;
    }
    long at = find(p, key, &end);
    size_t old = at < 0 ? 0 : end - (size_t)at;
    if (need > PAIRS_BYTES_MAX || p->len - old > PAIRS_BYTES_MAX - need) {
        return -ENOBUFS;
    }
    size_t start = at < 0 ? p->len : (size_t)at;
    memmove(p->data + start + need, p->data + start + old, p->len - start - old);
    if (need > 0) {
        memcpy(p->data + start, key, key_bytes);
        memcpy(p->data + start + key_bytes, value, value_bytes);
    }
    p->len = (uint16_t)(p->len - old + need);
    p->count = (uint16_t)(p->count - (old > 0) + (need > 0));
    return 0;
}
