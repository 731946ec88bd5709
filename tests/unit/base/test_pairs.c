#include "base/pairs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void set_replaces_in_place_and_keeps_the_order(void **state) {
    struct pairs p;
    const char *key;
    const char *value;
    size_t cursor = 0;
    (void)state;
    pairs_init(&p);
    assert_int_equal(pairs_set(&p, "a", "1"), 0);
    assert_int_equal(pairs_set(&p, "b", "2"), 0);
    assert_int_equal(pairs_set(&p, "a", "longer"), 0);
    assert_int_equal(p.count, 2);
    assert_true(pairs_next(&p, &cursor, &key, &value));
    assert_string_equal(key, "a");
    assert_string_equal(value, "longer");
    assert_true(pairs_next(&p, &cursor, &key, &value));
    assert_string_equal(key, "b");
    assert_string_equal(value, "2");
    assert_false(pairs_next(&p, &cursor, &key, &value));
}

static void an_empty_value_removes(void **state) {
    struct pairs p;
    (void)state;
    pairs_init(&p);
    pairs_set(&p, "a", "1");
    pairs_set(&p, "b", "2");
    assert_int_equal(pairs_set(&p, "a", ""), 0);
    assert_int_equal(pairs_set(&p, "absent", ""), 0);
    assert_null(pairs_get(&p, "a"));
    assert_string_equal(pairs_get(&p, "b"), "2");
    assert_int_equal(p.count, 1);
    assert_int_equal(p.len, 4);
}

static void an_empty_key_is_refused(void **state) {
    struct pairs p;
    (void)state;
    pairs_init(&p);
    assert_int_equal(pairs_set(&p, "", "1"), -EINVAL);
}

static void what_does_not_fit_changes_nothing(void **state) {
    struct pairs p;
    char big[PAIRS_BYTES_MAX + 1];
    (void)state;
    memset(big, 'x', sizeof big);
    big[PAIRS_BYTES_MAX] = '\0';
    pairs_init(&p);
    pairs_set(&p, "a", "1");
    assert_int_equal(pairs_set(&p, "a", big), -ENOBUFS);
    big[PAIRS_BYTES_MAX - 6] = '\0'; /* 1 + 1 + 4090 + 1: with "a" one byte too many */
    assert_int_equal(pairs_set(&p, "b", big), -ENOBUFS);
    assert_string_equal(pairs_get(&p, "a"), "1");
    big[PAIRS_BYTES_MAX - 7] = '\0';
    assert_int_equal(pairs_set(&p, "b", big), 0);
    assert_int_equal(p.len, PAIRS_BYTES_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_replaces_in_place_and_keeps_the_order),
        cmocka_unit_test(an_empty_value_removes),
        cmocka_unit_test(an_empty_key_is_refused),
        cmocka_unit_test(what_does_not_fit_changes_nothing),
    };
    return cmocka_run_group_tests_name("base/pairs", tests, NULL, NULL);
}
