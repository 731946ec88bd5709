/* The estimator on a simulated bottleneck: 50 ms of round trip, a buffer of 150 ms, steps from 4 to 1 to 4 Mbit/s. The
 * bounds: down within 1.5 s, 95 % of packets wait at most 100 ms (from 2 s after a step), up to 90 % within 8 s, 85 % of
 * the line used. On lines with jitter the times and shares are medians over seeds: a probe is blurred by chance. */
#include "bwe_world.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FAST = 4000000, SLOW = 1000000, PLENTY = 20000000, PHASE_MS = 25000, SEEDS = 9 };

struct outcome {
    double down_ms, up_ms;
    double used_fast, used_slow, used_again;
    double waited;
};

static double larger(double a, double b) { return a > b ? a : b; }

static struct outcome run_steps(const struct bwe_link *link, unsigned seed) {
    struct outcome o;
    struct bwe_world *w = bwe_world_new(link, 1, seed);
    bwe_world_want(w, 0, PLENTY);
    bwe_world_run(w, PHASE_MS);
    unsigned fall = bwe_world_now_ms(w);
    bwe_world_link(w)->rate_bps = SLOW;
    bwe_world_run(w, PHASE_MS);
    unsigned rise = bwe_world_now_ms(w);
    bwe_world_link(w)->rate_bps = FAST;
    bwe_world_run(w, PHASE_MS);
    unsigned end = bwe_world_now_ms(w);
    o.down_ms = bwe_world_estimate_below(w, 0, fall, SLOW);
    o.up_ms = bwe_world_reached(w, 0, rise, 0.9 * FAST);
    o.used_fast = bwe_world_throughput(w, 0, fall - 15000, fall) / FAST;
    o.used_slow = bwe_world_throughput(w, 0, rise - 15000, rise) / SLOW;
    o.used_again = bwe_world_throughput(w, 0, end - 15000, end) / FAST;
    o.waited = larger(bwe_world_queue_p95(w, fall + 2000, rise),
                      larger(bwe_world_queue_p95(w, 3000, fall), bwe_world_queue_p95(w, rise + 2000, end)));
    bwe_world_free(w);
    return o;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(const struct outcome *all, size_t member) {
    double values[SEEDS];
    for (int i = 0; i < SEEDS; i++) {
        values[i] = *(const double *)(const void *)((const char *)&all[i] + member);
    }
    qsort(values, SEEDS, sizeof values[0], by_size);
    return values[SEEDS / 2];
}

static void expect_bounds(const struct outcome *o) {
    print_message("down %.0f ms, up %.0f ms, used %.2f %.2f %.2f, waited %.0f ms\n", o->down_ms, o->up_ms, o->used_fast,
                  o->used_slow, o->used_again, o->waited);
    assert_true(o->down_ms <= 1500);
    assert_true(o->up_ms <= 8000);
    assert_true(o->used_fast >= 0.85 && o->used_slow >= 0.85 && o->used_again >= 0.85);
    assert_true(o->waited <= 100);
}

static struct bwe_link line(void) { return (struct bwe_link){.rate_bps = FAST, .buffer_ms = 150, .one_way_ms = 25}; }

/* Without chance on the line one run is like the next. */
static void every_seed_keeps_the_bounds(const struct bwe_link *link) {
    for (unsigned seed = 1; seed <= (link->loss > 0 ? SEEDS : 1); seed++) {
        struct outcome o = run_steps(link, seed);
        expect_bounds(&o);
    }
}

static void the_median_keeps_the_bounds(const struct bwe_link *link) {
    struct outcome all[SEEDS];
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        all[seed] = run_steps(link, seed + 1);
        assert_true(all[seed].waited <= 100);
        assert_true(all[seed].down_ms <= 1500);
    }
    struct outcome middle = {.down_ms = median(all, offsetof(struct outcome, down_ms)),
                             .up_ms = median(all, offsetof(struct outcome, up_ms)),
                             .used_fast = median(all, offsetof(struct outcome, used_fast)),
                             .used_slow = median(all, offsetof(struct outcome, used_slow)),
                             .used_again = median(all, offsetof(struct outcome, used_again)),
                             .waited = median(all, offsetof(struct outcome, waited))};
    expect_bounds(&middle);
}

static void steps_of_a_clean_line_are_followed(void **state) {
    struct bwe_link link = line();
    (void)state;
    every_seed_keeps_the_bounds(&link);
}

static void random_loss_of_one_percent_does_not_hold_the_rate_down(void **state) {
    struct bwe_link link = line();
    (void)state;
    link.loss = 0.01;
    every_seed_keeps_the_bounds(&link);
}

static void random_loss_of_five_percent_does_not_hold_the_rate_down(void **state) {
    struct bwe_link link = line();
    (void)state;
    link.loss = 0.05;
    every_seed_keeps_the_bounds(&link);
}

static void jitter_is_not_taken_for_a_queue(void **state) {
    struct bwe_link link = line();
    (void)state;
    link.jitter_ms = 50;
    the_median_keeps_the_bounds(&link);
}

static void reordering_is_not_taken_for_loss_or_a_queue(void **state) {
    struct bwe_link link = line();
    (void)state;
    link.jitter_ms = 50;
    link.reorders = true;
    the_median_keeps_the_bounds(&link);
}

