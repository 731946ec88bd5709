/* What each slot of a receiver gets on lines of every width. */
#include "allocator_fixture.h"

static void a_free_line_gives_the_best_at_once(void **state) {
    (void)state;
    bind(1, &camera);
    assert_true(allocator_update(&a, 10000000, now));
    assert_target(0, 2, 2);
    assert_int_equal(a.sum_bps, 1500000);
    assert_int_equal(slots[0].verdict, ALLOCATOR_SENT);
}

static void a_picture_is_never_larger_than_its_tile_needs(void **state) {
    (void)state;
    bind(5, &camera);
    slots[0].width = 320, slots[0].height = 180;
    slots[1].width = 330, slots[1].height = 190; /* a few pixels of enlargement */
    slots[2].width = 480, slots[2].height = 270;
    slots[3].width = 1920, slots[3].height = 1080;
    slots[4].width = 1000, slots[4].height = 160; /* a strip: the height decides */
    run(100000000, 100);
    assert_target(0, 0, 2);
    assert_target(1, 0, 2);
    assert_target(2, 1, 2);
    assert_target(3, 2, 2);
    assert_target(4, 0, 2);
}

static void a_source_of_one_layer_is_shown_in_a_small_tile_too(void **state) {
    (void)state;
    bind(1, &single);
    slots[0].width = 160, slots[0].height = 90;
    run(2000000, 100);
    assert_target(0, 0, 0);
}

static void hidden_and_unbound_slots_cost_nothing(void **state) {
    (void)state;
    bind(3, &camera);
    slots[0].hidden = true;
    slots[1].source = NULL;
    run(10000000, 100);
    assert_target(0, -1, -1);
    assert_int_equal(slots[0].verdict, ALLOCATOR_HIDDEN);
    assert_int_equal(slots[1].verdict, ALLOCATOR_IDLE);
    assert_int_equal(a.sum_bps, 1500000);
    assert_int_equal(a.wanted_bps, 1500000 * 115ull / 100 + 1);
}

static void a_slot_that_is_shown_again_gets_its_layer_at_once(void **state) {
    (void)state;
    bind(2, &camera);
    slots[0].hidden = true;
    run(10000000, 1000);
    slots[0].hidden = false;
    allocator_touch(&a);
    assert_true(allocator_update(&a, 10000000, now));
    assert_target(0, 2, 2);
}

static void everybody_gets_the_lowest_layer_before_anyone_gets_a_better_one(void **state) {
    (void)state;
    bind(4, &camera);
    run(4 * 60000 * 115 / 100 + 1000, 5000);
    for (unsigned i = 0; i < 4; i++) {
        assert_target(i, 0, 0);
    }
}

static void equals_rise_together(void **state) {
    (void)state;
    bind(3, &camera);
    run(3 * 500000 * 115 / 100 + 100, 5000);
    for (unsigned i = 0; i < 3; i++) {
        assert_target(i, 1, 2);
    }
}

static void what_a_small_tile_leaves_goes_to_the_large_one(void **state) {
    (void)state;
    bind(3, &camera);
    slots[1].width = 320, slots[1].height = 180;
    slots[2].width = 320, slots[2].height = 180;
    run((1500000 + 2 * 150000) * 115 / 100 + 100, 5000);
    assert_target(0, 2, 2);
    assert_target(1, 0, 2);
    assert_target(2, 0, 2);
}

static void a_higher_priority_is_served_first(void **state) {
    (void)state;
    bind(3, &camera);
    slots[2].priority = 1;
    run((1500000 + 60000 + 60000) * 115 / 100 + 100, 5000);
    assert_target(2, 2, 2);
    assert_target(0, 0, 0);
    assert_target(1, 0, 0);
    run(1500000, 5000);
    assert_target(2, 2, 2);
    assert_target(0, -1, -1);
    assert_int_equal(slots[0].verdict, ALLOCATOR_NARROW);
}

static void audio_is_set_aside_first(void **state) {
    (void)state;
    bind(1, &camera);
    a.audio_bps = 100000;
    run(240000, 1000);
    assert_target(0, 0, 1);
    assert_int_equal(a.sum_bps, 200000);
    run(90000, 1000);
    assert_target(0, -1, -1);
    assert_int_equal(a.sum_bps, 100000);
}

