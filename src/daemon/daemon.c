#include "daemon/daemon.h"

#include "auth/keys.h"
#include "auth/limiter.h"
#include "auth/quota.h"
#include "auth/secret.h"
#include "admin/admin.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "config/config.h"
#include "daemon/external.h"
#include "daemon/privileges.h"
#include "daemon/services.h"
#include "daemon/usage.h"
#include "net/file_watch.h"
#include "net/http_server.h"
#include "net/owners.h"
#include "net/static.h"
#include "net/tcp.h"
#include "relay/ports.h"
#include "relay/settings.h"
#include "signal/signal.h"
#include "store/store.h"

#include <errno.h>
#include <event2/event.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

enum {
    CONTROL_INBOX = 8192,
    DRAIN_CHECK_US = 1000000,
    WORKER_DRAINS = 4, /* at the end: what one worker's posts make it post to another, and so on */
};

static void tell_service_manager(const char *state) {
#ifdef HAVE_SYSTEMD
    sd_notify(0, state);
#else
    (void)state;
#endif
}

/* ---- signals ---- */

static void on_terminate(evutil_socket_t number, short events, void *arg) {
    struct daemon *d = arg;
    (void)events;
    log_info("daemon", "asked to stop", LF_TEXT("signal", sigabbrev_np((int)number)));
    daemon_drain(d);
}

static void on_hangup(evutil_socket_t number, short events, void *arg) {
    struct daemon *d = arg;
    (void)number;
    (void)events;
    tell_service_manager("RELOADING=1");
    daemon_reload(d);
    tell_service_manager("READY=1");
}

static void on_user1(evutil_socket_t number, short events, void *arg) {
    (void)number;
    (void)events;
    (void)arg;
    int rc = log_reopen();
    log_info("daemon", "log reopened", LF_ERROR(rc));
}

