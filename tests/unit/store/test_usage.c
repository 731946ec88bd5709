/* Usage records in the database. */
#include "database.h"

#include "store/sql.h"

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

struct usage_seen {
    size_t rows;
    struct store_usage first, last;
};

static int see_usage(void *ctx, const struct store_usage *usage) {
    struct usage_seen *seen = ctx;
    if (seen->rows++ == 0) {
        seen->first = *usage;
    }
    seen->last = *usage;
    return 0;
}

static struct usage_seen list_usage(struct fixture *f, const char *user, uint64_t since, int64_t before_id) {
    struct usage_seen seen = {0};
    struct store_usage_query query = {.user = user, .since = since, .before_id = before_id, .limit = 1000};
    assert_int_equal(store_db_usage_list(f->db, &query, see_usage, &seen), 0);
    return seen;
}

/* Record i of count ended at i * 10; the users are ann and bob in turn. */
static void add_usage(struct fixture *f, uint64_t count) {
    struct store_usage *records = calloc(count, sizeof *records);
    const struct store_usage **list = calloc(count, sizeof(struct store_usage *));
    for (uint64_t i = 0; i < count; i++) {
        records[i] =
            (struct store_usage){.started = i, .ended = i * 10, .bytes_sent = 100, .packets_sent = 2, .dropped = 1};
        snprintf(records[i].user, sizeof records[i].user, "%s", i % 2 == 0 ? "ann" : "bob");
        snprintf(records[i].session, sizeof records[i].session, "s%u", (unsigned)i);
        list[i] = &records[i];
    }
    assert_int_equal(store_db_usage_add(f->db, list, count), 0);
    free(records);
    free(list);
}

static void usage_is_listed_newest_first_and_summed_by_user(void **state) {
    struct fixture *f = *state;
    struct usage_seen seen;
    add_usage(f, 9);
    seen = list_usage(f, NULL, 0, 0);
    assert_int_equal(seen.rows, 9);
    assert_string_equal(seen.first.session, "s8");
    assert_string_equal(seen.last.session, "s0");
    seen = list_usage(f, NULL, 0, seen.first.id - 5); /* the next page */
    assert_int_equal(seen.rows, 3);
    assert_int_equal(list_usage(f, NULL, 50, 0).rows, 4);
    assert_int_equal(list_usage(f, "bob", 50, 0).rows, 2);
    assert_int_equal(list_usage(f, "'; DROP TABLE usage; --", 0, 0).rows, 0);
    seen = (struct usage_seen){0};
    struct store_usage_query query = {.limit = 10};
    assert_int_equal(store_db_usage_sum(f->db, &query, see_usage, &seen), 0);
    assert_int_equal(seen.rows, 2);
    assert_string_equal(seen.first.user, "ann");
    assert_int_equal(seen.first.id, 5); /* records */
    assert_int_equal(seen.first.bytes_sent, 500);
    assert_int_equal(seen.first.dropped, 5);
    assert_int_equal(seen.first.ended, 80);
}

static void usage_is_added_whole_or_not_at_all(void **state) {
    struct fixture *f = *state;
    struct store_usage good = {.user = "a"}, bad = {.kind = (enum store_usage_kind)7};
    const struct store_usage *list[] = {&good, &bad};
    assert_int_equal(store_db_usage_add(f->db, list, 2), -EINVAL);
    assert_int_equal(list_usage(f, NULL, 0, 0).rows, 0);
    assert_int_equal(store_db_usage_add(f->db, list, 1), 0);
    assert_int_equal(list_usage(f, NULL, 0, 0).rows, 1);
}

static void usage_is_pruned_by_age_and_number_in_steps(void **state) {
    struct fixture *f = *state;
    uint64_t deleted;
    add_usage(f, 20);
    assert_int_equal(store_db_usage_prune(f->db, 50, 0, 3, &deleted), 0);
    assert_int_equal(deleted, 3);
    assert_int_equal(store_db_usage_prune(f->db, 50, 0, 3, &deleted), 0);
    assert_int_equal(deleted, 2); /* those that ended at 0 to 40 */
    assert_int_equal(store_db_usage_prune(f->db, 50, 8, 100, &deleted), 0);
    assert_int_equal(deleted, 7);
    struct usage_seen seen = list_usage(f, NULL, 0, 0);
    assert_int_equal(seen.rows, 8);
    assert_string_equal(seen.last.session, "s12"); /* the oldest have gone */
    assert_int_equal(store_db_usage_prune(f->db, 50, 8, 100, &deleted), 0);
    assert_int_equal(deleted, 0);
}

/* Whoever watches the database empties caches of users: sessions that end must not lead to that. */
static void usage_is_no_change_and_waits_for_nobody(void **state) {
    struct fixture *f = *state;
    struct store_db *other;
    struct store_usage usage = {.user = "a"};
    const struct store_usage *list[] = {&usage};
    uint64_t before, after, deleted;
    assert_int_equal(store_db_version(f->db, &before), 0);
    add_usage(f, 5);
    assert_int_equal(store_db_usage_prune(f->db, 30, 1, 100, &deleted), 0);
    assert_int_equal(store_db_version(f->db, &after), 0);
    assert_true(before == after);
    assert_int_equal(store_db_realm_add(f->db, "ours"), 0);
    assert_int_equal(store_db_version(f->db, &after), 0);
    assert_true(before != after);

    assert_int_equal(store_db_open(&other, f->where.path, STORE_OPEN_WRITE), 0);
    assert_int_equal(sql_exec(other, "BEGIN IMMEDIATE"), 0);
    assert_int_equal(store_db_usage_add(f->db, list, 1), -EBUSY);
    assert_int_equal(sql_exec(other, "COMMIT"), 0);
    store_db_close(other);
    assert_int_equal(store_db_usage_add(f->db, list, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(usage_is_listed_newest_first_and_summed_by_user, set_up, tear_down),
        cmocka_unit_test_setup_teardown(usage_is_added_whole_or_not_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(usage_is_pruned_by_age_and_number_in_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(usage_is_no_change_and_waits_for_nobody, set_up, tear_down),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests_name("store/usage", tests, NULL, NULL);
}
