/* The limiter of sources and the quotas of users. */
#include "auth/limiter.h"
#include "auth/quota.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const uint64_t second = 1000000;

static uint32_t take(struct auth_limiter *l, const char *source, uint64_t now_us) {
    return auth_limiter_take(l, source, strlen(source), now_us);
}

static void a_burst_passes_then_one_per_step(void **state) {
    (void)state;
    struct auth_limiter *l = auth_limiter_new(64, 30, 5);
    uint64_t now = 1000 * second;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(take(l, "a", now), 0);
    }
    assert_int_equal(take(l, "a", now), 2); /* 30 a minute: one in 2 s */
    assert_int_equal(take(l, "b", now), 0); /* others are free */
    assert_int_equal(take(l, "a", now + 1 * second), 1);
    assert_int_equal(take(l, "a", now + 2 * second), 0);
    assert_int_equal(take(l, "a", now + 2 * second), 2);
    assert_int_equal(take(l, "a", now + 60 * second), 0);
    auth_limiter_free(l);
}

static void looking_takes_nothing(void **state) {
    (void)state;
    struct auth_limiter *l = auth_limiter_new(64, 60, 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(auth_limiter_look(l, "a", 1, second), 0);
    }
    assert_int_equal(take(l, "a", second), 0);
    assert_int_equal(auth_limiter_look(l, "a", 1, second), 1);
    auth_limiter_free(l);
}

static void rate_zero_lets_everything_pass_and_may_change(void **state) {
    (void)state;
    struct auth_limiter *l = auth_limiter_new(64, 0, 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(take(l, "a", second), 0);
        assert_int_equal(auth_limiter_look(l, "a", 1, second), 0);
    }
    auth_limiter_set_rate(l, 1, 1);
    assert_int_equal(take(l, "a", second), 0);
    assert_int_equal(take(l, "a", second), 60);
    auth_limiter_free(l);
}

static void a_flood_of_sources_frees_nobody_who_is_limited(void **state) {
    (void)state;
    struct auth_limiter *l = auth_limiter_new(1024, 60, 10);
    uint64_t now = 1000 * second;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(take(l, "guesser", now), 0);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        auth_limiter_take(l, &i, sizeof i, now);
    }
    assert_true(take(l, "guesser", now) > 0);
    auth_limiter_free(l);
}

static void an_ipv6_source_is_its_64(void **state) {
    (void)state;
    struct auth_limiter *l = auth_limiter_new(64, 60, 1);
    struct addr a, b, c, d;
    assert_int_equal(addr_parse(&a, "[2001:db8:1:2::1]:5"), 0);
    assert_int_equal(addr_parse(&b, "[2001:db8:1:2:ffff::2]:6"), 0);
    assert_int_equal(addr_parse(&c, "[2001:db8:1:3::1]:5"), 0);
    assert_int_equal(addr_parse(&d, "192.0.2.1:5"), 0);
    assert_int_equal(auth_limiter_take_addr(l, &a, second), 0);
    assert_int_equal(auth_limiter_take_addr(l, &b, second), 1);
    assert_int_equal(auth_limiter_look_addr(l, &b, second), 1);
    assert_int_equal(auth_limiter_take_addr(l, &c, second), 0);
    assert_int_equal(auth_limiter_take_addr(l, &d, second), 0);
    d.port = 9;
    assert_int_equal(auth_limiter_take_addr(l, &d, second), 1);
    auth_limiter_free(l);
}

/* --- quotas --- */

static int hold(struct auth_quota *q, const char *user, struct auth_quota_user **out) {
    return auth_quota_hold(q, "realm", user, strlen(user), out);
}

static void users_and_the_total_have_their_limits(void **state) {
    (void)state;
    struct auth_quota *q =
        auth_quota_new(100, &(struct auth_quota_limits){.user_allocations = 2, .total_allocations = 3});
    struct auth_quota_user *a1, *a2, *b, *c;
    assert_int_equal(hold(q, "a", &a1), 0);
    assert_int_equal(hold(q, "a", &a2), 0);
    assert_ptr_equal(a1, a2);
    assert_int_equal(hold(q, "a", &a2), -ERR_QUOTA);
    assert_int_equal(hold(q, "b", &b), 0);
    assert_int_equal(hold(q, "c", &c), -ENOSPC);
    assert_int_equal(auth_quota_total(q), 3);
    auth_quota_release(q, a1);
    assert_int_equal(hold(q, "c", &c), 0);
    auth_quota_release(q, c);
    auth_quota_release(q, a1);
    auth_quota_release_user(q, "realm", "b", 1);
    auth_quota_release_user(q, "realm", "b", 1); /* nothing is held: no harm */
    auth_quota_release_user(q, "other", "a", 1);
    assert_int_equal(auth_quota_total(q), 0);
    auth_quota_free(q);
}

