#include "ctl/table.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static const struct ctl_column columns[] = {
    {"NAME", "name", CTL_TEXT}, {"BYTES", "bytes", CTL_BYTES}, {"NOTE", "note", CTL_TEXT}, {"ON", "on", CTL_YES}, {0}};

static void prints(void (*print)(FILE *, const struct ctl_column *, const json_t *), const char *json,
                   const char *want) {
    json_t *data = json_loads(json, 0, NULL);
    char *text = NULL;
    size_t len;
    assert_non_null(data);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    print(out, columns, data);
    fclose(out);
    assert_string_equal(text, want);
    free(text);
    json_decref(data);
}

static void columns_are_aligned_and_empty_ones_left_out(void **state) {
    (void)state;
    prints(ctl_table_print, "[{\"name\":\"a\",\"bytes\":5,\"on\":true},{\"name\":\"long one\",\"bytes\":1234567}]",
           "NAME       BYTES  ON\n"
           "a            5 B  yes\n"
           "long one  1.2 MB  \n");
}

static void wide_characters_keep_the_columns(void **state) {
    (void)state;
    if (!setlocale(LC_ALL, "C.UTF-8")) {
        skip();
    }
    prints(ctl_table_print, "[{\"name\":\"\\u65e5\\u672c\",\"on\":true},{\"name\":\"abcdef\",\"on\":true}]",
           "NAME    ON\n"
           "\xe6\x97\xa5\xe6\x9c\xac    yes\n"
           "abcdef  yes\n");
}

static void a_strangers_text_cannot_steer_the_terminal(void **state) {
    (void)state;
    prints(ctl_table_print, "[{\"name\":\"\\u001b[2Jx\\u009b\\u007f\\n\"}]", "NAME\n?[2Jx????\n");
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    ctl_put_text(out, "a\033]0;b\007\nc");
    fclose(out);
    assert_string_equal(text, "a?]0;b??c");
    free(text);
}

static void fields_leave_out_what_is_absent(void **state) {
    (void)state;
    prints(ctl_fields_print, "{\"name\":\"x\",\"note\":\"\",\"bytes\":0}", "NAME   x\nBYTES  0 B\n");
}

static void value(enum ctl_kind kind, const char *json, const char *want) {
    char out[64];
    json_t *data = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(data);
    assert_string_equal(ctl_value_text(out, sizeof out, kind, data), want);
    json_decref(data);
}

static void values_are_written_for_people(void **state) {
    (void)state;
    setenv("TZ", "UTC", 1);
    value(CTL_BYTES, "999", "999 B");
    value(CTL_BYTES, "1000", "1.0 kB");
    value(CTL_BYTES, "999949", "999.9 kB");
    value(CTL_BYTES, "999990", "1.0 MB");
    value(CTL_BYTES, "5000000000000000", "5000.0 TB");
    value(CTL_DURATION, "59", "59s");
    value(CTL_DURATION, "61", "1m 1s");
    value(CTL_DURATION, "7320", "2h 2m");
    value(CTL_DURATION, "180000", "2d 2h");
    value(CTL_TIME, "0", "1970-01-01 00:00:00");
    value(CTL_TIME_MS, "1999", "1970-01-01 00:00:01");
    value(CTL_LIST, "[\"a\",\"b\"]", "a, b");
    value(CTL_LIST, "[{},{},{}]", "3");
    value(CTL_LIST, "[]", "");
    value(CTL_YES, "false", "");
    value(CTL_TEXT, "true", "yes");
    value(CTL_TEXT, "null", "");
    value(CTL_NUMBER, "-3", "-3");
}

static void a_long_value_is_cut_not_overrun(void **state) {
    (void)state;
    char out[8];
    json_t *list = json_pack("[s,s,s]", "aaa", "bbb", "cccccc");
    ctl_value_text(out, sizeof out, CTL_LIST, list);
    assert_true(strlen(out) < sizeof out);
    assert_memory_equal(out, "aaa", 3);
    json_decref(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned_and_empty_ones_left_out),
        cmocka_unit_test(wide_characters_keep_the_columns),
        cmocka_unit_test(a_strangers_text_cannot_steer_the_terminal),
        cmocka_unit_test(fields_leave_out_what_is_absent),
        cmocka_unit_test(values_are_written_for_people),
        cmocka_unit_test(a_long_value_is_cut_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
