/* The control thread's services: store, keys, limits, HTTP, signaling, and how they reach each other. */
#include "daemon/services.h"

#include "auth/credentials.h"
#include "auth/keys.h"
#include "auth/limiter.h"
#include "auth/secret.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "daemon/usage.h"
#include "net/loop.h"
#include "net/static.h"
#include "signal/signal.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    QUOTA_USERS = 65536,
    LIMITER_SOURCES = 65536,
    REFUSALS_PER_MINUTE = 20,
};

/* ---- configuration -> service ---- */

struct http_policy daemon_http_policy(const struct config *config) {
    return (struct http_policy){
        .allowed_origins = (const char *const *)config->http.allowed_origin.items,
        .allowed_origin_count = config->http.allowed_origin.count,
        .trusted_proxies = config->http.trusted_proxy.items,
        .trusted_proxy_count = config->http.trusted_proxy.count,
    };
}

struct tls_options daemon_tls_options(const struct config *config) {
    return (struct tls_options){
        .certificate = config->tls.certificate,
        .private_key = config->tls.private_key,
        .min_version = config->tls.min_version == CONFIG_TLS_1_3 ? "1.3" : "1.2",
    };
}

struct auth_quota_limits daemon_quota_limits(const struct config *config) {
    return (struct auth_quota_limits){
        .user_allocations = config->relay.user_quota,
        .total_allocations = config->relay.total_quota,
        .user_bps = config->relay.user_bandwidth_bps,
        .total_bps = config->relay.total_bandwidth_bps,
    };
}

static struct auth_quota_realm *quota_of(struct auth_quota_realm *items, size_t *count, const char *name) {
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(items[i].name, name) == 0) {
            return &items[i];
        }
    }
    items[*count] = (struct auth_quota_realm){.name = name};
    return &items[(*count)++];
}

size_t daemon_quota_realms(const struct config *config, struct auth_quota_realm out[AUTH_QUOTA_REALMS_MAX]) {
    const struct config_realm_numbers *users = &config->realms.user_quota, *total = &config->realms.total_quota;
    size_t count = 0;
    for (size_t i = 0; i < users->count; i++) {
        struct auth_quota_realm *realm = quota_of(out, &count, users->items[i].realm);
        realm->limits_users = true;
        realm->user_allocations = users->items[i].number;
    }
    for (size_t i = 0; i < total->count; i++) {
        quota_of(out, &count, total->items[i].realm)->total_allocations = total->items[i].number;
    }
    return count;
}

int daemon_configure_log(const struct config *config) {
    struct log_options options = {
        .level = config->log.level,
        .format = config->log.format,
        .path = config->log.target.kind == CONFIG_LOG_FILE ? config->log.target.path : NULL,
        .journal = config->log.target.kind == CONFIG_LOG_JOURNAL,
    };
    int rc = log_configure(&options);
    if (rc < 0) {
        log_error("daemon", "cannot open the log", LF_TEXT("path", options.path), LF_ERROR(rc));
    }
    return rc;
}

/* ---- quotas: called by the relays' threads ---- */

/* A draining server has no room for new allocations: 508, or 300 when there is another one. */
static int quota_take(void *ctx, const char *realm, const char *user) {
    struct daemon *d = ctx;
    return d->draining ? -ENOSPC : auth_quota_hold(d->quota, realm, user, strlen(user), NULL);
}

static void quota_give(void *ctx, const char *realm, const char *user) {
    struct daemon *d = ctx;
    auth_quota_release_user(d->quota, realm, user, strlen(user));
}

struct turn_quota daemon_turn_quota(struct daemon *d) {
    return (struct turn_quota){.take = quota_take, .give = quota_give, .ctx = d};
}

/* ---- what signaling needs ---- */

static int key_find(void *ctx, const char *id, struct signal_key *out) {
    struct daemon *d = ctx;
    const struct store_api_key *key = auth_keys_find(d->keys, id);
    size_t len = key ? strlen(key->secret) : 0;
    if (!key || len > sizeof out->secret.bytes) {
        return -ERR_UNKNOWN_KEY;
    }
    out->secret.len = len;
    memcpy(out->secret.bytes, key->secret, len);
    out->may_join = key->permissions & STORE_MAY_JOIN;
    out->may_administer = key->permissions & STORE_MAY_ADMINISTER;
    return 0;
}

