/* Whole runs without a server: the generator against the bench's own echo. */
#include "bench/modes.h"
#include "bench/sink.h"
#include "bench/udp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Slow runs, and a long wait for the last packet: the machine may be busy. It ends when all has come back. */
enum { RATE = 500, DURATION_NS = 800000000 };
#define PATIENCE_NS UINT64_C(20000000000)

static struct bench_options options;
static struct sink *sink;
static struct fleet fleet;

static int setup(void **state) {
    (void)state;
    static char program[] = "turnout-bench", command[] = "turn", server[] = "here";
    static char size[] = "--size=200", duration[] = "--duration=0.3";
    char *argv[] = {program, command, size, duration, server};
    struct addr local;
    addr_parse_ip(&local, "127.0.0.1");
    return bench_options_parse(&options, sizeof argv / sizeof argv[0], argv, stderr) < 0 ||
           sink_start(&sink, &local, BENCH_NO_CPU, true) < 0 ||
           fleet_init(&fleet, &options, FLOW_ECHO, sink_addr(sink), 4) < 0 || fleet_establish(&fleet) < 0;
}

static int teardown(void **state) {
    (void)state;
    fleet_deinit(&fleet);
    sink_stop(sink);
    return 0;
}

static void every_packet_of_a_slow_run_comes_back_in_order(void **state) {
    (void)state;
    struct traffic_plan plan = {
        .rate = RATE, .warmup_ns = 50000000, .duration_ns = DURATION_NS, .drain_ns = PATIENCE_NS};
    struct traffic_result r;
    assert_int_equal(traffic_run(&fleet, &plan, &r), 0);
    assert_in_range(traffic_sent(&r), 1, RATE);
    assert_int_equal(traffic_received(&r), traffic_sent(&r));
    assert_int_equal(r.misdelivered, 0);
    assert_int_equal(r.reordered, 0);
    assert_int_equal(r.latency->total, traffic_received(&r));
    assert_true(histogram_percentile(r.latency, 50) > 0);
    traffic_result_deinit(&r);
}

static void single_packets_without_gso_come_back_too(void **state) {
    (void)state;
    options.no_gso = true;
    options.burst = 1;
    struct traffic_plan plan = {.rate = RATE, .duration_ns = DURATION_NS, .drain_ns = PATIENCE_NS};
    struct traffic_result r;
    assert_int_equal(traffic_run(&fleet, &plan, &r), 0);
    assert_in_range(traffic_sent(&r), 1, RATE);
    assert_int_equal(traffic_received(&r), traffic_sent(&r));
    traffic_result_deinit(&r);
}

static void lost_packets_are_counted(void **state) {
    (void)state;
    sink_stop(sink);
    struct addr local;
    addr_parse_ip(&local, "127.0.0.1");
    struct traffic_plan plan = {.rate = RATE, .duration_ns = DURATION_NS, .drain_ns = 1};
    struct traffic_result r;
    assert_int_equal(traffic_run(&fleet, &plan, &r), 0);
    assert_int_equal(traffic_received(&r), 0);
    assert_in_range(traffic_sent(&r), 1, RATE);
    assert_true(traffic_loss(&r) == 1.0);
    traffic_result_deinit(&r);
    assert_int_equal(sink_start(&sink, &local, BENCH_NO_CPU, true), 0);
}

static void run_merged_by_the_kernel_is_taken_apart(void **state) {
    (void)state;
    struct addr local, a, b;
    addr_parse_ip(&local, "127.0.0.1");
    int to = bench_udp_open(&local, NULL, true);
    assert_true(to >= 0);
    assert_int_equal(bench_udp_local(to, &a), 0);
    int from = bench_udp_open(&local, &a, false);
    assert_true(from >= 0);
    assert_int_equal(bench_udp_local(from, &b), 0);
    uint8_t data[10 * 100];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i / 100);
    }
    assert_int_equal(bench_udp_send(from, data, 100, 10, true), 10);
    struct bench_udp_reader *reader = bench_udp_reader_new();
    assert_non_null(reader);
    size_t n = 0, len;
    const uint8_t *got;
    while (n < 10 && bench_udp_receive(reader, to) >= 0) {
        while ((got = bench_udp_next(reader, &len))) {
            assert_int_equal(len, 100);
            assert_int_equal(got[0], n);
            assert_int_equal(got[99], n++);
        }
    }
    bench_udp_reader_free(reader);
    close(from);
    close(to);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(every_packet_of_a_slow_run_comes_back_in_order),
        CASE(single_packets_without_gso_come_back_too),
        CASE(lost_packets_are_counted),
        cmocka_unit_test(run_merged_by_the_kernel_is_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