static void limits_may_change_and_zero_means_none(void **state) {
    (void)state;
    struct auth_quota *q = auth_quota_new(100, &(struct auth_quota_limits){0});
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(hold(q, "a", NULL), 0);
    }
    auth_quota_set_limits(q, &(struct auth_quota_limits){.user_allocations = 1000});
    assert_int_equal(hold(q, "a", NULL), -ERR_QUOTA);
    assert_int_equal(hold(q, "b", NULL), 0);
    auth_quota_free(q); /* frees what is held */
}

static void names_are_bytes_and_realms_keep_them_apart(void **state) {
    (void)state;
    struct auth_quota *q = auth_quota_new(100, &(struct auth_quota_limits){.user_allocations = 1});
    char big[2000];
    memset(big, 'x', sizeof big);
    assert_int_equal(auth_quota_hold(q, "r", "a\0b", 3, NULL), 0);
    assert_int_equal(auth_quota_hold(q, "r", "a", 1, NULL), 0);
    assert_int_equal(auth_quota_hold(q, "s", "a", 1, NULL), 0);
    assert_int_equal(auth_quota_hold(q, "r", "a\0b", 3, NULL), -ERR_QUOTA);
    assert_int_equal(auth_quota_hold(q, "r", big, sizeof big, NULL), -EINVAL);
    auth_quota_free(q);
}

static void the_number_of_users_is_bounded(void **state) {
    (void)state;
    struct auth_quota *q = auth_quota_new(10, &(struct auth_quota_limits){0});
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(auth_quota_hold(q, "r", &i, sizeof i, NULL), 0);
    }
    uint32_t more = 10, first = 0;
    assert_int_equal(auth_quota_hold(q, "r", &more, sizeof more, NULL), -ENOBUFS);
    assert_int_equal(auth_quota_total(q), 10);
    auth_quota_release_user(q, "r", &first, sizeof first);
    assert_int_equal(auth_quota_hold(q, "r", &more, sizeof more, NULL), 0);
    auth_quota_free(q);
}

static void bandwidth_is_leased_within_its_rate(void **state) {
    (void)state;
    /* 8 Mbit/s each, 12 Mbit/s together */
    struct auth_quota *q = auth_quota_new(10, &(struct auth_quota_limits){.user_bps = 8000000, .total_bps = 12000000});
    struct auth_quota_user *a, *b;
    assert_int_equal(hold(q, "a", &a), 0);
    assert_int_equal(hold(q, "b", &b), 0);
    size_t got_a = 0, got_b = 0;
    for (uint64_t now = 100 * second; now < 110 * second; now += 1000) {
        got_a += auth_quota_lease(q, a, 10000, now);
    }
    /* 10 s of 1 MB, half a second's burst, one block */
    assert_in_range(got_a, 10000000, 10520000);
    for (uint64_t now = 200 * second; now < 210 * second; now += 1000) {
        got_a += auth_quota_lease(q, a, 10000, now);
        got_b += auth_quota_lease(q, b, 10000, now);
    }
    assert_in_range(got_a - 10000000 + got_b, 15000000, 16300000);
    assert_true(got_b > 3000000); /* nobody starves */
    assert_true(auth_quota_lease(q, NULL, 100, 300 * second) == 100);
    auth_quota_free(q);
}

static void without_a_limit_a_lease_is_never_refused(void **state) {
    (void)state;
    struct auth_quota *q = auth_quota_new(10, &(struct auth_quota_limits){0});
    struct auth_quota_user *a;
    assert_int_equal(hold(q, "a", &a), 0);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(auth_quota_lease(q, a, 1 << 20, 5), 1 << 20);
    }
    auth_quota_free(q);
}

static void *hammer(void *arg) {
    struct auth_quota *q = arg;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t name = i % 50;
        struct auth_quota_user *user;
        if (auth_quota_hold(q, "r", &name, sizeof name, &user) == 0) {
            auth_quota_lease(q, user, 1000, i);
            auth_quota_release(q, user);
        }
    }
    return NULL;
}

static void threads_keep_the_count_right(void **state) {
    (void)state;
    struct auth_quota *q =
        auth_quota_new(40, &(struct auth_quota_limits){
                               .user_allocations = 2, .total_allocations = 30, .user_bps = 1000, .total_bps = 1000});
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, q), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(auth_quota_total(q), 0);
    auth_quota_free(q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_then_one_per_step),
        cmocka_unit_test(looking_takes_nothing),
        cmocka_unit_test(rate_zero_lets_everything_pass_and_may_change),
        cmocka_unit_test(a_flood_of_sources_frees_nobody_who_is_limited),
        cmocka_unit_test(an_ipv6_source_is_its_64),
        cmocka_unit_test(users_and_the_total_have_their_limits),
        cmocka_unit_test(limits_may_change_and_zero_means_none),
        cmocka_unit_test(names_are_bytes_and_realms_keep_them_apart),
        cmocka_unit_test(the_number_of_users_is_bounded),
        cmocka_unit_test(bandwidth_is_leased_within_its_rate),
        cmocka_unit_test(without_a_limit_a_lease_is_never_refused),
        cmocka_unit_test(threads_keep_the_count_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
