/* The command line of turnout-bench. */
#include "bench/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

static struct bench_options o;
static char said[512];

/* Parses "turnout-bench" and the words of the line. */
static int parse(const char *line) {
    char copy[512];
    static char program[] = "turnout-bench";
    char *argv[WORDS_MAX] = {program};
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = copy; *word && argc < WORDS_MAX;) {
        argv[argc++] = word;
        word += strcspn(word, " ");
        if (*word) {
            *word++ = '\0';
        }
    }
    FILE *err = fmemopen(said, sizeof said, "w");
    int rc = bench_options_parse(&o, argc, argv, err);
    fclose(err);
    return rc;
}

static void defaults_are_those_of_the_comparison(void **state) {
    (void)state;
    assert_int_equal(parse("turn 127.0.0.1:3478"), 0);
    assert_string_equal(o.server, "127.0.0.1:3478");
    assert_int_equal(o.flows, 50);
    assert_int_equal(o.rate, 60000);
    assert_int_equal(o.size, 1000);
    assert_int_equal(o.burst, 8);
    assert_int_equal(o.direction, BENCH_BOTH);
    assert_int_equal(o.transport, TRANSPORT_UDP);
    assert_int_equal(o.duration_ns, 5000000000);
    assert_int_equal(o.loss_ppm, 1000);
    assert_true(o.cpu == BENCH_NO_CPU);
}

static void options_are_taken_with_and_without_equals_sign(void **state) {
    (void)state;
    assert_int_equal(parse("turn --burst=16 --duration 0.25 --transport tcp --json --relay-family=ipv6 h"), 0);
    assert_int_equal(o.burst, 16);
    assert_int_equal(o.duration_ns, 250000000);
    assert_int_equal(o.transport, TRANSPORT_TCP);
    assert_int_equal(o.relay_family, AF_INET6);
    assert_true(o.json);
}

static void wrong_lines_are_refused_with_a_reason(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"", "say stun, turn or sink"},
        {"turn", "no server"},
        {"turns x", "say stun"},
        {"turn --burst 0 x", "--burst 0"},
        {"turn --burst 65 x", "--burst 65"},
        {"turn --size 31 x", "--size 31"},
        {"turn --rate -5 x", "--rate -5"},
        {"turn --duration inf x", "--duration inf"},
        {"turn --duration 1s x", "--duration 1s"},
        {"turn --transport dtls x", "--transport dtls"},
        {"turn x --burst", "takes an argument"},
        {"turn --json=yes x", "takes no argument"},
        {"turn --nonsense x", "no option --nonsense"},
        {"stun --allocations 3 x", "no option --allocations"},
        {"stun --mode allocate x", "no allocations"},
        {"turn x y", "unexpected argument: y"},
        {"turn --password a --secret b x", "not both"},
        {"turn --secret-file /does/not/exist x", "cannot be read"},
        {"turn --peer-address 127.0.0 x", "--peer-address"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_true(parse(wrong[i][0]) < 0);
        if (!strstr(said, wrong[i][1])) {
            fail_msg("\"%s\" said \"%s\"", wrong[i][0], said);
        }
    }
}

static void secret_is_read_from_the_first_line_of_a_file(void **state) {
    (void)state;
    char path[] = "/tmp/turnout-bench-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "s3cret\nmore\n", 12), 12);
    close(fd);
    char line[128];
    snprintf(line, sizeof line, "turn --secret-file %s x", path);
    int rc = parse(line);
    unlink(path);
    assert_int_equal(rc, 0);
    assert_string_equal(o.secret, "s3cret");
}

static void tls_has_its_own_default_port(void **state) {
    (void)state;
    assert_int_equal(parse("turn --transport tls x"), 0);
    assert_int_equal(bench_options_default_port(&o), 5349);
    assert_int_equal(parse("stun x"), 0);
    assert_int_equal(bench_options_default_port(&o), 3478);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_comparison),
        cmocka_unit_test(options_are_taken_with_and_without_equals_sign),
        cmocka_unit_test(wrong_lines_are_refused_with_a_reason),
        cmocka_unit_test(secret_is_read_from_the_first_line_of_a_file),
        cmocka_unit_test(tls_has_its_own_default_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