static int watch_signals(struct daemon *d) {
    static const struct {
        int number;
        event_callback_fn handler;
    } table[DAEMON_SIGNALS] = {
        {SIGTERM, on_terminate}, {SIGINT, on_terminate}, {SIGHUP, on_hangup}, {SIGUSR1, on_user1}};
    for (int i = 0; i < DAEMON_SIGNALS; i++) {
        d->signals[i] = evsignal_new(loop_base(d->control), table[i].number, table[i].handler, d);
        if (!d->signals[i] || event_add(d->signals[i], NULL) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* ---- start ---- */

static int load_config(struct daemon *d) {
    struct config_report report = {0};
    int rc = daemon_load_config(&d->options, &d->config, &report);
    config_report_print(&report, stderr);
    config_report_deinit(&report);
    return rc < 0 ? rc : daemon_configure_log(d->config);
}

static unsigned count_workers(const struct config *config) {
    uint64_t wanted = config->server.workers;
    if (wanted == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        wanted = cores > 0 ? (uint64_t)cores : 1;
    }
    return wanted < DAEMON_WORKERS_MAX ? (unsigned)wanted : DAEMON_WORKERS_MAX;
}

static int make_workers(struct daemon *d, struct loop **loops) {
    d->worker_count = count_workers(d->config);
    for (unsigned i = 0; i < d->worker_count; i++) {
        int rc = worker_new(&d->workers[i], i);
        if (rc < 0) {
            return rc;
        }
        loops[i] = worker_loop(d->workers[i]);
    }
    return 0;
}

static int make_http(struct daemon *d, struct loop *const *loops) {
    struct http_server_options options = {
        .workers = loops, .worker_count = d->worker_count, .policy = daemon_http_policy(d->config)};
    d->http = http_server_new(d->control, &options);
    d->stats = http_server_new(d->control, &(struct http_server_options){0});
    return d->http && d->stats ? 0 : -ENOMEM;
}

static int make_tls(struct daemon *d) {
    struct tls_options options = daemon_tls_options(d->config);
    if (!options.certificate[0]) {
        log_info("daemon", "no [tls] certificate: TLS is off");
        return 0;
    }
    return tls_context_new(&d->tls, &options);
}

static int open_stats(struct daemon *d) {
    int rc = 0;
    for (size_t i = 0; i < d->listen.count && rc == 0; i++) {
        struct listen_address *at = &d->listen.items[i];
        if (at->kind == LISTEN_STATS) {
            rc = listen_result(at, http_server_listen(d->stats, &at->addr, -1));
        }
    }
    return rc;
}

static int open_listeners(struct daemon *d) {
    int rc = listen_list_make(&d->listen, d->config);
    rc = rc < 0 ? rc : listen_list_probe(&d->listen);
    for (unsigned i = 0; i < d->worker_count && rc == 0; i++) {
        rc = worker_open_listeners(d->workers[i], &d->listen);
        rc = rc < 0 ? rc : worker_follow(d->workers[i], d->config);
    }
    return rc < 0 ? rc : open_stats(d);
}

/* What root alone can do: read the TLS key (before this), give the folders and the log to the account, change to it. */
static int drop_privileges(struct daemon *d) {
    const struct config *c = d->config;
    struct account account;
    int rc = account_resolve(&account, &c->server.user);
    if (rc < 0) {
        return rc;
    }
    rc = account_give(&account, c->server.state_dir, true);
    if (rc < 0) {
        log_error("daemon", "cannot use the state folder", LF_TEXT("path", c->server.state_dir), LF_ERROR(rc));
        return rc;
    }
    if (c->log.target.kind == CONFIG_LOG_FILE) {
        account_give(&account, c->log.target.path, false);
    }
    char run_dir[PATH_MAX];
    snprintf(run_dir, sizeof run_dir, "%s", c->server.control_socket);
    account_give(&account, dirname(run_dir), true); /* admin_new says it better when this fails */
    return account_become(&account, c->server.user.user);
}

static int make_workers_and_http(struct daemon *d) {
    static struct loop *loops[DAEMON_WORKERS_MAX];
    int rc = make_workers(d, loops);
    return rc < 0 ? rc : make_http(d, loops);
}

static int prepare_workers(struct daemon *d) {
    d->shared = (struct worker_shared){
        .workers = d->workers,
        .worker_count = d->worker_count,
        .ports = d->ports,
        .owners = d->owners,
        .http = d->http,
        .tls = d->tls,
        .quota = d->quota,
        .usage = d->usage,
    };
    int rc = 0;
    for (unsigned i = 0; i < d->worker_count && rc == 0; i++) {
        rc = worker_prepare(d->workers[i], &d->shared, d->relay_settings);
    }
    return rc;
}

static int load_secrets(struct daemon *d) {
    int rc = auth_secrets_load(&d->secrets, d->config);
    if (rc < 0) {
        log_error("daemon", "no shared secret", LF_TEXT("state-dir", d->config->server.state_dir), LF_ERROR(rc));
    }
    return rc;
}

static int start_store(struct daemon *d) {
    int rc = store_start(&d->store, d->config->database.path);
    rc = rc < 0 ? rc : auth_keys_new(&d->keys, d->control, d->store);
    for (unsigned i = 0; i < d->worker_count && rc == 0; i++) {
        rc = worker_use_store(d->workers[i], d->store);
    }
    return rc;
}

static int start_threads(struct daemon *d) {
    int rc = 0;
    for (unsigned i = 0; i < d->worker_count && rc == 0; i++) {
        rc = worker_start(d->workers[i]);
    }
    return rc;
}

/* Signals are for the control thread: threads made from here on inherit the mask. old may be NULL. */
static void block_signals(sigset_t *old) {
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, SIGSEGV);
    sigdelset(&set, SIGBUS);
    sigdelset(&set, SIGFPE);
    sigdelset(&set, SIGABRT);
    pthread_sigmask(SIG_BLOCK, &set, old);
}

/* Up to the listeners: what the last privileges are for. No thread runs yet. */
static int open_parts(struct daemon *d) {
    int rc = daemon_check_addresses(d->config);
    rc = rc < 0 ? rc : make_tls(d);
    rc = rc < 0 ? rc : drop_privileges(d);
    rc = rc < 0 ? rc : load_secrets(d);
    rc = rc < 0 ? rc : daemon_load_rules(d);
    rc = rc < 0 ? rc : daemon_start_auth(d);
    rc = rc < 0 ? rc : make_workers_and_http(d);
    rc = rc < 0 ? rc : daemon_update_relays(d);
    rc = rc < 0 ? rc : prepare_workers(d);
    rc = rc < 0 ? rc : open_listeners(d);
    return rc < 0 ? rc : account_seal();
}

static int start_parts(struct daemon *d) {
    int rc = start_store(d);
    rc = rc < 0 ? rc : daemon_start_services(d);
    rc = rc < 0 ? rc : daemon_start_external(d);
    rc = rc < 0 ? rc : daemon_start_admin(d);
    rc = rc < 0 ? rc : daemon_watch_rules(d);
    rc = rc < 0 ? rc : daemon_watch_certificate(d);
    if (rc == 0) {
        usage_start(d->usage, d->control, d->store);
    }
    return rc < 0 ? rc : start_threads(d);
}

int daemon_start(struct daemon *d, const struct options *options) {
    sigset_t old;
    d->options = *options;
    d->started_wall_s = clock_wall_s();
    rng_bytes(d->nonce_key, sizeof d->nonce_key);
    int rc = load_config(d);
    if (rc < 0) {
        return rc;
    }
    d->control = loop_new("control", CONTROL_INBOX);
    d->ports = relay_ports_new();
    d->owners = owners_new();
    if (!d->control || !d->ports || !d->owners) {
        return -ENOMEM;
    }
    rc = watch_signals(d);
    rc = rc < 0 ? rc : open_parts(d);
    block_signals(&old);
    rc = rc < 0 ? rc : start_parts(d);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc < 0) {
        log_error("daemon", "not started", LF_ERROR(rc));
        return rc;
    }
    log_info("daemon", "ready", LF_TEXT("version", PACKAGE_VERSION), LF_UINT("workers", d->worker_count),
             LF_TEXT("realm", d->config->server.realm));
    tell_service_manager("READY=1");
    return 0;
}

int daemon_run(struct daemon *d) { return loop_run(d->control); }

/* ---- end ---- */

static void check_drained(void *ctx) {
    struct daemon *d = ctx;
    int64_t left = 0;
    struct signal_stats rooms = {0};
    for (int t = 0; t < TRANSPORT_COUNT; t++) {
        left += metrics_read(METRIC_TURN_ALLOCATIONS_UDP + (unsigned)t);
    }
    signal_get_stats(d->signal, &rooms);
    if ((left <= 0 && rooms.websockets == 0) || loop_refresh_now(d->control) >= d->drain_deadline_us) {
        loop_stop(d->control);
    } else {
        loop_timer_set(d->control, &d->drain_timer, DRAIN_CHECK_US);
    }
}

void daemon_drain(struct daemon *d) {
    if (d->draining) {
        loop_stop(d->control);
        return;
    }
    d->draining = true;
    tell_service_manager("STOPPING=1");
    for (unsigned i = 0; i < d->worker_count; i++) {
        worker_drain(d->workers[i]);
    }
    signal_shutdown(d->signal);
    d->drain_deadline_us = loop_refresh_now(d->control) + d->config->server.drain_timeout_us;
    loop_timer_init(&d->drain_timer, check_drained, d);
    loop_timer_set(d->control, &d->drain_timer, 0);
}

static void free_services(struct daemon *d) {
    admin_free(d->admin);
    http_server_free(d->http);
    http_server_free(d->stats);
    signal_free(d->signal);
    static_site_free(d->site);
    auth_keys_free(d->keys);
    auth_limiter_free(d->requests);
    auth_limiter_free(d->refusals);
}

void daemon_free(struct daemon *d) {
    sigset_t old;
    block_signals(&old); /* another SIGTERM must not end us half-way, with a status of its own */
    if (d->started_wall_s && d->control) {
        log_info("daemon", "stopping");
    }
    for (unsigned i = 0; i < d->worker_count; i++) {
        worker_stop(d->workers[i]);
    }
    external_free(d->external);
    store_stop(d->store);
    for (unsigned i = 0; i < WORKER_DRAINS * d->worker_count; i++) {
        if (d->workers[i % d->worker_count]) {
            loop_drain(worker_loop(d->workers[i % d->worker_count])); /* what was on its way owns memory */
        }
    }
    if (d->control) {
        loop_drain(d->control);
    }
    free_services(d);
    usage_stopping(d->usage, d->config ? d->config->database.path : NULL);
    for (unsigned i = 0; i < d->worker_count; i++) {
        worker_free(d->workers[i]);
    }
    for (int i = 0; i < DAEMON_SIGNALS; i++) {
        if (d->signals[i]) {
            event_free(d->signals[i]);
        }
    }
    file_watch_free(d->certificate_files);
    tls_context_free(d->tls);
    usage_finish(d->usage);
    auth_quota_free(d->quota);
    auth_secrets_unref(d->secrets);
    relay_settings_unref(d->relay_settings);
    relay_ports_free(d->ports);
    owners_free(d->owners);
    daemon_rules_free(&d->rules);
    loop_free(d->control);
    config_unref(d->config);
}
