/* The store thread: results come back to their loop, trouble with the file passes by itself. */
#include "database.h"

#include "net/loop.h"
#include "store/sql.h"
#include "store/store.h"

#include "base/metrics.h"

#include <event2/event.h>

struct fixture {
    struct database where;
    struct loop *loop;
    struct store *store;
    unsigned changes;
    unsigned done;
    bool stop;
};

struct job {
    struct store_job job;
    struct fixture *fixture;
    struct store_user user;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    database_make(&f->where);
    f->loop = loop_new("test", 8);
    assert_int_equal(store_start(&f->store, f->where.path), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    store_stop(f->store);
    loop_free(f->loop);
    database_remove(&f->where);
    free(f);
    return 0;
}

static void give_up(void *ctx) {
    (void)ctx;
    fail_msg("nothing came back for 10 s");
}

/* Turns the loop until stop is set. */
static void run(struct fixture *f) {
    struct loop_timer timer;
    loop_timer_init(&timer, give_up, NULL);
    loop_timer_set(f->loop, &timer, 10000000);
    for (f->stop = false; !f->stop;) {
        assert_true(event_base_loop(loop_base(f->loop), EVLOOP_ONCE) >= 0);
    }
    loop_timer_cancel(f->loop, &timer);
}

static void count_done(struct store_job *job) {
    struct job *j = (struct job *)(void *)job;
    j->fixture->done++;
    j->fixture->stop = true;
}

static int add_user(struct store_db *db, struct store_job *job) {
    return store_db_user_add(db, &((struct job *)(void *)job)->user);
}

static int find_user(struct store_db *db, struct store_job *job) {
    struct store_user *user = &((struct job *)(void *)job)->user;
    return store_db_user_find(db, user->realm, user->name, strlen(user->name), user);
}

static struct job job_for(struct fixture *f, int (*work)(struct store_db *db, struct store_job *job)) {
    struct job j = {.job = {.run = work, .done = count_done, .reply_to = f->loop},
                    .fixture = f,
                    .user = database_user("r", "alice", 4)};
    return j;
}

/* Submits and waits. */
static int perform(struct fixture *f, int (*work)(struct store_db *db, struct store_job *job)) {
    struct job j = job_for(f, work);
    unsigned before = f->done;
    assert_int_equal(store_submit(f->store, &j.job), 0);
    while (f->done == before) {
        run(f);
    }
    return j.job.result;
}

static void results_come_back_to_the_loop(void **state) {
    struct fixture *f = *state;
    assert_int_equal(perform(f, find_user), -ENOENT);
    assert_int_equal(perform(f, add_user), 0);
    assert_int_equal(perform(f, add_user), -EEXIST);
    assert_int_equal(perform(f, find_user), 0);
    assert_true(store_is_up(f->store));
    assert_int_equal(metrics_read(METRIC_STORE_UP), 1);
}

static void count_change(void *ctx) {
    struct fixture *f = ctx;
    f->changes++;
    f->stop = true;
}

static void watchers_hear_of_changes_by_anybody(void **state) {
    struct fixture *f = *state;
    struct store_db *other;
    assert_int_equal(store_watch(f->store, f->loop, count_change, f), 0);
    run(f);
    assert_true(f->changes >= 1); /* once at the beginning */
    assert_int_equal(perform(f, find_user), -ENOENT);
    unsigned before = f->changes;
    assert_int_equal(perform(f, add_user), 0);
    while (f->changes == before) {
        run(f);
    }
    before = f->changes;
    assert_int_equal(store_db_open(&other, f->where.path, STORE_OPEN_WRITE), 0);
    assert_int_equal(store_db_realm_add(other, "beside"), 0);
    store_db_close(other);
    run(f);
    assert_int_equal(f->changes, before + 1);
}

static void watchers_are_bounded(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 64; i++) {
        assert_int_equal(store_watch(f->store, f->loop, count_change, f), 0);
    }
    assert_int_equal(store_watch(f->store, f->loop, count_change, f), -ENOBUFS);
}

static void nothing_is_lost_when_the_inbox_is_full(void **state) {
    struct fixture *f = *state;
    enum { JOBS = 100 }; /* the inbox has room for 8 */
    struct job jobs[JOBS];
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = job_for(f, find_user);
        assert_int_equal(store_submit(f->store, &jobs[i].job), 0);
    }
    usleep(50000);
    while (f->done < JOBS) {
        unsigned before = f->done;
        run(f);
        assert_true(f->done > before);
    }
}

