/* The part of forward/allocator without memory: what fits a budget, and which of two results is better. */
#pragma once

#include "forward/allocator.h"

enum { PLAN_STEPS = ALLOCATOR_SPATIAL * ALLOCATOR_TEMPORAL };

/* A slot's ladder: each step costs more than the one before and shows more. Level 0 is nothing, level i is step i - 1. */
struct plan_ladder {
    uint32_t bps[PLAN_STEPS];
    struct allocator_target target[PLAN_STEPS];
    uint8_t top; /* the highest level the slot wants */
};

/* All slots of a receiver, for the length of one update. */
struct plan {
    unsigned count;
    uint8_t order[ALLOCATOR_SLOTS]; /* slots by priority, then by how late they are to go */
    uint8_t priority[ALLOCATOR_SLOTS];
    struct plan_ladder ladder[ALLOCATOR_SLOTS];
};

/* A level per slot. */
struct plan_result {
    uint8_t level[ALLOCATOR_SLOTS];
};

/* Fills in the ladders and the slots' wanted and, for those that get nothing anyhow, verdict. */
void plan_make(struct plan *p, struct allocator_slot *slots, unsigned count);
/* The best that fits. */
void plan_fit(const struct plan *p, uint64_t budget_bps, struct plan_result *out);
uint64_t plan_sum(const struct plan *p, const struct plan_result *r);
/* The level of the slot's target; if that has left the ladder what is better and no dearer, else the next lower one.
 * 0: none. */
uint8_t plan_level_of(const struct plan_ladder *ladder, const struct allocator_slot *slot);
uint32_t plan_level_bps(const struct plan_ladder *ladder, unsigned level);
/* Is a better than b by the allocator's rules? A strict order, so that going from worse to better never comes round. */
bool plan_better(const struct plan *p, const struct plan_result *a, const struct plan_result *b);