static int key_check(void *ctx, const char *text, char *id) {
    struct daemon *d = ctx;
    const struct store_api_key *key;
    int rc = auth_keys_verify(d->keys, text, STORE_MAY_CREDENTIALS, &key);
    if (rc == 0) {
        snprintf(id, JWT_KEY_ID_MAX + 1, "%s", key->id);
    }
    return rc;
}

static int credentials(void *ctx, const char *subject, struct signal_credentials *out) {
    struct daemon *d = ctx;
    struct auth_credentials issued;
    uint64_t now = clock_wall_s();
    uint64_t lifetime = d->config->auth.credential_lifetime_us / 1000000;
    int rc = auth_credentials_issue(&issued, d->secrets, subject, now, lifetime);
    if (rc < 0) {
        return rc;
    }
    if (strlen(issued.username) > SIGNAL_USERNAME_MAX) {
        return -EINVAL;
    }
    snprintf(out->username, sizeof out->username, "%.*s", SIGNAL_USERNAME_MAX, issued.username);
    snprintf(out->password, sizeof out->password, "%s", issued.password);
    out->ttl_s = (uint32_t)(issued.expires - now);
    explicit_bzero(&issued, sizeof issued);
    return 0;
}

static uint32_t admit(void *ctx, const struct addr *peer, const char *subject) {
    struct daemon *d = ctx;
    uint64_t now = loop_refresh_now(d->control);
    if (subject) {
        return auth_limiter_take(d->requests, subject, strlen(subject), now);
    }
    uint32_t locked = auth_limiter_look_addr(d->refusals, peer, now);
    return locked ? locked : auth_limiter_take_addr(d->requests, peer, now);
}

static void refused(void *ctx, const struct addr *peer) {
    struct daemon *d = ctx;
    auth_limiter_take_addr(d->refusals, peer, loop_refresh_now(d->control));
}

/* ---- start ---- */

int daemon_start_auth(struct daemon *d) {
    struct auth_quota_limits limits = daemon_quota_limits(d->config);
    uint64_t rate = d->config->http.request_rate;
    struct auth_quota_realm realms[AUTH_QUOTA_REALMS_MAX];
    d->quota = auth_quota_new(QUOTA_USERS, &limits);
    if (d->quota) {
        auth_quota_set_realms(d->quota, realms, daemon_quota_realms(d->config, realms));
    }
    d->requests = auth_limiter_new(LIMITER_SOURCES, rate, rate);
    d->refusals = auth_limiter_new(LIMITER_SOURCES, REFUSALS_PER_MINUTE, REFUSALS_PER_MINUTE);
    return d->quota && d->requests && d->refusals ? usage_new(&d->usage, d->config) : -ENOMEM;
}

static int start_signal(struct daemon *d) {
    struct signal_hooks hooks = {
        .ctx = d,
        .key_find = key_find,
        .key_check = key_check,
        .credentials = credentials,
        .admit = admit,
        .refused = refused,
    };
    d->signal = signal_new(d->control, d->config, &hooks);
    return d->signal ? signal_add_routes(d->signal, d->http) : -ENOMEM;
}

/* The web app comes last: its route takes every path that nobody else took. */
static int start_site(struct daemon *d) {
    static struct http_route route = {.method = "GET", .path = "/{path*}", .handler = static_site_handle};
    int rc = static_site_new(&d->site, d->config->http.web_root);
    if (rc < 0) {
        log_warning("daemon", "no web app is served", LF_TEXT("web-root", d->config->http.web_root), LF_ERROR(rc));
        return 0;
    }
    route.ctx = d->site;
    return http_server_add_routes(d->http, &route, 1);
}

int daemon_start_services(struct daemon *d) {
    int rc = start_signal(d);
    return rc < 0 ? rc : start_site(d);
}
