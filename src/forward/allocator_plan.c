#include "forward/allocator_plan.h"

#include <string.h>

/* Below this many frames a second the smaller picture with its full motion is the better one. */
enum { MOTION_FPS = 10 };

static unsigned shorter_side(const struct allocator_spatial *s) { return s->width < s->height ? s->width : s->height; }

/* Does the layer fill the tile? A ninth of enlargement is not seen. The picture is shown whole, so that one of its sides
 * decides. */
static bool fills(const struct allocator_spatial *s, const struct allocator_slot *slot) {
    bool wide = slot->width != 0 && s->width * 9u >= slot->width * 8u;
    bool high = slot->height != 0 && s->height * 9u >= slot->height * 8u;
    return wide || high;
}

static unsigned fps_of(const struct allocator_spatial *s, unsigned temporal) {
    return (unsigned)s->fps >> (s->temporal_count - 1u - temporal);
}

uint32_t allocator_cost(const struct allocator_source *source, struct allocator_target target) {
    if (source == NULL || target.spatial < 0 || target.temporal < 0 || target.spatial >= source->spatial_count) {
        return 0;
    }
    uint32_t sum = 0;
    for (int i = source->svc ? 0 : target.spatial; i <= target.spatial; i++) {
        const struct allocator_spatial *s = &source->spatial[i];
        if (s->temporal_count != 0) {
            int t = target.temporal < s->temporal_count ? target.temporal : s->temporal_count - 1;
            sum += s->bps[t];
        }
    }
    return sum;
}

/* What costs no less than this and shows less leaves the ladder. */
static void ladder_push(struct plan_ladder *l, struct allocator_target target, uint32_t bps) {
    while (l->top > 0 && l->bps[l->top - 1] >= bps) {
        l->top--;
    }
    l->bps[l->top] = bps;
    l->target[l->top++] = target;
}

static void ladder_make(struct plan_ladder *l, struct allocator_slot *slot) {
    const struct allocator_source *source = slot->source;
    l->top = 0;
    slot->verdict = ALLOCATOR_IDLE;
    for (unsigned i = 0; source != NULL && i < source->spatial_count; i++) {
        const struct allocator_spatial *s = &source->spatial[i];
        if (s->temporal_count == 0 || s->bps[s->temporal_count - 1] == 0) {
            continue;
        }
        if (slot->max_height != 0 && shorter_side(s) > slot->max_height) {
            slot->verdict = ALLOCATOR_CAPPED;
            break;
        }
        for (unsigned t = 0; t < s->temporal_count; t++) {
            bool jerky = l->top > 0 && t + 1u < s->temporal_count && s->fps != 0 && fps_of(s, t) < MOTION_FPS;
            struct allocator_target target = {(int8_t)i, (int8_t)t};
            if (s->bps[t] != 0 && (!jerky || source->screen)) {
                ladder_push(l, target, allocator_cost(source, target));
            }
        }
        if (fills(s, slot)) {
            break;
        }
    }
    slot->wanted = l->top > 0 ? l->target[l->top - 1] : (struct allocator_target){-1, -1};
    if (slot->hidden) {
        l->top = 0;
        slot->wanted = (struct allocator_target){-1, -1};
        slot->verdict = ALLOCATOR_HIDDEN;
    }
}

static unsigned importance(const struct allocator_slot *slot) {
    bool screen = slot->source != NULL && slot->source->screen;
    return (unsigned)slot->priority << 2 | (unsigned)screen << 1 | (unsigned)slot->speaking;
}

void plan_make(struct plan *p, struct allocator_slot *slots, unsigned count) {
    p->count = count;
    for (unsigned i = 0; i < count; i++) {
        ladder_make(&p->ladder[i], &slots[i]);
        p->priority[i] = slots[i].priority;
        unsigned at = i;
        while (at > 0 && importance(&slots[p->order[at - 1]]) < importance(&slots[i])) {
            p->order[at] = p->order[at - 1];
            at--;
        }
        p->order[at] = (uint8_t)i;
    }
}

uint32_t plan_level_bps(const struct plan_ladder *ladder, unsigned level) {
    return level == 0 ? 0 : ladder->bps[level - 1];
}

