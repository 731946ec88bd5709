/* Bounded readers and writers: a failure sticks and nothing beyond the bound is touched. */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void numbers_are_read_in_network_order_at_odd_addresses(void **state) {
    (void)state;
    static const uint8_t data[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct reader r;
    reader_init(&r, data + 1, 15);
    assert_int_equal(reader_u8(&r), 1);
    assert_int_equal(reader_u16(&r), 0x0203);
    assert_int_equal(reader_u32(&r), 0x04050607);
    assert_true(reader_u64(&r) == 0x08090a0b0c0d0e0fULL);
    assert_int_equal(reader_left(&r), 0);
    assert_false(r.failed);
}

static void reading_past_the_end_fails_for_good(void **state) {
    (void)state;
    for (size_t n = 0; n < 8; n++) {
        uint8_t *exact = calloc(1, n + 1);
        struct reader r;
        memset(exact, 0xff, n + 1);
        reader_init(&r, exact, n);
        assert_true(reader_u64(&r) == 0);
        assert_true(r.failed);
        assert_int_equal(reader_u8(&r), 0); /* though a byte would be there */
        assert_null(reader_bytes(&r, 0));
        free(exact);
    }
    struct reader r;
    uint8_t one = 1;
    reader_init(&r, &one, 1);
    assert_null(reader_bytes(&r, SIZE_MAX));
    assert_true(r.failed);
}

static void empty_input_may_be_null(void **state) {
    (void)state;
    struct reader r;
    reader_init(&r, NULL, 0);
    assert_int_equal(reader_left(&r), 0);
    reader_bytes(&r, 0);
    assert_false(r.failed);
    assert_null(reader_bytes(&r, 1));
    assert_true(r.failed);
    struct writer w;
    writer_init(&w, NULL, 0);
    writer_bytes(&w, NULL, 0);
    assert_false(w.failed);
    writer_u8(&w, 1);
    assert_true(w.failed);
}

static void writer_stops_at_its_bound(void **state) {
    (void)state;
    for (size_t cap = 0; cap < 24; cap++) {
        uint8_t buf[32];
        struct writer w;
        memset(buf, 0xaa, sizeof buf);
        writer_init(&w, buf, cap);
        writer_u8(&w, 1);
        writer_u16(&w, 0x0203);
        writer_u32(&w, 0x04050607);
        writer_u64(&w, 0x08090a0b0c0d0e0fULL);
        writer_bytes(&w, "xyz", 3);
        writer_zeros(&w, 2);
        assert_int_equal(w.failed, cap < 20);
        assert_true(w.len <= cap);
        for (size_t i = 0; i < w.len && i < 15; i++) {
            assert_int_equal(buf[i], i + 1);
        }
        for (size_t i = w.len; i < sizeof buf; i++) {
            assert_int_equal(buf[i], 0xaa);
        }
    }
}

static void failed_writer_takes_nothing_more(void **state) {
    (void)state;
    uint8_t buf[4];
    struct writer w;
    writer_init(&w, buf, sizeof buf);
    writer_u64(&w, 1);
    writer_u8(&w, 1); /* this one would fit */
    assert_int_equal(w.len, 0);
    assert_null(writer_reserve(&w, 0));
    writer_init(&w, buf, sizeof buf);
    assert_null(writer_reserve(&w, SIZE_MAX));
}

static void loads_and_stores_round_trip(void **state) {
    (void)state;
    uint8_t buf[9];
    store_be16(buf + 1, 0xfedc);
    assert_int_equal(load_be16(buf + 1), 0xfedc);
    store_be32(buf + 1, 0xfedcba98);
    assert_true(load_be32(buf + 1) == 0xfedcba98);
    store_be64(buf + 1, 0xfedcba9876543210ULL);
    assert_true(load_be64(buf + 1) == 0xfedcba9876543210ULL);
    assert_int_equal(buf[1], 0xfe);
}

static void constant_time_equality_sees_every_bit(void **state) {
    (void)state;
    uint8_t a[33] = {0}, b[33] = {0};
    assert_true(bytes_equal_ct(a, b, sizeof a));
    assert_true(bytes_equal_ct(a, b, 0));
    for (size_t bit = 0; bit < sizeof a * 8; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(bytes_equal_ct(a, b, sizeof a));
        b[bit / 8] = 0;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_in_network_order_at_odd_addresses),
        cmocka_unit_test(reading_past_the_end_fails_for_good),
        cmocka_unit_test(empty_input_may_be_null),
        cmocka_unit_test(writer_stops_at_its_bound),
        cmocka_unit_test(failed_writer_takes_nothing_more),
        cmocka_unit_test(loads_and_stores_round_trip),
        cmocka_unit_test(constant_time_equality_sees_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
