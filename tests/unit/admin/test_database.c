/* The database verbs on a real file. */
#include "admin/database.h"

#include "base/error.h"
#include "proto/jwt/jwt.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

enum { NOW_S = 1800000000 };

struct fixture {
    char dir[64];
    char path[96];
    struct store_db *db;
    struct admin_result result;
};

static int fake_keys(struct store_user_keys *out, const char *name, const char *realm, const char *password) {
    memset(out, 0, sizeof *out);
    snprintf((char *)out->md5, sizeof out->md5, "%s", password);
    snprintf((char *)out->userhash, sizeof out->userhash, "%s:%s", name, realm);
    return strcmp(password, "bad") == 0 ? -EINVAL : 0;
}

static unsigned generated;

static void fake_key(struct store_api_key *key) {
    snprintf(key->id, sizeof key->id, "KEY%u", ++generated);
    snprintf(key->secret, sizeof key->secret, "secret-of-16-bytes-and-more-%u", generated);
}

static int start(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    generated = 0;
    snprintf(f->dir, sizeof f->dir, "/tmp/turnout-database-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/db", f->dir);
    assert_int_equal(store_db_open(&f->db, f->path, STORE_OPEN_CREATE), 0);
    *state = f;
    return 0;
}

static int stop(void **state) {
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    struct fixture *f = *state;
    char path[128];
    store_db_close(f->db);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", f->path, suffixes[i]);
        unlink(path);
    }
    rmdir(f->dir);
    json_decref(f->result.data);
    free(f);
    return 0;
}

/* Runs a verb whose arguments are checked as the daemon would. */
static int run(struct fixture *f, const char *verb, const char *json) {
    static const struct admin_database with = {"example.org", NOW_S, fake_keys, fake_key};
    const struct admin_verb *v = admin_verb_find(verb);
    json_t *args = json_loads(json, 0, NULL);
    char why[200];
    assert_true(v && args && admin_database_has(v->id));
    if (admin_verb_check_args(v, args, why, sizeof why) < 0) {
        fail_msg("%s", why);
    }
    json_decref(f->result.data);
    int rc = admin_database_run(f->db, &with, v->id, args, &f->result);
    json_decref(args);
    return rc;
}

static const char *text(const struct fixture *f, size_t row, const char *member) {
    const json_t *object = json_is_array(f->result.data) ? json_array_get(f->result.data, row) : f->result.data;
    const char *value = json_string_value(json_object_get(object, member));
    return value ? value : "(none)";
}

static void users_are_added_changed_listed_and_deleted(void **state) {
    struct fixture *f = *state;
    struct store_user user;
    assert_int_equal(run(f, "user add", "{\"name\":\"alice\",\"password\":\"one\"}"), 0);
    assert_string_equal(text(f, 0, "realm"), "example.org");
    assert_int_equal(run(f, "user passwd", "{\"name\":\"alice\",\"password\":\"two\"}"), 0);
    assert_int_equal(store_db_user_find(f->db, "example.org", "alice", 5, &user), 0);
    assert_string_equal((const char *)user.keys.md5, "two");
    assert_int_equal(run(f, "user add", "{\"name\":\"bob\",\"password\":\"x\",\"realm\":\"other\"}"), 0);
    assert_int_equal(run(f, "user list", "{}"), 0);
    assert_int_equal(json_array_size(f->result.data), 2);
    assert_int_equal(run(f, "user list", "{\"realm\":\"other\"}"), 0);
    assert_int_equal(json_array_size(f->result.data), 1);
    assert_string_equal(text(f, 0, "name"), "bob");
    assert_int_equal(run(f, "user del", "{\"name\":\"alice\"}"), 0);
    assert_int_equal(run(f, "user list", "{\"realm\":\"example.org\"}"), 0);
    assert_int_equal(json_array_size(f->result.data), 0);
}

