/* Memory that is freed at once: everything a snapshot points to. Wiped when freed, for it holds secrets. */
#pragma once

#include <stddef.h>

struct arena_chunk;
struct arena {
    struct arena_chunk *chunks; /* zero-initialised: empty */
};

/* n zeroed bytes, aligned for any type; NULL: no memory. */
void *arena_alloc(struct arena *arena, size_t n);
/* A terminated copy; NULL: no memory. */
char *arena_text(struct arena *arena, const char *text, size_t len);
void arena_free(struct arena *arena);
