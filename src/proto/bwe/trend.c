#include "proto/bwe/trend.h"

#include <math.h>

enum { GROUP_US = 5000, COUNT_MAX = 60, GAP_US = 3000000 };

static const double smoothing = 0.9, gain = 4.0;
static const double threshold_start = 12.5, threshold_min = 6.0, threshold_max = 600.0;
static const double threshold_up = 0.0087, threshold_down = 0.039; /* per ms */
static const double outlier_ms = 15.0;                             /* above the threshold: does not move it */
static const double overuse_ms = 10.0;

void bwe_trend_init(struct bwe_trend *t) { *t = (struct bwe_trend){.threshold_ms = threshold_start}; }

/* The slope of delay over time. */
static double slope(const struct bwe_trend *t) {
    unsigned n = t->count < BWE_TREND_POINTS ? t->count : BWE_TREND_POINTS;
    double time = 0, delay = 0, above = 0, below = 0;
    for (unsigned i = 0; i < n; i++) {
        time += t->points[i].time_ms / n;
        delay += t->points[i].delay_ms / n;
    }
    for (unsigned i = 0; i < n; i++) {
        double dt = t->points[i].time_ms - time;
        above += dt * (t->points[i].delay_ms - delay);
        below += dt * dt;
    }
    return below > 0 ? above / below : 0;
}

static void move_threshold(struct bwe_trend *t, double trend, double elapsed_ms) {
    double size = fabs(trend);
    if (size > t->threshold_ms + outlier_ms) {
        return;
    }
    double k = size < t->threshold_ms ? threshold_down : threshold_up;
    double moved = t->threshold_ms + k * (size - t->threshold_ms) * (elapsed_ms < 100 ? elapsed_ms : 100);
    t->threshold_ms = moved < threshold_min ? threshold_min : moved > threshold_max ? threshold_max : moved;
}

static void judge(struct bwe_trend *t, double send_delta_ms, int64_t now_us) {
    double trend = (t->count < COUNT_MAX ? t->count : COUNT_MAX) * slope(t) * gain;
    if (trend > t->threshold_ms) {
        t->over_ms += t->over_ms == 0 ? send_delta_ms / 2 : send_delta_ms;
        if (t->over_ms > overuse_ms && trend >= t->trend_before) {
            t->over_ms = 0;
            t->usage = BWE_OVERUSE;
        }
    } else {
        t->over_ms = 0;
        t->usage = trend < -t->threshold_ms ? BWE_UNDERUSE : BWE_NORMAL;
    }
    t->trend_before = trend;
    move_threshold(t, trend, (double)(now_us - t->judged_us) / 1000);
    t->judged_us = now_us;
}

static void compare_groups(struct bwe_trend *t) {
    const struct bwe_group *g = &t->group, *before = &t->before;
    double send_ms = (double)(g->last_send_us - before->last_send_us) / 1000;
    double arrival_ms = (double)(g->last_arrival_us - before->last_arrival_us) / 1000;
    t->accumulated_ms += arrival_ms - send_ms;
    t->smoothed_ms = smoothing * t->smoothed_ms + (1 - smoothing) * t->accumulated_ms;
    t->points[t->next].time_ms = (double)(g->last_arrival_us - t->origin_us) / 1000;
    t->points[t->next].delay_ms = t->smoothed_ms;
    t->next = (t->next + 1) % BWE_TREND_POINTS;
    t->count += t->count < COUNT_MAX;
    judge(t, send_ms, g->last_arrival_us);
}

/* In one group with the last packet: sent within 5 ms of its first, or queued up behind it. */
static bool belongs(const struct bwe_group *g, int64_t send_us, int64_t arrival_us) {
    int64_t since_arrival = arrival_us - g->last_arrival_us;
    int64_t less_delay = since_arrival - (send_us - g->last_send_us);
    bool burst = less_delay < 0 && since_arrival <= GROUP_US && arrival_us - g->first_arrival_us < 100000;
    return send_us - g->first_send_us <= GROUP_US || burst;
}

void bwe_trend_add(struct bwe_trend *t, int64_t send_us, int64_t arrival_us) {
    struct bwe_group *g = &t->group;
    int64_t gap = g->used ? arrival_us - g->last_arrival_us : 0;
    if (gap > GAP_US || gap < -GAP_US) {
        bwe_trend_init(t); /* a pause, or another clock */
    }
    if (g->used && belongs(g, send_us, arrival_us)) {
        g->last_send_us = send_us > g->last_send_us ? send_us : g->last_send_us;
        g->last_arrival_us = arrival_us > g->last_arrival_us ? arrival_us : g->last_arrival_us;
        return;
    }
    if (g->used && t->before.used) {
        compare_groups(t);
    } else if (g->used) {
        t->origin_us = t->judged_us = g->last_arrival_us;
    }
    t->before = *g;
    *g = (struct bwe_group){send_us, send_us, arrival_us, arrival_us, true};
}
