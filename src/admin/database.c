#include "admin/database.h"

#include "admin/errors.h"
#include "admin/token.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { PAGE_ROWS = 512, USAGE_ROWS = 100 };

/* One run: what the verbs' functions share. */
struct run {
    struct store_db *db;
    const struct admin_database *with;
    const json_t *args;
    struct admin_result *out;
};

static const char *arg_text(const struct run *run, const char *name, const char *fallback) {
    const char *text = json_string_value(json_object_get(run->args, name));
    return text ? text : fallback;
}

static bool arg_bool(const struct run *run, const char *name, bool fallback) {
    const json_t *value = json_object_get(run->args, name);
    return value ? json_is_true(value) : fallback;
}

static int set_data(struct run *run, json_t *data) {
    run->out->data = data;
    return data ? 0 : -ENOMEM;
}

static int add_row(struct run *run, json_t *row) {
    return json_array_append_new(run->out->data, row) < 0 ? -ENOMEM : 0;
}

/* ---- users ---- */

static int fill_user(const struct run *run, struct store_user *user) {
    const char *name = arg_text(run, "name", "");
    const char *realm = arg_text(run, "realm", run->with->realm);
    const char *password = arg_text(run, "password", NULL);
    memset(user, 0, sizeof *user);
    if (!password) {
        snprintf(run->out->why, sizeof run->out->why, "The password is missing.");
        return -EINVAL;
    }
    if (text_copy(user->name, sizeof user->name, name, strlen(name)) < 0 ||
        text_copy(user->realm, sizeof user->realm, realm, strlen(realm)) < 0) {
        return -EINVAL;
    }
    return run->with->password_keys(&user->keys, name, realm, password);
}

static json_t *user_row(const struct store_user *user) {
    return json_pack("{s:s,s:s,s:b,s:I,s:I}", "name", user->name, "realm", user->realm, "disabled", user->disabled,
                     "created", (json_int_t)user->created, "changed", (json_int_t)user->changed);
}

static int user_add(struct run *run) {
    struct store_user user;
    int rc = fill_user(run, &user);
    if (rc == 0) {
        rc = store_db_user_add(run->db, &user);
    }
    return rc < 0 ? rc : set_data(run, json_pack("{s:s,s:s}", "name", user.name, "realm", user.realm));
}

static int user_passwd(struct run *run) {
    struct store_user user;
    int rc = fill_user(run, &user);
    if (rc == 0) {
        rc = store_db_user_set_keys(run->db, user.realm, user.name, &user.keys);
    }
    return rc < 0 ? rc : set_data(run, json_pack("{s:s,s:s}", "name", user.name, "realm", user.realm));
}

static int user_del(struct run *run) {
    const char *name = arg_text(run, "name", "");
    const char *realm = arg_text(run, "realm", run->with->realm);
    int rc = store_db_user_delete(run->db, realm, name);
    return rc < 0 ? rc : set_data(run, json_pack("{s:s,s:s}", "name", name, "realm", realm));
}

static int add_user_row(void *ctx, const struct store_user *user) { return add_row(ctx, user_row(user)); }

/* The page's part that lies in one realm. */
static int list_realm(struct run *run, const char *realm) {
    const char *after_realm = arg_text(run, "after_realm", "");
    struct store_user_query query = {.realm = realm, .limit = PAGE_ROWS - json_array_size(run->out->data)};
    if (strcmp(after_realm, realm) > 0 || query.limit == 0) {
        return 0;
    }
    if (strcmp(after_realm, realm) == 0) {
        query.after_name = arg_text(run, "after_name", NULL);
    }
    return store_db_user_list(run->db, &query, add_user_row, run);
}

static int list_listed_realm(void *ctx, const struct store_realm *realm) { return list_realm(ctx, realm->name); }

static int user_list(struct run *run) {
    const char *realm = arg_text(run, "realm", NULL);
    int rc = set_data(run, json_array());
    if (rc == 0) {
        rc = realm ? list_realm(run, realm) : store_db_realm_list(run->db, list_listed_realm, run);
    }
    run->out->more = json_array_size(run->out->data) == PAGE_ROWS;
    return rc;
}

