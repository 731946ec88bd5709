/* What the database holds for all relays: the peer rules (turnoutctl peer allow, peer deny), and which
 * realms have users, whose names clients may then send as USERHASH. */
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "proto/turn/peer_scopes.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 20000 };

struct rules_job {
    struct store_job job;
    struct daemon *daemon;
    const struct config *config;
    struct daemon_rules rules;
};

void daemon_rules_free(struct daemon_rules *rules) {
    for (size_t i = 0; i < rules->count; i++) {
        free((char *)(uintptr_t)rules->items[i].realm); /* one block for both names */
    }
    free(rules->items);
    for (size_t i = 0; i < rules->populated_count; i++) {
        free(rules->populated[i]);
    }
    free(rules->populated);
    *rules = (struct daemon_rules){0};
}

/* Room for one more; doubles. */
static int grow(struct daemon_rules *rules) {
    bool full = (rules->count & (rules->count - 1)) == 0;
    if (rules->count == RULES_MAX) {
        return -ENOBUFS;
    }
    if (full) {
        size_t room = rules->count ? rules->count * 2 : 1;
        struct peer_scoped_rule *bigger = reallocarray(rules->items, room, sizeof *bigger);
        if (!bigger) {
            return -ENOMEM;
        }
        rules->items = bigger;
    }
    return 0;
}

static int take_rule(void *ctx, const struct store_peer_rule *rule) {
    struct daemon_rules *rules = ctx;
    size_t realm_size = strlen(rule->realm) + 1, user_size = strlen(rule->user) + 1;
    int rc = grow(rules);
    char *names = rc == 0 ? malloc(realm_size + user_size) : NULL;
    if (!names) {
        return rc < 0 ? rc : -ENOMEM;
    }
    memcpy(names, rule->realm, realm_size);
    memcpy(names + realm_size, rule->user, user_size);
    rules->items[rules->count++] = (struct peer_scoped_rule){
        .realm = names, .user = names + realm_size, .prefix = rule->prefix, .allow = rule->allow};
    return 0;
}

static int take_realm(struct store_db *db, const char *realm, struct daemon_rules *out) {
    int rc = store_db_realm_has_users(db, realm);
    if (rc < 0) {
        return rc == -ENOENT ? 0 : rc;
    }
    out->populated[out->populated_count] = strdup(realm);
    return out->populated[out->populated_count++] ? 0 : -ENOMEM;
}

static int load(struct store_db *db, const struct config *config, struct daemon_rules *out) {
    const char *names[CONFIG_REALMS_MAX + 1];
    size_t count = config_realm_names(config, names);
    int rc = store_db_rule_list(db, take_rule, out);
    out->populated = rc == 0 ? calloc(count + 1, sizeof *out->populated) : NULL;
    rc = rc < 0 ? rc : out->populated ? take_realm(db, config->server.realm, out) : -ENOMEM;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = take_realm(db, names[i], out);
    }
    return rc;
}

static int run(struct store_db *db, struct store_job *job) {
    struct rules_job *r = (struct rules_job *)(void *)job;
    return load(db, r->config, &r->rules);
}

static void done(struct store_job *job) {
    struct rules_job *r = (struct rules_job *)(void *)job;
    struct daemon *d = r->daemon;
    bool again = d->rules_again && job->result != -ECANCELED;
    d->rules_loading = d->rules_again = false;
    if (job->result == 0) {
        struct daemon_rules old = d->rules;
        d->rules = r->rules;
        r->rules = old;
        daemon_update_relays(d);
    } else if (job->result != -ECANCELED) {
        log_error("daemon", "peer rules of the database stay as they were", LF_ERROR(job->result));
    }
    daemon_rules_free(&r->rules);
    config_unref(r->config);
    free(r);
    if (again) {
        daemon_rules_changed(d);
    }
}

void daemon_rules_changed(struct daemon *d) {
    struct rules_job *r = d->rules_loading ? NULL : calloc(1, sizeof *r);
    if (!r) {
        d->rules_again = d->rules_loading;
        return;
    }
    r->job = (struct store_job){.run = run, .done = done, .reply_to = d->control};
    r->daemon = d;
    r->config = config_ref(d->config);
    d->rules_loading = true;
    if (store_submit(d->store, &r->job) < 0) {
        d->rules_loading = false;
        config_unref(r->config);
        free(r);
    }
}

static void changed(void *ctx) { daemon_rules_changed(ctx); }

int daemon_watch_rules(struct daemon *d) { return store_watch(d->store, d->control, changed, d); }

/* Before the first listener opens, so that no denied peer is reached in between. */
int daemon_load_rules(struct daemon *d) {
    struct store_db *db;
    int rc = store_db_open(&db, d->config->database.path, STORE_OPEN_READ);
    if (rc < 0) {
        return 0; /* no database yet, or the store will say what is wrong with it */
    }
    rc = load(db, d->config, &d->rules);
    store_db_close(db);
    if (rc < 0) {
        log_error("daemon", "peer rules of the database cannot be read", LF_TEXT("path", d->config->database.path),
                  LF_ERROR(rc));
    }
    /* A rule that is not understood, or too many: rather no relay than one without them. */
    return rc == -ENOMEM || rc == -EBADMSG || rc == -ENOBUFS ? rc : 0;
}
