#include "daemon/worker.h"

#include "auth/quota.h"
#include "auth/users.h"
#include "base/cacheline.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon/internal.h"
#include "daemon/listen.h"
#include "daemon/steer.h"
#include "daemon/usage.h"
#include "net/tcp.h"
#include "proto/turn/server.h"
#include "relay/relay.h"
#include "relay/settings.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INBOX_SLOTS = 4096,
    MAIL_SLOTS = 512, /* 17 ms of 30,000 packets/s between relayed addresses */
    USERS_CACHED = 4096,
    USERHASH_BYTES = 32,
    LISTENER_RECEIVE_BUFFER = 4 << 20, /* the kernel caps it at net.core.rmem_max */
};

/* ---- long-term users ---- */

struct lookup {
    struct worker *worker;
    uint64_t request;
    bool sha256;
};

static void user_found(void *ctx, int rc, const struct store_user *user) {
    struct lookup *lookup = ctx;
    struct relay *relay = lookup->worker->relay;
    /* A database that cannot answer gets no answer: the client tries again. */
    if (rc == -ERR_UNKNOWN_KEY) {
        relay_user_key(relay, lookup->request, NULL);
    } else if (rc == 0) {
        struct turn_key key = {user->keys.md5, sizeof user->keys.md5, user->name};
        if (lookup->sha256) {
            key.bytes = user->keys.sha256;
            key.len = sizeof user->keys.sha256;
        }
        relay_user_key(relay, lookup->request, &key);
    }
    free(lookup);
}

static int lookup_user(void *ctx, uint64_t request, const struct relay_user_query *wanted) {
    struct worker *w = ctx;
    struct lookup *lookup = w->users ? malloc(sizeof *lookup) : NULL;
    if (!lookup) {
        return -ENOBUFS;
    }
    *lookup = (struct lookup){.worker = w, .request = request, .sha256 = wanted->sha256};
    struct auth_user_query query = {.realm = wanted->realm, .name = wanted->user, .hashed = !wanted->user};
    if (query.hashed) {
        query.name = wanted->userhash;
        query.name_len = USERHASH_BYTES;
    } else {
        query.name_len = strlen(wanted->user);
    }
    int rc = auth_users_find(w->users, &query, user_found, lookup);
    if (rc == 0 || rc == -EINPROGRESS) {
        return 0;
    }
    free(lookup);
    return rc;
}

/* ---- accounting ---- */

static void session_ended(void *ctx, const struct relay_session *session, const char *reason) {
    const struct worker *w = ctx;
    usage_session_ended(w->usage, session, w->stopped ? "shutdown" : reason);
}

/* ---- bandwidth ---- */

static void *account_open(void *ctx, const char *realm, const char *user) {
    const struct worker *w = ctx;
    struct auth_quota_user *account = NULL;
    return auth_quota_open_account(w->quota, realm, user, strlen(user), &account) < 0 ? NULL : account;
}

static void account_close(void *ctx, void *account) {
    const struct worker *w = ctx;
    auth_quota_close_account(w->quota, account);
}

static uint64_t lease(void *ctx, void *account, size_t bytes, uint64_t now_us) {
    const struct worker *w = ctx;
    return auth_quota_lease(w->quota, account, bytes, now_us);
}

static void refund(void *ctx, void *account, size_t bytes) {
    const struct worker *w = ctx;
    auth_quota_refund(w->quota, account, bytes);
}

/* ---- life ---- */

static void flush(void *ctx) {
    struct worker *w = ctx;
    mailbox_after_batch(w->mail);
    udp_io_flush(w->io);
}

int worker_new(struct worker **out, unsigned number) {
    struct worker *w = cacheline_alloc(sizeof *w);
    if (!w) {
        return -ENOMEM;
    }
    w->number = number;
    snprintf(w->name, sizeof w->name, "worker-%u", number);
    w->loop = loop_new(w->name, INBOX_SLOTS);
    w->io = udp_io_new();
    w->steer = steer_new();
    if (!w->loop || !w->io || !w->steer || mailbox_new(&w->mail, w->loop, MAIL_SLOTS) < 0) {
        worker_free(w);
        return -ENOMEM;
    }
    w->passing_on = -1;
    mailbox_listen(w->mail, &(struct mail_handlers){.take = ingress_take_mail, .done = ingress_mail_done, .ctx = w});
    loop_set_after_batch(w->loop, flush, w);
    loop_set_waiter(w->loop, ingress_wait, w);
    *out = w;
    return 0;
}

