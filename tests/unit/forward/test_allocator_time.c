/* How the targets of a receiver change with its line, in virtual time. */
#include "allocator_fixture.h"

#include <time.h>

static void a_fall_comes_at_once_and_a_rise_after_a_while(void **state) {
    (void)state;
    bind(1, &camera);
    run(4000000, 100);
    assert_target(0, 2, 2);
    assert_int_equal(run(400000, 100), 1);
    assert_target(0, 1, 1);
    run(4000000, 1400);
    assert_target(0, 1, 1);
    run(4000000, 300);
    assert_target(0, 2, 2);
}

static void a_rise_needs_a_margin(void **state) {
    (void)state;
    bind(1, &camera);
    run(500000, 100);
    run(560000, 60000);
    assert_target(0, 1, 1);
    run(580000, 2000);
    assert_target(0, 1, 2);
    run(505000, 60000); /* and what was given stays while it fits */
    assert_target(0, 1, 2);
}

static void one_peak_of_the_estimate_raises_nothing(void **state) {
    (void)state;
    bind(1, &camera);
    run(400000, 100);
    for (unsigned i = 0; i < 60; i++) {
        run(2000000, 900);
        run(400000, 100);
    }
    assert_target(0, 1, 1);
}

static void a_rise_uses_the_lowest_estimate_of_its_time(void **state) {
    (void)state;
    bind(1, &camera);
    run(200000, 100);
    run(8000000, 700);
    run(600000, 200);
    run(8000000, 700);
    assert_target(0, 1, 2);
}

static void rises_that_fail_are_tried_less_and_less_often(void **state) {
    (void)state;
    bind(1, &camera);
    run(400000, 100);
    unsigned changes = 0;
    for (unsigned i = 0; i < 600; i++) { /* ten minutes: the line looks wide until it is used */
        bool used = slots[0].target.spatial == 2;
        changes += run(used ? 400000 : 2000000, 1000);
    }
    assert_in_range(changes, 10, 80);
    run(400000, 60100); /* forgiven */
    run(2000000, 1600);
    assert_target(0, 2, 2);
}

static void a_new_tile_begins_with_the_lowest_layer_though_no_margin_is_left(void **state) {
    (void)state;
    bind(2, &camera);
    slots[0].priority = 1;
    slots[1].source = NULL;
    run(600000, 5000);
    assert_target(0, 1, 2);
    run(561000, 1000);
    slots[1].source = &camera;
    allocator_touch(&a);
    run(561000, 100);
    assert_target(0, 1, 2);
    assert_target(1, 0, 0);
}

static void a_newcomer_takes_from_those_that_have_more(void **state) {
    (void)state;
    bind(2, &camera);
    slots[1].source = NULL;
    run(1750000, 5000);
    assert_target(0, 2, 2);
    slots[1].source = &camera;
    allocator_touch(&a);
    run(1700000, 100);
    assert_target(0, 1, 2);
    assert_target(1, 1, 2);
}

static void a_layer_that_its_sender_stops_is_replaced_by_the_next_lower_one(void **state) {
    (void)state;
    struct allocator_source source = camera;
    bind(1, &source);
    run(5000000, 100);
    source.spatial[2].temporal_count = 0;
    assert_int_equal(run(5000000, 100), 1);
    assert_target(0, 1, 2);
}

static void a_better_layer_that_costs_less_is_taken(void **state) {
    (void)state;
    struct allocator_source source = camera;
    bind(1, &source);
    run(450000, 100);
    assert_target(0, 1, 1);
    source.spatial[2] = (struct allocator_spatial){1280, 720, 30, 1, {90000}}; /* a still picture */
    assert_int_equal(run(450000, 10000), 1);
    assert_target(0, 2, 0);
}

static uint32_t noise(uint32_t *seed) { return *seed = *seed * 1664525u + 1013904223u; }

static void ten_percent_of_noise_on_any_line_switch_at_most_two_times_a_minute(void **state) {
    (void)state;
    uint32_t seed = 1, worst = 0;
    for (uint32_t line = 200000; line < 12000000; line += line / 15) {
        setup(state);
        bind(6, &camera);
        slots[3].source = &svc;
        slots[4].source = &screen;
        slots[5].priority = 1;
        run(line, 10000);
        uint32_t changes = 0;
        for (unsigned i = 0; i < 3000; i++) { /* five minutes */
            uint32_t estimate = line / 10 * 9 + (uint32_t)((uint64_t)line / 5 * (noise(&seed) >> 16) >> 16);
            changes += allocator_update(&a, estimate, now);
            now += TICK_US;
        }
        worst = changes > worst ? changes : worst;
    }
    assert_in_range(worst, 0, 10);
}

