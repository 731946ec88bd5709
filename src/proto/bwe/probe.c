/* Probes: bursts above the estimate, and what came of them. */
#include "proto/bwe/internal.h"

enum {
    WAIT_US = 800000,
    PAUSE_MIN_US = 1000000,
    PAUSE_MAX_US = 4000000,
    AFTER_DECREASE_US = 1500000,
    LENGTH_MAX_US = 60000
};
static const double step = 2.0, first_step = 3.0, saturated = 0.9, enough = 0.8;

static struct probe_run *find(struct bwe *b, uint8_t number) {
    for (int i = 0; number != 0 && i < PROBES_MAX; i++) {
        if (b->probing.runs[i].number == number) {
            return &b->probing.runs[i];
        }
    }
    return NULL;
}

void probe_sent(struct bwe *b, const struct bwe_sending *packet) {
    struct probe_run *run = find(b, packet->probe);
    if (!run || run->packets == UINT8_MAX) {
        return;
    }
    if (run->packets++ == 0) {
        run->first_send_us = packet->now_us;
    }
    run->last_send_us = packet->now_us;
    run->sent_bytes += packet->bytes;
    run->last_sent_bytes = packet->bytes;
}

void probe_landed(struct bwe *b, const struct sent_packet *packet, int64_t arrival_us) {
    struct probe_run *run = find(b, packet->probe);
    if (!run) {
        return;
    }
    if (run->landed++ == 0) {
        run->first_arrival_us = run->last_arrival_us = arrival_us;
        run->first_landed_bytes = packet->bytes;
    }
    if (arrival_us < run->first_arrival_us) {
        run->first_arrival_us = arrival_us;
    }
    run->last_arrival_us = arrival_us > run->last_arrival_us ? arrival_us : run->last_arrival_us;
    run->landed_bytes += packet->bytes;
}

void probe_lost(struct bwe *b, const struct sent_packet *packet) {
    struct probe_run *run = find(b, packet->probe);
    if (run) {
        run->lost++;
    }
}

/* The rate at which the burst came, as far as it was sent so fast. 0: too little came. */
static double rate_of(const struct probe_run *run) {
    double sent_us = (double)(run->last_send_us - run->first_send_us);
    double came_us = (double)(run->last_arrival_us - run->first_arrival_us);
    if (run->landed < BWE_PROBE_PACKETS_MIN - 1 || run->landed < enough * run->packets || sent_us <= 0 ||
        came_us <= 0) {
        return 0;
    }
    double sent = (run->sent_bytes - run->last_sent_bytes) * 8e6 / sent_us;
    double came = (run->landed_bytes - run->first_landed_bytes) * 8e6 / came_us;
    return came < saturated * sent ? 0.95 * came : came < sent ? came : sent;
}

static void plan_next(struct bwe *b, const struct probe_run *run, double found, uint64_t now_us) {
    struct probing *p = &b->probing;
    if (found > 0.7 * (double)run->rate_bps && found > b->estimate_bps) {
        p->pause_us = PAUSE_MIN_US;
        p->next_us = now_us; /* there may be more */
        return;
    }
    p->next_us = now_us + p->pause_us;
    p->pause_us = p->pause_us * 2 < PAUSE_MAX_US ? p->pause_us * 2 : PAUSE_MAX_US;
}

double probe_result(struct bwe *b, uint64_t now_us) {
    double best = 0;
    for (int i = 0; i < PROBES_MAX; i++) {
        struct probe_run *run = &b->probing.runs[i];
        bool all = run->sent_bytes >= run->bytes && run->packets > 0 && run->landed + run->lost >= run->packets;
        if (run->number == 0 || (!all && now_us - run->begun_us < WAIT_US)) {
            continue;
        }
        double found = rate_of(run);
        plan_next(b, run, found, now_us);
        best = found > best ? found : best;
        run->number = 0;
    }
    return best;
}

void probe_after_decrease(struct bwe *b, uint64_t now_us) {
    b->probing.pause_us = PAUSE_MIN_US;
    b->probing.next_us = now_us + AFTER_DECREASE_US;
}

static struct probe_run *free_run(struct bwe *b) {
    struct probe_run *place = NULL;
    for (int i = 0; i < PROBES_MAX; i++) {
        if (b->probing.runs[i].number != 0) {
            return NULL; /* one at a time */
        }
        place = &b->probing.runs[i];
    }
    return place;
}

bool bwe_probe_wanted(struct bwe *b, uint64_t now_us, struct bwe_probe *out) {
    struct probing *p = &b->probing;
    (void)probe_result(b, now_us); /* forgets what nobody answered */
    struct probe_run *run = free_run(b);
    if (!run || now_us < p->next_us || (double)b->wanted_bps < 1.05 * b->estimate_bps || b->draining ||
        b->queue.standing_ms > b->queue.limit_ms / 2) {
        return false;
    }
    double rate = b->estimate_bps * (p->number == 0 ? first_step : step);
    double most = 2.0 * (double)b->wanted_bps;
    rate = rate < most ? rate : most;
    p->number = p->number == UINT8_MAX ? 1 : (uint8_t)(p->number + 1);
    *run = (struct probe_run){.number = p->number, .rate_bps = (uint64_t)rate, .begun_us = now_us};
    /* Jitter blurs a short burst. */
    double length_us = BWE_PROBE_US + 2000 * b->queue.spread_ms;
    run->bytes = (uint32_t)(rate / 8e6 * (length_us < LENGTH_MAX_US ? length_us : LENGTH_MAX_US));
    run->bytes = run->bytes > BWE_PROBE_PACKETS_MIN * 1200 ? run->bytes : BWE_PROBE_PACKETS_MIN * 1200;
    *out = (struct bwe_probe){run->number, run->rate_bps, run->bytes};
    return true;
}
