/* API keys and users in memory, in front of a real database. */
#include "auth/keys.h"
#include "auth/users.h"

#include "base/error.h"
#include "base/metrics.h"
#include "net/loop.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CAPACITY = 16 };

struct fixture {
    char dir[64], path[80];
    struct loop *loop;
    struct store *store;
    struct auth_keys *keys;
    struct auth_users *users;
    struct store_db *db; /* as turnoutctl beside the daemon */
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "/tmp/turnout-caches-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/turnout.db", f->dir);
    f->loop = loop_new("test", 4096);
    assert_int_equal(store_db_open(&f->db, f->path, STORE_OPEN_CREATE), 0);
    assert_int_equal(store_start(&f->store, f->path), 0);
    assert_int_equal(auth_keys_new(&f->keys, f->loop, f->store), 0);
    assert_int_equal(auth_users_new(&f->users, f->loop, f->store, CAPACITY), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    static const char *const ends[] = {"", "-wal", "-shm"};
    struct fixture *f = *state;
    char path[100];
    store_stop(f->store);
    auth_keys_free(f->keys);
    auth_users_free(f->users);
    loop_free(f->loop);
    store_db_close(f->db);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(path, sizeof path, "%s%s", f->path, ends[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

static void tick(void *ctx) { (void)ctx; }

/* Turns the loop until condition holds; false after the given time. */
static bool turn_until(struct fixture *f, bool (*condition)(void *ctx), void *ctx, uint64_t us) {
    uint64_t give_up_us = loop_refresh_now(f->loop) + us;
    while (!condition(ctx) && loop_refresh_now(f->loop) < give_up_us) {
        struct loop_timer timer; /* not every condition comes with an event */
        loop_timer_init(&timer, tick, NULL);
        loop_timer_set(f->loop, &timer, 10000);
        assert_true(event_base_loop(loop_base(f->loop), EVLOOP_ONCE) >= 0);
        loop_timer_cancel(f->loop, &timer);
    }
    return condition(ctx);
}

static const uint64_t patience_us = 10000000;

/* --- API keys --- */

static void add_key(struct fixture *f, const char *id, uint32_t permissions) {
    struct store_api_key key = {.secret = "0123456789abcdefghij", .permissions = permissions};
    snprintf(key.id, sizeof key.id, "%s", id);
    assert_int_equal(store_db_key_add(f->db, &key), 0);
}

static bool is_ready(void *ctx) { return auth_keys_ready(((struct fixture *)ctx)->keys); }
static bool has_one(void *ctx) { return auth_keys_find(((struct fixture *)ctx)->keys, "one"); }
static bool has_no_one(void *ctx) { return !has_one(ctx); }

static void keys_appear_and_vanish_within_a_second_or_two(void **state) {
    struct fixture *f = *state;
    assert_true(turn_until(f, is_ready, f, patience_us));
    assert_null(auth_keys_find(f->keys, "one"));
    add_key(f, "one", STORE_MAY_ALL);
    assert_true(turn_until(f, has_one, f, 2500000));
    assert_int_equal(store_db_key_set_disabled(f->db, "one", true), 0);
    assert_true(turn_until(f, has_no_one, f, 2500000));
    assert_int_equal(store_db_key_set_disabled(f->db, "one", false), 0);
    assert_true(turn_until(f, has_one, f, 2500000));
    assert_int_equal(store_db_key_delete(f->db, "one"), 0);
    assert_true(turn_until(f, has_no_one, f, 2500000));
}

static void a_key_is_checked_with_its_secret_and_permissions(void **state) {
    struct fixture *f = *state;
    const struct store_api_key *key;
    add_key(f, "two", STORE_MAY_JOIN);
    add_key(f, "one", STORE_MAY_CREDENTIALS);
    assert_true(turn_until(f, has_one, f, patience_us));
    assert_int_equal(auth_keys_verify(f->keys, "one.0123456789abcdefghij", STORE_MAY_CREDENTIALS, &key), 0);
    assert_string_equal(key->id, "one");
    assert_int_equal(auth_keys_verify(f->keys, "one.0123456789abcdefghij", STORE_MAY_JOIN, &key), -ERR_FORBIDDEN);
    assert_null(key);
    static const char *const wrong[] = {"",
                                        ".",
                                        "one",
                                        "one.",
                                        "one.0123456789abcdefghi",
                                        "one.0123456789abcdefghik",
                                        "one.0123456789abcdefghijk",
                                        "three.0123456789abcdefghij",
                                        "0123456789abcdefghij",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b",
                                        "'; DROP TABLE api_keys.x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(auth_keys_verify(f->keys, wrong[i], 0, &key), -ERR_UNKNOWN_KEY);
    }
    assert_string_equal(auth_keys_any(f->keys, STORE_MAY_JOIN)->id, "two");
    assert_null(auth_keys_any(f->keys, STORE_MAY_ALL));
}

static void generated_keys_are_accepted_and_differ(void **state) {
    struct fixture *f = *state;
    struct store_api_key a = {0}, b = {0};
    auth_key_generate(&a);
    auth_key_generate(&b);
    assert_string_not_equal(a.id, b.id);
    assert_string_not_equal(a.secret, b.secret);
    assert_int_equal(strlen(a.id), 16);
    assert_int_equal(strlen(a.secret), 43);
    assert_int_equal(store_db_key_add(f->db, &a), 0);
}

/* --- users --- */

struct answer {
    int calls;
    int rc;
    uint8_t first; /* of the MD5 key */
};

static void note(void *ctx, int rc, const struct store_user *user) {
    struct answer *a = ctx;
    a->calls++;
    a->rc = rc;
    a->first = user ? user->keys.md5[0] : 0;
}

static bool is_answered(void *ctx) { return ((struct answer *)ctx)->calls > 0; }

static void add_user(struct fixture *f, const char *name, uint8_t fill) {
    struct store_user user = {.realm = "r"};
    snprintf(user.name, sizeof user.name, "%s", name);
    memset(&user.keys, fill, sizeof user.keys);
    assert_int_equal(store_db_user_add(f->db, &user), 0);
}

static int ask(struct fixture *f, const char *name, struct answer *answer) {
    struct auth_user_query query = {.realm = "r", .name = name, .name_len = strlen(name)};
    *answer = (struct answer){0};
    return auth_users_find(f->users, &query, note, answer);
}

static struct answer ask_and_wait(struct fixture *f, const char *name) {
    struct answer answer;
    int rc = ask(f, name, &answer);
    assert_true(rc == 0 || rc == -EINPROGRESS);
    assert_int_equal(answer.calls, rc == 0);
    assert_true(turn_until(f, is_answered, &answer, patience_us));
    assert_int_equal(answer.calls, 1);
    return answer;
}

static bool is_up(void *ctx) { return store_is_up(((struct fixture *)ctx)->store); }

static int add_marker(struct store_db *db, struct store_job *job) {
    (void)job;
    return store_db_key_add(db, &(struct store_api_key){.id = "settled", .secret = "0123456789abcdefghij"});
}

static void ignore(struct store_job *job) { (void)job; }
static bool has_settled(void *ctx) { return auth_keys_find(((struct fixture *)ctx)->keys, "settled"); }
static bool never(void *ctx) { return !ctx; }

/* Waits until all changes so far have been heard of: a later one makes all that is known doubtful. */
static void settle(struct fixture *f) {
    struct store_job job = {.run = add_marker, .done = ignore, .reply_to = f->loop};
    assert_true(turn_until(f, is_ready, f, patience_us));
    assert_int_equal(store_submit(f->store, &job), 0);
    assert_true(turn_until(f, has_settled, f, patience_us));
    assert_false(turn_until(f, never, f, 300000));
}

static void a_user_is_read_once_and_remembered(void **state) {
    struct fixture *f = *state;
    struct answer answer;
    add_user(f, "alice", 7);
    settle(f);
    answer = ask_and_wait(f, "alice");
    assert_int_equal(answer.rc, 0);
    assert_int_equal(answer.first, 7);
    int64_t jobs = metrics_read(METRIC_STORE_JOBS);
    assert_int_equal(ask(f, "alice", &answer), 0);
    assert_int_equal(answer.first, 7);
    assert_int_equal(metrics_read(METRIC_STORE_JOBS), jobs);
    answer = ask_and_wait(f, "bob");
    assert_int_equal(answer.rc, -ERR_UNKNOWN_KEY);
    assert_int_equal(ask(f, "bob", &answer), 0); /* that he is unknown is remembered too */
    assert_int_equal(answer.rc, -ERR_UNKNOWN_KEY);
}

struct changed {
    struct fixture *fixture;
    int rc;
    uint8_t first;
};

static bool has_changed(void *ctx) {
    struct changed *c = ctx;
    struct answer answer = ask_and_wait(c->fixture, "alice");
    return answer.rc == c->rc && answer.first == c->first;
}

static void changes_and_deletions_count_within_a_second_or_two(void **state) {
    struct fixture *f = *state;
    struct store_user_keys keys;
    add_user(f, "alice", 7);
    settle(f);
    assert_int_equal(ask_and_wait(f, "alice").first, 7);
    memset(&keys, 9, sizeof keys);
    assert_int_equal(store_db_user_set_keys(f->db, "r", "alice", &keys), 0);
    assert_true(turn_until(f, has_changed, &(struct changed){f, 0, 9}, 2500000));
    assert_int_equal(store_db_user_set_disabled(f->db, "r", "alice", true), 0);
    assert_true(turn_until(f, has_changed, &(struct changed){f, -ERR_UNKNOWN_KEY, 0}, 2500000));
    assert_int_equal(store_db_user_set_disabled(f->db, "r", "alice", false), 0);
    assert_true(turn_until(f, has_changed, &(struct changed){f, 0, 9}, 2500000));
    assert_int_equal(store_db_user_delete(f->db, "r", "alice"), 0);
    assert_true(turn_until(f, has_changed, &(struct changed){f, -ERR_UNKNOWN_KEY, 0}, 2500000));
}

static void equal_questions_share_one_lookup(void **state) {
    struct fixture *f = *state;
    struct answer answers[5];
    add_user(f, "alice", 7);
    settle(f);
    int64_t jobs = metrics_read(METRIC_STORE_JOBS);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(f, "alice", &answers[i]), -EINPROGRESS);
    }
    assert_true(turn_until(f, is_answered, &answers[4], patience_us));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(answers[i].calls, 1);
        assert_int_equal(answers[i].first, 7);
    }
    assert_int_equal(metrics_read(METRIC_STORE_JOBS), jobs + 1);
}

