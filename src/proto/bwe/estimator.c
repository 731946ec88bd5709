/* The machine: packets out, feedback in, the estimate. */
#include "proto/bwe/internal.h"

#include <stdlib.h>

enum { START_BPS = 300000, MIN_BPS = 30000, RTT_US = 100000, SILENCE_US = 1000000, SILENCE_STEP_US = 500000 };

static const double silence_factor = 0.8;
/* Less is sent while the queue is longer than this, down to half at a queue of 200 ms more. */
static const double drain_from_ms = 50, drain_range_ms = 400;

struct bwe *bwe_new(const struct bwe_options *options, uint64_t now_us) {
    struct bwe *b = calloc(1, sizeof *b);
    if (!b) {
        return NULL;
    }
    b->options = *options;
    b->options.start_bps = options->start_bps ? options->start_bps : START_BPS;
    b->options.min_bps = options->min_bps ? options->min_bps : MIN_BPS;
    b->estimate_bps = (double)b->options.start_bps;
    b->rtt_us = RTT_US;
    b->changed_us = b->overused_us = b->heard_us = b->sent_us = now_us;
    b->probing.next_us = now_us;
    b->probing.pause_us = 1000000;
    bwe_trend_init(&b->trend);
    queue_init(&b->queue);
    rate_limit(b);
    return b;
}

void bwe_free(struct bwe *b) { free(b); }

void bwe_set_wanted(struct bwe *b, uint64_t bps) { b->wanted_bps = bps; }

void bwe_set_rtt(struct bwe *b, uint64_t rtt_us) { b->rtt_us = rtt_us < 5000000 ? rtt_us : 5000000; }

/* ---- packets ---- */

static struct sent_packet *place_of(struct bwe *b, uint16_t seq) { return &b->packets[seq % BWE_PACKETS_MAX]; }

void bwe_sent(struct bwe *b, const struct bwe_sending *packet) {
    *place_of(b, packet->seq) = (struct sent_packet){.send_us = packet->now_us,
                                                     .seq = packet->seq,
                                                     .bytes = packet->bytes,
                                                     .probe = packet->probe,
                                                     .state = PACKET_FLYING};
    if (packet->now_us - b->sent_us > SILENCE_US) {
        b->heard_us = packet->now_us; /* after a pause nothing is overdue */
    }
    b->sent_us = packet->now_us;
    probe_sent(b, packet);
}

/* The packet, if nothing is known of it yet, or only that it was missing. */
static struct sent_packet *awaited(struct bwe *b, uint16_t seq) {
    struct sent_packet *p = place_of(b, seq);
    return (p->state == PACKET_FLYING || p->state == PACKET_LOST) && p->seq == seq ? p : NULL;
}

void bwe_feedback_begin(struct bwe *b) { queue_begin(&b->queue); }

/* One that was reported missing may come late. */
void bwe_arrived(struct bwe *b, uint16_t seq, int64_t arrival_us) {
    struct sent_packet *p = awaited(b, seq);
    if (!p) {
        return;
    }
    if (p->state == PACKET_FLYING) {
        b->loss.total++;
    } else if (b->loss.lost > 0) {
        b->loss.lost--;
    }
    p->state = PACKET_LANDED;
    measure_add(&b->measure, arrival_us, p->bytes);
    queue_add(&b->queue, (int64_t)p->send_us, arrival_us);
    bwe_trend_add(&b->trend, (int64_t)p->send_us, arrival_us);
    probe_landed(b, p, arrival_us);
}

void bwe_lost(struct bwe *b, uint16_t seq, uint16_t count) {
    for (uint16_t i = 0; i < count && i < BWE_PACKETS_MAX; i++) {
        struct sent_packet *p = awaited(b, (uint16_t)(seq + i));
        if (p && p->state == PACKET_FLYING) {
            p->state = PACKET_LOST;
            b->loss.total++;
            b->loss.lost++;
            probe_lost(b, p);
        }
    }
}

void bwe_feedback_end(struct bwe *b, uint64_t now_us) {
    b->heard_us = now_us;
    b->usage = b->trend.usage;
    queue_end(&b->queue, now_us, now_us - b->changed_us);
    loss_end(&b->loss, now_us, b->queue.standing_ms);
    rate_update(b, now_us);
}

/* ---- time ---- */

uint64_t bwe_deadline(const struct bwe *b) { return b->sent_us > b->heard_us ? b->heard_us + SILENCE_US : UINT64_MAX; }

void bwe_timeout(struct bwe *b, uint64_t now_us) {
    if (now_us >= bwe_deadline(b)) {
        b->estimate_bps *= silence_factor;
        b->heard_us += SILENCE_STEP_US;
        b->decreased_us = now_us;
        rate_limit(b);
    }
}

/* ---- looking ---- */

uint64_t bwe_estimate(const struct bwe *b) { return (uint64_t)b->estimate_bps; }

uint64_t bwe_target(const struct bwe *b) {
    double over = b->queue.standing_ms - drain_from_ms;
    double factor = over <= 0 ? 1 : over >= drain_range_ms / 2 ? 0.5 : 1 - over / drain_range_ms;
    double target = b->estimate_bps * factor;
    return (uint64_t)(target > (double)b->options.min_bps ? target : (double)b->options.min_bps);
}

void bwe_get_state(const struct bwe *b, struct bwe_state *out) {
    static const char *const names[] = {"normal", "underuse", "overuse"};
    out->acked_bps = (uint64_t)measure_bps(&b->measure);
    out->queue_us = b->queue.standing_ms > 0 ? (uint64_t)(b->queue.standing_ms * 1000) : 0;
    out->loss = b->loss.loss;
    out->own_loss = b->loss.own;
    out->signal = names[b->usage];
}