/* ---- API keys ---- */

static uint32_t permissions_asked(const struct run *run) {
    return (arg_bool(run, "join", true) ? (uint32_t)STORE_MAY_JOIN : 0) |
           (arg_bool(run, "administer", true) ? (uint32_t)STORE_MAY_ADMINISTER : 0) |
           (arg_bool(run, "credentials", true) ? (uint32_t)STORE_MAY_CREDENTIALS : 0);
}

static json_t *key_row(const struct store_api_key *key) {
    return json_pack("{s:s,s:s,s:b,s:b,s:b,s:b,s:I}", "id", key->id, "name", key->name, "join",
                     (key->permissions & STORE_MAY_JOIN) != 0, "administer",
                     (key->permissions & STORE_MAY_ADMINISTER) != 0, "credentials",
                     (key->permissions & STORE_MAY_CREDENTIALS) != 0, "disabled", key->disabled, "created",
                     (json_int_t)key->created);
}

static int key_add(struct run *run) {
    struct store_api_key key = {.permissions = permissions_asked(run)};
    const char *name = arg_text(run, "name", "");
    if (text_copy(key.name, sizeof key.name, name, strlen(name)) < 0) {
        return -EINVAL;
    }
    run->with->key_generate(&key);
    int rc = store_db_key_add(run->db, &key);
    if (rc == 0) {
        rc = set_data(run, json_pack("{s:s,s:s,s:s}", "id", key.id, "secret", key.secret, "name", key.name));
    }
    explicit_bzero(&key, sizeof key);
    return rc;
}

static int key_del(struct run *run) {
    const char *id = arg_text(run, "id", "");
    int rc = store_db_key_delete(run->db, id);
    return rc < 0 ? rc : set_data(run, json_pack("{s:s}", "id", id));
}

static int add_key_row(void *ctx, const struct store_api_key *key) { return add_row(ctx, key_row(key)); }

static int key_list(struct run *run) {
    int rc = set_data(run, json_array());
    return rc < 0 ? rc : store_db_key_list(run->db, add_key_row, run);
}

/* ---- peer rules ---- */

static json_t *rule_row(const struct store_peer_rule *rule) {
    char prefix[ADDR_TEXT_MAX];
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:I}", "id", (json_int_t)rule->id, "action",
                     rule->allow ? "allow" : "deny", "prefix", prefix_format(&rule->prefix, prefix), "realm",
                     rule->realm, "user", rule->user, "note", rule->note, "created", (json_int_t)rule->created);
}

static int peer_add(struct run *run, bool allow) {
    struct store_peer_rule rule = {.allow = allow, .created = run->with->now_s};
    const char *prefix = arg_text(run, "prefix", "");
    const char *realm = arg_text(run, "realm", "");
    const char *user = arg_text(run, "user", "");
    const char *note = arg_text(run, "note", "");
    if (prefix_parse(&rule.prefix, prefix) < 0) {
        snprintf(run->out->why, sizeof run->out->why,
                 "\"%s\" is not a prefix such as 192.0.2.0/24: no bits may be set beyond its length.", prefix);
        return -EINVAL;
    }
    if (text_copy(rule.realm, sizeof rule.realm, realm, strlen(realm)) < 0 ||
        text_copy(rule.user, sizeof rule.user, user, strlen(user)) < 0 ||
        text_copy(rule.note, sizeof rule.note, note, strlen(note)) < 0) {
        return -EINVAL;
    }
    int rc = store_db_rule_add(run->db, &rule, &rule.id);
    return rc < 0 ? rc : set_data(run, rule_row(&rule));
}

static int peer_allow(struct run *run) { return peer_add(run, true); }

static int peer_deny(struct run *run) { return peer_add(run, false); }

static int peer_remove(struct run *run) {
    json_int_t id = json_integer_value(json_object_get(run->args, "id"));
    int rc = store_db_rule_delete(run->db, id);
    return rc < 0 ? rc : set_data(run, json_pack("{s:I}", "id", id));
}

static int add_rule_row(void *ctx, const struct store_peer_rule *rule) { return add_row(ctx, rule_row(rule)); }