static void targets_always_fit_and_a_steady_line_comes_to_rest(void **state) {
    (void)state;
    static const struct allocator_source *kinds[] = {&camera, &single, &screen, &svc, NULL};
    uint32_t seed = 7;
    for (unsigned round = 0; round < 2000; round++) {
        setup(state);
        unsigned n = 1 + noise(&seed) % ALLOCATOR_SLOTS;
        for (unsigned i = 0; i < n; i++) {
            slots[i] = (struct allocator_slot){.source = kinds[(noise(&seed) >> 8) % 5],
                                               .width = (uint16_t)((noise(&seed) >> 8) % 2000),
                                               .height = (uint16_t)((noise(&seed) >> 8) % 1100),
                                               .priority = (uint8_t)((noise(&seed) >> 8) % 3),
                                               .hidden = (noise(&seed) >> 8) % 5 == 0,
                                               .speaking = (noise(&seed) >> 8) % 9 == 0};
        }
        allocator_init(&a, slots, n);
        for (unsigned step = 0; step < 20; step++) {
            uint32_t estimate = noise(&seed) % 20000000;
            allocator_update(&a, estimate, now += TICK_US);
            uint64_t sum = 0;
            for (unsigned i = 0; i < n; i++) {
                sum += allocator_cost(slots[i].source, slots[i].target);
                assert_true(!slots[i].hidden || slots[i].target.spatial < 0);
                assert_true(slots[i].target.spatial <= slots[i].wanted.spatial);
            }
            assert_int_equal(sum, a.sum_bps);
            assert_in_range(sum, 0, estimate);
        }
        run(5000000, 60000);
        assert_int_equal(run(5000000, 10000), 0);
    }
}

static void an_estimate_as_large_as_what_is_wanted_gives_it_all(void **state) {
    (void)state;
    bind(3, &camera);
    slots[1].source = &screen;
    a.audio_bps = 90000;
    run(300000, 1000);
    run(a.wanted_bps, 2000);
    assert_target(0, 2, 2);
    assert_target(1, 1, 1);
    assert_target(2, 2, 2);
}

static void slots_added_later_keep_the_old_ones_as_they_are(void **state) {
    (void)state;
    bind(1, &camera);
    run(5000000, 1000);
    slots[1].source = &camera;
    allocator_resize(&a, slots, 2);
    assert_target(0, 2, 2);
    run(5000000, 100);
    assert_target(0, 2, 2);
    assert_target(1, 2, 2);
}

static void forty_nine_slots_take_microseconds(void **state) {
    (void)state;
    bind(49, &camera);
    run(20000000, 100);
    struct timespec begin, end;
    enum { TIMES = 20000 };
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (unsigned i = 0; i < TIMES; i++) {
        allocator_update(&a, i % 2 == 0 ? 9000000 : 30000000, now += TICK_US);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double us = ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / 1e3 / TIMES;
    print_message("# %.1f us per update of 49 slots\n", us);
    assert_true(us < 500); /* sanitizers and busy machines included */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_fall_comes_at_once_and_a_rise_after_a_while, setup),
        cmocka_unit_test_setup(a_rise_needs_a_margin, setup),
        cmocka_unit_test_setup(one_peak_of_the_estimate_raises_nothing, setup),
        cmocka_unit_test_setup(a_rise_uses_the_lowest_estimate_of_its_time, setup),
        cmocka_unit_test_setup(rises_that_fail_are_tried_less_and_less_often, setup),
        cmocka_unit_test_setup(a_new_tile_begins_with_the_lowest_layer_though_no_margin_is_left, setup),
        cmocka_unit_test_setup(a_newcomer_takes_from_those_that_have_more, setup),
        cmocka_unit_test_setup(a_layer_that_its_sender_stops_is_replaced_by_the_next_lower_one, setup),
        cmocka_unit_test_setup(a_better_layer_that_costs_less_is_taken, setup),
        cmocka_unit_test_setup(ten_percent_of_noise_on_any_line_switch_at_most_two_times_a_minute, setup),
        cmocka_unit_test_setup(targets_always_fit_and_a_steady_line_comes_to_rest, setup),
        cmocka_unit_test_setup(an_estimate_as_large_as_what_is_wanted_gives_it_all, setup),
        cmocka_unit_test_setup(slots_added_later_keep_the_old_ones_as_they_are, setup),
        cmocka_unit_test_setup(forty_nine_slots_take_microseconds, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
