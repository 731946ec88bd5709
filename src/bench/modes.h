/* What turnout-bench can measure, on top of traffic_run. */
#pragma once

#include "bench/traffic.h"

#include <stdbool.h>
#include <stdint.h>

/* The generator's own limit in packets per second (each sent and received), found by doubling the rate
 * against an echo. Negative: -errno. */
double prove_rate(const struct bench_options *o, const struct addr *server);

struct saturate_result {
    struct traffic_result best; /* the fastest run within the loss; window 0 when even the first was not */
    bool generator_behind;      /* in the last step, which settled the rate */
};

/* Raises the rate until more is lost than o->loss_ppm, then closes in. -errno. Free best. */
int saturate_run(struct fleet *fleet, const char *label, struct saturate_result *out);

struct allocate_result {
    uint64_t window_ns;
    uint64_t allocated; /* challenge, authenticated Allocate, reply */
    uint64_t failed;
    int last_error; /* as in struct fleet */
    struct procstat_cpu server_cpu;
    struct histogram *latency; /* ns, from opening the socket to the reply */
};

/* Makes and releases allocations, one per flow at a time, each on a new socket. -errno. Free latency. */
int allocate_run(struct fleet *fleet, const char *label, struct allocate_result *out);
