/* The rate: lowered when there is overuse, held while the queue drains, raised otherwise. */
#include "proto/bwe/internal.h"

#include <math.h>

static const double decrease = 0.85;
static const double grow_min = 0.08, grow_max = 0.30,
                    grow_step = 0.06; /* per second; a step more for each calm second */
static const double loss_to_hold = 0.02, loss_to_lower = 0.10;

enum { PACKET_BITS = 1200 * 8, FORGET_LINK_S = 5 };

void rate_limit(struct bwe *b) {
    double min = (double)b->options.min_bps, max = (double)b->options.max_bps;
    b->estimate_bps = b->estimate_bps < min ? min : max > 0 && b->estimate_bps > max ? max : b->estimate_bps;
}

/* ---- where the path was full ---- */

static void learn_link(struct bwe *b, double acked) {
    if (b->link_bps == 0) {
        b->link_bps = acked;
        b->link_deviation = 0.05 * acked;
        return;
    }
    double error = acked - b->link_bps;
    b->link_bps += 0.2 * error;
    b->link_deviation += 0.1 * (fabs(error) - b->link_deviation);
    double least = 0.02 * b->link_bps, most = 0.1 * b->link_bps;
    b->link_deviation = b->link_deviation < least ? least : b->link_deviation > most ? most : b->link_deviation;
}

/* Far above: it is another path now. */
static bool near_link(struct bwe *b) {
    if (b->link_bps == 0) {
        return false;
    }
    if (b->estimate_bps > b->link_bps + 3 * b->link_deviation) {
        b->link_bps = 0;
        return false;
    }
    return b->estimate_bps > b->link_bps - 3 * b->link_deviation;
}

/* ---- steps ---- */

static void lower(struct bwe *b, double to, uint64_t now_us) {
    b->estimate_bps = to < b->estimate_bps ? to : b->estimate_bps;
    b->decreased_us = now_us;
    b->draining = true;
    probe_after_decrease(b, now_us);
}

static void lower_for_delay(struct bwe *b, double acked, uint64_t now_us) {
    uint64_t rest_us = b->rtt_us + 50000 + (uint64_t)(b->queue.standing_ms * 1000);
    /* What was lowered needs time to show, unless it was far from enough. */
    if (acked == 0 || (now_us - b->decreased_us < rest_us && acked > 0.6 * b->estimate_bps)) {
        return;
    }
    if (b->link_bps > 0 && acked < b->link_bps - 3 * b->link_deviation) {
        b->link_bps = 0; /* narrower than before */
    }
    learn_link(b, acked);
    lower(b, decrease * acked, now_us);
}

/* What came is what the path carries, if so much was lost. */
static void lower_for_loss(struct bwe *b, double acked, double excess, uint64_t now_us) {
    if (now_us - b->decreased_us >= b->rtt_us + 300000) {
        double to = b->estimate_bps * (1 - 0.5 * excess);
        lower(b, acked > 0 && acked < to ? acked : to, now_us);
        b->draining = false;
    }
}

/* The longer nothing spoke against it, the faster; and what was once the limit is none any more. */
static double growth(struct bwe *b, uint64_t now_us) {
    double calm_s = (double)(now_us - b->overused_us) / 1e6 - 1;
    double grow = grow_min + grow_step * (calm_s > 0 ? calm_s : 0);
    if (calm_s > FORGET_LINK_S) {
        b->link_bps = 0;
    }
    return grow < grow_max ? grow : grow_max;
}

/* A rate that nobody tries is not proven: no more than half above what came. */
static void raise(struct bwe *b, double acked, double elapsed_s, uint64_t now_us) {
    double raised = b->estimate_bps;
    double grow = growth(b, now_us);
    if (near_link(b)) {
        double response_s = ((double)b->rtt_us / 1e6 + 0.1);
        raised += PACKET_BITS / response_s * elapsed_s;
    } else {
        raised *= 1 + grow * elapsed_s;
        raised += 1000 * elapsed_s;
    }
    double proven = 1.5 * acked + 10000;
    if (raised > proven) {
        raised = b->estimate_bps > proven ? b->estimate_bps : proven;
    }
    b->estimate_bps = raised;
}

/* ---- a feedback ---- */

static bool overused(const struct bwe *b) {
    return (b->usage == BWE_OVERUSE && queue_unusual(&b->queue)) || queue_too_long(&b->queue);
}

/* Drained: nothing stands in the queue that the path's own jitter does not explain. */
static bool drained(const struct bwe *b, uint64_t now_us) {
    return b->queue.standing_ms < 0.3 * b->queue.limit_ms || now_us - b->decreased_us > 1500000;
}

void rate_update(struct bwe *b, uint64_t now_us) {
    double elapsed_s = (double)(now_us - b->changed_us) / 1e6;
    double acked = measure_bps(&b->measure);
    double excess = b->loss.loss - b->loss.own;
    double found = probe_result(b, now_us);
    b->changed_us = now_us;
    elapsed_s = elapsed_s < 1 ? elapsed_s : 1;
    if (b->draining && drained(b, now_us)) {
        b->draining = false;
    }
    if (overused(b)) {
        b->overused_us = now_us;
        lower_for_delay(b, acked, now_us);
    } else if (excess > loss_to_lower) {
        lower_for_loss(b, acked, excess, now_us);
    } else if (found > b->estimate_bps) {
        b->estimate_bps = found;
    } else if (b->usage != BWE_UNDERUSE && !b->draining && excess < loss_to_hold && acked > 0) {
        raise(b, acked, elapsed_s, now_us);
    }
    rate_limit(b);
}
