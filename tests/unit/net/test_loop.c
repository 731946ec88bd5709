#include "net/loop.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct counted {
    struct loop *loop;
    int next;
    int out_of_order;
    int want;
};

struct numbered {
    struct counted *counted;
    int number;
};

static void count_post(void *data) {
    struct numbered n;
    memcpy(&n, data, sizeof n);
    n.counted->out_of_order += n.number != n.counted->next;
    n.counted->next++;
    if (n.counted->next == n.counted->want) {
        loop_stop(n.counted->loop);
    }
}

static void *post_many(void *arg) {
    struct counted *counted = arg;
    for (int i = 0; i < counted->want; i++) {
        struct numbered n = {counted, i};
        while (loop_post(counted->loop, count_post, &n, sizeof n) == -ENOBUFS) {
            usleep(50);
        }
    }
    return NULL;
}

static void posts_from_another_thread_run_once_and_in_order(void **state) {
    (void)state;
    struct counted counted = {.loop = loop_new("test", 64), .want = 100000};
    pthread_t thread;
    pthread_create(&thread, NULL, post_many, &counted);
    assert_int_equal(loop_run(counted.loop), 0);
    pthread_join(thread, NULL);
    assert_int_equal(counted.next, counted.want);
    assert_int_equal(counted.out_of_order, 0);
    loop_free(counted.loop);
}

static void a_full_inbox_refuses(void **state) {
    (void)state;
    struct loop *loop = loop_new("test", 4);
    struct counted counted = {.loop = loop, .want = 4};
    for (int i = 0; i < 4; i++) {
        struct numbered n = {&counted, i};
        assert_int_equal(loop_post(loop, count_post, &n, sizeof n), 0);
    }
    struct numbered extra = {&counted, 4};
    assert_int_equal(loop_post(loop, count_post, &extra, sizeof extra), -ENOBUFS);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(counted.next, 4);
    loop_free(loop);
}

static void too_large_a_post_is_refused(void **state) {
    (void)state;
    struct loop *loop = loop_new("test", 4);
    char data[LOOP_POST_BYTES + 1] = {0};
    assert_int_equal(loop_post(loop, count_post, data, sizeof data), -EMSGSIZE);
    loop_free(loop);
}

struct timed {
    struct loop *loop;
    struct loop_timer timer;
    uint64_t due_us;
    uint64_t fired_us;
};

static void note_time(void *ctx) {
    struct timed *t = ctx;
    t->fired_us = clock_now_us();
}

static void stop_after_both(void *ctx) {
    struct timed *t = ctx;
    note_time(t);
    loop_stop(t->loop);
}

static void timers_fire_in_order_and_never_early(void **state) {
    (void)state;
    struct loop *loop = loop_new("test", 4);
    struct timed late = {.loop = loop};
    struct timed soon = {.loop = loop};
    struct timed cancelled = {.loop = loop};
    uint64_t start = clock_now_us();
    loop_timer_init(&late.timer, stop_after_both, &late);
    loop_timer_init(&soon.timer, note_time, &soon);
    loop_timer_init(&cancelled.timer, note_time, &cancelled);
    loop_timer_set(loop, &late.timer, 300000);
    loop_timer_set(loop, &soon.timer, 20000);
    loop_timer_set(loop, &cancelled.timer, 20000);
    loop_timer_cancel(loop, &cancelled.timer);
    assert_int_equal(loop_run(loop), 0);
    assert_true(soon.fired_us - start >= 20000);
    assert_true(late.fired_us - start >= 300000);
    assert_true(soon.fired_us < late.fired_us);
    assert_int_equal(cancelled.fired_us, 0);
    loop_free(loop);
}

static void count_batch(void *ctx) { ++*(int *)ctx; }

static void after_batch_runs_before_sleeping(void **state) {
    (void)state;
    struct loop *loop = loop_new("test", 4);
    struct counted counted = {.loop = loop, .want = 1};
    struct numbered n = {&counted, 0};
    int batches = 0;
    loop_set_after_batch(loop, count_batch, &batches);
    loop_post(loop, count_post, &n, sizeof n);
    assert_int_equal(loop_run(loop), 0);
    assert_true(batches >= 1);
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_from_another_thread_run_once_and_in_order),
        cmocka_unit_test(a_full_inbox_refuses),
        cmocka_unit_test(too_large_a_post_is_refused),
        cmocka_unit_test(timers_fire_in_order_and_never_early),
        cmocka_unit_test(after_batch_runs_before_sleeping),
    };
    return cmocka_run_group_tests_name("net/loop", tests, NULL, NULL);
}
