#include "forward/allocator.h"

#include "forward/allocator_plan.h"

#include <string.h>

enum {
    MARGIN_PERCENT = 15, /* an estimate must exceed the need of a rise by so much ... */
    SETTLE_US = 1500000, /* ... for so long */
    SETTLE_MAX_US = 24000000,
    FAILED_US = 8000000,  /* a fall within this time after a rise says that the rise was a mistake */
    STEADY_US = 60000000, /* and that long without another one forgives it */
};

static const struct allocator_target nothing = {-1, -1};

void allocator_slot_reset(struct allocator_slot *slot) {
    slot->target = slot->wanted = nothing;
    slot->verdict = ALLOCATOR_IDLE;
}

void allocator_init(struct allocator *a, struct allocator_slot *slots, unsigned count) {
    *a = (struct allocator){.settle_us = SETTLE_US};
    allocator_resize(a, slots, count);
}

void allocator_resize(struct allocator *a, struct allocator_slot *slots, unsigned count) {
    a->slots = slots;
    for (; a->count < count && a->count < ALLOCATOR_SLOTS; a->count++) {
        allocator_slot_reset(&slots[a->count]);
    }
    a->touched = true;
}

void allocator_touch(struct allocator *a) { a->touched = true; }

/* Bit/s for video. */
static uint64_t budget_of(const struct allocator *a, uint64_t estimate_bps) {
    uint64_t line = a->max_bps != 0 && a->max_bps < estimate_bps ? a->max_bps : estimate_bps;
    return line > a->audio_bps ? line - a->audio_bps : 0;
}

/* What a rise may use. A cap is no estimate and needs no margin. */
static uint64_t cautious(const struct allocator *a, uint64_t estimate_bps) {
    return budget_of(a, estimate_bps * 100 / (100 + MARGIN_PERCENT));
}

/* What is sent does not fit any more: everybody keeps at most what a new division gives. */
static void fall(struct allocator *a, const struct plan *p, struct plan_result *now, uint64_t budget, uint64_t now_us) {
    struct plan_result fits;
    plan_fit(p, budget, &fits);
    for (unsigned i = 0; i < p->count; i++) {
        now->level[i] = fits.level[i] < now->level[i] ? fits.level[i] : now->level[i];
    }
    a->rising = false;
    if (a->raised_us != 0 && now_us - a->raised_us < FAILED_US) {
        a->settle_us = a->settle_us * 2 < SETTLE_MAX_US ? a->settle_us * 2 : SETTLE_MAX_US;
        a->failed_us = now_us;
    }
    a->raised_us = 0;
}

/* The division at the lowest estimate since something better began to fit; it is taken when that has lasted. */
static void rise(struct allocator *a, const struct plan *p, struct plan_result *now, uint64_t estimate_bps,
                 uint64_t now_us) {
    struct plan_result fits;
    if (a->rising) {
        a->rising_bps = estimate_bps < a->rising_bps ? estimate_bps : a->rising_bps;
        plan_fit(p, cautious(a, a->rising_bps), &fits);
        a->rising = plan_better(p, &fits, now);
    }
    if (!a->rising) {
        a->rising_us = now_us;
        a->rising_bps = estimate_bps;
        plan_fit(p, cautious(a, estimate_bps), &fits);
        a->rising = plan_better(p, &fits, now);
    }
    if (a->rising && (a->touched || now_us - a->rising_us >= a->settle_us)) {
        *now = fits;
        a->rising = false;
        /* What the receiver asked for is no guess about its line. */
        a->raised_us = a->touched ? a->raised_us : now_us;
    }
}

/* New tiles get the lowest layer at once, without a margin, if nobody has to give something up for it. */
static void begin(const struct plan *p, struct plan_result *now, uint64_t budget) {
    uint64_t sum = plan_sum(p, now);
    for (unsigned k = 0; k < p->count; k++) {
        unsigned i = p->order[k];
        uint32_t first = plan_level_bps(&p->ladder[i], 1);
        if (now->level[i] == 0 && p->ladder[i].top > 0 && sum + first <= budget) {
            now->level[i] = 1;
            sum += first;
        }
    }
}

static bool publish(struct allocator *a, const struct plan *p, const struct plan_result *now) {
    bool changed = false;
    uint64_t wanted = 0;
    for (unsigned i = 0; i < p->count; i++) {
        struct allocator_slot *slot = &a->slots[i];
        const struct plan_ladder *l = &p->ladder[i];
        struct allocator_target target = now->level[i] == 0 ? nothing : l->target[now->level[i] - 1];
        changed |= target.spatial != slot->target.spatial || target.temporal != slot->target.temporal;
        slot->target = target;
        if (l->top > 0) {
            slot->verdict = now->level[i] > 0 ? ALLOCATOR_SENT : ALLOCATOR_NARROW;
        }
        wanted += plan_level_bps(l, l->top);
    }
    wanted = (wanted + a->audio_bps) * (100 + MARGIN_PERCENT) / 100 + 1;
    a->sum_bps = plan_sum(p, now) + a->audio_bps;
    a->wanted_bps = a->max_bps != 0 && wanted > a->max_bps ? a->max_bps : wanted;
    return changed;
}

bool allocator_update(struct allocator *a, uint64_t estimate_bps, uint64_t now_us) {
    struct plan p;
    struct plan_result now;
    uint64_t budget = budget_of(a, estimate_bps);
    plan_make(&p, a->slots, a->count);
    for (unsigned i = 0; i < p.count; i++) {
        now.level[i] = plan_level_of(&p.ladder[i], &a->slots[i]);
    }
    if (plan_sum(&p, &now) > budget) {
        fall(a, &p, &now, budget, now_us);
    }
    if (a->touched) {
        begin(&p, &now, budget);
    }
    rise(a, &p, &now, estimate_bps, now_us);
    if (now_us - a->failed_us >= STEADY_US) {
        a->settle_us = SETTLE_US;
    }
    a->touched = false;
    return publish(a, &p, &now);
}
