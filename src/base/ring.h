/* Bounded lock-free queue between threads: many producers, one consumer, slots of a fixed size that
 * are written and read in place. A full ring refuses; nobody waits. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ring;

/* slots is rounded up to a power of two; slot_bytes is what one message may hold. NULL: no memory. */
struct ring *ring_new(size_t slots, size_t slot_bytes);
void ring_free(struct ring *r);

/* Producer: room for one message, or NULL when full. Every claimed slot must be committed, soon. */
void *ring_claim(struct ring *r);
void ring_commit(struct ring *r, void *message);

/* Consumer: the oldest message, or NULL. It stays valid until ring_release. */
void *ring_peek(struct ring *r);
/* The one that comes `after` messages later, when those before it are there too. */
void *ring_peek_after(struct ring *r, size_t after);
void ring_release(struct ring *r);
