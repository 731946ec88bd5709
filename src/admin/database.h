/* The verbs that work on the database: users, API keys, peer rules, tokens. Synchronous and without the
 * daemon, so that the daemon's store thread and turnoutctl beside a stopped daemon run the same code. */
#pragma once

#include "admin/verbs.h"
#include "store/db.h"

struct json_t;

/* What the verbs need beside the database. */
struct admin_database {
    const char *realm; /* where users live unless the verb names another */
    uint64_t now_s;    /* unix time */
    /* As auth_password_keys: -EINVAL for a password, name or realm that is not allowed. */
    int (*password_keys)(struct store_user_keys *out, const char *name, const char *realm, const char *password);
    /* As auth_key_generate: fills id and secret. */
    void (*key_generate)(struct store_api_key *key);
};

enum { ADMIN_WHY_SIZE = 256 };

struct admin_result {
    struct json_t *data;      /* the caller's; an array for a list */
    bool more;                /* a list goes on: call again after admin_database_next */
    char why[ADMIN_WHY_SIZE]; /* after a failure: a sentence */
};

/* True for the verbs that admin_database_run knows. */
bool admin_database_has(enum admin_verb_id verb);

/* Does the verb; args fit its schema. out is set whatever happens. The codes of store/db.h, -EINVAL,
 * -ERR_FORBIDDEN (a key that may not sign such a token), -ENOMEM. */
int admin_database_run(struct store_db *db, const struct admin_database *with, enum admin_verb_id verb,
                       const struct json_t *args, struct admin_result *out);
/* Makes args ask for the page after that result's. */
void admin_database_next(struct json_t *args, const struct admin_result *page);