static void the_screen_and_then_the_speaker_are_the_last_to_go(void **state) {
    (void)state;
    bind(4, &camera);
    slots[1].speaking = true;
    slots[3].source = &screen;
    run(10000000, 1000);
    run(330000, 1000);
    assert_target(3, 0, 0);
    assert_target(1, 0, 0);
    assert_target(0, 0, 0);
    assert_target(2, -1, -1);
    run(270000, 1000);
    assert_target(3, 0, 0);
    assert_target(1, 0, 0);
    assert_target(0, -1, -1);
    run(220000, 1000);
    assert_target(3, 0, 0);
    assert_target(1, -1, -1);
    run(100000, 1000);
    assert_target(3, -1, -1);
}

static void temporal_layers_are_dropped_before_the_picture_shrinks(void **state) {
    (void)state;
    bind(1, &camera);
    run(5000000, 100);
    run(1400000, 100);
    assert_target(0, 2, 1);
    run(900000, 100);
    assert_target(0, 1, 2); /* not 720p at seven frames a second */
    run(400000, 100);
    assert_target(0, 1, 1);
    run(80000, 100);
    assert_target(0, 0, 0);
}

static void a_screen_keeps_its_detail_at_few_frames(void **state) {
    (void)state;
    bind(1, &screen);
    run(5000000, 100);
    run(700000, 100);
    assert_target(0, 1, 0);
}

static void layers_of_svc_are_paid_with_those_they_need(void **state) {
    (void)state;
    bind(1, &svc);
    run(10000000, 100);
    assert_target(0, 2, 1);
    assert_int_equal(a.sum_bps, 1500000);
    run(900000, 100);
    assert_target(0, 2, 0);
    assert_int_equal(a.sum_bps, 900000);
    run(899999, 100);
    assert_target(0, 1, 1);
    assert_int_equal(a.sum_bps, 500000);
}

static void the_caps_of_a_token_hold_on_any_line(void **state) {
    (void)state;
    bind(2, &camera);
    slots[0].max_height = 360;
    a.max_bps = 1100000;
    run(50000000, 5000);
    assert_target(0, 1, 2);
    assert_target(1, 1, 2);
    assert_int_equal(a.wanted_bps, 1100000);
    slots[0].source = &single;
    allocator_touch(&a);
    run(50000000, 5000);
    assert_target(0, -1, -1);
    assert_int_equal(slots[0].verdict, ALLOCATOR_CAPPED);
}

static void a_portrait_picture_is_measured_by_its_shorter_side(void **state) {
    (void)state;
    static const struct allocator_source phone = {
        .spatial_count = 2, .spatial = {{360, 640, 30, 1, {300000}}, {720, 1280, 30, 1, {1200000}}}};
    bind(1, &phone);
    slots[0].max_height = 720;
    run(5000000, 100);
    assert_target(0, 1, 0);
    slots[0].max_height = 480;
    run(5000000, 100);
    assert_target(0, 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_free_line_gives_the_best_at_once, setup),
        cmocka_unit_test_setup(a_picture_is_never_larger_than_its_tile_needs, setup),
        cmocka_unit_test_setup(a_source_of_one_layer_is_shown_in_a_small_tile_too, setup),
        cmocka_unit_test_setup(hidden_and_unbound_slots_cost_nothing, setup),
        cmocka_unit_test_setup(a_slot_that_is_shown_again_gets_its_layer_at_once, setup),
        cmocka_unit_test_setup(everybody_gets_the_lowest_layer_before_anyone_gets_a_better_one, setup),
        cmocka_unit_test_setup(equals_rise_together, setup),
        cmocka_unit_test_setup(what_a_small_tile_leaves_goes_to_the_large_one, setup),
        cmocka_unit_test_setup(a_higher_priority_is_served_first, setup),
        cmocka_unit_test_setup(audio_is_set_aside_first, setup),
        cmocka_unit_test_setup(the_screen_and_then_the_speaker_are_the_last_to_go, setup),
        cmocka_unit_test_setup(temporal_layers_are_dropped_before_the_picture_shrinks, setup),
        cmocka_unit_test_setup(a_screen_keeps_its_detail_at_few_frames, setup),
        cmocka_unit_test_setup(layers_of_svc_are_paid_with_those_they_need, setup),
        cmocka_unit_test_setup(the_caps_of_a_token_hold_on_any_line, setup),
        cmocka_unit_test_setup(a_portrait_picture_is_measured_by_its_shorter_side, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
