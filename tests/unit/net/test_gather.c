/* A loop waits at one socket alone only while datagrams come fast, one by one, and many of them through that one. */
#include "net/gather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { WORK_US = 5 }; /* per datagram */

/* Datagrams that come in bursts, `gap_us` apart. */
struct stream {
    uint32_t burst, gap_us;
    uint64_t next_us;
};

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

static uint32_t arrived(struct stream *s) {
    uint32_t count = 0;
    for (; s->next_us <= now_us; s->next_us += s->gap_us) {
        count += s->burst;
    }
    return count;
}

/* A thread with the one socket and others: returns the share of turns in which it gathered, in percent. */
static unsigned traffic(struct stream one, struct stream others, uint32_t milliseconds) {
    unsigned turns = 0, gathered = 0;
    bool on = g.on;
    one.next_us = now_us + one.gap_us;
    others.next_us = now_us + others.gap_us / 2;
    for (uint64_t end = now_us + milliseconds * 1000; now_us < end; turns++) {
        uint64_t awaited = on || one.next_us < others.next_us ? one.next_us : others.next_us;
        if (awaited > now_us) {
            now_us = awaited;
            slept++;
        }
        uint32_t of_one = arrived(&one), count = of_one + arrived(&others);
        now_us += (uint64_t)count * WORK_US;
        gathered += on;
        on = gather_turn(&g, count, of_one, now_us, sleeps);
    }
    return gathered * 100 / turns;
}

/* Both directions alike, so many datagrams per second together, in bursts of so many. */
static unsigned both_ways(uint32_t rate, uint32_t burst, uint32_t milliseconds) {
    struct stream half = {.burst = burst, .gap_us = 2000000 * burst / rate};
    return traffic(half, half, milliseconds);
}

static void fast_single_datagrams_are_gathered(void **state) {
    (void)state;
    both_ways(60000, 1, 10);
    assert_int_equal(both_ways(60000, 1, 1000), 100);
}

static void slow_ones_never_wait_for_others(void **state) {
    (void)state;
    for (uint32_t rate = 100; rate < 2 * GATHER_RATE_MIN - 1000; rate = rate * 3 / 2) {
        assert_int_equal(both_ways(rate, 1, 1000), 0);
    }
}

static void bursts_never_wait_for_others(void **state) {
    (void)state;
    assert_int_equal(both_ways(60000, 8, 1000), 0);
    assert_int_equal(both_ways(100000, 16, 1000), 0);
}

/* Peers that send much to clients which say little: their datagrams would wait. */
static void a_slow_socket_is_not_waited_at(void **state) {
    (void)state;
    struct stream one = {.burst = 1, .gap_us = 1000}, others = {.burst = 1, .gap_us = 16};
    assert_int_equal(traffic(one, others, 1000), 0);
}

static void a_loop_that_never_sleeps_has_nothing_to_gain(void **state) {
    (void)state;
    assert_int_equal(both_ways(190000, 1, 1000), 0);
}

static void gathering_ends_with_the_traffic_that_it_is_for(void **state) {
    (void)state;
    both_ways(60000, 1, 100);
    both_ways(10000, 1, 10);
    assert_int_equal(both_ways(10000, 1, 100), 0);
    both_ways(60000, 1, 10);
    assert_int_equal(both_ways(60000, 1, 100), 100);
    gather_end(&g);
    assert_false(g.on);
}

static void turns_without_datagrams_ask_for_nothing(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        now_us += GATHER_WINDOW_US;
        assert_false(gather_turn(&g, 0, 0, now_us, sleeps));
    }
    assert_int_equal(asked, 0);
}

static void the_thread_is_asked_once_per_window(void **state) {
    (void)state;
    both_ways(60000, 1, 1000);
    assert_in_range(asked, 1, 1000000 / GATHER_WINDOW_US + 1);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(fast_single_datagrams_are_gathered),
        T(slow_ones_never_wait_for_others),
        T(bursts_never_wait_for_others),
        T(a_slow_socket_is_not_waited_at),
        T(a_loop_that_never_sleeps_has_nothing_to_gain),
        T(gathering_ends_with_the_traffic_that_it_is_for),
        T(turns_without_datagrams_ask_for_nothing),
        T(the_thread_is_asked_once_per_window),
    };
    return cmocka_run_group_tests_name("net/gather", tests, NULL, NULL);
}
