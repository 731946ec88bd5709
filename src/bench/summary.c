#include "bench/summary.h"

#include <stdio.h>

static const char *way_names[] = {[BENCH_UP] = "up", [BENCH_DOWN] = "down", [BENCH_BOTH] = "both"};

static void burst_shape(struct report *r, const struct bench_options *o) {
    char text[160];
    snprintf(text, sizeof text, "%llu packet%s back to back per flow%s; received %s GRO", (unsigned long long)o->burst,
             o->burst == 1 ? "" : "s",
             o->burst == 1                   ? ""
             : o->transport != TRANSPORT_UDP ? ""
             : o->no_gso                     ? ", a system call each"
                                             : ", by one GSO call",
             o->no_gro ? "without" : "with");
    report_count(r, "burst_packets", "burst", "packets", o->burst);
    report_text(r, "burst_shape", "burst shape", text);
}

void summary_setup(struct report *r, const struct bench_options *o, const struct summary_setup *s) {
    report_text(r, "server", "server", s->server);
    report_text(r, "transport", "transport", transport_name((enum transport)o->transport));
    if (o->command == BENCH_TURN) {
        report_text(r, "data", "data by", o->indications ? "Send and Data indications" : "ChannelData");
        report_text(r, "direction", "direction", way_names[o->direction]);
        report_count(r, "payload_bytes", "payload", "bytes", o->size);
    }
    report_count(r, "flows", o->command == BENCH_TURN ? "allocations" : "client sockets", "", o->flows);
    if (o->mode != BENCH_MODE_ALLOCATE) {
        burst_shape(r, o);
        report_number(r, "setup_s", "set-up time", "s", s->setup_s);
    }
    if (s->mismatches > 0) {
        report_count(r, "mismatches", "437 met, other port taken", "", s->mismatches);
    }
    if (s->proven_rate > 0) {
        report_number(r, "generator_rate_pps", "generator proved", "packets/s", s->proven_rate);
    }
}

static void latency(struct report *r, const struct histogram *h, const char *what) {
    static const struct {
        const char *key, *label;
        double percent;
    } rows[] = {{"latency_p50_us", "p50", 50},
                {"latency_p90_us", "p90", 90},
                {"latency_p99_us", "p99", 99},
                {"latency_p999_us", "p99.9", 99.9},
                {"latency_max_us", "max", 100}};
    for (size_t i = 0; h && h->total && i < sizeof rows / sizeof rows[0]; i++) {
        char label[64];
        snprintf(label, sizeof label, "%s %s", what, rows[i].label);
        report_number(r, rows[i].key, label, "us", (double)histogram_percentile(h, rows[i].percent) / 1e3);
    }
    report_number(r, "latency_resolution_percent", "latency resolution", "%", 100 * HISTOGRAM_RESOLUTION);
}

static void server_cpu(struct report *r, const struct procstat_cpu *cpu, uint64_t count, const char *key,
                       const char *label) {
    if (count > 0) {
        report_number(r, key, label, "us", (double)cpu->run_ns / 1e3 / (double)count);
    }
    report_number(r, "server_cpu_s", "server CPU time", "s", (double)cpu->run_ns / 1e9);
    report_number(r, "server_wait_s", "server waited for a CPU", "s", (double)cpu->wait_ns / 1e9);
    report_count(r, "server_threads", "server threads", "", cpu->threads);
}

