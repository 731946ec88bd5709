/* Percentiles within the stated resolution. */
#include "bench/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct histogram h, other;

static int fresh(void **state) {
    (void)state;
    histogram_init(&h);
    histogram_init(&other);
    return 0;
}

static void empty_histogram_has_no_values(void **state) {
    (void)state;
    assert_int_equal(histogram_percentile(&h, 99), 0);
    assert_true(histogram_mean(&h) == 0.0);
}

static void small_values_are_exact(void **state) {
    (void)state;
    for (uint64_t v = 1; v <= 200; v++) {
        histogram_add(&h, v, 1);
    }
    assert_int_equal(histogram_percentile(&h, 50), 100);
    assert_int_equal(histogram_percentile(&h, 99), 198);
    assert_int_equal(histogram_percentile(&h, 100), 200);
    assert_int_equal(h.min, 1);
    assert_true(histogram_mean(&h) == 100.5);
}

static void every_value_is_found_within_the_resolution(void **state) {
    (void)state;
    for (uint64_t v = 1; v < UINT64_C(1) << HISTOGRAM_MAX_BITS; v += v / 97 + 1) {
        histogram_init(&h);
        histogram_add(&h, v, 1);
        histogram_add(&h, UINT64_C(1) << 39, 1); /* so that the exact maximum does not help */
        uint64_t got = histogram_percentile(&h, 50);
        if (v <= UINT64_C(1) << 39) {
            assert_true(got >= v);
            assert_true((double)(got - v) <= (double)v * HISTOGRAM_RESOLUTION);
        }
    }
}

static void percentile_never_exceeds_the_maximum(void **state) {
    (void)state;
    histogram_add(&h, 1000001, 5);
    assert_int_equal(histogram_percentile(&h, 50), 1000001);
}

static void values_beyond_the_range_are_kept_in_the_maximum(void **state) {
    (void)state;
    histogram_add(&h, 7, 1);
    histogram_add(&h, UINT64_MAX / 2, 1);
    assert_int_equal(histogram_percentile(&h, 50), 7);
    assert_int_equal(histogram_percentile(&h, 100), UINT64_MAX / 2);
}

static void rare_tail_is_seen(void **state) {
    (void)state;
    histogram_add(&h, 100, 9990);
    histogram_add(&h, 50000, 10);
    assert_int_equal(histogram_percentile(&h, 99.9), 100);
    assert_true(histogram_percentile(&h, 99.91) >= 50000);
}

static void merging_is_adding(void **state) {
    (void)state;
    histogram_add(&h, 10, 3);
    histogram_add(&other, 20, 1);
    histogram_merge(&h, &other);
    assert_int_equal(h.total, 4);
    assert_int_equal(h.min, 10);
    assert_int_equal(h.max, 20);
    assert_int_equal(histogram_percentile(&h, 75), 10);
    assert_int_equal(histogram_percentile(&h, 76), 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(empty_histogram_has_no_values, fresh),
        cmocka_unit_test_setup(small_values_are_exact, fresh),
        cmocka_unit_test_setup(every_value_is_found_within_the_resolution, fresh),
        cmocka_unit_test_setup(percentile_never_exceeds_the_maximum, fresh),
        cmocka_unit_test_setup(values_beyond_the_range_are_kept_in_the_maximum, fresh),
        cmocka_unit_test_setup(rare_tail_is_seen, fresh),
        cmocka_unit_test_setup(merging_is_adding, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
