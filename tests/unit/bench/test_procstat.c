/* CPU time and memory of processes. */
#include "bench/procstat.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void own_cpu_time_grows_with_work(void **state) {
    (void)state;
    struct procstat_cpu before, after;
    assert_int_equal(procstat_read_cpu(&before, getpid()), 0);
    assert_true(before.threads >= 1);
    struct timespec ts;
    uint64_t from, now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    from = now = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
    while (now - from < 50000000) {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
        now = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
    }
    assert_int_equal(procstat_read_cpu(&after, getpid()), 0);
    /* A running thread's time is brought up to date at each scheduler tick. */
    assert_in_range(after.run_ns - before.run_ns, 30000000, 200000000);
}

static void own_memory_grows_by_what_is_touched(void **state) {
    (void)state;
    enum { BYTES = 8 << 20 };
    struct procstat_memory before, after;
    assert_int_equal(procstat_read_memory(&before, getpid()), 0);
    char *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    memset(p, 1, BYTES);
    assert_int_equal(procstat_read_memory(&after, getpid()), 0);
    munmap(p, BYTES);
    assert_in_range(after.resident_bytes - before.resident_bytes, BYTES, BYTES + (1 << 20));
    assert_true(after.anonymous_bytes <= after.resident_bytes);
}

static void missing_process_is_an_error(void **state) {
    (void)state;
    struct procstat_cpu cpu;
    struct procstat_memory memory;
    assert_int_equal(procstat_read_cpu(&cpu, 0x7ffffff0), -ENOENT);
    assert_int_equal(procstat_read_memory(&memory, 0x7ffffff0), -ENOENT);
    assert_true(procstat_uptime_s(0x7ffffff0) < 0);
}

static void own_uptime_is_short(void **state) {
    (void)state;
    double up = procstat_uptime_s(getpid());
    assert_true(up > -0.1 && up < 600);
}

static void line_is_found_by_its_whole_name(void **state) {
    (void)state;
    static const char text[] = "7ff0-7ff1 ---p 0 [rollup]\nRssAnon:   9 kB\nRss:    1234 kB\nBad: x\n";
    uint64_t bytes;
    assert_int_equal(procstat_find_kb(&bytes, text, "Rss"), 0);
    assert_int_equal(bytes, 1234 * 1024);
    assert_int_equal(procstat_find_kb(&bytes, text, "Pss"), -ENOENT);
    assert_int_equal(procstat_find_kb(&bytes, text, "Bad"), -EBADMSG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_cpu_time_grows_with_work),    cmocka_unit_test(own_memory_grows_by_what_is_touched),
        cmocka_unit_test(missing_process_is_an_error),     cmocka_unit_test(own_uptime_is_short),
        cmocka_unit_test(line_is_found_by_its_whole_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
