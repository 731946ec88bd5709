/* `top`: the busiest sessions of all workers, gathered in small steps so that no worker stalls, and the totals. */
#include "daemon/verbs.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "daemon/daemon.h"
#include "relay/busiest.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_US = 100000, ROWS = 20 };

struct errand {
    struct daemon *daemon;
    struct admin_call *call;
    struct loop_timer retry; /* of the worker's loop, when an inbox is full */
    unsigned worker;
    struct relay_busiest busiest;
};

static void go_on(void *data);

/* ---- the answer ---- */

/* The metrics of that name by their only label's value. */
static json_t *by_reason(const char *name) {
    json_t *out = json_object();
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const char *value = strchr(metric_table[i].labels, '"');
        if (strcmp(metric_table[i].name, name) != 0 || !value) {
            continue;
        }
        char reason[64];
        size_t len = strcspn(value + 1, "\"");
        len = len < sizeof reason - 1 ? len : sizeof reason - 1;
        memcpy(reason, value + 1, len);
        reason[len] = '\0';
        json_object_set_new(out, reason, json_integer(metrics_read((enum metric_id)i)));
    }
    return out;
}

static json_int_t over_transports(enum metric_id first) {
    json_int_t sum = 0;
    for (unsigned t = 0; t < TRANSPORT_COUNT; t++) {
        sum += metrics_read((enum metric_id)(first + t));
    }
    return sum;
}

static json_t *workers(const struct daemon *d) {
    json_t *rows = json_array();
    for (unsigned i = 0; i < d->worker_count; i++) {
        json_array_append_new(rows, json_pack("{s:f}", "cpu_s", (double)worker_cpu_us(d->workers[i]) / 1e6));
    }
    return rows;
}

static void answer(struct errand *e) {
    json_t *rows = json_array();
    relay_busiest_sort(&e->busiest);
    for (unsigned i = 0; i < e->busiest.count; i++) {
        json_array_append_new(rows, verbs_session_row(&e->busiest.top[i]));
    }
    json_int_t uptime = (json_int_t)(clock_wall_s() - e->daemon->started_wall_s);
    admin_call_reply(e->call, json_pack("{s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "time_us",
                                        (json_int_t)clock_now_us(), "uptime_s", uptime, "sessions",
                                        over_transports(METRIC_TURN_ALLOCATIONS_UDP), "workers", workers(e->daemon),
                                        "packets_from_client", over_transports(METRIC_RELAY_PACKETS_FROM_CLIENT_UDP),
                                        "bytes_from_client", over_transports(METRIC_RELAY_BYTES_FROM_CLIENT_UDP),
                                        "packets_to_client", over_transports(METRIC_RELAY_PACKETS_TO_CLIENT_UDP),
                                        "bytes_to_client", over_transports(METRIC_RELAY_BYTES_TO_CLIENT_UDP), "denied",
                                        by_reason("turn_denied_total"), "dropped", by_reason("relay_dropped_total"),
                                        "busiest", rows));
}

static void finish(void *data) {
    struct errand *e = *(struct errand **)data;
    answer(e);
    free(e);
}

/* ---- on the workers' threads: one step, then whatever else the worker has to do ---- */

/* When an inbox is full the last step is made once more, later. */
static void try_again(void *ctx) {
    struct errand *e = ctx;
    go_on(&e);
}

static void pass_on(struct errand *e, struct loop *to, void (*fn)(void *data)) {
    struct loop *here = worker_loop(e->daemon->workers[e->worker]);
    if (loop_post(to, fn, &e, sizeof e) < 0) {
        loop_timer_init(&e->retry, try_again, e);
        loop_timer_set(here, &e->retry, RETRY_US);
    }
}

static void arrive(void *data) {
    struct errand *e = *(struct errand **)data;
    e->worker++;
    go_on(data);
}

static void go_on(void *data) {
    struct errand *e = *(struct errand **)data;
    struct daemon *d = e->daemon;
    struct worker *here = d->workers[e->worker];
    if (relay_busiest_look(worker_relay(here), &e->busiest)) {
        pass_on(e, worker_loop(here), go_on);
    } else if (e->worker + 1 < d->worker_count) {
        pass_on(e, worker_loop(d->workers[e->worker + 1]), arrive);
    } else {
        pass_on(e, d->control, finish);
    }
}

/* ---- start ---- */

static enum relay_order order_of(const char *name) {
    static const char *const names[] = {
        [RELAY_BY_BITRATE] = "bitrate", [RELAY_BY_PACKETS] = "packets", [RELAY_BY_UP] = "up",
        [RELAY_BY_DOWN] = "down",       [RELAY_BY_DROPPED] = "dropped",
    };
    for (unsigned i = 0; name && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum relay_order)i;
        }
    }
    return RELAY_BY_BITRATE;
}

static void start(void *ctx, struct admin_call *call) {
    struct errand *e = calloc(1, sizeof *e);
    if (!e) {
        admin_call_error(call, -ENOMEM, "The sessions");
        return;
    }
    e->daemon = ctx;
    e->call = call;
    e->busiest.order = order_of(admin_call_text(call, "sort"));
    e->busiest.wanted = (unsigned)admin_call_uint(call, "limit", ROWS); /* at most RELAY_BUSIEST_MAX */
    if (loop_post(worker_loop(e->daemon->workers[0]), go_on, &e, sizeof e) < 0) {
        admin_call_error(call, -ENOBUFS, "The worker");
        free(e);
    }
}

void verbs_set_top(struct admin_hooks *hooks) { hooks->verbs[ADMIN_VERB_TOP] = start; }
