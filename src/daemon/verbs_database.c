/* Users, API keys, peer rules and tokens: jobs of the store thread, page by page for lists. */
#include "daemon/verbs.h"

#include "admin/database.h"
#include "admin/errors.h"
#include "auth/keys.h"
#include "auth/password.h"
#include "base/clock.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "store/store.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct errand {
    struct store_job job; /* first: the store hands back a pointer to it */
    struct daemon *daemon;
    struct admin_call *call;
    struct admin_database with;
    enum admin_verb_id verb;
    char realm[STORE_REALM_MAX + 1];
    json_t *args; /* our own: pages change it, and the other thread uses it */
    struct admin_result result;
};

static void errand_free(struct errand *e) {
    json_decref(e->args);
    json_decref(e->result.data);
    free(e);
}

static int run(struct store_db *db, struct store_job *job) {
    struct errand *e = (struct errand *)(void *)job;
    return admin_database_run(db, &e->with, e->verb, e->args, &e->result);
}

static void submit(struct errand *e) {
    int rc = store_submit(e->daemon->store, &e->job);
    if (rc < 0) {
        admin_call_error(e->call, rc, "The database");
        errand_free(e);
    }
}

static void next_page(void *ctx, struct admin_call *call) {
    if (admin_call_is_abandoned(call)) {
        admin_call_done(call);
        errand_free(ctx);
    } else {
        submit(ctx);
    }
}

static void answer_failure(const struct errand *e) {
    if (e->result.why[0]) {
        admin_call_fail(e->call, admin_error_code(e->job.result), "%s", e->result.why);
    } else {
        admin_call_error(e->call, e->job.result, "The database");
    }
}

/* Hands the rows on. True when another page was asked for, so that the errand lives on. */
static bool answer_rows(struct errand *e) {
    size_t i;
    json_t *row;
    int rc = 0;
    json_array_foreach(e->result.data, i, row) { rc = admin_call_row(e->call, json_incref(row)); }
    if (!e->result.more || rc == -EPIPE) {
        admin_call_done(e->call);
        return false;
    }
    admin_database_next(e->args, &e->result);
    json_decref(e->result.data);
    e->result.data = NULL;
    if (rc == -EAGAIN) {
        admin_call_on_resume(e->call, next_page, e);
    } else {
        submit(e);
    }
    return true;
}

static void done(struct store_job *job) {
    struct errand *e = (struct errand *)(void *)job;
    bool rules =
        e->verb == ADMIN_VERB_PEER_ALLOW || e->verb == ADMIN_VERB_PEER_DENY || e->verb == ADMIN_VERB_PEER_REMOVE;
    if (job->result == 0 && rules) {
        daemon_rules_changed(e->daemon); /* sessions obey at once, not when the store notices */
    }
    if (job->result < 0) {
        answer_failure(e);
    } else if (!json_is_array(e->result.data)) {
        admin_call_reply(e->call, json_incref(e->result.data));
    } else if (answer_rows(e)) {
        return;
    }
    errand_free(e);
}

static void start(void *ctx, struct admin_call *call) {
    struct daemon *d = ctx;
    struct errand *e = calloc(1, sizeof *e);
    json_t *args = json_deep_copy(admin_call_args(call));
    if (!e || !args) {
        free(e);
        json_decref(args);
        admin_call_error(call, -ENOMEM, "The database");
        return;
    }
    e->job = (struct store_job){.run = run, .done = done, .reply_to = d->control};
    e->daemon = d;
    e->call = call;
    e->verb = admin_call_verb(call);
    e->args = args;
    snprintf(e->realm, sizeof e->realm, "%s", d->config->server.realm);
    e->with = (struct admin_database){.realm = e->realm,
                                      .now_s = clock_wall_s(),
                                      .password_keys = auth_password_keys,
                                      .key_generate = auth_key_generate};
    submit(e);
}

void verbs_set_database(struct admin_hooks *hooks) {
    for (int i = 0; i < ADMIN_VERB_COUNT; i++) {
        if (admin_database_has((enum admin_verb_id)i)) {
            hooks->verbs[i] = start;
        }
    }
}
