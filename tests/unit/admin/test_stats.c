#include "admin/stats.h"

#include "admin/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static const struct metric_info table[] = {
    {"udp_sends_total", "", "Sends", METRIC_TYPE_COUNTER},
    {"udp_drops_total", "reason=\"big\"", "Drops", METRIC_TYPE_COUNTER},
    {"udp_drops_total", "reason=\"old\",how=\"x\"", "", METRIC_TYPE_COUNTER},
    {"rooms", "", "Rooms", METRIC_TYPE_GAUGE},
};

static int64_t read_index(size_t index) { return (int64_t)index + 10; }

static void counters_are_grouped_by_subsystem_and_label(void **state) {
    (void)state;
    json_t *got = admin_stats_group_table(table, 4, read_index);
    json_t *want =
        json_loads("{\"udp\":{\"sends_total\":10,\"drops_total\":{\"reason=big\":11,\"reason=old,how=x\":12}},"
                   "\"rooms\":{\"rooms\":13}}",
                   0, NULL);
    assert_true(json_equal(got, want));
    json_decref(got);
    json_decref(want);
}

static void every_counter_of_the_process_is_there(void **state) {
    (void)state;
    metrics_add(METRIC_CONTROL_REQUESTS_OK, 5);
    json_t *got = admin_stats_group();
    const json_t *requests = json_object_get(json_object_get(got, "control"), "requests_total");
    assert_int_equal(json_integer_value(json_object_get(requests, "result=ok")), 5);
    json_decref(got);
}

static void the_process_is_seen_as_the_kernel_sees_it(void **state) {
    (void)state;
    struct admin_process before, after;
    admin_process_read(&before);
    int fd = open("/dev/null", O_RDONLY);
    assert_true(fd >= 0);
    admin_process_read(&after);
    close(fd);
    assert_int_equal(after.open_fds, before.open_fds + 1);
    assert_true(before.resident_bytes > 500000 && before.resident_bytes < before.virtual_bytes);
    assert_true(before.max_fds >= before.open_fds);
    double age = (double)time(NULL) - before.started_s;
    assert_true(age > -2 && age < 120);
    assert_true(before.cpu_s >= 0 && before.cpu_s < 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_grouped_by_subsystem_and_label),
        cmocka_unit_test(every_counter_of_the_process_is_there),
        cmocka_unit_test(the_process_is_seen_as_the_kernel_sees_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