static void made_up_names_push_out_no_user(void **state) {
    struct fixture *f = *state;
    struct answer answer;
    add_user(f, "alice", 7);
    settle(f);
    ask_and_wait(f, "alice");
    for (int i = 0; i < 10 * CAPACITY; i++) {
        char name[16];
        snprintf(name, sizeof name, "nobody%d", i);
        assert_int_equal(ask_and_wait(f, name).rc, -ERR_UNKNOWN_KEY);
    }
    assert_int_equal(ask(f, "alice", &answer), 0);
    assert_int_equal(answer.first, 7);
}

static void the_longest_unused_user_goes_first(void **state) {
    struct fixture *f = *state;
    struct answer answer;
    for (int i = 0; i <= CAPACITY; i++) {
        char name[16];
        snprintf(name, sizeof name, "u%d", i);
        add_user(f, name, (uint8_t)i);
    }
    settle(f);
    for (int i = 0; i <= CAPACITY; i++) {
        char name[16];
        snprintf(name, sizeof name, "u%d", i);
        assert_int_equal(ask_and_wait(f, name).first, i);
        ask_and_wait(f, "u0"); /* always in use */
    }
    assert_int_equal(ask(f, "u0", &answer), 0);
    assert_int_equal(ask(f, "u1", &answer), -EINPROGRESS);
    assert_true(turn_until(f, is_answered, &answer, patience_us));
}

