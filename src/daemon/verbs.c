/* The control socket and the stats pages, wired to what the daemon holds. */
#include "daemon/verbs.h"

#include "base/metrics.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "daemon/external.h"
#include "net/http_server.h"
#include "signal/signal.h"
#include "store/store.h"

#include <jansson.h>
#include <stdio.h>

static void summary(void *ctx, struct admin_summary *out) {
    const struct daemon *d = ctx;
    struct signal_stats rooms = {0};
    int64_t allocations = 0;
    signal_get_stats(d->signal, &rooms);
    for (int t = 0; t < TRANSPORT_COUNT; t++) {
        allocations += metrics_read(METRIC_TURN_ALLOCATIONS_UDP + (unsigned)t);
    }
    *out = (struct admin_summary){
        .workers = d->worker_count,
        .draining = d->draining,
        .allocations = allocations > 0 ? (uint64_t)allocations : 0,
        .rooms = rooms.rooms,
        .participants = rooms.participants,
        .websockets = rooms.websockets,
    };
}

static size_t checks(void *ctx, struct admin_check *out) {
    const struct daemon *d = ctx;
    size_t open = 0;
    for (size_t i = 0; i < d->listen.count; i++) {
        open += d->listen.items[i].open;
    }
    out[0] = (struct admin_check){.name = "listeners", .ok = open > 0};
    out[1] = (struct admin_check){.name = "store", .ok = store_is_up(d->store)};
    out[2] = (struct admin_check){.name = "serving", .ok = !d->draining};
    if (!out[0].ok) {
        snprintf(out[0].detail, sizeof out[0].detail, "No listener is open.");
    }
    if (!out[1].ok) {
        snprintf(out[1].detail, sizeof out[1].detail, "The database cannot be used; the log says why.");
    }
    if (!out[2].ok) {
        snprintf(out[2].detail, sizeof out[2].detail, "The daemon is draining.");
    }
    return 3;
}

static json_t *listeners(void *ctx) {
    const struct daemon *d = ctx;
    json_t *rows = json_array();
    char address[ADDR_TEXT_MAX];
    for (size_t i = 0; i < d->listen.count; i++) {
        const struct listen_address *l = &d->listen.items[i];
        if (l->open) {
            json_array_append_new(rows, json_pack("{s:s,s:s}", "kind", listen_kind_name(l->kind), "address",
                                                  addr_format(&l->addr, address)));
        }
    }
    return rows;
}

static json_t *externals(void *ctx) {
    const struct daemon *d = ctx;
    return external_report(d->external);
}

int daemon_start_admin(struct daemon *d) {
    static struct loop *loops[DAEMON_WORKERS_MAX + 1];
    for (unsigned i = 0; i < d->worker_count; i++) {
        loops[i] = worker_loop(d->workers[i]);
    }
    loops[d->worker_count] = d->control;
    struct admin_options options = {
        .loop = d->control,
        .loops = loops,
        .loop_count = d->worker_count + 1,
        .control_path = d->config->server.control_socket,
        .control_group = (gid_t)-1,
        .version = PACKAGE_VERSION,
        .coturn_names = d->config->stats.coturn_names,
    };
    struct admin_hooks hooks = {
        .ctx = d, .summary = summary, .checks = checks, .listeners = listeners, .externals = externals};
    verbs_set_database(&hooks);
    verbs_set_sessions(&hooks);
    verbs_set_top(&hooks);
    verbs_set_rooms(&hooks);
    verbs_set_config(&hooks);
    int rc = admin_new(&d->admin, &options, &hooks);
    return rc < 0 ? rc : admin_add_routes(d->admin, d->stats);
}