static int peer_list(struct run *run) {
    int rc = set_data(run, json_array());
    return rc < 0 ? rc : store_db_rule_list(run->db, add_rule_row, run);
}

/* ---- usage records ---- */

static uint64_t arg_uint(const struct run *run, const char *name, uint64_t fallback) {
    const json_t *value = json_object_get(run->args, name);
    return value ? (uint64_t)json_integer_value(value) : fallback;
}

static struct store_usage_query usage_wanted(const struct run *run) {
    uint64_t back_s = arg_uint(run, "since", run->with->now_s);
    return (struct store_usage_query){.user = arg_text(run, "user", NULL),
                                      .since = run->with->now_s > back_s ? run->with->now_s - back_s : 0,
                                      .before_id = (int64_t)arg_uint(run, "before_id", 0),
                                      .limit = arg_uint(run, "limit", USAGE_ROWS)};
}

static int add_usage_row(void *ctx, const struct store_usage *u) {
    return add_row(ctx,
                   json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s}", "id", (json_int_t)u->id,
                             "session", u->session, "user", u->user, "realm", u->realm, "transport", u->transport,
                             "client", u->client, "started", (json_int_t)u->started, "ended", (json_int_t)u->ended,
                             "duration_s", (json_int_t)(u->ended - u->started), "packets_from_client",
                             (json_int_t)u->packets_received, "bytes_from_client", (json_int_t)u->bytes_received,
                             "packets_to_client", (json_int_t)u->packets_sent, "bytes_to_client",
                             (json_int_t)u->bytes_sent, "dropped", (json_int_t)u->dropped, "reason", u->reason));
}

static int usage_list(struct run *run) {
    struct store_usage_query query = usage_wanted(run);
    size_t wanted = query.limit;
    query.limit = wanted < PAGE_ROWS ? wanted : PAGE_ROWS;
    int rc = set_data(run, json_array());
    rc = rc < 0 ? rc : store_db_usage_list(run->db, &query, add_usage_row, run);
    run->out->more = wanted > PAGE_ROWS && json_array_size(run->out->data) == PAGE_ROWS;
    return rc;
}

static int add_sum_row(void *ctx, const struct store_usage *u) {
    return add_row(ctx, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "user", u->user, "realm", u->realm,
                                  "sessions", (json_int_t)u->id, "duration_s", (json_int_t)u->started,
                                  "packets_from_client", (json_int_t)u->packets_received, "bytes_from_client",
                                  (json_int_t)u->bytes_received, "packets_to_client", (json_int_t)u->packets_sent,
                                  "bytes_to_client", (json_int_t)u->bytes_sent, "dropped", (json_int_t)u->dropped,
                                  "last", (json_int_t)u->ended));
}

static int usage_summary(struct run *run) {
    struct store_usage_query query = usage_wanted(run);
    int rc = set_data(run, json_array());
    return rc < 0 ? rc : store_db_usage_sum(run->db, &query, add_sum_row, run);
}

/* ---- tokens ---- */

struct key_search {
    uint32_t permissions;
    struct store_api_key *found;
};

/* Ends the walk with 1 at the first key that will do. */
static int take_key(void *ctx, const struct store_api_key *key) {
    struct key_search *search = ctx;
    if (key->disabled || (key->permissions & search->permissions) != search->permissions) {
        return 0;
    }
    *search->found = *key;
    return 1;
}

static int find_signing_key(struct run *run, uint32_t permissions, struct store_api_key *key) {
    const char *id = arg_text(run, "key", NULL);
    if (!id) {
        struct key_search search = {permissions, key};
        int rc = store_db_key_list(run->db, take_key, &search);
        if (rc == 0) {
            snprintf(run->out->why, sizeof run->out->why,
                     "There is no API key that may sign this token; `turnoutctl key add` makes one.");
        }
        return rc == 1 ? 0 : rc == 0 ? -ENOENT : rc;
    }
    int rc = store_db_key_find(run->db, id, key);
    if (rc < 0) {
        snprintf(run->out->why, sizeof run->out->why, "There is no API key %s.", id);
        return rc;
    }
    if (key->disabled || (key->permissions & permissions) != permissions) {
        snprintf(run->out->why, sizeof run->out->why, "The API key %s may not sign this token.", id);
        return -ERR_FORBIDDEN;
    }
    return 0;
}

