/* Hierarchical timing wheel: constant-time add, move and cancel, no allocation. Deadlines are rounded
 * up to a tick, so a timer never fires early. One thread. */
#pragma once

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

enum { WHEEL_TICK_US = 1 << 16 /* 65.5 ms */, WHEEL_BITS = 6, WHEEL_SLOTS = 1 << WHEEL_BITS, WHEEL_LEVELS = 5 };

struct wheel_timer {
    struct list node;
    uint64_t deadline_tick;
};

struct wheel {
    uint64_t now_tick;
    uint64_t count;
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* Called with the timer already out of the wheel; it may add or cancel any timer. */
typedef void wheel_fired(struct wheel_timer *timer, void *ctx);

void wheel_init(struct wheel *w, uint64_t now_us);
void wheel_timer_init(struct wheel_timer *t);
bool wheel_timer_pending(const struct wheel_timer *t);
/* Adds or moves a timer. Deadlines beyond the wheel (about 814 days) fire at its end. */
void wheel_set(struct wheel *w, struct wheel_timer *t, uint64_t deadline_us);
void wheel_cancel(struct wheel *w, struct wheel_timer *t);
/* Fires all that is due at now_us. */
void wheel_advance(struct wheel *w, uint64_t now_us, wheel_fired *fired, void *ctx);
/* When to call wheel_advance next: never later than the first deadline, perhaps earlier (a cascade).
 * UINT64_MAX when no timer is pending. */
uint64_t wheel_deadline_us(const struct wheel *w);
