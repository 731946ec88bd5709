#include "net/uri.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void path_is_split_and_decoded(void **state) {
    struct uri uri;
    (void)state;
    assert_int_equal(uri_parse(&uri, "/v1/rooms/caf%C3%A9%20x+y"), 0);
    assert_string_equal(uri.path, "/v1/rooms/caf\xc3\xa9 x+y");
    assert_int_equal(uri.segment_count, 3);
    assert_string_equal(uri.segments[0], "v1");
    assert_string_equal(uri.segments[2], "caf\xc3\xa9 x+y");
    assert_string_equal(uri.path + uri.offsets[1], "rooms/caf\xc3\xa9 x+y");
    uri_deinit(&uri);
}

static void trailing_slash_is_an_empty_segment(void **state) {
    struct uri uri;
    (void)state;
    assert_int_equal(uri_parse(&uri, "/"), 0);
    assert_int_equal(uri.segment_count, 1);
    assert_string_equal(uri.segments[0], "");
    assert_string_equal(uri.path, "/");
    uri_deinit(&uri);
    assert_int_equal(uri_parse(&uri, "/a/?x"), 0);
    assert_int_equal(uri.segment_count, 2);
    assert_string_equal(uri.segments[1], "");
    uri_deinit(&uri);
}

static void query_is_decoded(void **state) {
    struct uri uri;
    (void)state;
    assert_int_equal(uri_parse(&uri, "/x?a=1&b=%26+%2B&&empty=&flag&a=2&c=d=e"), 0);
    assert_int_equal(uri.arg_count, 6);
    assert_string_equal(uri_arg_value(&uri, "a"), "1");
    assert_string_equal(uri_arg_value(&uri, "b"), "& +");
    assert_string_equal(uri_arg_value(&uri, "empty"), "");
    assert_string_equal(uri_arg_value(&uri, "flag"), "");
    assert_string_equal(uri_arg_value(&uri, "c"), "d=e");
    assert_null(uri_arg_value(&uri, "d"));
    uri_deinit(&uri);
}

static void bad_targets_are_refused(void **state) {
    static const char *const bad[] = {"",
                                      "x",
                                      "*",
                                      "http://h/x",
                                      "//",
                                      "/a//b",
                                      "/.",
                                      "/..",
                                      "/a/../b",
                                      "/%2e%2e/",
                                      "/%2E",
                                      "/a/..",
                                      "/a%2fb",
                                      "/a%2Fb",
                                      "/a%00b",
                                      "/%",
                                      "/%4",
                                      "/%zz",
                                      "/%4g",
                                      "/a?b=%",
                                      "/a?b=%f",
                                      "/a?%zz=1",
                                      "/%ff",
                                      "/%c0%af",
                                      "/a%0ab",
                                      "/a\x01"
                                      "b",
                                      "/a%7f",
                                      "/a?x=%00",
                                      "/a?x=%ff"};
    struct uri uri;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (uri_parse(&uri, bad[i]) != -EBADMSG) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_null(uri.storage);
    }
}

static void dots_within_names_are_fine(void **state) {
    struct uri uri;
    (void)state;
    assert_int_equal(uri_parse(&uri, "/.../a..b/.c/d."), 0);
    assert_int_equal(uri.segment_count, 4);
    uri_deinit(&uri);
}

static void bounds_hold(void **state) {
    char text[URI_BYTES_MAX + 2];
    struct uri uri;
    (void)state;
    memset(text, 'a', sizeof text);
    text[0] = '/';
    text[URI_BYTES_MAX + 1] = '\0';
    assert_int_equal(uri_parse(&uri, text), -E2BIG);
    text[URI_BYTES_MAX] = '\0';
    assert_int_equal(uri_parse(&uri, text), 0);
    uri_deinit(&uri);
    for (size_t i = 0; i < 2 * URI_SEGMENTS_MAX + 2; i += 2) {
        memcpy(text + i, "/a", 2);
    }
    text[2 * URI_SEGMENTS_MAX + 2] = '\0';
    assert_int_equal(uri_parse(&uri, text), -E2BIG);
    text[2 * URI_SEGMENTS_MAX] = '\0';
    assert_int_equal(uri_parse(&uri, text), 0);
    uri_deinit(&uri);
    memcpy(text, "/?", 2);
    for (size_t i = 0; i <= URI_ARGS_MAX; i++) {
        memcpy(text + 2 + 2 * i, "a&", 3);
    }
    assert_int_equal(uri_parse(&uri, text), -E2BIG);
    text[2 + 2 * URI_ARGS_MAX] = '\0';
    assert_int_equal(uri_parse(&uri, text), 0);
    assert_int_equal(uri.arg_count, URI_ARGS_MAX);
    uri_deinit(&uri);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_is_split_and_decoded),  cmocka_unit_test(trailing_slash_is_an_empty_segment),
        cmocka_unit_test(query_is_decoded),           cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(dots_within_names_are_fine), cmocka_unit_test(bounds_hold),
    };
    return cmocka_run_group_tests_name("net/uri", tests, NULL, NULL);
}
