#include "config/schema.h"

#include <stdint.h>
#include <string.h>

enum { NAME_MAX_LEN = 48 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Levenshtein distance; names longer than the bound are far from everything. */
static size_t edit_distance(const char *a, const char *b) {
    size_t row[NAME_MAX_LEN + 1];
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > NAME_MAX_LEN || b_len > NAME_MAX_LEN) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(replace, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_len];
}

const char *config_nearest(const char *wanted, const char *(*name)(const void *ctx, size_t i), const void *ctx) {
    const char *best = NULL;
    size_t best_distance = strlen(wanted) / 3 + 2; /* farther is no typing error */
    const char *candidate;
    size_t wanted_len = strlen(wanted);
    for (size_t i = 0; (candidate = name(ctx, i)) != NULL; i++) {
        size_t len = strlen(candidate);
        if ((len > wanted_len ? len - wanted_len : wanted_len - len) >= best_distance) {
            continue; /* that many must be added or taken away */
        }
        size_t distance = edit_distance(wanted, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}