static void refusals_name_what_they_are_about(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "user del", "{\"name\":\"nobody\"}"), -ENOENT);
    assert_string_equal(f->result.why, "User nobody: there is none.");
    assert_int_equal(run(f, "user passwd", "{\"name\":\"nobody\",\"password\":\"x\"}"), -ENOENT);
    assert_int_equal(run(f, "user add", "{\"name\":\"a\",\"password\":\"bad\"}"), -EINVAL);
    assert_int_equal(run(f, "user add", "{\"name\":\"a\"}"), -EINVAL);
    assert_string_equal(f->result.why, "The password is missing.");
    assert_int_equal(run(f, "user add", "{\"name\":\"a\",\"password\":\"x\"}"), 0);
    assert_int_equal(run(f, "user add", "{\"name\":\"a\",\"password\":\"x\"}"), -EEXIST);
    assert_int_equal(run(f, "peer remove", "{\"id\":4}"), -ENOENT);
    assert_string_equal(f->result.why, "Peer rule 4: there is none.");
    assert_int_equal(run(f, "peer deny", "{\"prefix\":\"10.0.0.1/8\"}"), -EINVAL);
    assert_non_null(strstr(f->result.why, "no bits"));
    assert_null(f->result.data);
}

/* Every user of two realms exactly once, over several pages. */
static void a_long_list_comes_in_pages(void **state) {
    struct fixture *f = *state;
    static const struct admin_database with = {"a", NOW_S, fake_keys, fake_key};
    json_t *args = json_object();
    size_t seen = 0, pages = 0;
    char last[600] = "";
    for (unsigned i = 0; i < 1300; i++) {
        struct store_user user = {0};
        snprintf(user.realm, sizeof user.realm, "%s", i < 700 ? "a" : "b");
        snprintf(user.name, sizeof user.name, "user%04u", i);
        memcpy(user.keys.userhash, &i, sizeof i);
        assert_int_equal(store_db_user_add(f->db, &user), 0);
    }
    struct admin_result page;
    do {
        size_t i;
        json_t *row;
        assert_int_equal(admin_database_run(f->db, &with, ADMIN_VERB_USER_LIST, args, &page), 0);
        json_array_foreach(page.data, i, row) {
            char now[600];
            snprintf(now, sizeof now, "%s %s", json_string_value(json_object_get(row, "realm")),
                     json_string_value(json_object_get(row, "name")));
            assert_true(strcmp(now, last) > 0);
            snprintf(last, sizeof last, "%s", now);
            seen++;
        }
        admin_database_next(args, &page);
        json_decref(page.data);
        pages++;
    } while (page.more);
    json_decref(args);
    assert_int_equal(seen, 1300);
    assert_true(pages >= 3);
}

static void keys_show_their_secret_once(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "key add", "{\"name\":\"shop\",\"administer\":false}"), 0);
    assert_string_equal(text(f, 0, "id"), "KEY1");
    assert_string_equal(text(f, 0, "secret"), "secret-of-16-bytes-and-more-1");
    assert_int_equal(run(f, "key list", "{}"), 0);
    assert_string_equal(text(f, 0, "name"), "shop");
    assert_string_equal(text(f, 0, "secret"), "(none)");
    assert_true(json_is_false(json_object_get(json_array_get(f->result.data, 0), "administer")));
    assert_true(json_is_true(json_object_get(json_array_get(f->result.data, 0), "join")));
    assert_int_equal(run(f, "key del", "{\"id\":\"KEY1\"}"), 0);
    assert_int_equal(run(f, "key del", "{\"id\":\"KEY1\"}"), -ENOENT);
}

static void peer_rules_are_kept(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "peer deny", "{\"prefix\":\"2001:db8::/32\",\"note\":\"docs\"}"), 0);
    assert_int_equal(run(f, "peer allow", "{\"prefix\":\"10.1.2.3\",\"user\":\"alice\"}"), 0);
    assert_int_equal(run(f, "peer list", "{}"), 0);
    assert_int_equal(json_array_size(f->result.data), 2);
    assert_string_equal(text(f, 0, "action"), "deny");
    assert_string_equal(text(f, 0, "prefix"), "2001:db8::/32");
    assert_string_equal(text(f, 0, "note"), "docs");
    assert_string_equal(text(f, 1, "prefix"), "10.1.2.3/32");
    assert_string_equal(text(f, 1, "user"), "alice");
}

