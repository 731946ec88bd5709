#include "proto/json/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text) { return json_parse_object(text, strlen(text), 3); }

static void only_one_whole_object_is_taken(void **state) {
    static const char *const bad[] = {"",
                                      "1",
                                      "[]",
                                      "\"x\"",
                                      "{",
                                      "{}{}",
                                      "{} x",
                                      "{\"a\":}",
                                      "{'a':1}",
                                      "null",
                                      "{a:1}",
                                      "}{",
                                      "{\"a\":1,}",
                                      "\xff",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":\"\xff\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(parse(bad[i]));
    }
    json_t *good = parse("{\"a\":1}");
    assert_non_null(good);
    json_decref(good);
}

static void depth_is_bounded_and_brackets_in_strings_do_not_count(void **state) {
    (void)state;
    assert_null(parse("{\"a\":{\"b\":[[]]}}"));
    json_t *deep = parse("{\"a\":{\"b\":[1]}}");
    json_t *text = parse("{\"a\":\"[[[[\\\"[[[[\"}");
    assert_non_null(deep);
    assert_non_null(text);
    json_decref(deep);
    json_decref(text);
}

static void fields_are_checked_for_type_and_range(void **state) {
    json_t *o = parse("{\"t\":\"abc\",\"n\":7,\"b\":true,\"neg\":-1,\"real\":1.5,\"nil\":null,\"o\":{}}");
    const char *text = NULL;
    uint64_t n = 0;
    bool flag = false;
    json_t *node = NULL;
    (void)state;
    assert_int_equal(json_take_text(o, "t", 3, &text), 1);
    assert_string_equal(text, "abc");
    assert_int_equal(json_take_text(o, "t", 2, &text), -EINVAL);
    assert_int_equal(json_take_text(o, "n", 9, &text), -EINVAL);
    assert_int_equal(json_take_text(o, "nil", 9, &text), 0);
    assert_int_equal(json_take_text(o, "absent", 9, &text), 0);
    assert_int_equal(json_take_u64(o, "n", 7, &n), 1);
    assert_int_equal(n, 7);
    assert_int_equal(json_take_u64(o, "n", 6, &n), -EINVAL);
    assert_int_equal(json_take_u64(o, "neg", 9, &n), -EINVAL);
    assert_int_equal(json_take_u64(o, "real", 9, &n), -EINVAL);
    assert_int_equal(json_take_u64(o, "t", 9, &n), -EINVAL);
    assert_int_equal(json_take_bool(o, "b", &flag), 1);
    assert_true(flag);
    assert_int_equal(json_take_bool(o, "n", &flag), -EINVAL);
    assert_int_equal(json_take_node(o, "o", JSON_OBJECT, &node), 1);
    assert_int_equal(json_take_node(o, "o", JSON_ARRAY, &node), -EINVAL);
    assert_int_equal(json_take_node(o, "nil", JSON_ARRAY, &node), 0);
    json_decref(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_one_whole_object_is_taken),
        cmocka_unit_test(depth_is_bounded_and_brackets_in_strings_do_not_count),
        cmocka_unit_test(fields_are_checked_for_type_and_range),
    };
    return cmocka_run_group_tests_name("proto/json", tests, NULL, NULL);
}
