#include "bwe_world.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { FEEDBACK_MS = 50, PACER_MS = 5, SEQ_SPACE = 65536, NOT_ARRIVED = -1, CLOCK_OFFSET_US = 77000000 };

struct packet {
    int flow; /* -1: cross traffic */
    uint16_t seq;
    unsigned bytes;
    unsigned queued_ms;
};

/* A packet on its way behind the queue, or a feedback on its way back. */
struct flow {
    struct bwe *bwe;
    uint64_t wanted_bps;
    uint16_t next_seq;
    double credit_bits;
    struct bwe_probe probe;
    uint32_t probe_left;
    double probe_credit;
    /* the receiver */
    int64_t arrival_us[SEQ_SPACE]; /* by sequence number; NOT_ARRIVED */
    int64_t last_arrival_us;
    uint16_t reported; /* everything before has been told */
    uint16_t highest;
    bool any;
    /* feedback on its way: what to tell when */
    unsigned due_ms[64];
    uint16_t due_from[64], due_to[64];
    unsigned due_count;
    /* log */
    unsigned *left_bytes; /* per ms */
    float *estimate_kbps;
};

struct bwe_world {
    struct bwe_link link;
    unsigned now_ms;
    struct packet queue[BWE_QUEUE_MAX];
    unsigned queue_first, queue_count;
    size_t queue_bytes;
    double service_bytes;
    double cross_bps, cross_credit;
    uint32_t random;
    unsigned flow_count;
    struct flow flows[BWE_FLOWS_MAX];
    unsigned *waits; /* ms waited by each packet that left */
    unsigned *wait_at_ms;
    size_t wait_count;
};

enum { WAITS_MAX = 400000 };

/* The same numbers in every run. */
static double chance(struct bwe_world *w) {
    w->random = w->random * 1664525 + 1013904223;
    return (double)(w->random >> 8) / (1 << 24);
}

struct bwe_world *bwe_world_new(const struct bwe_link *link, unsigned flows, unsigned seed) {
    struct bwe_world *w = calloc(1, sizeof *w);
    w->link = *link;
    w->random = seed * 2654435761U + 1;
    w->flow_count = flows;
    w->now_ms = 1000;
    w->waits = calloc(WAITS_MAX, sizeof *w->waits);
    w->wait_at_ms = calloc(WAITS_MAX, sizeof *w->wait_at_ms);
    for (unsigned i = 0; i < flows; i++) {
        struct flow *f = &w->flows[i];
        f->bwe = bwe_new(&(struct bwe_options){0}, w->now_ms * 1000ULL);
        f->left_bytes = calloc(BWE_LOG_MS, sizeof *f->left_bytes);
        f->estimate_kbps = calloc(BWE_LOG_MS, sizeof *f->estimate_kbps);
        memset(f->arrival_us, 0xff, sizeof f->arrival_us);
    }
    return w;
}

void bwe_world_free(struct bwe_world *w) {
    for (unsigned i = 0; i < w->flow_count; i++) {
        bwe_free(w->flows[i].bwe);
        free(w->flows[i].left_bytes);
        free(w->flows[i].estimate_kbps);
    }
    free(w->waits);
    free(w->wait_at_ms);
    free(w);
}

struct bwe_link *bwe_world_link(struct bwe_world *w) {
    return &w->link;
}

struct bwe *bwe_world_flow(struct bwe_world *w, unsigned flow) {
    return w->flows[flow].bwe;
}

void bwe_world_want(struct bwe_world *w, unsigned flow, uint64_t bps) {
    w->flows[flow].wanted_bps = bps;
    bwe_set_wanted(w->flows[flow].bwe, bps);
}

void bwe_world_cross(struct bwe_world *w, uint64_t bps) { w->cross_bps = (double)bps; }

unsigned bwe_world_now_ms(const struct bwe_world *w) { return w->now_ms; }

/* ---- senders ---- */

static void enqueue(struct bwe_world *w, const struct packet *p) {
    size_t limit = (size_t)(w->link.rate_bps / 8 * w->link.buffer_ms / 1000);
    if (w->queue_bytes + p->bytes > limit || w->queue_count == BWE_QUEUE_MAX) {
        return;
    }
    w->queue[(w->queue_first + w->queue_count++) % BWE_QUEUE_MAX] = *p;
    w->queue_bytes += p->bytes;
}

