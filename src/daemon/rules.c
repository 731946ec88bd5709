/* What the database holds for all relays: the peer rules (turnoutctl peer allow, peer deny), and whether there are
 * users, whose names clients may then send as USERHASH. */
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 10000 };

struct rules_job {
    struct store_job job;
    struct daemon *daemon;
    const struct config *config;
    struct daemon_rules rules;
};

void daemon_rules_free(struct daemon_rules *rules) {
    for (size_t i = 0; i < rules->allow_count; i++) {
        free(rules->allow[i]);
    }
    for (size_t i = 0; i < rules->deny_count; i++) {
        free(rules->deny[i]);
    }
    free(rules->allow);
    free(rules->deny);
    *rules = (struct daemon_rules){0};
}

static int append(char ***list, size_t *count, const char *text) {
    if (*count == RULES_MAX) {
        return -ENOBUFS;
    }
    char **bigger = realloc(*list, (*count + 1) * sizeof *bigger);
    if (!bigger) {
        return -ENOMEM;
    }
    *list = bigger;
    bigger[*count] = strdup(text);
    if (!bigger[*count]) {
        return -ENOMEM;
    }
    ++*count;
    return 0;
}

static int take_rule(void *ctx, const struct store_peer_rule *rule) {
    struct daemon_rules *rules = ctx;
    char text[ADDR_TEXT_MAX];
    prefix_format(&rule->prefix, text);
    return rule->allow ? append(&rules->allow, &rules->allow_count, text)
                       : append(&rules->deny, &rules->deny_count, text);
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

static void changed(void *ctx) {
    struct daemon *d = ctx;
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
    return rc == -ENOMEM ? rc : 0;
}
