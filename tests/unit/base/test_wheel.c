/* The timing wheel against a plain array of deadlines. */
#include "base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TIMERS = 300 };

static struct wheel wheel;
static struct wheel_timer timers[TIMERS];
static uint64_t deadline_us[TIMERS]; /* 0: not set */
static uint64_t now_us;
static uint32_t seed;
static unsigned fired_count;

static uint32_t dice(uint32_t bound) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % bound;
}

static void fired(struct wheel_timer *t, void *ctx) {
    size_t i = (size_t)(t - timers);
    assert_ptr_equal(ctx, &wheel);
    assert_false(wheel_timer_pending(t));
    assert_true(deadline_us[i] != 0);
    assert_true(deadline_us[i] <= now_us); /* never early */
    deadline_us[i] = 0;
    fired_count++;
    if (dice(4) == 0) { /* callbacks may set and cancel, themselves as well */
        size_t other = dice(TIMERS);
        deadline_us[other] = now_us + 1 + dice(5000000);
        wheel_set(&wheel, &timers[other], deadline_us[other]);
    } else if (dice(4) == 0) {
        size_t other = dice(TIMERS);
        deadline_us[other] = 0;
        wheel_cancel(&wheel, &timers[other]);
    }
}

static uint64_t random_delay(void) {
    switch (dice(6)) {
    case 0:
        return dice(2 * WHEEL_TICK_US);
    case 1:
        return (uint64_t)dice(64) * WHEEL_TICK_US;
    case 2:
        return (uint64_t)dice(4096 * 2) * WHEEL_TICK_US;
    case 3:
        return (uint64_t)dice(3600) * 1000000;
    case 4: /* borders of the levels */
        return ((1ULL << 6 * (1 + dice(4))) - 2 + dice(4)) * WHEEL_TICK_US + dice(3) - 1;
    default:
        return dice(1000000);
    }
}

static void check_model(void) {
    uint64_t first = UINT64_MAX;
    size_t pending = 0;
    for (size_t i = 0; i < TIMERS; i++) {
        assert_int_equal(wheel_timer_pending(&timers[i]), deadline_us[i] != 0);
        if (deadline_us[i] != 0) {
            pending++;
            first = deadline_us[i] < first ? deadline_us[i] : first;
            /* At most a tick late: rounded up, and a deadline of now fires with the next tick. */
            assert_true(deadline_us[i] + 2 * WHEEL_TICK_US > now_us);
        }
    }
    assert_int_equal(wheel.count, pending);
    uint64_t due = wheel_deadline_us(&wheel);
    if (pending == 0) {
        assert_true(due == UINT64_MAX);
    } else {
        assert_true(due <= (first > now_us ? first : now_us) + 2 * WHEEL_TICK_US);
    }
}

static void compare_with_model(uint32_t with_seed, uint64_t start_us) {
    seed = with_seed;
    now_us = start_us;
    fired_count = 0;
    wheel_init(&wheel, now_us);
    for (size_t i = 0; i < TIMERS; i++) {
        wheel_timer_init(&timers[i]);
        deadline_us[i] = 0;
    }
    for (int step = 0; step < 4000; step++) {
        for (uint32_t k = dice(8); k > 0; k--) {
            size_t i = dice(TIMERS);
            if (dice(4) == 0) {
                deadline_us[i] = 0;
                wheel_cancel(&wheel, &timers[i]);
            } else {
                deadline_us[i] = now_us + random_delay() + 1;
                wheel_set(&wheel, &timers[i], deadline_us[i]);
            }
        }
        uint64_t due = wheel_deadline_us(&wheel);
        now_us += dice(3) == 0 && due != UINT64_MAX && due > now_us ? due - now_us : random_delay() / 16;
        wheel_advance(&wheel, now_us, fired, &wheel);
        check_model();
    }
    assert_true(fired_count > 1000);
}

static void wheel_does_what_an_array_does(void **state) {
    (void)state;
    compare_with_model(1, 0);
    compare_with_model(2, 123456789012345ULL);
    compare_with_model(3, 4095ULL * WHEEL_TICK_US + 1); /* just before a cascade */
    compare_with_model(4, (1ULL << 30) * WHEEL_TICK_US - 5);
}

static void only_note(struct wheel_timer *t, void *ctx) {
    (void)t;
    *(uint64_t *)ctx = now_us;
}

/* Whoever calls at each deadline sees the timer fire within a tick, however far it is. */
static void following_the_deadlines_is_enough(void **state) {
    (void)state;
    static const uint64_t delays_s[] = {0, 1, 4, 5, 268, 269, 600, 3600, 17179, 17180, 86400};
    for (size_t i = 0; i < sizeof delays_s / sizeof delays_s[0]; i++) {
        struct wheel_timer t;
        uint64_t fired_at = 0, calls = 0;
        now_us = 987654321;
        wheel_init(&wheel, now_us);
        wheel_timer_init(&t);
        uint64_t wanted = now_us + delays_s[i] * 1000000;
        wheel_set(&wheel, &t, wanted);
        while (wheel_timer_pending(&t)) {
            uint64_t due = wheel_deadline_us(&wheel);
            assert_true(due > now_us);
            now_us = due;
            wheel_advance(&wheel, now_us, only_note, &fired_at);
            calls++;
        }
        assert_in_range(fired_at, wanted, wanted + WHEEL_TICK_US);
        assert_true(calls <= delays_s[i] / 4 + 70);
    }
}

static void deadline_beyond_the_wheel_does_not_fire_early(void **state) {
    (void)state;
    struct wheel_timer t, never;
    uint64_t fired_at = 0, horizon = (1ULL << WHEEL_BITS * WHEEL_LEVELS) * WHEEL_TICK_US;
    now_us = 0;
    wheel_init(&wheel, now_us);
    wheel_timer_init(&t);
    wheel_timer_init(&never);
    wheel_set(&wheel, &never, UINT64_MAX);
    wheel_set(&wheel, &t, horizon / 8);
    now_us = horizon / 8 - WHEEL_TICK_US;
    wheel_advance(&wheel, now_us, only_note, &fired_at);
    assert_int_equal(fired_at, 0);
    now_us += 2 * WHEEL_TICK_US;
    wheel_advance(&wheel, now_us, only_note, &fired_at);
    assert_int_equal(fired_at, now_us);
    assert_true(wheel_timer_pending(&never));
    wheel_cancel(&wheel, &never);
    wheel_cancel(&wheel, &never);
    assert_int_equal(wheel.count, 0);
}

static void idle_wheel_jumps(void **state) {
    (void)state;
    struct wheel_timer t;
    uint64_t fired_at = 0;
    now_us = 0;
    wheel_init(&wheel, now_us);
    now_us = UINT64_MAX / 2; /* would take for ever tick by tick */
    wheel_advance(&wheel, now_us, only_note, &fired_at);
    wheel_timer_init(&t);
    wheel_set(&wheel, &t, now_us + 1000000);
    assert_true(wheel_deadline_us(&wheel) > now_us);
    now_us += 1000000 + WHEEL_TICK_US;
    wheel_advance(&wheel, now_us, only_note, &fired_at);
    assert_true(fired_at == now_us);
    now_us = 5; /* a clock that runs backwards does nothing */
    wheel_advance(&wheel, now_us, only_note, &fired_at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wheel_does_what_an_array_does),
        cmocka_unit_test(following_the_deadlines_is_enough),
        cmocka_unit_test(deadline_beyond_the_wheel_does_not_fire_early),
        cmocka_unit_test(idle_wheel_jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
