/* Configuration, secrets and the daemon's own life. */
#include "daemon/verbs.h"

#include "admin/configuration.h"
#include "auth/credentials.h"
#include "auth/secret.h"
#include "base/clock.h"
#include "daemon/daemon.h"

#include <errno.h>
#include <jansson.h>

static struct config_source source_of(const struct daemon *d) {
    return (struct config_source){
        .file = d->options.config_file, .overrides = d->options.overrides, .override_count = d->options.override_count};
}

static void reply_or_no_memory(struct admin_call *call, json_t *data) {
    if (data) {
        admin_call_reply(call, data);
    } else {
        admin_call_error(call, -ENOMEM, "The configuration");
    }
}

static void show(void *ctx, struct admin_call *call) {
    const struct daemon *d = ctx;
    reply_or_no_memory(
        call, admin_config_show(d->config, admin_call_text(call, "section"), admin_call_bool(call, "changed", false)));
}

static void check(void *ctx, struct admin_call *call) {
    const struct daemon *d = ctx;
    const struct config_source source = source_of(d);
    reply_or_no_memory(call, admin_config_check(&source, d->config));
}

static void ports(void *ctx, struct admin_call *call) {
    const struct daemon *d = ctx;
    reply_or_no_memory(call, admin_config_ports(d->config));
}

/* The files are read twice: once to say what is wrong or changes, once to put them in force. */
static void reload(void *ctx, struct admin_call *call) {
    struct daemon *d = ctx;
    const struct config_source source = source_of(d);
    json_t *outcome = admin_config_check(&source, d->config);
    if (json_is_true(json_object_get(outcome, "valid")) && daemon_reload(d) < 0) {
        json_decref(outcome);
        admin_call_fail(call, "bad-request",
                        "The files are well-formed but cannot be put in force; nothing was changed. The daemon's log "
                        "says why.");
        return;
    }
    reply_or_no_memory(call, outcome);
}

static void create_credentials(void *ctx, struct admin_call *call) {
    const struct daemon *d = ctx;
    struct auth_credentials made;
    const char *user = admin_call_text(call, "user");
    uint64_t lifetime_s = admin_call_uint(call, "ttl", d->config->auth.credential_lifetime_us / 1000000);
    int rc = auth_credentials_issue(&made, d->secrets, user ? user : "turnoutctl", clock_wall_s(), lifetime_s);
    if (rc < 0) {
        admin_call_error(call, rc, "The credentials");
        return;
    }
    admin_call_reply(call, json_pack("{s:s,s:s,s:I}", "username", made.username, "password", made.password, "expires",
                                     (json_int_t)made.expires));
}

static void rotate_secret(void *ctx, struct admin_call *call) {
    struct daemon *d = ctx;
    int rc = auth_secrets_rotate(d->config);
    if (rc == -EPERM) {
        admin_call_fail(call, "forbidden",
                        "The secret stands in the configuration ([auth] secret): put a fresh one first there, keep the "
                        "old one below it and reload.");
        return;
    }
    rc = rc < 0 ? rc : daemon_reload_secrets(d);
    if (rc < 0) {
        admin_call_error(call, rc, "The shared secret");
    } else {
        admin_call_reply(call, json_object());
    }
}

static void drain(void *ctx, struct admin_call *call) {
    struct daemon *d = ctx;
    admin_call_reply(call, json_object());
    if (!d->draining) { /* asking again does not hurry it: that takes a second SIGTERM */
        daemon_drain(d);
    }
}

void verbs_set_config(struct admin_hooks *hooks) {
    hooks->verbs[ADMIN_VERB_CONFIG_SHOW] = show;
    hooks->verbs[ADMIN_VERB_CONFIG_CHECK] = check;
    hooks->verbs[ADMIN_VERB_CONFIG_PORTS] = ports;
    hooks->verbs[ADMIN_VERB_CONFIG_RELOAD] = reload;
    hooks->verbs[ADMIN_VERB_CREDENTIALS_CREATE] = create_credentials;
    hooks->verbs[ADMIN_VERB_SECRET_ROTATE] = rotate_secret;
    hooks->verbs[ADMIN_VERB_DRAIN] = drain;
}
