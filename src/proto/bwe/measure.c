/* What the feedback says apart from the trend: how much came, how long the queue is, how much was lost. */
#include "proto/bwe/internal.h"

#include <string.h>

/* ---- what came ---- */

enum { MEASURED = 12, MEASURED_MIN = 4 }; /* buckets of the window: 300 ms, at least 100 */

static int64_t bucket_of(int64_t arrival_us) {
    return arrival_us >= 0 ? arrival_us / MEASURE_BUCKET_US : (arrival_us - MEASURE_BUCKET_US + 1) / MEASURE_BUCKET_US;
}

static uint32_t *place_of(struct measure *m, int64_t bucket) {
    return &m->bytes[((bucket % MEASURE_BUCKETS) + MEASURE_BUCKETS) % MEASURE_BUCKETS];
}

void measure_add(struct measure *m, int64_t arrival_us, uint32_t bytes) {
    int64_t bucket = bucket_of(arrival_us);
    if (!m->used || bucket >= m->newest + MEASURE_BUCKETS || bucket <= m->newest - MEASURE_BUCKETS) {
        *m = (struct measure){.used = true, .newest = bucket, .oldest = bucket};
    }
    while (m->newest < bucket) {
        *place_of(m, ++m->newest) = 0;
    }
    *place_of(m, bucket) += bytes;
}

/* The newest bucket is not full yet and does not count. */
double measure_bps(const struct measure *m) {
    int64_t buckets = m->newest - m->oldest < MEASURED ? m->newest - m->oldest : MEASURED;
    uint64_t bytes = 0;
    if (!m->used || buckets < MEASURED_MIN) {
        return 0;
    }
    for (int64_t i = 1; i <= buckets; i++) {
        bytes += *place_of((struct measure *)(uintptr_t)m, m->newest - i);
    }
    return (double)bytes * 8 * 1e6 / ((double)buckets * MEASURE_BUCKET_US);
}

/* ---- the queue ---- */

enum { BASE_US = 10 * 1000000, PACKETS_MIN = 3 };
static const double limit_min_ms = 40, limit_max_ms = 200, unusual_min_ms = 8, jitter_max_ms = 25;

void queue_init(struct queue_watch *q) {
    memset(q, 0, sizeof *q);
    q->limit_ms = limit_min_ms;
}

void queue_begin(struct queue_watch *q) {
    /* A feedback of few packets is judged together with the next. */
    if (q->packets >= PACKETS_MIN) {
        q->packets = 0;
    }
}

void queue_add(struct queue_watch *q, int64_t send_us, int64_t arrival_us) {
    int64_t delay = arrival_us - send_us;
    if (q->packets == 0) {
        q->first_us = delay;
        q->sum_us = 0;
    }
    q->sum_us += delay - q->first_us;
    q->least_us = q->packets == 0 || delay < q->least_us ? delay : q->least_us;
    q->packets++;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Others may keep the queue full whatever we do: then the limit rises, so that they do not starve us. */
static void move_limit(struct queue_watch *q, double elapsed_s) {
    double k = q->standing_ms > q->limit_ms ? 0.05 : 0.3;
    double moved = q->limit_ms + k * (q->standing_ms - q->limit_ms) * (elapsed_s < 1 ? elapsed_s : 1);
    q->limit_ms = moved < limit_min_ms ? limit_min_ms : moved > limit_max_ms ? limit_max_ms : moved;
}

static void learn_usual(struct queue_watch *q) {
    double error = q->standing_ms - q->usual_ms;
    q->usual_ms += 0.05 * error;
    q->deviation_ms += 0.05 * ((error < 0 ? -error : error) - q->deviation_ms);
}

void queue_end(struct queue_watch *q, uint64_t now_us, uint64_t elapsed_us) {
    if (q->packets < PACKETS_MIN) {
        return;
    }
    if (!q->used) {
        q->used = true;
        q->base_us[0] = q->base_us[1] = q->least_us;
        q->base_since_us = now_us;
    }
    if (now_us - q->base_since_us > BASE_US) {
        q->base_us[1] = q->base_us[0];
        q->base_us[0] = q->least_us;
        q->base_since_us = now_us;
    }
    q->base_us[0] = least(q->base_us[0], q->least_us);
    q->standing_ms = (double)(q->least_us - least(q->base_us[0], q->base_us[1])) / 1000;
    double spread = (double)(q->first_us + q->sum_us / q->packets - q->least_us) / 1000;
    q->spread_ms += 0.1 * (spread - q->spread_ms);
    learn_usual(q);
    move_limit(q, (double)elapsed_us / 1e6);
}

bool queue_unusual(const struct queue_watch *q) {
    return q->standing_ms > unusual_min_ms && q->standing_ms > q->usual_ms + 1.5 * q->deviation_ms + 0.7 * q->spread_ms;
}

/* Where jitter keeps packets from ever coming at their least delay, that does not count as a queue. */
bool queue_too_long(const struct queue_watch *q) {
    double jitter = q->spread_ms < jitter_max_ms ? q->spread_ms : jitter_max_ms;
    return q->standing_ms > q->limit_ms + jitter;
}

/* ---- loss ---- */

enum { LOOK_US = 250000, LOOK_PACKETS = 20 };
static const double own_max = 0.10, no_queue_ms = 20;

void loss_end(struct loss_watch *l, uint64_t now_us, double queue_ms) {
    if (l->total < LOOK_PACKETS || now_us - l->looked_us < LOOK_US) {
        return;
    }
    double seen = (double)l->lost / l->total;
    l->loss = l->used ? l->loss + 0.3 * (seen - l->loss) : seen;
    double own = seen < own_max ? seen : own_max;
    if (queue_ms < no_queue_ms || own < l->own) {
        l->own = l->used ? l->own + (own < l->own ? 0.2 : 0.1) * (own - l->own) : own;
    }
    l->used = true;
    l->lost = l->total = 0;
    l->looked_us = now_us;
}