static void send_packet(struct bwe_world *w, int flow, uint8_t probe) {
    struct flow *f = &w->flows[flow];
    struct packet p = {.flow = flow, .seq = f->next_seq++, .bytes = BWE_PACKET_BYTES, .queued_ms = w->now_ms};
    f->arrival_us[(uint16_t)(p.seq + SEQ_SPACE / 2)] = NOT_ARRIVED;
    bwe_sent(f->bwe, &(struct bwe_sending){
                         .seq = p.seq, .bytes = (uint16_t)p.bytes, .probe = probe, .now_us = w->now_ms * 1000ULL});
    enqueue(w, &p);
}

/* A tick of the pacer: what the target allows, and a probe's packets at its rate, a millisecond's worth at a time. */
static void send_flow(struct bwe_world *w, int flow) {
    struct flow *f = &w->flows[flow];
    double bits = BWE_PACKET_BYTES * 8;
    if (f->wanted_bps == 0) {
        return;
    }
    if (w->now_ms % PACER_MS == 0) {
        uint64_t target = bwe_target(f->bwe);
        double rate = (double)(target < f->wanted_bps ? target : f->wanted_bps);
        f->credit_bits += rate * PACER_MS / 1000;
        for (; f->credit_bits >= bits && f->probe_left == 0; f->credit_bits -= bits) {
            send_packet(w, flow, 0);
        }
    }
    if (f->probe_left == 0 && bwe_probe_wanted(f->bwe, w->now_ms * 1000ULL, &f->probe)) {
        f->probe_left = f->probe.bytes;
        f->probe_credit = bits;
    }
    f->probe_credit += (double)f->probe.rate_bps / 1000;
    while (f->probe_left > 0 && f->probe_credit >= bits) {
        f->probe_credit -= bits;
        f->probe_left -= f->probe_left < BWE_PACKET_BYTES ? f->probe_left : BWE_PACKET_BYTES;
        f->credit_bits -= bits; /* a probe carries what is to be sent anyway */
        send_packet(w, flow, f->probe.number);
    }
    f->credit_bits = f->credit_bits < -20 * bits ? -20 * bits : f->credit_bits;
}

static void send_cross(struct bwe_world *w) {
    struct packet p = {.flow = -1, .bytes = BWE_PACKET_BYTES, .queued_ms = w->now_ms};
    for (w->cross_credit += w->cross_bps / 8000; w->cross_credit >= BWE_PACKET_BYTES;
         w->cross_credit -= BWE_PACKET_BYTES) {
        enqueue(w, &p);
    }
}

/* ---- the path ---- */

static void arrive(struct bwe_world *w, const struct packet *p) {
    struct flow *f = &w->flows[p->flow];
    if (chance(w) < w->link.loss) {
        return;
    }
    int64_t at = (w->now_ms + w->link.one_way_ms) * 1000LL + (int64_t)(chance(w) * w->link.jitter_ms * 1000);
    if (!w->link.reorders && at < f->last_arrival_us) {
        at = f->last_arrival_us;
    }
    f->last_arrival_us = at;
    f->arrival_us[p->seq] = at;
    if (!f->any || (int16_t)(p->seq - f->highest) > 0) {
        f->highest = p->seq;
        f->any = true;
    }
}

static void serve(struct bwe_world *w) {
    w->service_bytes += (double)w->link.rate_bps / 8000;
    while (w->queue_count > 0) {
        struct packet *p = &w->queue[w->queue_first];
        if (p->bytes > w->service_bytes) {
            return;
        }
        w->service_bytes -= p->bytes;
        w->queue_bytes -= p->bytes;
        w->queue_first = (w->queue_first + 1) % BWE_QUEUE_MAX;
        w->queue_count--;
        if (w->wait_count < WAITS_MAX) {
            w->waits[w->wait_count] = w->now_ms - p->queued_ms;
            w->wait_at_ms[w->wait_count++] = w->now_ms;
        }
        if (p->flow >= 0) {
            w->flows[p->flow].left_bytes[w->now_ms] += p->bytes;
            arrive(w, p);
        }
    }
    w->service_bytes = 0; /* an idle link saves nothing up */
}

/* ---- receivers ---- */

