/* Bandwidth estimation at the sender of one transport, from transport-wide feedback: how much the path carries now.
 * After draft-ietf-rmcat-gcc-02 (trend of one-way delay, additive and multiplicative increase, loss), with four changes:
 *   - the standing queue (the least delay of a feedback's packets over the least of the last ten seconds) is a signal of
 *     its own, so that a queue that grows too slowly for the trend is noticed, and jitter is not taken for one;
 *   - while that queue is long, less than the estimate may be sent, so that it drains;
 *   - loss that comes without a queue is taken for the path's own after a while, and does not hold the rate down;
 *   - probes go on, four seconds apart at most, while more is wanted than the estimate allows.
 *
 * A machine without a clock: time is passed in. Rates are bits per second of whole datagrams, IP and UDP included. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BWE_PACKETS_MAX = 1024, /* sent and not yet told of; older ones are forgotten */
    BWE_PROBE_PACKETS_MIN = 5,
    BWE_PROBE_US = 15000, /* how long a probe lasts at its rate */
};

struct bwe_options {
    uint64_t start_bps; /* 0: 300,000 */
    uint64_t min_bps;   /* 0: 30,000; the estimate never falls below */
    uint64_t max_bps;   /* 0: none */
};

/* 21 kB. NULL: no memory. */
struct bwe *bwe_new(const struct bwe_options *options, uint64_t now_us);
void bwe_free(struct bwe *b);

/* What the caller would send if it could; 0: as little as now. Decides whether probes are made and whether a rate that
 * was not reached counts. */
void bwe_set_wanted(struct bwe *b, uint64_t bps);
/* From RTCP reports; without one 100 ms are assumed. */
void bwe_set_rtt(struct bwe *b, uint64_t rtt_us);

/* A packet of that transport-wide sequence number leaves. probe: the number of the probe it belongs to, or 0. */
struct bwe_sending {
    uint16_t seq;
    uint16_t bytes;
    uint8_t probe;
    uint64_t now_us;
};
void bwe_sent(struct bwe *b, const struct bwe_sending *packet);

/* One feedback message: begin, each packet it tells of in the order of sequence numbers, end. arrival_us is of the
 * receiver's clock. Packets that are not known any more are passed over. */
void bwe_feedback_begin(struct bwe *b);
void bwe_arrived(struct bwe *b, uint16_t seq, int64_t arrival_us);
void bwe_lost(struct bwe *b, uint16_t seq, uint16_t count);
void bwe_feedback_end(struct bwe *b, uint64_t now_us);

/* When bwe_timeout is due; UINT64_MAX: never. Nothing heard for a second: the estimate falls. */
uint64_t bwe_deadline(const struct bwe *b);
void bwe_timeout(struct bwe *b, uint64_t now_us);

/* What the path carries. */
uint64_t bwe_estimate(const struct bwe *b);
/* What may be sent now: the estimate, or less while a queue drains. */
uint64_t bwe_target(const struct bwe *b);

/* A burst above the estimate, to learn whether the path carries more: so many bytes at that rate, in at least
 * BWE_PROBE_PACKETS_MIN packets sent as number. */
struct bwe_probe {
    uint8_t number; /* 1 to 255 */
    uint64_t rate_bps;
    uint32_t bytes;
};
/* True: this probe is to be sent now. */
bool bwe_probe_wanted(struct bwe *b, uint64_t now_us, struct bwe_probe *out);

/* For statistics and logs. */
struct bwe_state {
    uint64_t acked_bps; /* what has come lately */
    uint64_t queue_us;  /* standing */
    double loss;        /* 0 to 1, smoothed */
    double own_loss;    /* of that, what the path loses anyway */
    const char *signal; /* "normal", "overuse", "underuse" */
};
void bwe_get_state(const struct bwe *b, struct bwe_state *out);
