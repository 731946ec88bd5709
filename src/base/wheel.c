#include "base/wheel.h"

#include <stddef.h>

static uint64_t tick_of(uint64_t us) { return us / WHEEL_TICK_US; }

void wheel_init(struct wheel *w, uint64_t now_us) {
    w->now_tick = tick_of(now_us);
    w->count = 0;
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        for (int slot = 0; slot < WHEEL_SLOTS; slot++) {
            list_init(&w->slots[level][slot]);
        }
    }
}

void wheel_timer_init(struct wheel_timer *t) {
    list_init(&t->node);
    t->deadline_tick = 0;
}

bool wheel_timer_pending(const struct wheel_timer *t) { return !list_empty(&t->node); }

/* Level 0 holds the next 64 ticks, level 1 the next 64 * 64, and so on. */
static void insert(struct wheel *w, struct wheel_timer *t) {
    uint64_t horizon = 1ULL << (WHEEL_BITS * WHEEL_LEVELS);
    uint64_t at = t->deadline_tick;
    if (at <= w->now_tick) {
        at = w->now_tick + 1;
    }
    uint64_t delta = at - w->now_tick;
    if (delta >= horizon) {
        at = w->now_tick + horizon - 1;
        delta = horizon - 1;
    }
    int level = 0;
    while (delta >= 1ULL << (WHEEL_BITS * (level + 1))) {
        level++;
    }
    list_push_back(&w->slots[level][at >> (WHEEL_BITS * level) & (WHEEL_SLOTS - 1)], &t->node);
}

void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t deadline_us) {
    if (wheel_timer_pending(t)) {
        list_remove(&t->node);
    } else {
        w->count++;
    }
    t->deadline_tick = deadline_us / WHEEL_TICK_US + (deadline_us % WHEEL_TICK_US != 0);
    insert(w, t);
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t) {
    if (wheel_timer_pending(t)) {
        list_remove(&t->node);
        w->count--;
    }
}

static void move_list(struct list *from, struct list *to) {
    list_init(to);
    if (!list_empty(from)) {
        to->next = from->next;
        to->prev = from->prev;
        to->next->prev = to;
        to->prev->next = to;
        list_init(from);
    }
}

/* Spreads the entries of a higher level over the lower ones when its slot begins. */
static void cascade(struct wheel *w) {
    for (int level = 1; level < WHEEL_LEVELS; level++) {
        if (w->now_tick & ((1ULL << (WHEEL_BITS * level)) - 1)) {
            return;
        }
        struct list batch;
        move_list(&w->slots[level][w->now_tick >> (WHEEL_BITS * level) & (WHEEL_SLOTS - 1)], &batch);
        while (!list_empty(&batch)) {
            struct wheel_timer *t = LIST_ENTRY(batch.next, struct wheel_timer, node);
            list_remove(&t->node);
            if (t->deadline_tick <= w->now_tick) {
                list_push_back(&w->slots[0][w->now_tick & (WHEEL_SLOTS - 1)], &t->node);
            } else {
                insert(w, t);
            }
        }
    }
}

void wheel_advance(struct wheel *w, uint64_t now_us, wheel_fired *fired, void *ctx) {
    uint64_t target = tick_of(now_us);
    if (w->count == 0 && w->now_tick < target) {
        w->now_tick = target;
        return;
    }
    while (w->now_tick < target) {
        struct list due;
        w->now_tick++;
        cascade(w);
        move_list(&w->slots[0][w->now_tick & (WHEEL_SLOTS - 1)], &due);
        while (!list_empty(&due)) {
            struct wheel_timer *t = LIST_ENTRY(due.next, struct wheel_timer, node);
            list_remove(&t->node);
            w->count--;
            fired(t, ctx);
        }
    }
}

uint64_t wheel_deadline_us(const struct wheel *w) {
    if (w->count == 0) {
        return UINT64_MAX;
    }
    for (uint64_t i = 1; i <= WHEEL_SLOTS; i++) {
        uint64_t tick = w->now_tick + i;
        bool cascades = (tick & (WHEEL_SLOTS - 1)) == 0;
        if (cascades || !list_empty(&w->slots[0][tick & (WHEEL_SLOTS - 1)])) {
            return tick * WHEEL_TICK_US;
        }
    }
    return (w->now_tick + WHEEL_SLOTS) * WHEEL_TICK_US;
}
