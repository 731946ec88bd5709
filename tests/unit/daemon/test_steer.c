#include "daemon/steer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const uint64_t HOUR_US = (uint64_t)3600 * 1000000;

static struct five_tuple flow(uint32_t number) {
    struct five_tuple t = {.transport = TRANSPORT_UDP};
    uint8_t ip[4] = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    addr_from_bytes(&t.remote, ip, 4, 5000);
    addr_from_bytes(&t.local, "\x7f\0\0\1", 4, 3478);
    return t;
}

static void a_learned_flow_is_found_and_others_are_not(void **state) {
    (void)state;
    struct steer *s = steer_new();
    struct five_tuple a = flow(1), b = flow(2);
    assert_int_equal(steer_find(s, &a, 0), STEER_NONE);
    assert_int_equal(steer_learn(s, &a, 3, 0), 0);
    assert_int_equal(steer_find(s, &a, 1), 3);
    assert_int_equal(steer_find(s, &b, 1), STEER_NONE);
    assert_int_equal(steer_learn(s, &a, 5, 2), 0);
    assert_int_equal(steer_find(s, &a, 3), 5);
    steer_free(s);
}

static void the_local_address_is_part_of_a_flow(void **state) {
    (void)state;
    struct steer *s = steer_new();
    struct five_tuple a = flow(1);
    steer_learn(s, &a, 1, 0);
    a.local.ip[3] = 9;
    assert_int_equal(steer_find(s, &a, 0), STEER_NONE);
    steer_free(s);
}

static void an_idle_flow_is_forgotten_a_used_one_stays(void **state) {
    (void)state;
    struct steer *s = steer_new();
    struct five_tuple idle = flow(1), used = flow(2);
    steer_learn(s, &idle, 1, 0);
    steer_learn(s, &used, 1, 0);
    for (uint64_t hour = 1; hour <= 30; hour++) {
        assert_int_equal(steer_find(s, &used, hour * HOUR_US), 1);
        steer_expire(s, hour * HOUR_US);
        assert_int_equal(steer_count(s), hour < 25 ? 2 : 1); /* the longest lifetime is a day */
    }
    assert_int_equal(steer_find(s, &idle, 30 * HOUR_US), STEER_NONE);
    assert_int_equal(steer_find(s, &used, 30 * HOUR_US), 1);
    steer_free(s);
}

static void in_a_full_table_the_flow_that_was_quiet_longest_makes_room(void **state) {
    (void)state;
    struct steer *s = steer_new();
    for (uint32_t i = 0; i < STEER_FLOWS_MAX; i++) {
        struct five_tuple f = flow(i);
        assert_int_equal(steer_learn(s, &f, 1, i), 0);
    }
    struct five_tuple first = flow(0), second = flow(1), extra = flow(STEER_FLOWS_MAX);
    assert_int_equal(steer_find(s, &first, STEER_FLOWS_MAX), 1);
    assert_int_equal(steer_learn(s, &extra, 1, STEER_FLOWS_MAX), 0);
    assert_int_equal(steer_count(s), STEER_FLOWS_MAX);
    assert_int_equal(steer_find(s, &first, STEER_FLOWS_MAX), 1);
    assert_int_equal(steer_find(s, &second, STEER_FLOWS_MAX), STEER_NONE);
    assert_int_equal(steer_find(s, &extra, STEER_FLOWS_MAX), 1);
    steer_free(s);
}

static void a_forgotten_flow_is_not_found(void **state) {
    (void)state;
    struct steer *s = steer_new();
    struct five_tuple a = flow(1);
    steer_forget(s, &a);
    steer_learn(s, &a, 1, 0);
    steer_forget(s, &a);
    assert_int_equal(steer_find(s, &a, 0), STEER_NONE);
    steer_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_learned_flow_is_found_and_others_are_not),
        cmocka_unit_test(the_local_address_is_part_of_a_flow),
        cmocka_unit_test(an_idle_flow_is_forgotten_a_used_one_stays),
        cmocka_unit_test(in_a_full_table_the_flow_that_was_quiet_longest_makes_room),
        cmocka_unit_test(a_forgotten_flow_is_not_found),
    };
    return cmocka_run_group_tests_name("daemon/steer", tests, NULL, NULL);
}
