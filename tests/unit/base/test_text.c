/* Text encodings: round trips, the RFC's examples, strictness. */
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void base64_examples_of_the_rfc(void **state) {
    (void)state;
    static const char *const pairs[][3] = {{"", "", ""},
                                           {"f", "Zg==", "Zg"},
                                           {"fo", "Zm8=", "Zm8"},
                                           {"foo", "Zm9v", "Zm9v"},
                                           {"foob", "Zm9vYg==", "Zm9vYg"},
                                           {"fooba", "Zm9vYmE=", "Zm9vYmE"},
                                           {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
                                           {"\xfb\xff", "+/8=", "-_8"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char text[16];
        uint8_t back[16];
        size_t n = strlen(pairs[i][0]);
        assert_int_equal(base64_encode(text, pairs[i][0], n), strlen(pairs[i][1]));
        assert_string_equal(text, pairs[i][1]);
        assert_true(strlen(text) < BASE64_SIZE(n));
        assert_int_equal(base64_decode(back, n, text, strlen(text)), n);
        assert_memory_equal(back, pairs[i][0], n);
        assert_int_equal(base64url_encode(text, pairs[i][0], n), strlen(pairs[i][2]));
        assert_string_equal(text, pairs[i][2]);
        assert_int_equal(base64url_decode(back, n, text, strlen(text)), n);
        if (n > 0) {
            assert_int_equal(base64_decode(back, n - 1, pairs[i][1], strlen(pairs[i][1])), -ENOBUFS);
        }
    }
}

static void base64_is_read_strictly(void **state) {
    (void)state;
    static const char *const bad[] = {"Zg",     "Zg=",  "Zg===",  "Zh==", "Zm9=",     "Z===", "====",    "Z",
                                      "Zm9v\n", "Zm 9", "Zm9vZg", "-_8=", "Zg==Zg==", "=Zg=", "Zm9vYg=a"};
    static const char *const bad_url[] = {"Zg==", "Zh", "Zm9", "Z", "+/8", "Zm9vY", "Zg "};
    uint8_t out[16];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(base64_decode(out, sizeof out, bad[i], strlen(bad[i])), -EINVAL);
    }
    for (size_t i = 0; i < sizeof bad_url / sizeof bad_url[0]; i++) {
        assert_int_equal(base64url_decode(out, sizeof out, bad_url[i], strlen(bad_url[i])), -EINVAL);
    }
    assert_int_equal(base64url_decode(out, sizeof out, "Zm\0v", 4), -EINVAL);
}

/* One text for each string of bytes: what decodes encodes to the same. */
static void base64_has_one_form(void **state) {
    (void)state;
    static const char alphabet[] = "ABYZabyz0189+/=-_ ";
    char text[5] = {0}, again[BASE64_SIZE(3)];
    uint8_t out[3];
    for (unsigned i = 0; i < 18 * 18 * 18 * 18; i++) {
        for (unsigned k = 0, v = i; k < 4; k++, v /= 18) {
            text[k] = alphabet[v % 18];
        }
        long n = base64_decode(out, sizeof out, text, 4);
        if (n >= 0) {
            base64_encode(again, out, (size_t)n);
            assert_string_equal(again, text);
        }
    }
}

static void hex_round_trip_and_strictness(void **state) {
    (void)state;
    uint8_t all[256], back[256];
    char text[513];
    for (int i = 0; i < 256; i++) {
        all[i] = (uint8_t)i;
    }
    hex_encode(text, all, sizeof all);
    assert_int_equal(strlen(text), 512);
    assert_int_equal(hex_decode(back, sizeof back, text, 512), 256);
    assert_memory_equal(all, back, 256);
    assert_int_equal(hex_decode(back, sizeof back, "aBcDeF", 6), 3);
    assert_memory_equal(back, "\xab\xcd\xef", 3);
    assert_int_equal(hex_decode(back, 1, "abcd", 4), -ENOBUFS);
    assert_int_equal(hex_decode(back, sizeof back, "abc", 3), -EINVAL);
    for (int c = 0; c < 256; c++) {
        char pair[2] = {'0', (char)c};
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        assert_int_equal(hex_decode(back, sizeof back, pair, 2), hex ? 1 : -EINVAL);
    }
}

static void copies_never_cut(void **state) {
    (void)state;
    char out[4] = "???";
    assert_int_equal(text_copy(out, sizeof out, "abc", 3), 0);
    assert_string_equal(out, "abc");
    assert_int_equal(text_copy(out, sizeof out, "abcd", 4), -ENOBUFS);
    assert_string_equal(out, "");
    assert_int_equal(text_copy(out, 0, "", 0), -ENOBUFS);
    assert_int_equal(text_copy(out, 1, NULL, 0), 0);
    assert_string_equal(out, "");
}

static void numbers_are_whole_and_in_range(void **state) {
    (void)state;
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1e3"};
    uint64_t v;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(text_parse_u64(&v, bad[i], strlen(bad[i])), -EINVAL);
    }
    assert_int_equal(text_parse_u64(&v, "18446744073709551615", 20), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(text_parse_u64(&v, "18446744073709551616", 20), -ERANGE);
    assert_int_equal(text_parse_u64(&v, "99999999999999999999999", 23), -ERANGE);
    assert_int_equal(text_parse_u64(&v, "007", 3), 0);
    assert_int_equal(v, 7);
    assert_int_equal(text_parse_u64(&v, "12345", 2), 0);
    assert_int_equal(v, 12);
}

/* Every code point is valid in its shortest form; surrogates and longer forms are not. */
static void utf8_is_checked_to_the_letter(void **state) {
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c += c < 0x3000 ? 1 : 61) {
        uint8_t b[4] = {(uint8_t)c};
        size_t n = 1;
        if (c >= 0x10000) {
            n = 4;
            b[0] = (uint8_t)(0xf0 | c >> 18);
        } else if (c >= 0x800) {
            n = 3;
            b[0] = (uint8_t)(0xe0 | c >> 12);
        } else if (c >= 0x80) {
            n = 2;
            b[0] = (uint8_t)(0xc0 | c >> 6);
        }
        for (size_t i = 1; i < n; i++) {
            b[i] = (uint8_t)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
        }
        assert_int_equal(text_is_utf8(b, n), c < 0xd800 || c > 0xdfff);
        for (size_t i = 1; i < n; i++) {
            assert_false(text_is_utf8(b, i)); /* cut */
        }
    }
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x80\x80",
                                      "\xe0\x9f\xbf",
                                      "\xf0\x80\x80\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "a\xc3(",
                                      "\xe2\x28\xa1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(text_is_utf8(bad[i], strlen(bad[i])));
    }
    assert_true(text_is_utf8("", 0));
    assert_true(text_is_utf8("a\0b", 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_examples_of_the_rfc),
        cmocka_unit_test(base64_is_read_strictly),
        cmocka_unit_test(base64_has_one_form),
        cmocka_unit_test(hex_round_trip_and_strictness),
        cmocka_unit_test(copies_never_cut),
        cmocka_unit_test(numbers_are_whole_and_in_range),
        cmocka_unit_test(utf8_is_checked_to_the_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
