#include "base/ring.h"

#include "base/cacheline.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Each slot carries a sequence number (a bounded queue after D. Vyukov): equal to the position, it is
 * free for that position's producer; one more, it is full. */
struct slot_head {
    _Atomic size_t sequence;
    size_t position; /* of the claim, for commit */
};

struct ring {
    size_t mask;
    size_t stride;
    uint8_t *slots;
    _Alignas(CACHE_LINE) _Atomic size_t tail; /* producers */
    _Alignas(CACHE_LINE) size_t head;         /* the consumer */
};

static struct slot_head *slot_at(struct ring *r, size_t position) {
    return (struct slot_head *)(void *)(r->slots + (position & r->mask) * r->stride);
}

struct ring *ring_new(size_t slots, size_t slot_bytes) {
    size_t count = 2;
    while (count < slots) {
        count *= 2;
    }
    struct ring *r = aligned_alloc(CACHE_LINE, sizeof *r);
    if (!r) {
        return NULL;
    }
    r->mask = count - 1;
    r->stride = (sizeof(struct slot_head) + slot_bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    r->slots = aligned_alloc(CACHE_LINE, count * r->stride);
    if (!r->slots) {
        free(r);
        return NULL;
    }
    atomic_init(&r->tail, 0);
    r->head = 0;
    for (size_t i = 0; i < count; i++) {
        atomic_init(&slot_at(r, i)->sequence, i);
    }
    return r;
}

void ring_free(struct ring *r) {
    if (r) {
        free(r->slots);
        free(r);
    }
}

void *ring_claim(struct ring *r) {
    size_t position = atomic_load_explicit(&r->tail, memory_order_relaxed);
    for (;;) {
        struct slot_head *slot = slot_at(r, position);
        size_t sequence = atomic_load_explicit(&slot->sequence, memory_order_acquire);
        if (sequence == position) {
            if (atomic_compare_exchange_weak_explicit(&r->tail, &position, position + 1, memory_order_relaxed,
                                                      memory_order_relaxed)) {
                slot->position = position;
                return slot + 1;
            }
        } else if ((ptrdiff_t)(sequence - position) < 0) {
            return NULL;
        } else {
            position = atomic_load_explicit(&r->tail, memory_order_relaxed);
        }
    }
}

void ring_commit(struct ring *r, void *message) {
    struct slot_head *slot = (struct slot_head *)message - 1;
    (void)r;
    atomic_store_explicit(&slot->sequence, slot->position + 1, memory_order_release);
}

void *ring_peek(struct ring *r) { return ring_peek_after(r, 0); }

void *ring_peek_after(struct ring *r, size_t after) {
    struct slot_head *slot = slot_at(r, r->head + after);
    return atomic_load_explicit(&slot->sequence, memory_order_acquire) == r->head + after + 1 ? slot + 1 : NULL;
}

void ring_release(struct ring *r) {
    struct slot_head *slot = slot_at(r, r->head);
    atomic_store_explicit(&slot->sequence, r->head + r->mask + 1, memory_order_release);
    r->head++;
}