void summary_traffic(struct report *r, const struct bench_options *o, const struct traffic_result *t) {
    double window_s = (double)t->window_ns / 1e9;
    bool stun = o->command == BENCH_STUN;
    report_number(r, "duration_s", "measured for", "s", window_s);
    report_count(r, "asked_rate_pps", "asked rate", "packets/s", t->asked_rate);
    report_number(r, "sent_rate_pps", "sent rate", "packets/s", (double)traffic_sent(t) / window_s);
    report_number(r, "relayed_rate_pps", stun ? "answered rate" : "relayed rate", "packets/s", traffic_rate(t));
    report_count(r, "sent", "sent", "packets", traffic_sent(t));
    report_count(r, "received", "came out", "packets", traffic_received(t));
    if (!stun && o->direction == BENCH_BOTH) {
        report_count(r, "received_up", "came out, up", "packets", t->received[FLOW_UP]);
        report_count(r, "received_down", "came out, down", "packets", t->received[FLOW_DOWN]);
    }
    report_number(r, "loss_percent", "loss", "%", 100 * traffic_loss(t));
    report_count(r, "unsent", "not sent by the generator", "packets", t->unsent);
    report_count(r, "misdelivered", "damaged or misdelivered", "packets", t->misdelivered);
    report_count(r, "reordered", "out of order", "packets", t->reordered);
    latency(r, t->latency, stun ? "round trip" : "one-way latency");
    report_number(r, "generator_lag_max_us", "generator late by at most", "us", (double)t->worst_lag_ns / 1e3);
    report_number(r, "generator_cpu_percent", "generator CPU, spinning included", "%",
                  100 * (double)t->generator_cpu_ns / (double)t->window_ns);
    if (o->pid) {
        server_cpu(r, &t->server_cpu, traffic_received(t), "cpu_per_packet_us",
                   stun ? "server CPU per request" : "server CPU per relayed packet");
    }
}

void summary_saturate(struct report *r, const struct bench_options *o, const struct saturate_result *s) {
    report_number(r, "accepted_loss_percent", "accepted loss", "%", (double)o->loss_ppm / 1e4);
    if (s->best.window_ns == 0) {
        report_note(r, "even the first rate lost more than accepted; start lower with --rate");
        return;
    }
    summary_traffic(r, o, &s->best);
}

void summary_allocate(struct report *r, const struct bench_options *o, const struct allocate_result *a) {
    double window_s = (double)a->window_ns / 1e9;
    report_number(r, "duration_s", "measured for", "s", window_s);
    report_count(r, "window", "allocations in the making", "", o->window);
    report_count(r, "allocated", "allocations", "", a->allocated);
    report_number(r, "allocations_per_s", "allocations per second", "1/s", (double)a->allocated / window_s);
    report_count(r, "failed", "failed", "", a->failed);
    latency(r, a->latency, "time to allocate");
    if (o->pid) {
        server_cpu(r, &a->server_cpu, a->allocated, "cpu_per_allocation_us", "server CPU per allocation");
    }
    report_note(r, "each allocation: new socket, challenge, authenticated Allocate, Refresh with lifetime 0");
}

void summary_memory(struct report *r, const struct bench_options *o, const struct summary_setup *s) {
    if (!s->has_memory) {
        return;
    }
    report_count(r, "memory_before_bytes", "server memory before", "bytes", s->before.resident_bytes);
    report_count(r, "memory_allocated_bytes", "with allocations", "bytes", s->allocated.resident_bytes);
    report_count(r, "memory_after_bytes", "after the traffic", "bytes", s->after.resident_bytes);
    report_number(r, "server_uptime_s", "server had run for", "s", s->uptime_s);
    if (o->flows < SUMMARY_MEMORY_FLOWS) {
        report_note(r, "no memory per allocation: that takes at least %d allocations", SUMMARY_MEMORY_FLOWS);
        return;
    }
    double flows = (double)o->flows, before = (double)s->before.resident_bytes;
    report_number(r, "memory_per_allocation_bytes", "memory per allocation", "bytes",
                  ((double)s->allocated.resident_bytes - before) / flows);
    report_number(r, "memory_per_active_allocation_bytes", "the same after traffic", "bytes",
                  ((double)s->after.resident_bytes - before) / flows);
    report_note(r, "memory counts on a fresh server only: what earlier allocations left is used again");
}

void summary_judge(struct report *r, const struct summary_setup *s, const struct traffic_result *t, bool behind) {
    bool limited = behind;
    if (limited) {
        report_note(r, "the generator did not reach the asked rate: this is not the server's limit");
    }
    if (s->proven_rate > 0 && traffic_rate(t) > 0.8 * s->proven_rate) {
        report_note(r, "over 80 %% of the rate the generator proved: it may have shaped this result");
        limited = true;
    }
    if (t->server_cpu.wait_ns > t->window_ns / 20) {
        report_note(r, "the server waited for a CPU for %.1f %% of the time: the machine was busy",
                    100 * (double)t->server_cpu.wait_ns / (double)t->window_ns);
    }
    report_text(r, "generator_limited", "limited by the generator", limited ? "yes" : "no");
}