int worker_prepare(struct worker *w, const struct worker_shared *shared, const struct relay_settings *settings) {
    struct relay_options options = {
        .loop = w->loop,
        .io = w->io,
        .ports = shared->ports,
        .owners = shared->owners,
        .worker = w->number,
        .hooks = {.ctx = w,
                  .lookup_user = lookup_user,
                  .forward = ingress_forward,
                  .deliver = ingress_deliver,
                  .close = ingress_close,
                  .gone = ingress_gone,
                  .ended = session_ended,
                  .hand_off = ingress_hand_off,
                  .account_open = account_open,
                  .account_close = account_close,
                  .lease = lease,
                  .refund = refund,
                  .post = ingress_post},
    };
    w->shared = shared;
    w->quota = shared->quota;
    w->usage = shared->usage;
    int rc = relay_new(&w->relay, &options, settings);
    if (rc < 0) {
        return rc;
    }
    source_rate_init(&w->handshakes.rate);
    struct tcp_options tcp = {.turn = relay_stream_handlers(w->relay),
                              .http = shared->http,
                              .tls = shared->tls,
                              .handshakes = &w->handshakes};
    w->tcp = tcp_new(w->loop, &tcp);
    struct dtls_options dtls = {.loop = w->loop,
                                .io = w->io,
                                .tls = shared->tls,
                                .handshakes = &w->handshakes,
                                .handlers = relay_dtls_handlers(w->relay)};
    w->dtls = shared->tls ? dtls_server_new(&dtls) : NULL;
    return w->tcp && (w->dtls || !shared->tls) ? 0 : -ENOMEM;
}

void worker_free(struct worker *w) {
    if (!w) {
        return;
    }
    static const struct worker_shared nobody = {0};
    w->shared = &nobody; /* what ends now tells no other worker: that may be gone already */
    relay_close_joins(w->relay);
    tcp_free(w->tcp);
    dtls_server_free(w->dtls);
    relay_free(w->relay);
    for (unsigned i = 0; i < w->listener_count; i++) {
        event_free(w->listeners[i].event);
        udp_socket_close(&w->listeners[i].socket);
    }
    auth_users_free(w->users);
    proxy_paths_free(w->paths);
    config_unref(w->config);
    mailbox_free(w->mail);
    steer_free(w->steer);
    udp_io_free(w->io);
    loop_free(w->loop);
    free(w);
}

int worker_use_store(struct worker *w, struct store *store) {
    return auth_users_new(&w->users, w->loop, store, USERS_CACHED);
}

static void *run(void *arg) {
    struct worker *w = arg;
    pthread_setname_np(pthread_self(), w->name);
    loop_run(w->loop);
    return NULL;
}

int worker_start(struct worker *w) {
    int rc = -pthread_create(&w->thread, NULL, run, w);
    w->started = rc == 0;
    return rc;
}

void worker_stop(struct worker *w) {
    if (w && w->started) {
        loop_stop(w->loop);
        pthread_join(w->thread, NULL);
        w->started = false;
        w->stopped = true;
    }
}

/* ---- listeners ---- */

static int open_udp(struct worker *w, struct addr *at, bool only_dtls) {
    static const struct udp_options options = {
        .reuse_port = true, .receive_buffer = LISTENER_RECEIVE_BUFFER, .merge = true, .waitable = true};
    if (w->listener_count == WORKER_LISTENERS_MAX) {
        return -ENOBUFS;
    }
    struct worker_listener *l = &w->listeners[w->listener_count];
    int rc = udp_socket_open(&l->socket, at, &options);
    if (rc < 0) {
        return rc;
    }
    at->port = l->socket.local.port;
    l->worker = w;
    l->only_dtls = only_dtls;
    l->event = event_new(loop_base(w->loop), l->socket.fd, EV_READ | EV_PERSIST, ingress_readable, l);
    if (!l->event || event_add(l->event, NULL) < 0 || (!only_dtls && relay_add_listener(w->relay, &l->socket) < 0)) {
        udp_socket_close(&l->socket);
        if (l->event) {
            event_free(l->event);
        }
        return -ENOMEM;
    }
    w->listener_count++;
    return 0;
}

