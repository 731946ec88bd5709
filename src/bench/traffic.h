/* Sends packets through a fleet at a constant rate and measures what comes out. */
#pragma once

#include "bench/flow.h"
#include "bench/histogram.h"
#include "bench/procstat.h"

#include <stdint.h>

struct traffic_plan {
    uint64_t rate; /* packets per second, all flows and ways together */
    uint64_t warmup_ns;
    uint64_t duration_ns;
    uint64_t drain_ns; /* how long to wait for packets on their way, at most */
    const char *label; /* of the progress line; NULL: none */
};

struct traffic_result {
    uint64_t asked_rate;
    uint64_t window_ns; /* the measured part */
    /* Packets that were sent in the window, by way, and those of them that came out. */
    uint64_t sent[FLOW_WAYS], received[FLOW_WAYS];
    uint64_t unsent;       /* due in the window but not taken by the kernel, or skipped when too late */
    uint64_t misdelivered; /* came out at another flow, or damaged */
    uint64_t reordered;
    uint64_t worst_lag_ns; /* how late the generator was at worst */
    uint64_t generator_cpu_ns;
    struct procstat_cpu server_cpu; /* over the window, when there is a pid */
    struct histogram *latency;      /* ns, one way; of STUN and echo flows the round trip */
};

enum { TRAFFIC_DRAIN_NS = 1000000000 };

/* -errno: the process to observe is gone; out of memory. Free with traffic_result_deinit. */
int traffic_run(struct fleet *fleet, const struct traffic_plan *plan, struct traffic_result *out);
void traffic_result_deinit(struct traffic_result *r);

static inline uint64_t traffic_sent(const struct traffic_result *r) { return r->sent[0] + r->sent[1]; }
static inline uint64_t traffic_received(const struct traffic_result *r) { return r->received[0] + r->received[1]; }

/* Part of the sent packets that did not come out, 0..1. */
double traffic_loss(const struct traffic_result *r);
/* Packets that came out per second. */
double traffic_rate(const struct traffic_result *r);
/* True when the generator did not reach the rate it was asked for: the result is not the server's limit. */
bool traffic_behind(const struct traffic_result *r);
