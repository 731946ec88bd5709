/* Log lines: one per event, whole, not to be forged by what they quote. */
#include "base/log.h"

#include "base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char path[64];
static char text[64 * 1024];

static int setup(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/turnout-test-log-XXXXXX");
    int fd = mkstemp(path);
    close(fd);
    return fd < 0 ? -1 : log_configure(&(struct log_options){.level = LOG_LEVEL_INFO, .path = path});
}

static int teardown(void **state) {
    (void)state;
    log_configure(&(struct log_options){.level = LOG_LEVEL_INFO});
    return unlink(path);
}

static void use_json(void) {
    assert_int_equal(
        log_configure(&(struct log_options){.level = LOG_LEVEL_INFO, .path = path, .format = LOG_FORMAT_JSON}), 0);
}

static size_t read_log(void) {
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    return n;
}

static unsigned count_lines(void) {
    unsigned lines = 0;
    read_log();
    for (const char *p = text; *p; p++) {
        lines += *p == '\n';
    }
    return lines;
}

static void line_has_time_level_subsystem_event_and_fields(void **state) {
    (void)state;
    struct addr a;
    addr_parse(&a, "[2001:db8::1]:443");
    log_info("relay", "allocation created", LF_TEXT("user", "alice"), LF_INT("left", -3),
             LF_UINT("bytes", 18446744073709551615ULL), LF_ADDR("client", &a), LF_ERROR(-ENOENT), LF_TEXT("none", NULL),
             LF_TEXT("empty", ""));
    read_log();
    assert_int_equal(text[4], '-');
    assert_int_equal(text[10], 'T');
    assert_int_equal(text[23], 'Z');
    assert_string_equal(text + 24, " info relay: allocation created user=alice left=-3 bytes=18446744073709551615 "
                                   "client=[2001:db8::1]:443 error=\"No such file or directory\" none=- empty=\"\"\n");
}

static void json_line_is_an_object(void **state) {
    (void)state;
    use_json();
    log_warning("auth", "denied", LF_TEXT("user", "a\"b\\c\n"), LF_UINT("code", 401));
    read_log();
    assert_memory_equal(text, "{\"time\":\"", 9);
    assert_string_equal(
        strstr(text, "\",\"level\""),
        "\",\"level\":\"warning\",\"subsystem\":\"auth\",\"event\":\"denied\",\"user\":\"a\\\"b\\\\c\\u000a\","
        "\"code\":401}\n");
}

static void hostile_values_cannot_forge_a_line_or_a_field(void **state) {
    (void)state;
    char all[256];
    for (int i = 0; i < 256; i++) {
        all[i] = (char)i;
    }
    for (int json = 0; json < 2; json++) {
        log_info("x", "y", LF_BYTES("v", all, sizeof all),
                 LF_TEXT("w", "a b=c\n2026-01-01T00:00:00.000Z info x: forged"));
        use_json();
    }
    assert_int_equal(count_lines(), 2);
    for (const char *p = text; *p; p++) {
        assert_true(*p == '\n' || ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f));
    }
    assert_null(strstr(text, "\n2026-01-01T00:00:00.000Z"));
    assert_non_null(strstr(text, "w=\"a b=c\\u000a2026"));
}

/* However long, one line with its end; JSON stays balanced. */
static void long_lines_are_cut_whole(void **state) {
    (void)state;
    static char filler[5000];
    for (int json = 0; json < 2; json++) {
        for (size_t n = 1700; n < 2300; n += 1) {
            memset(filler, n % 3 ? 'x' : '\n', sizeof filler);
            log_info("sub", "event", LF_BYTES("a", filler, n % 2 ? n : n / 6), LF_BYTES("b", filler, 300),
                     LF_UINT("c", UINT64_MAX));
            if (json) {
                read_log();
                assert_string_equal(text + strlen(text) - 2, "}\n");
                unsigned quotes = 0;
                for (const char *p = text; *p; p++) {
                    p += p[0] == '\\' && p[1] != '\0';
                    quotes += *p == '"';
                }
                assert_int_equal(quotes % 2, 0);
            }
            assert_int_equal(count_lines(), 1);
            assert_true(strlen(text) <= 2048);
            assert_int_equal(truncate(path, 0), 0);
        }
        use_json();
    }
}