static int open_stream(struct worker *w, struct listen_address *at) {
    static const unsigned accept[LISTEN_KIND_COUNT] = {
        [LISTEN_TCP] = TCP_ACCEPT_TURN | TCP_ACCEPT_HTTP,
        [LISTEN_TLS] = TCP_ACCEPT_TURN | TCP_ACCEPT_HTTP,
        [LISTEN_HTTP] = TCP_ACCEPT_HTTP,
        [LISTEN_HTTPS] = TCP_ACCEPT_TURN | TCP_ACCEPT_HTTP,
    };
    return tcp_listener_open(w->tcp, &at->addr, -1, accept[at->kind]);
}

int worker_open_listeners(struct worker *w, struct listen_list *list) {
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        struct listen_address *at = &list->items[i];
        if (at->kind != LISTEN_STATS) {
            bool udp = listen_kind_is_udp(at->kind);
            rc = listen_result(at, udp ? open_udp(w, &at->addr, at->kind == LISTEN_DTLS) : open_stream(w, at));
        }
    }
    return rc;
}

/* ---- from other threads ---- */

struct loop *worker_loop(struct worker *w) {
    return w->loop;
}

unsigned worker_number(const struct worker *w) { return w->number; }

uint64_t worker_cpu_us(const struct worker *w) {
    clockid_t clock;
    struct timespec t;
    if (!w->started || pthread_getcpuclockid(w->thread, &clock) != 0 || clock_gettime(clock, &t) < 0) {
        return 0;
    }
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

struct relay *worker_relay(struct worker *w) {
    return w->relay;
}

struct tcp *worker_tcp(struct worker *w) {
    return w->tcp;
}

struct configure {
    struct worker *worker;
    const struct relay_settings *settings;
};

static void configure(void *data) {
    struct configure c;
    memcpy(&c, data, sizeof c);
    int rc = relay_configure(c.worker->relay, c.settings);
    if (rc < 0) {
        log_error("daemon", "relay keeps its old settings", LF_UINT("worker", c.worker->number), LF_ERROR(rc));
    }
    relay_settings_unref(c.settings);
}

int worker_configure(struct worker *w, const struct relay_settings *settings) {
    struct configure c = {.worker = w, .settings = relay_settings_ref(settings)};
    int rc = loop_post(w->loop, configure, &c, sizeof c);
    if (rc < 0) {
        relay_settings_unref(settings);
    }
    return rc;
}

/* ---- proxies ---- */

static void use_paths(struct worker *w, struct proxy_paths *paths) {
    for (unsigned i = 0; i < w->listener_count; i++) {
        w->listeners[i].socket.paths = paths;
    }
    if (paths != w->paths) {
        proxy_paths_free(w->paths);
        w->paths = paths;
    }
}

static void follow_proxies(struct worker *w, const struct config_prefixes *proxies) {
    struct proxy_paths *paths = proxies->count == 0 ? NULL : w->paths ? w->paths : proxy_paths_new();
    if (!paths && proxies->count > 0) {
        log_error("daemon", "no memory for clients behind proxies", LF_UINT("worker", w->number));
    }
    use_paths(w, paths);
    proxy_sources_set(&w->proxies, proxies->items, proxies->count);
    tcp_set_proxies(w->tcp, proxies->items, proxies->count);
}

struct follow {
    struct worker *worker;
    const struct config *config;
};

static void follow(void *data) {
    struct follow f;
    memcpy(&f, data, sizeof f);
    follow_proxies(f.worker, &f.config->listen.proxy_protocol);
    f.worker->handshakes.per_second = f.config->listen.handshake_rate;
    tcp_set_max_per_source(f.worker->tcp, f.config->listen.source_connections);
    config_unref(f.worker->config);
    f.worker->config = f.config;
}

int worker_follow(struct worker *w, const struct config *config) {
    struct follow f = {.worker = w, .config = config_ref(config)};
    if (!w->started) {
        follow(&f);
        return 0;
    }
    int rc = loop_post(w->loop, follow, &f, sizeof f);
    if (rc < 0) {
        config_unref(config);
    }
    return rc;
}

static void drain(void *data) {
    struct worker *w;
    memcpy(&w, data, sizeof w);
    tcp_stop_accepting(w->tcp);
    if (w->dtls) {
        dtls_server_stop_accepting(w->dtls);
    }
}

int worker_drain(struct worker *w) { return loop_post(w->loop, drain, &w, sizeof w); }