static void waiting_lookups_are_bounded(void **state) {
    struct fixture *f = *state;
    static struct answer answers[AUTH_USERS_PENDING + 1];
    settle(f);
    for (int i = 0; i < AUTH_USERS_PENDING; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(ask(f, name, &answers[i]), -EINPROGRESS);
    }
    assert_int_equal(ask(f, "one-more", &answers[AUTH_USERS_PENDING]), -ENOBUFS);
    assert_int_equal(answers[AUTH_USERS_PENDING].calls, 0);
    for (int i = 0; i < AUTH_USERS_PENDING; i++) {
        assert_true(turn_until(f, is_answered, &answers[i], patience_us));
    }
    assert_int_equal(ask_and_wait(f, "one-more").rc, -ERR_UNKNOWN_KEY);
}

static void hostile_names_are_only_unknown(void **state) {
    struct fixture *f = *state;
    char big[600];
    struct answer answer = {0};
    memset(big, 'n', sizeof big);
    settle(f);
    struct auth_user_query queries[] = {{.realm = "r", .name = big, .name_len = sizeof big},
                                        {.realm = "r", .name = "", .name_len = 0},
                                        {.realm = "r", .name = "short", .name_len = 5, .hashed = true}};
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        assert_int_equal(auth_users_find(f->users, &queries[i], note, &answer), 0);
        assert_int_equal(answer.rc, -ERR_UNKNOWN_KEY);
    }
    add_user(f, "a", 1);
    struct auth_user_query nul = {.realm = "r", .name = "a\0b", .name_len = 3};
    answer = (struct answer){0};
    assert_int_equal(auth_users_find(f->users, &nul, note, &answer), -EINPROGRESS);
    assert_true(turn_until(f, is_answered, &answer, patience_us));
    assert_int_equal(answer.rc, -ERR_UNKNOWN_KEY);
}

