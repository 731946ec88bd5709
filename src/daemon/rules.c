/* What the database holds for all relays: the peer rules (turnoutctl peer allow, peer deny), and whether there are
 * users, whose names clients may then send as USERHASH. */
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

static int load(struct store_db *db, const struct config *config, struct daemon_rules *out) {
    int rc = store_db_rule_list(db, take_rule, out);
    int users = rc == 0 ? store_db_realm_has_users(db, config->server.realm) : rc;
    out->has_users = users == 0;
    return rc < 0 ? rc : users == -ENOENT ? 0 : users;
}

static int run(struct store_db *db, struct store_job *job) {
    struct rules_job *r = (struct rules_job *)(void *)job;
    return load(db, r->config, &r->rules);
}

static void done(struct store_job *job) {
    struct rules_job *r = (struct rules_job *)(void *)job;
    struct daemon *d = r->daemon;
    d->rules_loading = false;
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
}

void daemon_rules_changed(struct daemon *d) {
    struct rules_job *r = d->rules_loading ? NULL : calloc(1, sizeof *r);
    if (!r) {
        return; /* a load is under way; the store tells of later changes again */
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