static int sleep_a_little(struct store_db *db, struct store_job *job) {
    (void)db, (void)job;
    usleep(100000);
    return 0;
}

static void the_queue_is_bounded_and_stopping_cancels(void **state) {
    struct fixture *f = *state;
    enum { MORE = 5000 };
    struct job *jobs = calloc(MORE, sizeof *jobs);
    static unsigned cancelled;
    int accepted = 0;
    int64_t refused = metrics_read(METRIC_STORE_JOBS_REFUSED);
    cancelled = 0;
    for (int i = 0; i < MORE; i++) {
        jobs[i] = job_for(f, sleep_a_little);
        jobs[i].job.reply_to = NULL;
        accepted += store_submit(f->store, &jobs[i].job) == 0;
    }
    assert_in_range(accepted, 4096, 4100);
    assert_int_equal(metrics_read(METRIC_STORE_JOBS_REFUSED) - refused, MORE - accepted);
    store_stop(f->store);
    f->store = NULL;
    for (int i = 0; i < MORE; i++) {
        cancelled += jobs[i].job.result == -ECANCELED;
    }
    assert_int_equal(f->done, accepted);
    assert_true(cancelled > 4000);
    free(jobs);
}

static int break_down(struct store_db *db, struct store_job *job) {
    (void)db, (void)job;
    return -ERR_DATABASE;
}

static void it_opens_the_file_anew_after_a_failure(void **state) {
    struct fixture *f = *state;
    assert_int_equal(perform(f, add_user), 0);
    assert_int_equal(perform(f, break_down), -ERR_DATABASE);
    assert_false(store_is_up(f->store));
    assert_int_equal(metrics_read(METRIC_STORE_UP), 0);
    assert_int_equal(perform(f, find_user), -ERR_DATABASE); /* at once, without trying */
    for (int i = 0; i < 100 && !store_is_up(f->store); i++) {
        usleep(50000);
    }
    assert_int_equal(perform(f, find_user), 0);
}

static void copy_file(const char *from, const char *to) {
    char data[65536];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    size_t n;
    while ((n = fread(data, 1, sizeof data, in)) > 0) {
        assert_int_equal(fwrite(data, 1, n, out), n);
    }
    fclose(in);
    fclose(out);
}

static int checkpoint(struct store_db *db, struct store_job *job) {
    (void)job;
    return sql_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static void a_destroyed_file_degrades_and_a_restored_one_is_taken_up(void **state) {
    struct fixture *f = *state;
    char good[160], bad[160];
    snprintf(good, sizeof good, "%s.good", f->where.path);
    snprintf(bad, sizeof bad, "%s.bad", f->where.path);
    assert_int_equal(perform(f, add_user), 0);
    assert_int_equal(perform(f, checkpoint), 0);
    copy_file(f->where.path, good);
    FILE *file = fopen(bad, "w");
    for (int i = 0; i < 2000; i++) {
        fputs("not a database at all\n", file);
    }
    fclose(file);
    assert_int_equal(rename(bad, f->where.path), 0);
    for (int i = 0; i < 100 && store_is_up(f->store); i++) {
        usleep(50000);
    }
    assert_false(store_is_up(f->store));
    assert_int_equal(perform(f, find_user), -ERR_DATABASE);
    assert_int_equal(rename(good, f->where.path), 0);
    for (int i = 0; i < 100 && !store_is_up(f->store); i++) {
        usleep(50000);
    }
    assert_int_equal(perform(f, find_user), 0);
}

static void a_folder_that_comes_later_is_no_reason_to_fail(void **state) {
    struct store *store;
    (void)state;
    assert_int_equal(store_start(&store, "/tmp/turnout-no-such-folder/x.db"), 0);
    usleep(50000);
    assert_false(store_is_up(store));
    store_stop(store);
}

#define WITH_STORE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(results_come_back_to_the_loop),
        WITH_STORE(watchers_hear_of_changes_by_anybody),
        WITH_STORE(watchers_are_bounded),
        WITH_STORE(nothing_is_lost_when_the_inbox_is_full),
        WITH_STORE(the_queue_is_bounded_and_stopping_cancels),
        WITH_STORE(it_opens_the_file_anew_after_a_failure),
        WITH_STORE(a_destroyed_file_degrades_and_a_restored_one_is_taken_up),
        cmocka_unit_test(a_folder_that_comes_later_is_no_reason_to_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