static int token_create(struct run *run) {
    struct store_api_key key;
    uint32_t permissions = 0;
    int rc = admin_token_permissions(run->args, &permissions, run->out->why);
    if (rc == 0) {
        rc = find_signing_key(run, permissions, &key);
    }
    if (rc == 0) {
        rc = admin_token_sign(&key, run->args, run->with->now_s, run->out);
    }
    explicit_bzero(&key, sizeof key);
    return rc;
}

/* ---- table ---- */

static const struct {
    int (*run)(struct run *run);
    const char *subject; /* "User", and the argument that names it */
    const char *named_by;
} verbs[ADMIN_VERB_COUNT] = {
    [ADMIN_VERB_USER_ADD] = {user_add, "User", "name"},
    [ADMIN_VERB_USER_DEL] = {user_del, "User", "name"},
    [ADMIN_VERB_USER_LIST] = {user_list, "Users", NULL},
    [ADMIN_VERB_USER_PASSWD] = {user_passwd, "User", "name"},
    [ADMIN_VERB_KEY_ADD] = {key_add, "API key", "name"},
    [ADMIN_VERB_KEY_DEL] = {key_del, "API key", "id"},
    [ADMIN_VERB_KEY_LIST] = {key_list, "API keys", NULL},
    [ADMIN_VERB_PEER_ALLOW] = {peer_allow, "Peer rule", "prefix"},
    [ADMIN_VERB_PEER_DENY] = {peer_deny, "Peer rule", "prefix"},
    [ADMIN_VERB_PEER_LIST] = {peer_list, "Peer rules", NULL},
    [ADMIN_VERB_PEER_REMOVE] = {peer_remove, "Peer rule", "id"},
    [ADMIN_VERB_USAGE_LIST] = {usage_list, "Usage records", NULL},
    [ADMIN_VERB_USAGE_SUMMARY] = {usage_summary, "Usage records", NULL},
    [ADMIN_VERB_TOKEN_CREATE] = {token_create, "Token", NULL},
};

bool admin_database_has(enum admin_verb_id verb) { return (unsigned)verb < ADMIN_VERB_COUNT && verbs[verb].run; }

static void explain(const struct run *run, enum admin_verb_id verb, int rc) {
    char subject[160];
    const json_t *name = verbs[verb].named_by ? json_object_get(run->args, verbs[verb].named_by) : NULL;
    if (run->out->why[0]) {
        return;
    }
    if (json_is_string(name)) {
        snprintf(subject, sizeof subject, "%s %.120s", verbs[verb].subject, json_string_value(name));
    } else if (json_is_integer(name)) {
        snprintf(subject, sizeof subject, "%s %lld", verbs[verb].subject, (long long)json_integer_value(name));
    } else {
        snprintf(subject, sizeof subject, "%s", verbs[verb].subject);
    }
    admin_error_sentence(run->out->why, sizeof run->out->why, rc, subject);
}

int admin_database_run(struct store_db *db, const struct admin_database *with, enum admin_verb_id verb,
                       const json_t *args, struct admin_result *out) {
    struct run run = {db, with, args, out};
    memset(out, 0, sizeof *out);
    int rc = verbs[verb].run(&run);
    if (rc < 0) {
        json_decref(out->data);
        out->data = NULL;
        out->more = false;
        explain(&run, verb, rc);
    }
    return rc;
}

void admin_database_next(json_t *args, const struct admin_result *page) {
    size_t count = json_array_size(page->data);
    const json_t *last = count > 0 ? json_array_get(page->data, count - 1) : NULL;
    json_object_set(args, "after_realm", json_object_get(last, "realm"));
    json_object_set(args, "after_name", json_object_get(last, "name"));
    json_object_set(args, "before_id", json_object_get(last, "id"));
    const json_t *limit = json_object_get(args, "limit");
    if (limit) {
        json_object_set_new(args, "limit", json_integer(json_integer_value(limit) - (json_int_t)count));
    }
}
