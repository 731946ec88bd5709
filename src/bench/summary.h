/* Puts what was measured into a report, in figures and in words. */
#pragma once

#include "bench/modes.h"
#include "bench/report.h"

struct summary_setup {
    const char *server;
    uint32_t mismatches; /* 437s answered with another port */
    double setup_s;      /* making all flows */
    double uptime_s;     /* of the server's process; negative: unknown */
    double proven_rate;  /* 0: not asked for */
    bool has_memory;
    struct procstat_memory before, allocated, after;
};

/* The figure is printed only for so many allocations: fewer drown in what a server allocates at once. */
enum { SUMMARY_MEMORY_FLOWS = 1500 };

void summary_setup(struct report *r, const struct bench_options *o, const struct summary_setup *s);
void summary_traffic(struct report *r, const struct bench_options *o, const struct traffic_result *t);
void summary_saturate(struct report *r, const struct bench_options *o, const struct saturate_result *s);
void summary_allocate(struct report *r, const struct bench_options *o, const struct allocate_result *a);
void summary_memory(struct report *r, const struct bench_options *o, const struct summary_setup *s);
/* Whether the generator's own limit may have shaped the result; behind: it did not reach a rate it was asked for. */
void summary_judge(struct report *r, const struct summary_setup *s, const struct traffic_result *t, bool behind);
