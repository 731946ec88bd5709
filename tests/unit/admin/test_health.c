/* A thread that does not turn is found, an idle one is not. */
#include "admin/internal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static atomic_bool hold;
static atomic_bool held;

static void stick(void *data) {
    (void)data;
    atomic_store(&held, true);
    while (atomic_load(&hold)) {
        usleep(1000);
    }
}

static void *run_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

struct fixture {
    struct loop *loops[2];
    pthread_t threads[2];
    struct admin *admin;
    bool store_ok;
};

static size_t checks(void *ctx, struct admin_check *out) {
    const struct fixture *f = ctx;
    out[0] = (struct admin_check){.name = "store", .ok = f->store_ok};
    snprintf(out[0].detail, sizeof out[0].detail, "The disk is full.");
    return 1;
}

static int start(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->store_ok = true;
    f->loops[0] = loop_new("control", 16);
    f->loops[1] = loop_new("worker-7", 16);
    struct admin_options options = {.loop = f->loops[0], .loops = f->loops, .loop_count = 2, .version = "1"};
    struct admin_hooks hooks = {.ctx = f, .checks = checks};
    assert_int_equal(admin_new(&f->admin, &options, &hooks), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&f->threads[i], NULL, run_loop, f->loops[i]), 0);
    }
    *state = f;
    return 0;
}

static int stop(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        loop_stop(f->loops[i]);
        pthread_join(f->threads[i], NULL);
    }
    admin_free(f->admin);
    for (int i = 0; i < 2; i++) {
        loop_free(f->loops[i]);
    }
    free(f);
    return 0;
}

enum { PATIENCE_US = 1500000 /* more than the second between two questions */ };

static void idle_threads_are_alive(void **state) {
    const struct fixture *f = *state;
    usleep(PATIENCE_US + 500000);
    assert_null(admin_health_stuck_loop(f->admin, PATIENCE_US));
}

static void a_stuck_thread_is_named_until_it_goes_on(void **state) {
    const struct fixture *f = *state;
    atomic_store(&hold, true);
    atomic_store(&held, false);
    assert_int_equal(loop_post(f->loops[1], stick, NULL, 0), 0);
    while (!atomic_load(&held)) {
        usleep(1000);
    }
    usleep(PATIENCE_US + 500000);
    assert_ptr_equal(admin_health_stuck_loop(f->admin, PATIENCE_US), f->loops[1]);
    atomic_store(&hold, false);
    usleep(100000);
    assert_null(admin_health_stuck_loop(f->admin, PATIENCE_US));
}

static void the_report_is_ready_when_all_is_well(void **state) {
    struct fixture *f = *state;
    bool ready = false;
    json_t *report = admin_health_report(f->admin, &ready);
    assert_true(ready);
    assert_int_equal(json_array_size(report), 2);
    json_decref(report);
    f->store_ok = false;
    report = admin_health_report(f->admin, &ready);
    assert_false(ready);
    const json_t *store = json_array_get(report, 0);
    assert_string_equal(json_string_value(json_object_get(store, "detail")), "The disk is full.");
    json_decref(report);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(idle_threads_are_alive),
        CASE(a_stuck_thread_is_named_until_it_goes_on),
        CASE(the_report_is_ready_when_all_is_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
