/* A loop waits a moment only while datagrams come fast, one by one and evenly. */
#include "net/gather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct gather g;
static uint64_t now_us, slept;
static unsigned asked;

static uint64_t sleeps(void) {
    asked++;
    return slept;
}

static int setup(void **state) {
    (void)state;
    g = (struct gather){0};
    now_us = 1000000;
    slept = 1000;
    asked = 0;
    return 0;
}

/* Bursts of so many datagrams that come `gap_us` apart: a thread that sleeps between them, pauses included. Returns the
 * share of turns that ended with a pause, in percent. */
static unsigned traffic(uint32_t per_burst, uint32_t gap_us, uint32_t milliseconds) {
    unsigned turns = 0, paused = 0;
    uint64_t next_us = now_us + gap_us;
    for (uint64_t end = now_us + milliseconds * 1000; now_us < end; turns++) {
        uint32_t came = 0;
        if (now_us < next_us) {
            slept++; /* nothing there yet */
            now_us = next_us;
        }
        for (; next_us <= now_us; next_us += gap_us) {
            came += per_burst;
        }
        uint32_t pause_us = gather_turn(&g, came, now_us, sleeps);
        slept += pause_us > 0;
        now_us += pause_us;
        paused += pause_us > 0;
    }
    return paused * 100 / turns;
}

static void fast_single_datagrams_are_gathered(void **state) {
    (void)state;
    traffic(1, 16, 10);
    assert_int_equal(traffic(1, 16, 1000), 100);
}

static void slow_ones_never_wait(void **state) {
    (void)state;
    for (uint32_t gap_us = 20000; gap_us > 60; gap_us = gap_us * 2 / 3) {
        assert_int_equal(traffic(1, gap_us, 1000), 0);
    }
}

/* Twenty-five thousand a second: half of the pauses find nothing. It is tried now and then. */
static void pauses_in_vain_end_and_are_rare_then(void **state) {
    (void)state;
    traffic(1, 40, 1000);
    unsigned share = traffic(1, 40, 10000);
    assert_in_range(share, 0, 5);
}

static void bursts_never_wait(void **state) {
    (void)state;
    assert_int_equal(traffic(8, 133, 1000), 0);
    assert_int_equal(traffic(16, 80, 1000), 0);
    assert_int_equal(traffic(3, 50, 1000), 0);
}

static void gathering_ends_with_the_traffic_that_it_is_for(void **state) {
    (void)state;
    traffic(1, 16, 100);
    traffic(8, 133, 10);
    assert_int_equal(traffic(8, 133, 100), 0);
    traffic(1, 16, 1000);
    assert_int_equal(traffic(1, 16, 10), 100);
    traffic(1, 100, 10);
    assert_int_equal(traffic(1, 100, 100), 0);
}

static void the_first_datagram_after_a_silence_does_not_wait(void **state) {
    (void)state;
    traffic(1, 16, 10);
    assert_int_equal(traffic(1, 16, 10), 100);
    now_us += 1000000;
    assert_int_equal(gather_turn(&g, 1, now_us, sleeps), 0);
}

static void turns_without_datagrams_change_nothing(void **state) {
    (void)state;
    traffic(1, 16, 10);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(gather_turn(&g, 0, now_us, sleeps), 0);
    }
    assert_int_equal(traffic(1, 16, 1), 100);
}

static void the_thread_is_asked_once_per_window(void **state) {
    (void)state;
    traffic(1, 16, 1000);
    assert_in_range(asked, 1, 1000000 / GATHER_WINDOW_US + 1);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(fast_single_datagrams_are_gathered),
        T(slow_ones_never_wait),
        T(pauses_in_vain_end_and_are_rare_then),
        T(bursts_never_wait),
        T(gathering_ends_with_the_traffic_that_it_is_for),
        T(the_first_datagram_after_a_silence_does_not_wait),
        T(turns_without_datagrams_change_nothing),
        T(the_thread_is_asked_once_per_window),
    };
    return cmocka_run_group_tests_name("net/gather", tests, NULL, NULL);
}
