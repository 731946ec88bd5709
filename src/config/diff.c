#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

/* All values of a key as one text, NULL without memory. */
static char *all_values(const struct config_key *key, const struct config *config) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out) {
        return NULL;
    }
    size_t count = config_value_count(key, config);
    for (size_t i = 0; i < count; i++) {
        config_value_format(key, config, i, true, out);
        fputc('\n', out); /* no value contains one */
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static void discard(char *text) {
    if (text) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

static bool differs(const struct config_key *key, const struct config *old, const struct config *now) {
    char *a = all_values(key, old);
    char *b = all_values(key, now);
    bool result = !a || !b || strcmp(a, b) != 0; /* without memory: better once too often */
    discard(a);
    discard(b);
    return result;
}

size_t config_diff(const struct config *old, const struct config *now, struct config_change *out, size_t cap) {
    size_t n = 0;
    for (size_t i = 0; i < config_key_count && n < cap; i++) {
        if (differs(&config_keys[i], old, now)) {
            out[n++] = (struct config_change){.name = config_keys[i].dotted,
                                              .needs_restart = config_keys[i].flags & CONFIG_RESTART};
        }
    }
    return n;
}
