/* What `turnoutctl top` prints. */
#include "ctl/top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static json_t *session(const char *user, const char *client, int bps) {
    return json_pack("{s:s,s:s,s:s,s:s,s:[s],s:i,s:i,s:i,s:i,s:i,s:i}", "id", "abcdefghijkl", "user", user, "client",
                     client, "transport", "dtls", "relayed", "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535", "age_s",
                     100000, "bits_per_s_from_client", bps, "bits_per_s_to_client", 2 * bps,
                     "packets_per_s_from_client", 50, "packets_per_s_to_client", 60, "dropped_per_s", 7);
}

static json_t *answer(int second, int denied) {
    return json_pack("{s:i,s:i,s:i,s:[{s:f}{s:f}],s:i,s:i,s:i,s:i,s:{s:i,s:i},s:{s:i},s:[ooo]}", "time_us",
                     second * 1000000, "uptime_s", 3600 + second, "sessions", 10000, "workers", "cpu_s", 0.25 * second,
                     "cpu_s", 1.0, "packets_from_client", 1000 * second, "bytes_from_client", 1000000 * second,
                     "packets_to_client", 10 * second, "bytes_to_client", 50 * second, "denied", "quota", denied,
                     "challenge", 5, "dropped", "no-permission", 0, "busiest",
                     session("1795537408:ann", "192.0.2.1:4000", 1500000),
                     session("b\033[31mob\xc2\x9b of a very long name indeed, and still longer than that",
                             "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535", 999),
                     session("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
                             "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
                             "192.0.2.3:1", 0));
}

static char *print(size_t width, size_t lines, bool styled) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    json_t *now = answer(12, 30), *before = answer(10, 10);
    const struct ctl_top_frame frame = {
        .now = now, .before = before, .order = "bitrate", .width = width, .lines = lines, .styled = styled};
    ctl_top_print(out, &frame);
    fclose(out);
    json_decref(now);
    json_decref(before);
    return text;
}

static void rates_are_those_between_two_answers(void **state) {
    (void)state;
    char *text = print(160, 0, false);
    assert_non_null(strstr(text, "10000 sessions  by bitrate\n"));
    assert_non_null(strstr(text, "up 8.00 Mbit/s 1.00k packets/s  down 400 bit/s 10 packets/s\n"));
    assert_non_null(strstr(text, "CPU of workers  25 %  0 %\n"));
    assert_non_null(strstr(text, "denied  quota 10/s\n"));
    assert_non_null(strstr(text, "dropped  nothing\n"));
    assert_non_null(strstr(text, "\nann "));
    assert_non_null(strstr(text, "  1.50M   3.00M     110       7  "));
    free(text);
}

/* Three wide characters of UTF-8 stand for six columns. */
static size_t columns(const char *line) {
    wchar_t wide[512];
    size_t n = mbstowcs(wide, line, 512);
    assert_true(n < 512);
    return (size_t)wcswidth(wide, n);
}

static void lines_fit_any_terminal(void **state) {
    static const size_t widths[] = {20, 40, 80, 109, 110, 130, 160, 300};
    (void)state;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        char *text = print(widths[i], 9, false), *rest = text;
        size_t lines = 0;
        for (char *line; (line = strsep(&rest, "\n")) && rest; lines++) {
            assert_true(columns(line) <= widths[i]);
        }
        assert_int_equal(lines, 9); /* of ten: a screen has its end */
        free(text);
    }
}

static void names_do_not_steer_the_terminal(void **state) {
    (void)state;
    char *text = print(160, 0, false);
    assert_null(strchr(text, '\033'));
    assert_null(strstr(text, "\xc2\x9b"));
    free(text);
    text = print(80, 0, true);
    assert_non_null(strstr(text, "\033[7mUSER"));
    free(text);
}

static void programs_get_the_rates_too(void **state) {
    (void)state;
    json_t *now = answer(12, 30), *before = answer(10, 10);
    json_t *data = ctl_top_rates(now, before);
    const json_t *rates = json_object_get(data, "rates");
    assert_true(json_real_value(json_object_get(rates, "bits_per_s_from_client")) == 8000000.0);
    assert_true(json_real_value(json_array_get(json_object_get(rates, "worker_cpu_percent"), 0)) == 25.0);
    assert_int_equal(json_array_size(json_object_get(data, "busiest")), 3);
    json_decref(data);
    json_decref(now);
    json_decref(before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_those_between_two_answers),
        cmocka_unit_test(lines_fit_any_terminal),
        cmocka_unit_test(names_do_not_steer_the_terminal),
        cmocka_unit_test(programs_get_the_rates_too),
    };
    setlocale(LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests_name("ctl/top", tests, NULL, NULL);
}
