#include "forward/missing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { MS = 1000 };

static size_t due(struct missing *m, uint64_t now_ms, uint16_t *out) {
    return missing_due(m, now_ms * MS, 50 * MS, out, MISSING_MAX);
}

static void nothing_is_asked_for_that_may_only_be_late(void **state) {
    (void)state;
    struct missing m = {0};
    uint16_t seqs[MISSING_MAX];
    assert_true(missing_note(&m, 65535, 3, 0));
    assert_int_equal(due(&m, 4, seqs), 0);
    missing_found(&m, 0);
    assert_int_equal(missing_deadline(&m), MISSING_REORDER_US);
    assert_int_equal(due(&m, 5, seqs), 2);
    assert_int_equal(seqs[0], 65535);
    assert_int_equal(seqs[1], 1);
    missing_found(&m, 65535);
    missing_found(&m, 1);
    missing_found(&m, 1);
    assert_int_equal(missing_deadline(&m), UINT64_MAX);
}

static void a_try_waits_for_the_round_trip(void **state) {
    (void)state;
    struct missing m = {0};
    uint16_t seqs[MISSING_MAX];
    missing_note(&m, 10, 1, 0);
    assert_int_equal(due(&m, 5, seqs), 1);
    assert_int_equal(due(&m, 54, seqs), 0);
    assert_int_equal(due(&m, 55, seqs), 1);
    missing_note(&m, 20, 1, 0);
    assert_int_equal(missing_due(&m, 200 * MS, 0, seqs, MISSING_MAX), 2);
    assert_int_equal(missing_due(&m, 219 * MS, 0, seqs, MISSING_MAX), 0);
    assert_int_equal(missing_due(&m, 220 * MS, 0, seqs, MISSING_MAX), 2);
}

static void it_is_given_up_after_some_tries_and_after_a_second(void **state) {
    (void)state;
    struct missing m = {0};
    uint16_t seqs[MISSING_MAX];
    size_t tries = 0;
    missing_note(&m, 10, 1, 0);
    for (unsigned ms = 0; ms < 2000; ms++) {
        tries += due(&m, ms, seqs);
    }
    assert_int_equal(tries, MISSING_TRIES);
    assert_int_equal(m.count, 0);
    missing_note(&m, 10, 1, 0);
    assert_int_equal(due(&m, 1000, seqs), 0);
    assert_int_equal(m.count, 0);
}

static void a_loss_too_large_is_not_asked_for(void **state) {
    (void)state;
    struct missing m = {0};
    assert_true(missing_note(&m, 0, MISSING_MAX, 0));
    assert_false(missing_note(&m, MISSING_MAX, 1, 0));
    assert_int_equal(m.count, 0);
}

static void what_does_not_fit_one_message_comes_with_the_next(void **state) {
    (void)state;
    struct missing m = {0};
    uint16_t seqs[4];
    missing_note(&m, 0, 6, 0);
    assert_int_equal(missing_due(&m, 5 * MS, 0, seqs, 4), 4);
    assert_int_equal(missing_due(&m, 5 * MS, 0, seqs, 4), 2);
    assert_int_equal(seqs[1], 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_asked_for_that_may_only_be_late),
        cmocka_unit_test(a_try_waits_for_the_round_trip),
        cmocka_unit_test(it_is_given_up_after_some_tries_and_after_a_second),
        cmocka_unit_test(a_loss_too_large_is_not_asked_for),
        cmocka_unit_test(what_does_not_fit_one_message_comes_with_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