static void deep_buffer_is_not_filled(void **state) {
    struct bwe_link link = line();
    (void)state;
    link.buffer_ms = 1500;
    every_seed_keeps_the_bounds(&link);
}

static void shallow_buffer_is_used_all_the_same(void **state) {
    struct bwe_link link = line();
    (void)state;
    link.buffer_ms = 40;
    every_seed_keeps_the_bounds(&link);
}

static void second_flow_gets_its_share_and_the_first_keeps_one(void **state) {
    struct bwe_link link = line();
    (void)state;
    struct bwe_world *w = bwe_world_new(&link, 2, 1);
    bwe_world_want(w, 0, PLENTY);
    bwe_world_run(w, 15000);
    bwe_world_want(w, 1, PLENTY);
    bwe_world_run(w, 60000);
    unsigned end = bwe_world_now_ms(w);
    double first = bwe_world_throughput(w, 0, end - 30000, end), second = bwe_world_throughput(w, 1, end - 30000, end);
    print_message("%.0f and %.0f kbit/s, waited %.0f ms\n", first / 1000, second / 1000,
                  bwe_world_queue_p95(w, end - 30000, end));
    assert_true(first + second >= 0.85 * FAST);
    assert_true(first >= 0.3 * FAST && second >= 0.3 * FAST);
    assert_true(bwe_world_queue_p95(w, end - 30000, end) <= 100);
    bwe_world_free(w);
}

static void room_that_others_take_and_leave_is_given_and_taken(void **state) {
    struct bwe_link link = line();
    (void)state;
    struct bwe_world *w = bwe_world_new(&link, 1, 1);
    bwe_world_want(w, 0, PLENTY);
    bwe_world_run(w, 15000);
    bwe_world_cross(w, FAST / 2);
    bwe_world_run(w, 20000);
    unsigned gone = bwe_world_now_ms(w);
    bwe_world_cross(w, 0);
    bwe_world_run(w, 15000);
    assert_true(bwe_world_throughput(w, 0, gone - 15000, gone) >= 0.85 * FAST / 2);
    assert_true(bwe_world_queue_p95(w, gone - 18000, gone) <= 100);
    assert_true(bwe_world_reached(w, 0, gone, 0.9 * FAST) <= 8000);
    bwe_world_free(w);
}

static void what_is_not_wanted_is_not_probed_for(void **state) {
    struct bwe_link link = line();
    struct bwe_probe probe;
    (void)state;
    struct bwe_world *w = bwe_world_new(&link, 1, 1);
    bwe_world_want(w, 0, 500000);
    bwe_world_run(w, 20000);
    unsigned now = bwe_world_now_ms(w);
    assert_true(bwe_estimate(bwe_world_flow(w, 0)) >= 500000);
    assert_true(bwe_world_throughput(w, 0, 5000, now) <= 600000);
    assert_false(bwe_probe_wanted(bwe_world_flow(w, 0), now * 1000ULL, &probe));
    bwe_world_free(w);
}

static void silence_lowers_the_estimate(void **state) {
    struct bwe_link link = line();
    (void)state;
    struct bwe_world *w = bwe_world_new(&link, 1, 1);
    bwe_world_want(w, 0, PLENTY);
    bwe_world_run(w, 10000);
    uint64_t before = bwe_estimate(bwe_world_flow(w, 0));
    bwe_world_link(w)->loss = 1; /* nothing comes, and so nothing is told */
    bwe_world_run(w, 5000);
    assert_true(bwe_estimate(bwe_world_flow(w, 0)) < before / 4);
    bwe_world_link(w)->loss = 0;
    unsigned back = bwe_world_now_ms(w);
    bwe_world_run(w, 10000);
    assert_true(bwe_world_reached(w, 0, back, 0.9 * FAST) <= 8000);
    bwe_world_free(w);
}

static void limits_hold(void **state) {
    (void)state;
    struct bwe *b = bwe_new(&(struct bwe_options){.start_bps = 5000, .min_bps = 10000, .max_bps = 20000}, 0);
    assert_int_equal(bwe_estimate(b), 10000);
    for (int i = 0; i < 100; i++) {
        bwe_sent(b, &(struct bwe_sending){.seq = (uint16_t)i, .bytes = 1200, .now_us = (uint64_t)i * 10000});
        bwe_feedback_begin(b);
        bwe_arrived(b, (uint16_t)i, i * 10000);
        bwe_feedback_end(b, (uint64_t)i * 10000 + 5000);
    }
    assert_true(bwe_estimate(b) <= 20000);
    bwe_free(b);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_a_clean_line_are_followed),
        cmocka_unit_test(random_loss_of_one_percent_does_not_hold_the_rate_down),
        cmocka_unit_test(random_loss_of_five_percent_does_not_hold_the_rate_down),
        cmocka_unit_test(jitter_is_not_taken_for_a_queue),
        cmocka_unit_test(reordering_is_not_taken_for_loss_or_a_queue),
        cmocka_unit_test(deep_buffer_is_not_filled),
        cmocka_unit_test(shallow_buffer_is_used_all_the_same),
        cmocka_unit_test(second_flow_gets_its_share_and_the_first_keeps_one),
        cmocka_unit_test(room_that_others_take_and_leave_is_given_and_taken),
        cmocka_unit_test(what_is_not_wanted_is_not_probed_for),
        cmocka_unit_test(silence_lowers_the_estimate),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests_name("bwe", tests, NULL, NULL);
}
