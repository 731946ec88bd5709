#include "admin/admin.h"
#include "auth/limiter.h"
#include "auth/quota.h"
#include "auth/secret.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "daemon/external.h"
#include "daemon/services.h"
#include "daemon/usage.h"
#include "net/http_server.h"
#include "relay/settings.h"
#include "signal/signal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int daemon_load_config(const struct options *options, const struct config **out, struct config_report *report) {
    struct config_source source = {
        .file = options->config_file,
        .overrides = options->overrides,
        .override_count = options->override_count,
    };
    return config_load(out, &source, report);
}

static void log_report(const struct config_report *report) {
    for (size_t i = 0; i < report->count; i++) {
        const struct config_message *m = &report->items[i];
        log_at(m->severity == CONFIG_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "config", m->text,
               LF_TEXT("file", m->file), LF_UINT("line", m->line));
    }
}

static int make_relay_settings(struct daemon *d, const struct config *config, const struct auth_secrets *secrets,
                               const struct relay_settings **out) {
    const char *list[TURN_SECRETS_MAX];
    size_t count = auth_secrets_count(secrets);
    size_t len;
    count = count < TURN_SECRETS_MAX ? count : TURN_SECRETS_MAX;
    for (size_t i = 0; i < count; i++) {
        list[i] = auth_secrets_get(secrets, i, &len);
    }
    struct relay_mapping mappings[RELAY_MAPPINGS_MAX];
    struct relay_extras extras = {
        .mappings = mappings,
        .mapping_count = external_mappings(d->external, mappings, RELAY_MAPPINGS_MAX),
        .secrets = list,
        .secret_count = count,
        .rules = d->rules.items,
        .rule_count = d->rules.count,
        .populated = (const char *const *)d->rules.populated,
        .populated_count = d->rules.populated_count,
        .quota = daemon_turn_quota(d),
        .nonce_key = d->nonce_key,
        .worker_count = d->worker_count,
    };
    return relay_settings_new(out, config, &extras);
}

int daemon_update_relays(struct daemon *d) {
    const struct relay_settings *settings;
    int rc = make_relay_settings(d, d->config, d->secrets, &settings);
    if (rc < 0) {
        log_error("daemon", "relays keep their old settings", LF_ERROR(rc));
        return rc;
    }
    relay_settings_unref(d->relay_settings);
    d->relay_settings = settings;
    for (unsigned i = 0; i < d->worker_count; i++) {
        if (d->shared.workers && worker_configure(d->workers[i], settings) < 0) {
            log_error("daemon", "worker too busy for new settings; reload again", LF_UINT("worker", i));
        }
    }
    return 0;
}

static void update_workers(struct daemon *d) {
    for (unsigned i = 0; i < d->worker_count; i++) {
        if (worker_follow(d->workers[i], d->config) < 0) {
            log_error("daemon", "worker too busy for a new configuration; reload again", LF_UINT("worker", i));
        }
    }
}

static void external_changed(void *ctx) {
    struct daemon *d = ctx;
    (void)daemon_update_relays(d);
}

int daemon_start_external(struct daemon *d) {
    d->external = external_new(d->control, external_changed, d);
    if (!d->external) {
        return -ENOMEM;
    }
    external_configure(d->external, d->config);
    return 0;
}

int daemon_reload_secrets(struct daemon *d) {
    const struct auth_secrets *fresh;
    int rc = auth_secrets_load(&fresh, d->config);
    if (rc < 0) {
        return rc;
    }
    auth_secrets_unref(d->secrets);
    d->secrets = fresh;
    return daemon_update_relays(d);
}

static void log_changes(const struct config *old, const struct config *now) {
    struct config_change changes[CONFIG_KEY_MAX];
    size_t count = config_diff(old, now, changes, CONFIG_KEY_MAX);
    for (size_t i = 0; i < count; i++) {
        if (changes[i].needs_restart) {
            log_warning("config", "change needs a restart", LF_TEXT("key", changes[i].name));
        } else {
            log_info("config", "changed", LF_TEXT("key", changes[i].name));
        }
    }
    log_info("config", "reloaded", LF_UINT("changes", count));
}

int daemon_check_addresses(const struct config *config) {
    struct addr which;
    int rc = relay_addresses_check(config, &which);
    if (rc < 0) {
        char text[ADDR_TEXT_MAX];
        log_error("relay", "this machine does not have the address of [relay] address",
                  LF_TEXT("address", addr_format_ip(&which, text)));
    }
    return rc;
}

/* What can fail is made first; what is left cannot. */
static int apply(struct daemon *d, const struct config *now) {
    const struct auth_secrets *secrets = NULL;
    struct http_policy policy = daemon_http_policy(now);
    int rc = daemon_check_addresses(now);
    rc = rc < 0 ? rc : auth_secrets_load(&secrets, now);
    if (rc == 0) {
        rc = daemon_reload_certificate(d, now);
    }
    if (rc == 0) {
        rc = http_server_set_policy(d->http, &policy);
    }
    if (rc < 0) {
        auth_secrets_unref(secrets);
        return rc;
    }
    signal_reconfigure(d->signal, now);
    auth_secrets_unref(d->secrets);
    d->secrets = secrets;
    return 0;
}

static void apply_limits(struct daemon *d) {
    struct auth_quota_limits limits = daemon_quota_limits(d->config);
    struct auth_quota_realm realms[AUTH_QUOTA_REALMS_MAX];
    auth_quota_set_limits(d->quota, &limits);
    usage_configure(d->usage, d->config);
    auth_quota_set_realms(d->quota, realms, daemon_quota_realms(d->config, realms));
    auth_limiter_set_rate(d->requests, d->config->http.request_rate, d->config->http.request_rate);
    admin_set_coturn_names(d->admin, d->config->stats.coturn_names);
    if (daemon_configure_log(d->config) < 0) {
        log_error("daemon", "log target stays as it was");
    }
}

int daemon_reload(struct daemon *d) {
    const struct config *now = NULL;
    struct config_report report = {0};
    int rc = daemon_load_config(&d->options, &now, &report);
    log_report(&report);
    config_report_deinit(&report);
    if (rc == 0) {
        rc = apply(d, now);
    }
    if (rc < 0) {
        log_error("config", "not reloaded: everything stays as it was", LF_ERROR(rc));
        config_unref(now);
        return rc;
    }
    const struct config *old = d->config;
    d->config = now;
    daemon_certificate_reloaded(d);
    apply_limits(d);
    update_workers(d);
    external_configure(d->external, now);
    rc = daemon_update_relays(d);
    daemon_rules_changed(d); /* users of a realm that is new */
    log_changes(old, now);
    config_unref(old);
    return rc;
}