static void a_hashed_name_finds_its_user_in_its_realm(void **state) {
    struct fixture *f = *state;
    uint8_t hash[32];
    struct answer answer = {0};
    memset(hash, 7, sizeof hash);
    add_user(f, "alice", 7);
    settle(f);
    struct auth_user_query query = {.realm = "r", .name = hash, .name_len = 32, .hashed = true};
    assert_int_equal(auth_users_find(f->users, &query, note, &answer), -EINPROGRESS);
    assert_true(turn_until(f, is_answered, &answer, patience_us));
    assert_int_equal(answer.rc, 0);
    query.realm = "s";
    answer = (struct answer){0};
    assert_int_equal(auth_users_find(f->users, &query, note, &answer), -EINPROGRESS);
    assert_true(turn_until(f, is_answered, &answer, patience_us));
    assert_int_equal(answer.rc, -ERR_UNKNOWN_KEY);
}

static bool is_down(void *ctx) { return !is_up(ctx); }

static void known_users_and_keys_stay_while_the_database_is_away(void **state) {
    struct fixture *f = *state;
    char bad[100], journal[100];
    add_user(f, "alice", 7);
    add_key(f, "one", STORE_MAY_ALL);
    assert_true(turn_until(f, has_one, f, patience_us));
    assert_int_equal(ask_and_wait(f, "alice").first, 7);
    snprintf(bad, sizeof bad, "%s.bad", f->path);
    FILE *file = fopen(bad, "w");
    for (int i = 0; i < 100; i++) {
        fputs("this is no database\n", file);
    }
    fclose(file);
    snprintf(journal, sizeof journal, "%s-wal", f->path);
    assert_int_equal(unlink(journal), 0); /* it holds whole pages, which would heal the file */
    assert_int_equal(rename(bad, f->path), 0);
    assert_true(turn_until(f, is_down, f, patience_us));
    struct answer answer = ask_and_wait(f, "alice");
    assert_int_equal(answer.rc, 0);
    assert_int_equal(answer.first, 7);
    assert_int_equal(ask_and_wait(f, "bob").rc, -ERR_DATABASE);
    assert_true(has_one(f));
}

#define WITH_STORE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(keys_appear_and_vanish_within_a_second_or_two),
        WITH_STORE(a_key_is_checked_with_its_secret_and_permissions),
        WITH_STORE(generated_keys_are_accepted_and_differ),
        WITH_STORE(a_user_is_read_once_and_remembered),
        WITH_STORE(changes_and_deletions_count_within_a_second_or_two),
        WITH_STORE(equal_questions_share_one_lookup),
        WITH_STORE(made_up_names_push_out_no_user),
        WITH_STORE(the_longest_unused_user_goes_first),
        WITH_STORE(waiting_lookups_are_bounded),
        WITH_STORE(hostile_names_are_only_unknown),
        WITH_STORE(a_hashed_name_finds_its_user_in_its_realm),
        WITH_STORE(known_users_and_keys_stay_while_the_database_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
