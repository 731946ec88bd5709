#include "bench/modes.h"

#include "bench/sink.h"

#include <stdio.h>

enum { RAISE_PERCENT = 130, BISECTIONS = 4, PROVE_FLOWS = 50 };
#define PROVE_RATE_MAX 50000000.0

static bool within(const struct traffic_result *r, uint64_t loss_ppm) {
    return traffic_loss(r) * 1e6 <= (double)loss_ppm && r->misdelivered == 0;
}

/* One step. Keeps the result when it is a better one. 1: passed, 0: not, or -errno. */
static int step(struct fleet *fleet, const char *label, uint64_t rate, struct saturate_result *out) {
    const struct bench_options *o = fleet->options;
    char text[64];
    snprintf(text, sizeof text, "%s, %llu packets/s", label ? label : "", (unsigned long long)rate);
    struct traffic_plan plan = {rate, o->warmup_ns, o->duration_ns, TRAFFIC_DRAIN_NS, label ? text : NULL};
    struct traffic_result r;
    int rc = traffic_run(fleet, &plan, &r);
    if (rc < 0) {
        return rc;
    }
    bool behind = traffic_behind(&r), pass = within(&r, o->loss_ppm);
    out->generator_behind = behind;
    if (pass && traffic_rate(&r) > traffic_rate(&out->best)) {
        traffic_result_deinit(&out->best);
        out->best = r;
    } else {
        traffic_result_deinit(&r);
    }
    return pass && !behind;
}

int saturate_run(struct fleet *fleet, const char *label, struct saturate_result *out) {
    *out = (struct saturate_result){0};
    uint64_t good = 0, rate = fleet->options->rate;
    int rc;
    while ((rc = step(fleet, label, rate, out)) == 1) {
        good = rate;
        rate = rate * RAISE_PERCENT / 100 + 1;
    }
    uint64_t bad = rate;
    for (int i = 0; rc >= 0 && good > 0 && i < BISECTIONS; i++) {
        rate = good + (bad - good) / 2;
        rc = step(fleet, label, rate, out);
        good = rc == 1 ? rate : good;
        bad = rc == 1 ? bad : rate;
    }
    if (rc < 0) {
        traffic_result_deinit(&out->best);
    }
    return rc < 0 ? rc : 0;
}

/* The best received rate of runs at doubling rates, until one falls behind or loses packets. */
static double double_until_full(struct fleet *fleet, uint64_t rate) {
    double best = 0;
    for (bool more = true; more && (double)rate < PROVE_RATE_MAX; rate *= 2) {
        struct traffic_plan plan = {
            .rate = rate, .warmup_ns = 50000000, .duration_ns = 300000000, .drain_ns = TRAFFIC_DRAIN_NS};
        struct traffic_result r;
        int rc = traffic_run(fleet, &plan, &r);
        if (rc < 0) {
            return rc;
        }
        /* What came back was sent and received, whatever was lost besides. */
        best = traffic_rate(&r) > best ? traffic_rate(&r) : best;
        more = !traffic_behind(&r) && traffic_loss(&r) < 0.001;
        traffic_result_deinit(&r);
    }
    return best;
}

double prove_rate(const struct bench_options *o, const struct addr *server) {
    struct addr local;
    struct sink *sink;
    struct bench_options own = *o;
    own.size = o->command == BENCH_STUN ? BENCH_SIZE_MIN : o->size;
    own.transport = TRANSPORT_UDP;
    addr_parse_ip(&local, server->family == AF_INET6 ? "::1" : "127.0.0.1");
    int rc = sink_start(&sink, &local, o->sink_cpu, !o->no_gro);
    if (rc < 0) {
        return rc;
    }
    struct fleet fleet;
    rc =
        fleet_init(&fleet, &own, FLOW_ECHO, sink_addr(sink), o->flows < PROVE_FLOWS ? (uint32_t)o->flows : PROVE_FLOWS);
    double best = rc;
    if (rc == 0) {
        rc = fleet_establish(&fleet);
        best = rc < 0 ? rc : double_until_full(&fleet, o->rate);
        fleet_deinit(&fleet);
    }
    sink_stop(sink);
    return best;
}