/* What has come by now, from the first packet not told of to the highest; late ones are told again. */
static void report(struct bwe_world *w, struct flow *f) {
    if (!f->any || f->due_count == 64) {
        return;
    }
    uint16_t highest = f->reported;
    for (uint16_t seq = f->reported; (int16_t)(f->highest - seq) >= 0; seq++) {
        if (f->arrival_us[seq] != NOT_ARRIVED && f->arrival_us[seq] <= w->now_ms * 1000LL) {
            highest = (uint16_t)(seq + 1);
        }
    }
    if (highest == f->reported) {
        return;
    }
    f->due_ms[f->due_count] = w->now_ms + w->link.one_way_ms;
    f->due_from[f->due_count] = (uint16_t)(f->reported - 40); /* with those that may have come late */
    f->due_to[f->due_count++] = highest;
    f->reported = highest;
}

static void take_feedback(struct bwe_world *w, struct flow *f) {
    while (f->due_count > 0 && f->due_ms[0] <= w->now_ms) {
        int64_t told_us = (f->due_ms[0] - w->link.one_way_ms) * 1000LL;
        bwe_feedback_begin(f->bwe);
        for (uint16_t seq = f->due_from[0]; seq != f->due_to[0]; seq++) {
            int64_t at = f->arrival_us[seq];
            if (at != NOT_ARRIVED && at <= told_us) {
                bwe_arrived(f->bwe, seq, at + CLOCK_OFFSET_US);
            } else {
                bwe_lost(f->bwe, seq, 1);
            }
        }
        bwe_feedback_end(f->bwe, w->now_ms * 1000ULL);
        f->due_count--;
        memmove(f->due_ms, f->due_ms + 1, f->due_count * sizeof f->due_ms[0]);
        memmove(f->due_from, f->due_from + 1, f->due_count * sizeof f->due_from[0]);
        memmove(f->due_to, f->due_to + 1, f->due_count * sizeof f->due_to[0]);
    }
}

void bwe_world_run(struct bwe_world *w, unsigned ms) {
    for (unsigned end = w->now_ms + ms; w->now_ms < end && w->now_ms < BWE_LOG_MS; w->now_ms++) {
        for (unsigned i = 0; i < w->flow_count; i++) {
            struct flow *f = &w->flows[i];
            take_feedback(w, f);
            bwe_timeout(f->bwe, w->now_ms * 1000ULL);
            send_flow(w, (int)i);
            f->estimate_kbps[w->now_ms] = (float)bwe_estimate(f->bwe) / 1000;
        }
        send_cross(w);
        serve(w);
        for (unsigned i = 0; w->now_ms % FEEDBACK_MS == 0 && i < w->flow_count; i++) {
            report(w, &w->flows[i]);
        }
    }
}

/* ---- the log ---- */

double bwe_world_throughput(const struct bwe_world *w, unsigned flow, unsigned from_ms, unsigned to_ms) {
    double bytes = 0;
    for (unsigned t = from_ms; t < to_ms; t++) {
        bytes += w->flows[flow].left_bytes[t];
    }
    return bytes * 8000 / (to_ms - from_ms);
}

double bwe_world_queue_p95(const struct bwe_world *w, unsigned from_ms, unsigned to_ms) {
    enum { LONGEST = 4000 };
    static unsigned count[LONGEST];
    size_t all = 0, seen = 0;
    memset(count, 0, sizeof count);
    for (size_t i = 0; i < w->wait_count; i++) {
        if (w->wait_at_ms[i] >= from_ms && w->wait_at_ms[i] < to_ms) {
            count[w->waits[i] < LONGEST ? w->waits[i] : LONGEST - 1]++;
            all++;
        }
    }
    for (unsigned ms = 0; ms < LONGEST; ms++) {
        seen += count[ms];
        if (seen * 100 >= all * 95) {
            return ms;
        }
    }
    return LONGEST;
}

unsigned bwe_world_reached(const struct bwe_world *w, unsigned flow, unsigned from_ms, double bps) {
    enum { WINDOW = 500 };
    for (unsigned t = from_ms; t + WINDOW <= w->now_ms; t += 25) {
        if (bwe_world_throughput(w, flow, t, t + WINDOW) >= bps) {
            return t - from_ms;
        }
    }
    return UINT_MAX;
}

unsigned bwe_world_estimate_below(const struct bwe_world *w, unsigned flow, unsigned from_ms, double bps) {
    for (unsigned t = from_ms; t < w->now_ms; t++) {
        if (w->flows[flow].estimate_kbps[t] * 1000 <= bps) {
            return t - from_ms;
        }
    }
    return UINT_MAX;
}