uint64_t plan_sum(const struct plan *p, const struct plan_result *r) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < p->count; i++) {
        sum += plan_level_bps(&p->ladder[i], r->level[i]);
    }
    return sum;
}

uint8_t plan_level_of(const struct plan_ladder *ladder, const struct allocator_slot *slot) {
    struct allocator_target target = slot->target, step = {-1, -1};
    uint8_t level = 0;
    while (level < ladder->top) {
        struct allocator_target next = ladder->target[level];
        if (next.spatial > target.spatial || (next.spatial == target.spatial && next.temporal > target.temporal)) {
            break;
        }
        step = next;
        level++;
    }
    bool exact = step.spatial == target.spatial && step.temporal == target.temporal;
    bool replaced = !exact && level < ladder->top && ladder->bps[level] <= allocator_cost(slot->source, target);
    return replaced ? (uint8_t)(level + 1) : level;
}

/* The end of the slots of one priority that begin at this place of the order. */
static unsigned class_end(const struct plan *p, unsigned begin) {
    unsigned end = begin;
    while (end < p->count && p->priority[p->order[end]] == p->priority[p->order[begin]]) {
        end++;
    }
    return end;
}

/* One level more for each slot of the class that has the one below, as far as the budget goes. */
static bool raise_class(const struct plan *p, struct plan_result *out, unsigned range[2], unsigned level,
                        uint64_t *left) {
    bool more = false;
    for (unsigned k = range[0]; k < range[1]; k++) {
        unsigned i = p->order[k];
        const struct plan_ladder *l = &p->ladder[i];
        if (out->level[i] + 1u != level || level > l->top) {
            continue;
        }
        uint64_t extra = plan_level_bps(l, level) - plan_level_bps(l, level - 1);
        if (extra <= *left) {
            *left -= extra;
            out->level[i] = (uint8_t)level;
            more = true;
        }
    }
    return more;
}

void plan_fit(const struct plan *p, uint64_t budget_bps, struct plan_result *out) {
    uint64_t left = budget_bps;
    memset(out->level, 0, p->count);
    for (unsigned range[2] = {0, 0}; range[0] < p->count; range[0] = range[1]) {
        range[1] = class_end(p, range[0]);
        unsigned level = 1;
        while (raise_class(p, out, range, level, &left)) {
            level++;
        }
    }
}

/* Who is seen at all, the most important first. 1: a is better, -1: b. */
static int compare_seen(const struct plan *p, const struct plan_result *a, const struct plan_result *b,
                        const unsigned range[2]) {
    for (unsigned k = range[0]; k < range[1]; k++) {
        unsigned i = p->order[k];
        if ((a->level[i] == 0) != (b->level[i] == 0)) {
            return a->level[i] != 0 ? 1 : -1;
        }
    }
    return 0;
}

/* Who of a class has at most so much: the fewer the better, the lowest level first. A slot with all it wants counts
 * nowhere. */
static int compare_levels(const struct plan *p, const struct plan_result *a, const struct plan_result *b,
                          const unsigned range[2]) {
    int fewer[PLAN_STEPS + 1] = {0};
    for (unsigned k = range[0]; k < range[1]; k++) {
        unsigned i = p->order[k];
        if (a->level[i] < p->ladder[i].top) {
            fewer[a->level[i]]--;
        }
        if (b->level[i] < p->ladder[i].top) {
            fewer[b->level[i]]++;
        }
    }
    for (unsigned level = 0; level <= PLAN_STEPS; level++) {
        if (fewer[level] != 0) {
            return fewer[level] > 0 ? 1 : -1;
        }
    }
    return 0;
}

bool plan_better(const struct plan *p, const struct plan_result *a, const struct plan_result *b) {
    for (unsigned range[2] = {0, 0}; range[0] < p->count; range[0] = range[1]) {
        range[1] = class_end(p, range[0]);
        int order = compare_seen(p, a, b, range);
        if (order == 0) {
            order = compare_levels(p, a, b, range);
        }
        if (order != 0) {
            return order > 0;
        }
    }
    return false;
}