static void level_decides(void **state) {
    (void)state;
    enum log_level level;
    log_debug("x", "hidden");
    log_error("x", "shown");
    assert_int_equal(count_lines(), 1);
    assert_int_equal(log_level_parse(&level, "debug"), 0);
    log_set_level(level);
    assert_true(log_enabled(LOG_LEVEL_DEBUG));
    log_debug("x", "shown");
    assert_int_equal(count_lines(), 2);
    assert_int_equal(log_level_parse(&level, "DEBUG"), -EINVAL);
    assert_int_equal(log_level_parse(&level, ""), -EINVAL);
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("x", "hidden");
    assert_int_equal(count_lines(), 2);
    assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
    assert_string_equal(log_level_name(LOG_LEVEL_WARNING), "warning");
    assert_string_equal(log_level_name((enum log_level)77), "unknown");
}

static void limit_holds_back_and_says_how_many(void **state) {
    (void)state;
    struct log_limit limit = {.burst = 3};
    int64_t before = metrics_read(METRIC_LOG_LINES_HELD);
    unsigned passed = 0;
    for (int i = 0; i < 100; i++) {
        passed += log_limit_pass(&limit);
    }
    assert_in_range(passed, 3, 6); /* the second may have turned on the way */
    assert_int_equal(metrics_read(METRIC_LOG_LINES_HELD) - before, 100 - passed);
    assert_int_equal(truncate(path, 0), 0);
    limit.second--; /* as if a second had passed */
    uint32_t held = limit.held;
    assert_true(log_limit_pass(&limit));
    char expected[64];
    snprintf(expected, sizeof expected, "log: lines held back count=%u\n", held);
    read_log();
    assert_non_null(strstr(text, expected));
}

static void reopened_file_takes_the_next_line(void **state) {
    (void)state;
    char old[80];
    snprintf(old, sizeof old, "%s.1", path);
    log_info("x", "before");
    assert_int_equal(rename(path, old), 0);
    log_info("x", "still to the old file");
    assert_int_equal(log_reopen(), 0);
    log_info("x", "after");
    assert_int_equal(count_lines(), 1);
    assert_non_null(strstr(text, "after"));
    unlink(old);
}

static void file_that_cannot_be_opened_leaves_the_old_target(void **state) {
    (void)state;
    char long_path[600];
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(log_configure(&(struct log_options){.level = LOG_LEVEL_DEBUG, .path = "/nonexistent/log"}),
                     -ENOENT);
    assert_int_equal(log_configure(&(struct log_options){.level = LOG_LEVEL_DEBUG, .path = long_path}), -ENAMETOOLONG);
    log_info("x", "still here");
    assert_int_equal(count_lines(), 1);
    assert_int_equal(log_get_level(), LOG_LEVEL_INFO);
}

static unsigned open_descriptors(void) {
    unsigned count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static void switching_targets_leaks_no_descriptor(void **state) {
    (void)state;
    struct log_options file = {.level = LOG_LEVEL_INFO, .path = path}, standard = {.level = LOG_LEVEL_INFO};
    log_configure(&standard);
    log_configure(&file);
    unsigned before = open_descriptors();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(log_configure(&standard), 0);
        assert_int_equal(log_configure(&file), 0);
        assert_int_equal(log_reopen(), 0);
    }
    assert_int_equal(open_descriptors(), before);
    log_info("x", "written");
    assert_int_equal(count_lines(), 1);
}

static void *write_many(void *arg) {
    for (int i = 0; i < 500; i++) {
        log_info("thread", "line", LF_TEXT("name", arg), LF_INT("i", i));
    }
    return NULL;
}

static void lines_of_two_threads_do_not_mix(void **state) {
    (void)state;
    pthread_t threads[2];
    static char names[2][200];
    for (int i = 0; i < 2; i++) {
        memset(names[i], 'a' + i, 20);
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, names[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(count_lines() > 100);
    for (const char *line = text; (line = strstr(line, "name=")); line++) {
        bool whole = strchr(line, '\n') != NULL; /* the last one may be cut by our buffer */
        assert_true(!whole || strncmp(line + 5, names[0], 20) == 0 || strncmp(line + 5, names[1], 20) == 0);
        assert_true(!whole || strncmp(line + 25, " i=", 3) == 0);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(line_has_time_level_subsystem_event_and_fields),
        T(json_line_is_an_object),
        T(hostile_values_cannot_forge_a_line_or_a_field),
        T(long_lines_are_cut_whole),
        T(level_decides),
        T(limit_holds_back_and_says_how_many),
        T(reopened_file_takes_the_next_line),
        T(file_that_cannot_be_opened_leaves_the_old_target),
        T(switching_targets_leaks_no_descriptor),
        T(lines_of_two_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
