/* A bottleneck in virtual time, in steps of a millisecond: a queue of bounded length served at a rate that changes, loss,
 * jitter, and flows whose senders follow a struct bwe. Feedback comes back every 50 ms. */
#pragma once

#include "proto/bwe/bwe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BWE_FLOWS_MAX = 2, BWE_QUEUE_MAX = 8192, BWE_LOG_MS = 200000, BWE_PACKET_BYTES = 1200 };

struct bwe_link {
    uint64_t rate_bps;
    unsigned buffer_ms;  /* at the present rate; more is dropped */
    unsigned one_way_ms; /* without the queue */
    double loss;         /* random, behind the queue */
    unsigned jitter_ms;  /* uniform, behind the queue */
    bool reorders;       /* by its jitter; otherwise packets keep their order */
};

struct bwe_world;

/* The same seed gives the same losses and jitter. */
struct bwe_world *bwe_world_new(const struct bwe_link *link, unsigned flows, unsigned seed);
void bwe_world_free(struct bwe_world *w);
/* The path may be changed at any time. */
struct bwe_link *bwe_world_link(struct bwe_world *w);
struct bwe *bwe_world_flow(struct bwe_world *w, unsigned flow);
/* What the flow would send if it could; 0: nothing, it is silent. */
void bwe_world_want(struct bwe_world *w, unsigned flow, uint64_t bps);
/* Traffic that heeds nobody. */
void bwe_world_cross(struct bwe_world *w, uint64_t bps);
void bwe_world_run(struct bwe_world *w, unsigned ms);
unsigned bwe_world_now_ms(const struct bwe_world *w);

/* Of what left the queue between two times: */
double bwe_world_throughput(const struct bwe_world *w, unsigned flow, unsigned from_ms, unsigned to_ms); /* bit/s */
/* the 95th percentile of the time that packets spent in the queue, milliseconds, */
double bwe_world_queue_p95(const struct bwe_world *w, unsigned from_ms, unsigned to_ms);
/* and how long after from_ms the first half second began in which the flow had that rate, or its estimate fell to it,
 * milliseconds; UINT_MAX: never. */
unsigned bwe_world_reached(const struct bwe_world *w, unsigned flow, unsigned from_ms, double bps);
unsigned bwe_world_estimate_below(const struct bwe_world *w, unsigned flow, unsigned from_ms, double bps);
