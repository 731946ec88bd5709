#include "forward/cache.h"

#include "forward/rate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct cache_options options = {.bytes = 8192, .packets = 64, .age_us = 1000000};

static int put(struct cache *c, uint16_t seq, size_t len, uint64_t now_us) {
    uint8_t bytes[4096];
    memset(bytes, seq & 0xff, sizeof bytes);
    return cache_put(c, seq, &(struct cache_packet){bytes, len}, now_us);
}

static void assert_has(const struct cache *c, uint16_t seq, size_t len, uint64_t now_us) {
    struct cache_packet out;
    assert_int_equal(cache_get(c, seq, now_us, &out), 0);
    assert_int_equal(out.len, len);
    assert_int_equal(out.data[0], seq & 0xff);
    assert_int_equal(out.data[len - 1], seq & 0xff);
}

static void assert_lacks(const struct cache *c, uint16_t seq, uint64_t now_us) {
    struct cache_packet out;
    assert_int_equal(cache_get(c, seq, now_us, &out), -ENOENT);
}

static void packets_are_found_by_number_across_the_wrap(void **state) {
    (void)state;
    struct cache *c = cache_new(&options);
    assert_non_null(c);
    for (uint32_t seq = 65534; seq < 65540; seq++) {
        assert_int_equal(put(c, (uint16_t)seq, 100 + seq % 7, 0), 0);
    }
    for (uint32_t seq = 65534; seq < 65540; seq++) {
        assert_has(c, (uint16_t)seq, 100 + seq % 7, 1000);
    }
    assert_lacks(c, 65533, 1000);
    assert_lacks(c, 4, 1000);
    cache_unref(c);
}

static void the_oldest_bytes_give_way(void **state) {
    (void)state;
    struct cache *c = cache_new(&options);
    size_t before = cache_memory_bytes(c);
    for (uint16_t seq = 0; seq < 1000; seq++) {
        assert_int_equal(put(c, seq, 1000, 0), 0);
        assert_has(c, seq, 1000, 0);
        if (seq >= 10) {
            assert_has(c, (uint16_t)(seq - 6), 1000, 0);
            assert_lacks(c, (uint16_t)(seq - 9), 0);
        }
    }
    assert_int_equal(cache_memory_bytes(c), before);
    cache_unref(c);
}

static void no_more_packets_than_places(void **state) {
    (void)state;
    struct cache *c = cache_new(&options);
    for (uint16_t seq = 0; seq < 65; seq++) {
        assert_int_equal(put(c, seq, 20, 0), 0);
    }
    assert_lacks(c, 0, 0);
    assert_has(c, 1, 20, 0);
    cache_unref(c);
}

static void old_packets_are_not_given_out(void **state) {
    (void)state;
    struct cache *c = cache_new(&options);
    put(c, 7, 20, 5000000);
    assert_has(c, 7, 20, 6000000);
    assert_lacks(c, 7, 6000001);
    cache_unref(c);
}

static void a_packet_too_long_is_refused_and_harms_nothing(void **state) {
    (void)state;
    struct cache *c = cache_new(&options);
    put(c, 1, 100, 0);
    assert_int_equal(put(c, 2, 2049, 0), -EMSGSIZE);
    assert_int_equal(put(c, 2, 0, 0), -EMSGSIZE);
    assert_has(c, 1, 100, 0);
    assert_lacks(c, 2, 0);
    cache_unref(c);
}

static void it_lives_until_the_last_reference(void **state) {
    (void)state;
    struct cache *c = cache_new(&options);
    put(c, 1, 100, 0);
    struct cache *held = cache_ref(c);
    cache_unref(c);
    assert_has(held, 1, 100, 0);
    cache_unref(held);
    cache_unref(NULL);
}

static void a_rate_is_that_of_the_last_second(void **state) {
    (void)state;
    struct rate r = {0};
    uint64_t now = 7000000;
    for (unsigned i = 0; i < 200; i++, now += 10000) {
        rate_add(&r, 1250, now);
    }
    assert_in_range(rate_bps(&r, now), 900000, 1100000);
    assert_in_range(rate_bps(&r, now + 500000), 400000, 600000);
    assert_int_equal(rate_bps(&r, now + 1100000), 0);
    rate_add(&r, 125, now + 60000000);
    assert_in_range(rate_bps(&r, now + 60000000), 1000, 1143);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_found_by_number_across_the_wrap),
        cmocka_unit_test(the_oldest_bytes_give_way),
        cmocka_unit_test(no_more_packets_than_places),
        cmocka_unit_test(old_packets_are_not_given_out),
        cmocka_unit_test(a_packet_too_long_is_refused_and_harms_nothing),
        cmocka_unit_test(it_lives_until_the_last_reference),
        cmocka_unit_test(a_rate_is_that_of_the_last_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
