/* Random bytes: in bounds, without bias that shows, different in every thread. */
#include "base/rng.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void bounds_are_kept_and_reached(void **state) {
    (void)state;
    static const uint32_t bounds[] = {1, 2, 3, 7, 256, 1000};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        uint8_t seen[1000] = {0};
        for (uint32_t k = 0; k < bounds[i] * 40; k++) {
            uint32_t v = rng_below(bounds[i]);
            assert_true(v < bounds[i]);
            seen[v] = 1;
        }
        for (uint32_t v = 0; v < bounds[i]; v++) {
            assert_int_equal(seen[v], 1); /* missed once in e^33 */
        }
    }
    for (int k = 0; k < 1000; k++) {
        assert_true(rng_below(0x80000001U) <= 0x80000000U);
        assert_true(rng_below(UINT32_MAX) < UINT32_MAX);
    }
}

/* 3 * 2^30 is where a plain remainder gives the lower third twice its share. */
static void values_are_without_bias(void **state) {
    (void)state;
    unsigned low = 0;
    for (int i = 0; i < 30000; i++) {
        low += rng_below(3U << 30) < 1U << 30;
    }
    assert_in_range(low, 9300, 10700); /* 8 standard deviations */
}

static void every_length_is_filled_and_nothing_more(void **state) {
    (void)state;
    for (size_t n = 0; n < 600; n++) {
        uint8_t sum[600] = {0}, buf[604];
        for (int round = 0; round < 6; round++) {
            memset(buf, 0, sizeof buf);
            rng_bytes(buf, n);
            for (size_t i = 0; i < n; i++) {
                sum[i] |= buf[i];
            }
            assert_memory_equal(buf + n, "\0\0\0\0", 4);
        }
        size_t zero = 0;
        for (size_t i = 0; i < n; i++) {
            zero += sum[i] == 0; /* by chance once in 2^48 */
        }
        assert_int_equal(zero, 0);
    }
}

static void tokens_are_of_their_alphabet(void **state) {
    (void)state;
    char token[65], other[65];
    memset(token, '!', sizeof token);
    rng_token(token, 64);
    rng_token(other, 64);
    assert_int_equal(strlen(token), 64);
    assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"), 64);
    assert_string_not_equal(token, other);
    rng_token(token, 0);
    assert_string_equal(token, "");
}

static void *draw(void *out) {
    rng_bytes(out, 32);
    return NULL;
}

static void threads_draw_different_bytes(void **state) {
    (void)state;
    uint8_t drawn[9][32];
    draw(drawn[8]);
    for (int i = 0; i < 8; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, draw, drawn[i]), 0);
        pthread_join(thread, NULL);
    }
    for (int i = 0; i < 9; i++) {
        for (int k = 0; k < i; k++) {
            assert_memory_not_equal(drawn[i], drawn[k], 32);
        }
    }
}

static void numbers_do_not_repeat(void **state) {
    (void)state;
    uint64_t seen[500];
    for (size_t i = 0; i < 500; i++) {
        seen[i] = rng_u64();
        for (size_t k = 0; k < i; k++) {
            assert_true(seen[i] != seen[k]);
        }
    }
    assert_true(rng_u32() != rng_u32() || rng_u32() != rng_u32());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_kept_and_reached),
        cmocka_unit_test(values_are_without_bias),
        cmocka_unit_test(every_length_is_filled_and_nothing_more),
        cmocka_unit_test(tokens_are_of_their_alphabet),
        cmocka_unit_test(threads_draw_different_bytes),
        cmocka_unit_test(numbers_do_not_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
