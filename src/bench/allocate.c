#include "bench/modes.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { EVENTS = 64, TICK_US = 20000, PROGRESS_US = 250000 };

struct allocate {
    struct fleet *fleet;
    struct allocate_result *result;
    uint64_t from_us, to_us; /* what completes in between counts */
    bool closing;            /* release what is there, open nothing new */
};

static void reopen(struct allocate *a, struct flow *f) {
    flow_close(f);
    if (a->closing) {
        return;
    }
    int rc = flow_open(a->fleet, f);
    if (rc < 0) {
        a->result->failed++;
        a->result->last_error = rc;
    }
}

static void note(struct allocate *a, const struct flow *f, uint64_t now_us) {
    if (now_us >= a->from_us && now_us < a->to_us) {
        a->result->allocated++;
        histogram_add(a->result->latency, (now_us - f->started_us) * 1000, 1);
    }
}

/* Moves one flow on after something came for it. */
static void advance(struct allocate *a, struct flow *f, int rc) {
    enum turn_client_state state = f->turn ? turn_client_state(f->turn) : TURN_CLIENT_FAILED;
    if (rc == 0 && state == TURN_CLIENT_ALLOCATED) {
        uint64_t now_us = clock_now_us();
        note(a, f, now_us);
        turn_client_release(f->turn, now_us);
        rc = flow_pump(a->fleet, f, false);
    }
    if (rc < 0 || state == TURN_CLIENT_FAILED) {
        a->result->failed++;
        a->result->last_error = rc < 0 ? rc : turn_client_error(f->turn);
        reopen(a, f);
    } else if (state == TURN_CLIENT_RELEASED) {
        reopen(a, f);
    }
}

static void serve(struct allocate *a) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(a->fleet->epoll_fd, events, EVENTS, TICK_US / 1000);
    for (int i = 0; i < n; i++) {
        struct flow *f = &a->fleet->flows[events[i].data.u64 >> 1];
        advance(a, f, flow_advance(a->fleet, f, false, flow_receive(a->fleet, f)));
    }
}

static void tick(struct allocate *a, uint64_t now_us) {
    for (uint32_t i = 0; i < a->fleet->count; i++) {
        struct flow *f = &a->fleet->flows[i];
        if (f->turn) {
            flow_tick(a->fleet, f, now_us);
            advance(a, f, 0);
        } else {
            reopen(a, f);
        }
    }
}

static bool any_open(const struct allocate *a) {
    for (uint32_t i = 0; i < a->fleet->count; i++) {
        if (a->fleet->flows[i].turn) {
            return true;
        }
    }
    return false;
}

static void run_until(struct allocate *a, uint64_t end_us, const char *label) {
    uint64_t tick_us = 0, progress_us = 0;
    for (uint64_t now; (now = clock_now_us()) < end_us && !(a->closing && !any_open(a));) {
        serve(a);
        if (now >= tick_us) {
            tick(a, now);
            tick_us = now + TICK_US;
        }
        if (label && now >= progress_us) {
            fprintf(stderr, "\r\033[K%s: %llu made, %llu failed", label, (unsigned long long)a->result->allocated,
                    (unsigned long long)a->result->failed);
            progress_us = now + PROGRESS_US;
        }
    }
}

int allocate_run(struct fleet *fleet, const char *label, struct allocate_result *out) {
    const struct bench_options *o = fleet->options;
    *out = (struct allocate_result){.window_ns = o->duration_ns, .latency = malloc(sizeof *out->latency)};
    if (!out->latency) {
        return -ENOMEM;
    }
    histogram_init(out->latency);
    struct allocate a = {.fleet = fleet, .result = out};
    a.from_us = clock_now_us() + o->warmup_ns / 1000;
    a.to_us = a.from_us + o->duration_ns / 1000;
    struct procstat_cpu before = {0}, after = {0};
    run_until(&a, a.from_us, label);
    int rc = o->pid ? procstat_read_cpu(&before, (pid_t)o->pid) : 0;
    run_until(&a, a.to_us, label);
    if (rc == 0 && o->pid) {
        rc = procstat_read_cpu(&after, (pid_t)o->pid);
    }
    out->server_cpu =
        (struct procstat_cpu){after.run_ns - before.run_ns, after.wait_ns - before.wait_ns, after.threads};
    a.closing = true;
    run_until(&a, clock_now_us() + 1000000, NULL);
    if (label) {
        fputs("\r\033[K", stderr);
    }
    return rc;
}
