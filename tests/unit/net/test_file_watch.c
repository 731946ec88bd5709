/* Files that are replaced in all the ways there are. */
#include "net/file_watch.h"

#include "base/clock.h"
#include "net/loop.h"

#include <event2/event.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { QUIET_US = 200000 };

struct world {
    char folder[32];
    struct loop *loop;
    struct file_watch *watch;
    struct loop_timer end;
    bool over;
    unsigned changes;
};

static void changed(void *ctx) {
    struct world *w = ctx;
    w->changes++;
}

static void time_is_up(void *ctx) {
    struct world *w = ctx;
    w->over = true;
}

static char *path_of(const struct world *w, const char *name) {
    static char paths[4][96];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", w->folder, name);
    return path;
}

static void put(const struct world *w, const char *name, const char *text) {
    FILE *file = fopen(path_of(w, name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void link_to(const struct world *w, const char *target, const char *name) {
    assert_int_equal(symlink(target, path_of(w, name)), 0);
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    snprintf(w->folder, sizeof w->folder, "/tmp/watch-test-XXXXXX");
    if (!mkdtemp(w->folder)) {
        return -1;
    }
    w->loop = loop_new("test", 16);
    w->watch = file_watch_new(w->loop, changed, w);
    loop_timer_init(&w->end, time_is_up, w);
    file_watch_set_quiet(w->watch, QUIET_US);
    return w->loop && w->watch ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st;
    (void)kind;
    (void)place;
    return remove(path);
}

static int teardown(void **state) {
    struct world *w = *state;
    file_watch_free(w->watch);
    loop_free(w->loop);
    int rc = nftw(w->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(w);
    return rc;
}

static void watch(struct world *w, const char *one, const char *other) {
    const char *const paths[] = {path_of(w, one), path_of(w, other)};
    assert_int_equal(file_watch_set(w->watch, paths, 2), 0);
}

static void run_for(struct world *w, uint64_t us) {
    w->over = false;
    loop_refresh_now(w->loop);
    loop_timer_set(w->loop, &w->end, us);
    while (!w->over) {
        event_base_loop(loop_base(w->loop), EVLOOP_ONCE);
    }
}

/* Changes told within the time it takes to be quiet and a bit. */
static unsigned told(struct world *w) {
    w->changes = 0;
    run_for(w, 2 * QUIET_US);
    return w->changes;
}

static void writing_is_told_once(void **state) {
    struct world *w = *state;
    put(w, "cert", "a");
    put(w, "key", "a");
    watch(w, "cert", "key");
    put(w, "cert", "bb");
    put(w, "key", "bb");
    assert_int_equal(told(w), 1);
    put(w, "another", "x");
    assert_int_equal(told(w), 0);
    assert_int_equal(chmod(path_of(w, "key"), 0600), 0); /* it may have become readable */
    assert_int_equal(told(w), 1);
}

static void renaming_over_and_removing_is_told(void **state) {
    struct world *w = *state;
    put(w, "cert", "a");
    put(w, "key", "a");
    watch(w, "cert", "key");
    put(w, "cert.new", "b");
    assert_int_equal(rename(path_of(w, "cert.new"), path_of(w, "cert")), 0);
    assert_int_equal(told(w), 1);
    unlink(path_of(w, "cert"));
    assert_int_equal(told(w), 1);
    put(w, "cert", "c");
    assert_int_equal(told(w), 1);
}

/* live/cert -> ../archive/cert1, then cert2 */
static void links_are_swapped_as_certbot_does(void **state) {
    struct world *w = *state;
    mkdir(path_of(w, "archive"), 0700);
    mkdir(path_of(w, "live"), 0700);
    put(w, "archive/cert1", "a");
    put(w, "archive/key1", "a");
    link_to(w, "../archive/cert1", "live/cert");
    link_to(w, "../archive/key1", "live/key");
    watch(w, "live/cert", "live/key");
    put(w, "archive/cert2", "b");
    assert_int_equal(told(w), 0);
    unlink(path_of(w, "live/cert"));
    link_to(w, "../archive/cert2", "live/cert");
    assert_int_equal(told(w), 1);
    put(w, "archive/cert2", "bb"); /* the new target is watched, too */
    assert_int_equal(told(w), 1);
}

/* mount/cert -> ..data/cert, ..data -> ..1, then ..2 by a rename */
static void folders_are_swapped_as_kubernetes_does(void **state) {
    struct world *w = *state;
    mkdir(path_of(w, "mount"), 0700);
    for (int round = 1; round <= 3; round++) {
        char name[32];
        snprintf(name, sizeof name, "mount/..%d", round);
        mkdir(path_of(w, name), 0700);
        snprintf(name, sizeof name, "mount/..%d/cert", round);
        put(w, name, "a");
        snprintf(name, sizeof name, "..%d", round);
        link_to(w, name, "mount/..data_tmp");
        assert_int_equal(rename(path_of(w, "mount/..data_tmp"), path_of(w, "mount/..data")), 0);
        if (round == 1) {
            link_to(w, "..data/cert", "mount/cert");
            watch(w, "mount/cert", "mount/cert");
        } else {
            assert_int_equal(told(w), 1);
        }
    }
}

static void a_folder_on_the_way_is_swapped(void **state) {
    struct world *w = *state;
    mkdir(path_of(w, "one"), 0700);
    mkdir(path_of(w, "two"), 0700);
    put(w, "one/cert", "a");
    put(w, "two/cert", "b");
    link_to(w, path_of(w, "one"), "now");
    watch(w, "now/cert", "now/cert");
    link_to(w, path_of(w, "two"), "next");
    assert_int_equal(rename(path_of(w, "next"), path_of(w, "now")), 0);
    assert_int_equal(told(w), 1);
}

static void links_in_a_circle_do_no_harm(void **state) {
    struct world *w = *state;
    link_to(w, "b", "a");
    link_to(w, "a", "b");
    watch(w, "a", "missing/file");
    unlink(path_of(w, "b"));
    put(w, "b", "at last");
    assert_int_equal(told(w), 1);
}

static void a_folder_that_is_never_quiet_is_looked_at_all_the_same(void **state) {
    struct world *w = *state;
    uint64_t begin = clock_now_us();
    put(w, "cert", "a");
    put(w, "key", "a");
    watch(w, "cert", "key");
    put(w, "cert", "bb");
    while (w->changes == 0 && clock_now_us() - begin < 10 * QUIET_US) {
        put(w, "noise", "x");
        run_for(w, QUIET_US / 4);
    }
    assert_int_equal(w->changes, 1);
    assert_in_range(clock_now_us() - begin, 5 * QUIET_US - 10000, 8 * QUIET_US);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writing_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(renaming_over_and_removing_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(links_are_swapped_as_certbot_does, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_are_swapped_as_kubernetes_does, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_on_the_way_is_swapped, setup, teardown),
        cmocka_unit_test_setup_teardown(links_in_a_circle_do_no_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_never_quiet_is_looked_at_all_the_same, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
