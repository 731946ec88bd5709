/* turnout-bench(1): loads any standard STUN or TURN server and measures it. */
#include "base/clock.h"
#include "bench/cpu.h"
#include "bench/modes.h"
#include "bench/options.h"
#include "bench/report.h"
#include "bench/sink.h"
#include "bench/summary.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

static volatile sig_atomic_t stopped;

static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

/* HOST[:PORT]: an address, or a name that the system resolves. */
static int resolve(struct addr *out, const struct bench_options *o) {
    if (addr_parse(out, o->server) == 0) {
        out->port = out->port ? out->port : bench_options_default_port(o);
        return 0;
    }
    char host[BENCH_TEXT_MAX];
    char port[8];
    const char *colon = strrchr(o->server, ':');
    snprintf(host, sizeof host, "%.*s", (int)(colon ? colon - o->server : (long)strlen(o->server)), o->server);
    snprintf(port, sizeof port, "%u", bench_options_default_port(o));
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *list;
    int rc = getaddrinfo(host, colon ? colon + 1 : port, &hints, &list);
    if (rc != 0) {
        fprintf(stderr, "turnout-bench: %s: %s\n", o->server, gai_strerror(rc));
        return -EINVAL;
    }
    rc = addr_from_sockaddr(out, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    return rc;
}

static int run_sink(const struct bench_options *o) {
    struct addr local;
    struct sink *sink;
    if (addr_parse(&local, o->server) < 0) {
        fprintf(stderr, "turnout-bench: sink takes ADDRESS:PORT\n");
        return EXIT_USAGE;
    }
    int rc = sink_start(&sink, &local, o->cpu, !o->no_gro);
    if (rc < 0) {
        fprintf(stderr, "turnout-bench: %s: %s\n", o->server, strerror(-rc));
        return EXIT_FAILURE;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    char text[ADDR_TEXT_MAX];
    printf("echo on %s\n", addr_format(sink_addr(sink), text));
    fflush(stdout);
    uint64_t end_us = clock_now_us() + o->duration_ns / 1000;
    while (!stopped && clock_now_us() < end_us) {
        usleep(50000);
    }
    printf("%llu packets sent back\n", (unsigned long long)sink_packets(sink));
    sink_stop(sink);
    return EXIT_SUCCESS;
}

struct bench {
    const struct bench_options *options;
    struct fleet fleet;
    struct summary_setup setup;
    struct report *report;
    const char *label; /* of the progress line; NULL: none */
};

static int read_memory(const struct bench *b, struct procstat_memory *out) {
    int rc = procstat_read_memory(out, (pid_t)b->options->pid);
    if (rc < 0) {
        fprintf(stderr, "turnout-bench: memory of process %llu: %s\n", (unsigned long long)b->options->pid,
                strerror(-rc));
    }
    return rc;
}

static int establish(struct bench *b) {
    if (b->label) {
        fprintf(stderr, "\r\033[Kopening %u flows", b->fleet.count);
    }
    uint64_t from_us = clock_now_us();
    int rc = fleet_establish(&b->fleet);
    b->setup.mismatches = b->fleet.mismatches;
    b->setup.setup_s = (double)(clock_now_us() - from_us) / 1e6;
    if (b->label) {
        fputs("\r\033[K", stderr);
    }
    if (rc < 0) {
        fleet_complain(&b->fleet);
    }
    return rc;
}

static int run_traffic(struct bench *b) {
    const struct bench_options *o = b->options;
    struct traffic_plan plan = {o->rate, o->warmup_ns, o->duration_ns, TRAFFIC_DRAIN_NS, b->label};
    struct traffic_result t;
    int rc = traffic_run(&b->fleet, &plan, &t);
    if (rc == 0 && b->setup.has_memory) {
        rc = read_memory(b, &b->setup.after);
    }
    if (rc == 0) {
        summary_setup(b->report, o, &b->setup);
        summary_traffic(b->report, o, &t);
        summary_memory(b->report, o, &b->setup);
        summary_judge(b->report, &b->setup, &t, traffic_behind(&t));
    }
    traffic_result_deinit(&t);
    return rc;
}

static int run_saturate(struct bench *b) {
    struct saturate_result s;
    int rc = saturate_run(&b->fleet, b->label, &s);
    if (rc == 0) {
        summary_setup(b->report, b->options, &b->setup);
        summary_saturate(b->report, b->options, &s);
        summary_judge(b->report, &b->setup, &s.best, s.generator_behind || traffic_behind(&s.best));
    }
    traffic_result_deinit(&s.best);
    return rc;
}

static int run_allocate(struct bench *b) {
    struct allocate_result a;
    int rc = allocate_run(&b->fleet, b->label, &a);
    b->setup.mismatches = b->fleet.mismatches;
    if (rc == 0) {
        summary_setup(b->report, b->options, &b->setup);
        summary_allocate(b->report, b->options, &a);
    }
    if (a.failed > 0) {
        b->fleet.failed = (uint32_t)a.failed;
        b->fleet.count = (uint32_t)(a.failed + a.allocated);
        b->fleet.last_error = a.last_error;
        fleet_complain(&b->fleet);
    }
    free(a.latency);
    return rc == 0 && a.allocated == 0 ? -EIO : rc;
}

/* Flows up, measured, released. */
static int run_flows(struct bench *b) {
    b->setup.has_memory = b->options->pid && b->options->command == BENCH_TURN;
    if (b->setup.has_memory) {
        b->setup.uptime_s = procstat_uptime_s((pid_t)b->options->pid);
        if (read_memory(b, &b->setup.before) < 0) {
            return -ESRCH;
        }
    }
    int rc = establish(b);
    if (rc == 0 && b->setup.has_memory) {
        rc = read_memory(b, &b->setup.allocated);
    }
    if (rc == 0) {
        rc = b->options->mode == BENCH_MODE_SATURATE ? run_saturate(b) : run_traffic(b);
    }
    fleet_release(&b->fleet);
    return rc;
}

static int run(struct bench *b, const struct addr *server) {
    const struct bench_options *o = b->options;
    if (o->prove) {
        b->setup.proven_rate = prove_rate(o, server);
        if (b->setup.proven_rate < 0) {
            fprintf(stderr, "turnout-bench: sink: %s\n", strerror(-(int)b->setup.proven_rate));
            return -EIO;
        }
    }
    bool allocate = o->mode == BENCH_MODE_ALLOCATE && o->command == BENCH_TURN;
    int rc = fleet_init(&b->fleet, o, o->command == BENCH_TURN ? FLOW_TURN : FLOW_STUN, server,
                        (uint32_t)(allocate ? o->window : o->flows));
    if (rc < 0) {
        return rc;
    }
    rc = allocate ? run_allocate(b) : run_flows(b);
    fleet_deinit(&b->fleet);
    if (rc == 0) {
        rc = o->json ? report_print_json(b->report, stdout) : report_print_table(b->report, stdout);
    }
    return rc;
}

int main(int argc, char **argv) {
    struct bench_options options;
    int rc = bench_options_parse(&options, argc, argv, stderr);
    if (rc != 0) {
        return rc < 0 ? EXIT_USAGE : EXIT_SUCCESS;
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    rc = cpu_pin(options.cpu);
    if (rc < 0) {
        fprintf(stderr, "turnout-bench: CPU %llu: %s\n", (unsigned long long)options.cpu, strerror(-rc));
        return EXIT_FAILURE;
    }
    if (options.command == BENCH_SINK) {
        return run_sink(&options);
    }
    struct addr server;
    char text[ADDR_TEXT_MAX];
    if (resolve(&server, &options) < 0) {
        return EXIT_USAGE;
    }
    if (options.spread > 1 && !(server.family == AF_INET && addr_is_loopback(&server))) {
        fprintf(stderr, "turnout-bench: --spread is for servers in 127.0.0.0/8\n");
        return EXIT_USAGE;
    }
    struct bench bench = {.options = &options, .report = report_new()};
    bench.setup.server = addr_format(&server, text);
    bench.label = isatty(STDERR_FILENO) && !options.quiet ? "measuring" : NULL;
    rc = bench.report ? run(&bench, &server) : -ENOMEM;
    report_free(bench.report);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