static int lookup(void *ctx, const char *issuer, struct jwt_secret *out) {
    struct store_api_key key;
    if (store_db_key_find(ctx, issuer, &key) < 0) {
        return -ERR_UNKNOWN_KEY;
    }
    out->len = strlen(key.secret);
    memcpy(out->bytes, key.secret, out->len);
    return 0;
}

static void verified(struct fixture *f, struct jwt_claims *claims) {
    const struct jwt_keys keys = {lookup, f->db};
    const char *token = text(f, 0, "token");
    assert_int_equal(jwt_verify(claims, token, strlen(token), &keys, NOW_S), 0);
}

static void a_token_verifies_and_holds_what_was_asked(void **state) {
    struct fixture *f = *state;
    struct jwt_claims claims;
    assert_int_equal(run(f, "key add", "{}"), 0);
    assert_int_equal(
        run(f, "token create",
            "{\"room\":\"lobby\",\"identity\":\"ann\",\"name\":\"Ann\",\"ttl\":60,\"can_publish_data\":false,"
            "\"hidden\":true}"),
        0);
    verified(f, &claims);
    assert_string_equal(claims.room, "lobby");
    assert_string_equal(claims.subject, "ann");
    assert_string_equal(claims.name, "Ann");
    assert_int_equal(claims.expires_s, NOW_S + 60);
    assert_int_equal(claims.grants, JWT_GRANT_ROOM_JOIN | JWT_GRANT_PUBLISH | JWT_GRANT_SUBSCRIBE | JWT_GRANT_HIDDEN);
    assert_int_equal(
        run(f, "token create", "{\"room_list\":true,\"room_admin\":true,\"room\":\"x\",\"room_join\":false}"), 0);
    verified(f, &claims);
    assert_int_equal(claims.grants & (JWT_GRANT_ROOM_JOIN | JWT_GRANT_ROOM_LIST | JWT_GRANT_ROOM_ADMIN),
                     JWT_GRANT_ROOM_LIST | JWT_GRANT_ROOM_ADMIN);
}

static void the_key_that_signs_must_be_allowed_to(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "token create", "{\"room\":\"r\",\"identity\":\"i\"}"), -ENOENT);
    assert_non_null(strstr(f->result.why, "turnoutctl key add"));
    assert_int_equal(run(f, "key add", "{\"join\":false}"), 0);
    assert_int_equal(run(f, "key add", "{\"administer\":false}"), 0);
    assert_int_equal(run(f, "token create", "{\"room\":\"r\",\"identity\":\"i\"}"), 0);
    assert_string_equal(text(f, 0, "key"), "KEY2");
    assert_int_equal(run(f, "token create", "{\"room\":\"r\",\"identity\":\"i\",\"key\":\"KEY1\"}"), -ERR_FORBIDDEN);
    assert_int_equal(run(f, "token create", "{\"room_create\":true,\"key\":\"KEY2\"}"), -ERR_FORBIDDEN);
    assert_int_equal(run(f, "token create", "{\"room_create\":true,\"key\":\"KEY9\"}"), -ENOENT);
    assert_int_equal(store_db_key_set_disabled(f->db, "KEY2", true), 0);
    assert_int_equal(run(f, "token create", "{\"room\":\"r\",\"identity\":\"i\"}"), -ENOENT);
}

static void a_token_that_allows_nothing_is_refused(void **state) {
    struct fixture *f = *state;
    assert_int_equal(run(f, "key add", "{}"), 0);
    assert_int_equal(run(f, "token create", "{}"), -EINVAL);
    assert_int_equal(run(f, "token create", "{\"room\":\"r\"}"), -EINVAL);
    assert_non_null(strstr(f->result.why, "--identity"));
    assert_int_equal(run(f, "token create", "{\"identity\":\"i\",\"room_join\":true}"), -EINVAL);
    assert_non_null(strstr(f->result.why, "--room"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(users_are_added_changed_listed_and_deleted),
        CASE(refusals_name_what_they_are_about),
        CASE(a_long_list_comes_in_pages),
        CASE(keys_show_their_secret_once),
        CASE(peer_rules_are_kept),
        CASE(a_token_verifies_and_holds_what_was_asked),
        CASE(the_key_that_signs_must_be_allowed_to),
        CASE(a_token_that_allows_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
