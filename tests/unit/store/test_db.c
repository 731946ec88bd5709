/* The synchronous core: rows in and out, hostile names, migrations, trouble with the file. */
#include "database.h"

#include "store/sql.h"

#include <sys/stat.h>

struct fixture {
    struct database where;
    struct store_db *db;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    database_make(&f->where);
    assert_int_equal(store_db_open(&f->db, f->where.path, STORE_OPEN_CREATE), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    store_db_close(f->db);
    database_remove(&f->where);
    free(f);
    return 0;
}

static void a_new_file_is_for_its_owner_only(void **state) {
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->where.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char wal[200];
    snprintf(wal, sizeof wal, "%s-wal", f->where.path);
    assert_int_equal(stat(wal, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_missing_file_is_only_made_when_asked(void **state) {
    struct store_db *db;
    (void)state;
    assert_int_equal(store_db_open(&db, "/tmp/turnout-no-such-file.db", STORE_OPEN_READ), -ENOENT);
    assert_int_equal(store_db_open(&db, "/tmp/turnout-no-such-file.db", STORE_OPEN_WRITE), -ENOENT);
    assert_null(db);
    assert_int_equal(access("/tmp/turnout-no-such-file.db", F_OK), -1);
}

static void a_user_is_added_found_changed_and_deleted(void **state) {
    struct fixture *f = *state;
    struct store_user user = database_user("example.org", "alice", 1), found;
    assert_int_equal(store_db_realm_has_users(f->db, "example.org"), -ENOENT);
    assert_int_equal(store_db_user_add(f->db, &user), 0);
    assert_int_equal(store_db_realm_has_users(f->db, "example.org"), 0);
    assert_int_equal(store_db_realm_has_users(f->db, "example.net"), -ENOENT);
    assert_int_equal(store_db_user_add(f->db, &user), -EEXIST);
    assert_int_equal(store_db_user_find(f->db, "example.org", "alice", 5, &found), 0);
    assert_memory_equal(&found.keys, &user.keys, sizeof found.keys);
    assert_true(found.created > 1000000000 && found.created == found.changed);
    assert_int_equal(store_db_user_find(f->db, "example.net", "alice", 5, &found), -ENOENT);
    assert_int_equal(store_db_user_find(f->db, "example.org", "Alice", 5, &found), -ENOENT);
    assert_int_equal(store_db_user_find(f->db, "example.org", "alice\0x", 7, &found), -ENOENT);
    assert_int_equal(store_db_user_find_hash(f->db, user.keys.userhash, &found), 0);
    assert_string_equal(found.name, "alice");

    struct store_user other = database_user("example.org", "alice", 9);
    assert_int_equal(store_db_user_set_keys(f->db, "example.org", "alice", &other.keys), 0);
    assert_int_equal(store_db_user_set_disabled(f->db, "example.org", "alice", true), 0);
    assert_int_equal(store_db_user_find(f->db, "example.org", "alice", 5, &found), 0);
    assert_memory_equal(&found.keys, &other.keys, sizeof found.keys);
    assert_true(found.disabled);
    assert_int_equal(store_db_user_delete(f->db, "example.org", "alice"), 0);
    assert_int_equal(store_db_user_delete(f->db, "example.org", "alice"), -ENOENT);
    assert_int_equal(store_db_realm_has_users(f->db, "example.org"), -ENOENT); /* the realm itself is still there */
    assert_int_equal(store_db_user_set_disabled(f->db, "example.org", "alice", true), -ENOENT);
    assert_int_equal(store_db_user_set_keys(f->db, "example.org", "alice", &other.keys), -ENOENT);
}

static int count_user(void *ctx, const struct store_user *user) {
    (void)user;
    return ++*(int *)ctx, 0;
}

static void hostile_names_are_only_data(void **state) {
    struct fixture *f = *state;
    static const char *const names[] = {"%s%n%s%n",         "'; DROP TABLE users; --", "a\"b'c`d", "a:b:c", "  ",
                                        "../../etc/passwd", "\xc3\xa9\xe2\x82\xac",    "?1",       "NULL",  "a%00b",
                                        "\\x00\\r\\n"};
    static const char *const refused[] = {"", "a\r\nb", "a\nb", "\x01", "\x7f", "\xff\xfe", "\xc0\x80"};
    struct store_user found;
    int count = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct store_user user = database_user(names[i], names[i], (uint8_t)i);
        assert_int_equal(store_db_user_add(f->db, &user), 0);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct store_user user = database_user("r", refused[i], 1);
        assert_int_equal(store_db_user_add(f->db, &user), -EINVAL);
        user = database_user(refused[i], "u", 1);
        assert_int_equal(store_db_user_add(f->db, &user), -EINVAL);
        assert_int_equal(store_db_user_find(f->db, "r", refused[i], strlen(refused[i]), &found), -ENOENT);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(store_db_user_find(f->db, names[i], names[i], strlen(names[i]), &found), 0);
        assert_string_equal(found.name, names[i]);
        assert_int_equal(found.keys.md5[0], i);
    }
    assert_int_equal(store_db_user_list(f->db, &(struct store_user_query){0}, count_user, &count), 0);
    assert_int_equal(count, sizeof names / sizeof names[0]);
}

static void a_name_of_the_greatest_length_fits(void **state) {
    struct fixture *f = *state;
    struct store_user user = database_user("r", "", 3), found;
    memset(user.name, 'n', STORE_NAME_MAX);
    assert_int_equal(store_db_user_add(f->db, &user), 0);
    assert_int_equal(store_db_user_find(f->db, "r", user.name, STORE_NAME_MAX, &found), 0);
    char longer[STORE_NAME_MAX + 2];
    memset(longer, 'n', sizeof longer);
    assert_int_equal(store_db_user_find(f->db, "r", longer, sizeof longer, &found), -ENOENT);
}

static int remember_name(void *ctx, const struct store_user *user) {
    snprintf(ctx, 64, "%.63s", user->name);
    return strcmp(user->name, "stop") == 0 ? 77 : 0;
}

static void users_are_listed_by_pages(void **state) {
    struct fixture *f = *state;
    char last[64] = "";
    int count = 0;
    for (int i = 0; i < 25; i++) {
        char name[16];
        snprintf(name, sizeof name, "u%02d", i);
        struct store_user user = database_user(i < 20 ? "a" : "b", name, 1);
        assert_int_equal(store_db_user_add(f->db, &user), 0);
    }
    struct store_user_query query = {.realm = "a", .limit = 8};
    assert_int_equal(store_db_user_list(f->db, &query, remember_name, last), 0);
    assert_string_equal(last, "u07");
    query.after_name = "u15";
    assert_int_equal(store_db_user_list(f->db, &query, count_user, &count), 0);
    assert_int_equal(count, 4);
    struct store_user user = database_user("c", "stop", 1);
    assert_int_equal(store_db_user_add(f->db, &user), 0);
    assert_int_equal(store_db_user_list(f->db, &(struct store_user_query){0}, remember_name, last), 77);
}

static int sum_realm(void *ctx, const struct store_realm *realm) {
    *(uint64_t *)ctx += realm->users * 100 + 1;
    return 0;
}

static void deleting_a_realm_deletes_its_users(void **state) {
    struct fixture *f = *state;
    struct store_user user = database_user("gone", "u", 1), found;
    uint64_t sum = 0;
    assert_int_equal(store_db_user_add(f->db, &user), 0);
    assert_int_equal(store_db_realm_add(f->db, "empty"), 0);
    assert_int_equal(store_db_realm_add(f->db, "empty"), -EEXIST);
    assert_int_equal(store_db_realm_list(f->db, sum_realm, &sum), 0);
    assert_int_equal(sum, 102);
    assert_int_equal(store_db_realm_delete(f->db, "gone"), 0);
    assert_int_equal(store_db_realm_delete(f->db, "gone"), -ENOENT);
    assert_int_equal(store_db_user_find(f->db, "gone", "u", 1, &found), -ENOENT);
}

static int last_key(void *ctx, const struct store_api_key *key) {
    *(struct store_api_key *)ctx = *key;
    return 0;
}

static void api_keys_are_kept_and_checked(void **state) {
    struct fixture *f = *state;
    struct store_api_key key = {.id = "KEYabc",
                                .secret = "0123456789abcdef",
                                .name = "web '%s' app",
                                .permissions = STORE_MAY_JOIN | STORE_MAY_CREDENTIALS};
    struct store_api_key found = {0};
    assert_int_equal(store_db_key_add(f->db, &key), 0);
    assert_int_equal(store_db_key_add(f->db, &key), -EEXIST);
    assert_int_equal(store_db_key_find(f->db, "KEYabc", &found), 0);
    assert_string_equal(found.secret, key.secret);
    assert_int_equal(found.permissions, key.permissions);
    assert_int_equal(store_db_key_set_disabled(f->db, "KEYabc", true), 0);
    assert_int_equal(store_db_key_list(f->db, last_key, &found), 0);
    assert_true(found.disabled);
    assert_int_equal(store_db_key_delete(f->db, "KEYabc"), 0);
    assert_int_equal(store_db_key_find(f->db, "KEYabc", &found), -ENOENT);
    assert_int_equal(store_db_key_delete(f->db, "KEYabc"), -ENOENT);
    assert_int_equal(store_db_key_set_disabled(f->db, "KEYabc", false), -ENOENT);
    struct store_api_key bad = key;
    snprintf(bad.id, sizeof bad.id, "a.b");
    assert_int_equal(store_db_key_add(f->db, &bad), -EINVAL);
    bad = key;
    snprintf(bad.secret, sizeof bad.secret, "tooshort");
    assert_int_equal(store_db_key_add(f->db, &bad), -EINVAL);
    bad = key;
    bad.permissions = 8;
    assert_int_equal(store_db_key_add(f->db, &bad), -EINVAL);
}

static int last_rule(void *ctx, const struct store_peer_rule *rule) {
    *(struct store_peer_rule *)ctx = *rule;
    return 0;
}

static void peer_rules_are_kept_and_a_broken_one_is_an_error(void **state) {
    struct fixture *f = *state;
    struct store_peer_rule rule = {.allow = true, .note = "the office"}, found = {0};
    int64_t id = 0;
    assert_int_equal(store_db_rule_add(f->db, &rule, &id), -EINVAL);
    assert_int_equal(prefix_parse(&rule.prefix, "2001:db8::/32"), 0);
    assert_int_equal(store_db_rule_add(f->db, &rule, &id), 0);
    assert_true(id > 0);
    assert_int_equal(store_db_rule_add(f->db, &rule, &id), -EEXIST);
    assert_int_equal(store_db_rule_list(f->db, last_rule, &found), 0);
    assert_int_equal(found.id, id);
    assert_true(found.allow);
    assert_memory_equal(&found.prefix, &rule.prefix, sizeof found.prefix);
    assert_int_equal(sql_exec(f->db, "UPDATE peer_rules SET prefix = 'nonsense'"), 0);
    assert_int_equal(store_db_rule_list(f->db, last_rule, &found), -EBADMSG);
    assert_int_equal(store_db_rule_delete(f->db, id), 0);
    assert_int_equal(store_db_rule_delete(f->db, id), -ENOENT);
}

static int count_room(void *ctx, const struct store_room *room) {
    *(uint32_t *)ctx += room->max_participants;
    return 0;
}

static void rooms_are_put_found_and_deleted(void **state) {
    struct fixture *f = *state;
    struct store_room room = {.name = "daily", .metadata = "{\"a\":1}", .max_participants = 5}, found;
    uint32_t sum = 0;
    assert_int_equal(store_db_room_put(f->db, &room), 0);
    room.max_participants = 6;
    assert_int_equal(store_db_room_put(f->db, &room), 0);
    assert_int_equal(store_db_room_find(f->db, "daily", &found), 0);
    assert_int_equal(found.max_participants, 6);
    assert_string_equal(found.metadata, room.metadata);
    assert_int_equal(store_db_room_list(f->db, count_room, &sum), 0);
    assert_int_equal(sum, 6);
    assert_int_equal(store_db_room_delete(f->db, "daily"), 0);
    assert_int_equal(store_db_room_find(f->db, "daily", &found), -ENOENT);
}

static void the_version_moves_with_every_change_by_anybody(void **state) {
    struct fixture *f = *state;
    struct store_db *other;
    uint64_t a, b, c, d;
    assert_int_equal(store_db_open(&other, f->where.path, STORE_OPEN_WRITE), 0);
    assert_int_equal(store_db_version(f->db, &a), 0);
    assert_int_equal(store_db_realm_add(other, "theirs"), 0);
    assert_int_equal(store_db_version(f->db, &b), 0);
    assert_int_equal(store_db_realm_add(f->db, "ours"), 0);
    assert_int_equal(store_db_version(f->db, &c), 0);
    assert_int_equal(store_db_version(f->db, &d), 0);
    assert_true(a != b && b != c && c == d);
    store_db_close(other);
}

static void an_older_schema_is_migrated_and_keeps_its_rows(void **state) {
    struct fixture *f = *state;
    struct store_user user = database_user("r", "kept", 5), found;
    struct store_db *db;
    assert_int_equal(store_db_user_add(f->db, &user), 0);
    /* Back to version 1, which knew neither rooms nor usage. */
    assert_int_equal(sql_exec(f->db, "DROP TABLE rooms; DROP TABLE usage; PRAGMA user_version = 1"), 0);
    assert_int_equal(store_db_open(&db, f->where.path, STORE_OPEN_READ), -ERR_DATABASE);
    assert_int_equal(store_db_open(&db, f->where.path, STORE_OPEN_WRITE), 0);
    assert_int_equal(store_db_user_find(db, "r", "kept", 4, &found), 0);
    struct store_room room = {.name = "new"};
    assert_int_equal(store_db_room_put(db, &room), 0);
    store_db_close(db);
    assert_int_equal(store_db_open(&db, f->where.path, STORE_OPEN_READ), 0);
    assert_int_equal(store_db_room_put(db, &room), -EROFS);
    store_db_close(db);
}

static void a_newer_or_foreign_file_is_left_alone(void **state) {
    struct fixture *f = *state;
    struct store_db *db;
    assert_int_equal(sql_exec(f->db, "PRAGMA user_version = 99"), 0);
    assert_int_equal(store_db_open(&db, f->where.path, STORE_OPEN_CREATE), -ERR_DATABASE);
    assert_int_equal(sql_exec(f->db, "PRAGMA user_version = 0; PRAGMA application_id = 0"), 0);
    assert_int_equal(store_db_open(&db, f->where.path, STORE_OPEN_CREATE), -ERR_DATABASE);
    assert_null(db);
}

static void a_full_disk_is_told_apart_and_passes(void **state) {
    struct fixture *f = *state;
    assert_int_equal(sql_exec(f->db, "PRAGMA max_page_count = 1"), 0); /* the present size */
    int rc = 0;
    for (int i = 0; i < 2000 && rc == 0; i++) {
        struct store_room room = {0};
        snprintf(room.name, sizeof room.name, "%0250d", i);
        rc = store_db_room_put(f->db, &room);
    }
    assert_int_equal(rc, -ENOSPC);
    assert_int_equal(sql_exec(f->db, "PRAGMA max_page_count = 100000"), 0);
    struct store_user user = database_user("r", "later", 1);
    assert_int_equal(store_db_user_add(f->db, &user), 0);
}

static void a_lock_held_elsewhere_is_busy_and_passes(void **state) {
    struct fixture *f = *state;
    struct store_db *other;
    assert_int_equal(store_db_open(&other, f->where.path, STORE_OPEN_WRITE), 0);
    assert_int_equal(sql_exec(other, "BEGIN IMMEDIATE"), 0);
    sqlite3_busy_timeout(f->db->sqlite, 20);
    struct store_user user = database_user("r", "u", 1), found;
    assert_int_equal(store_db_user_add(f->db, &user), -EBUSY);
    assert_int_equal(store_db_user_find(f->db, "r", "u", 1, &found), -ENOENT); /* reading goes on */
    assert_int_equal(sql_exec(other, "COMMIT"), 0);
    assert_int_equal(store_db_user_add(f->db, &user), 0);
    store_db_close(other);
}

static void a_file_of_garbage_is_an_error(void **state) {
    struct database where;
    struct store_db *db;
    (void)state;
    database_make(&where);
    FILE *file = fopen(where.path, "w");
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database\n", file);
    }
    fclose(file);
    assert_int_equal(store_db_open(&db, where.path, STORE_OPEN_CREATE), -ERR_DATABASE);
    assert_null(db);
    database_remove(&where);
}

static void damage_is_found_by_the_check(void **state) {
    struct fixture *f = *state;
    struct store_db *db;
    char junk[4096];
    for (int i = 0; i < 200; i++) {
        struct store_user user = database_user("r", "", (uint8_t)i);
        snprintf(user.name, sizeof user.name, "user%d", i);
        assert_int_equal(store_db_user_add(f->db, &user), 0);
    }
    assert_int_equal(store_db_check(f->db), 0);
    assert_int_equal(sql_exec(f->db, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    store_db_close(f->db);
    FILE *file = fopen(f->where.path, "r+");
    memset(junk, 0xa5, sizeof junk);
    assert_int_equal(fseek(file, 4096 * 3, SEEK_SET), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fwrite(junk, sizeof junk, 1, file), 1);
    }
    fclose(file);
    int rc = store_db_open(&db, f->where.path, STORE_OPEN_WRITE);
    if (rc == 0) {
        rc = store_db_check(db);
        store_db_close(db);
    }
    assert_int_equal(rc, -ERR_DATABASE);
    f->db = NULL;
}

#define WITH_DATABASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(a_new_file_is_for_its_owner_only),
        cmocka_unit_test(a_missing_file_is_only_made_when_asked),
        WITH_DATABASE(a_user_is_added_found_changed_and_deleted),
        WITH_DATABASE(hostile_names_are_only_data),
        WITH_DATABASE(a_name_of_the_greatest_length_fits),
        WITH_DATABASE(users_are_listed_by_pages),
        WITH_DATABASE(deleting_a_realm_deletes_its_users),
        WITH_DATABASE(api_keys_are_kept_and_checked),
        WITH_DATABASE(peer_rules_are_kept_and_a_broken_one_is_an_error),
        WITH_DATABASE(rooms_are_put_found_and_deleted),
        WITH_DATABASE(the_version_moves_with_every_change_by_anybody),
        WITH_DATABASE(an_older_schema_is_migrated_and_keeps_its_rows),
        WITH_DATABASE(a_newer_or_foreign_file_is_left_alone),
        WITH_DATABASE(a_full_disk_is_told_apart_and_passes),
        WITH_DATABASE(a_lock_held_elsewhere_is_busy_and_passes),
        cmocka_unit_test(a_file_of_garbage_is_an_error),
        WITH_DATABASE(damage_is_found_by_the_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
