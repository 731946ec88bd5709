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

/* Asks for a block when the one before may be moved. Returns the bytes of that time. */
static size_t spend(struct auth_quota *q, struct auth_quota_user *user, size_t block, uint64_t from, uint64_t to) {
    size_t bytes = 0;
    for (uint64_t now = from;;) {
        now += auth_quota_lease(q, user, block, now);
        if (now >= to) {
            auth_quota_refund(q, user, block);
            return bytes;
        }
        bytes += block;
    }
}

static void bandwidth_is_leased_within_its_rate(void **state) {
    (void)state;
    /* 8 Mbit/s each, 12 Mbit/s together */
    struct auth_quota *q = auth_quota_new(10, &(struct auth_quota_limits){.user_bps = 8000000, .total_bps = 12000000});
    struct auth_quota_user *a;
    assert_int_equal(auth_quota_open_account(q, "realm", "a", 1, &a), 0);
    /* 10 s of it, the burst, one block */
    assert_in_range(spend(q, a, 10000, 100 * second, 110 * second), 10240000, 10270000);
    assert_in_range(spend(q, NULL, 20000, 100 * second, 110 * second), 15350000, 15400000);
    assert_in_range(spend(q, a, 10000, 110 * second, 120 * second), 9990000, 10010000); /* no burst without a rest */
    assert_in_range(spend(q, a, 10000, 121 * second, 131 * second), 10240000, 10270000);
    auth_quota_close_account(q, a);
    auth_quota_free(q);
}

static void a_lease_tells_how_long_to_wait_and_can_be_given_back(void **state) {
    (void)state;
    struct auth_quota *q = auth_quota_new(10, &(struct auth_quota_limits){.user_bps = 8000000});
    struct auth_quota_user *a;
    uint64_t now = 100 * second;
    assert_int_equal(auth_quota_open_account(q, "realm", "a", 1, &a), 0);
    for (int i = 0; i < 26; i++) {
        assert_int_equal(auth_quota_lease(q, a, 10000, now), 0); /* the burst, and one */
    }
    assert_int_equal(auth_quota_lease(q, a, 10000, now), 10000);
    assert_int_equal(auth_quota_lease(q, a, 10000, now), 20000); /* behind the one before */
    auth_quota_refund(q, a, 20000);
    assert_int_equal(auth_quota_lease(q, a, 10000, now), 10000);
    auth_quota_refund(q, a, 1 << 20);
    auth_quota_refund(q, a, 1 << 20); /* never more than all */
    assert_int_equal(auth_quota_lease(q, a, 10000, now), 0);
    auth_quota_close_account(q, a);
    auth_quota_free(q);
}

static void without_a_limit_a_lease_is_never_refused(void **state) {
    (void)state;
    struct auth_quota *q = auth_quota_new(10, &(struct auth_quota_limits){0});
    struct auth_quota_user *a;
    assert_int_equal(auth_quota_open_account(q, "realm", "a", 1, &a), 0);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(auth_quota_lease(q, a, 1 << 20, 5), 0);
    }
    auth_quota_close_account(q, a);
    auth_quota_free(q);
}

/* Beside the users that hold something 256 of each of 64 shards are remembered. */
static void what_users_spent_is_remembered_in_bounded_memory(void **state) {
    (void)state;
    struct auth_quota *q = auth_quota_new(10, &(struct auth_quota_limits){.user_bps = 8000, .total_allocations = 20});
    struct auth_quota_user *user;
    uint64_t now = 100 * second;
    for (uint32_t i = 0; i < 50000; i++) {
        assert_int_equal(auth_quota_hold(q, "r", &i, sizeof i, NULL), 0);
        assert_int_equal(auth_quota_open_account(q, "r", &i, sizeof i, &user), 0);
        assert_int_equal(auth_quota_lease(q, user, 100000, now), 0); /* 100 s ahead */
        auth_quota_close_account(q, user);
        auth_quota_release_user(q, "r", &i, sizeof i);
    }
    assert_int_equal(auth_quota_total(q), 0);
    unsigned remembered = 0;
    for (uint32_t i = 50000; i-- > 0;) {
        assert_int_equal(auth_quota_open_account(q, "r", &i, sizeof i, &user), 0);
        remembered += auth_quota_lease(q, user, 1, now) > 0;
        auth_quota_refund(q, user, 1 << 20);
        auth_quota_close_account(q, user);
    }
    assert_in_range(remembered, 1, 64 * 256);
    auth_quota_free(q);
}

static void *hammer(void *arg) {
    struct auth_quota *q = arg;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t name = i % 50;
        struct auth_quota_user *user;
        if (auth_quota_hold(q, "r", &name, sizeof name, &user) == 0) {
            struct auth_quota_user *account;
            auth_quota_lease(q, user, 1000, i);
            assert_int_equal(auth_quota_open_account(q, "r", &name, sizeof name, &account), 0);
            assert_ptr_equal(account, user);
            auth_quota_release(q, user);
            auth_quota_lease(q, account, 1000, i);
            auth_quota_close_account(q, account);
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

static void a_realm_has_quotas_of_its_own(void **state) {
    (void)state;
    struct auth_quota_limits limits = {.user_allocations = 2, .total_allocations = 6};
    struct auth_quota *q = auth_quota_new(16, &limits);
    const struct auth_quota_realm realms[] = {
        {.name = "small", .limits_users = true, .user_allocations = 1, .total_allocations = 2},
        {.name = "free", .limits_users = true}};
    auth_quota_set_realms(q, realms, 2);
    assert_int_equal(auth_quota_hold(q, "small", "a", 1, NULL), 0);
    assert_int_equal(auth_quota_hold(q, "small", "a", 1, NULL), -ERR_QUOTA);
    assert_int_equal(auth_quota_hold(q, "small", "b", 1, NULL), 0);
    assert_int_equal(auth_quota_hold(q, "small", "c", 1, NULL), -ENOSPC);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(auth_quota_hold(q, "free", "a", 1, NULL), 0);
    }
    assert_int_equal(auth_quota_hold(q, "other", "a", 1, NULL), 0);
    assert_int_equal(auth_quota_hold(q, "other", "b", 1, NULL), -ENOSPC); /* of all together */
    auth_quota_release_user(q, "small", "b", 1);
    assert_int_equal(auth_quota_hold(q, "small", "c", 1, NULL), 0); /* what was refused was not counted */
    auth_quota_set_realms(q, NULL, 0);
    auth_quota_release_user(q, "free", "a", 1);
    assert_int_equal(auth_quota_hold(q, "small", "d", 1, NULL), 0); /* its limit is gone */
    auth_quota_set_realms(q, realms, 2);
    auth_quota_release_user(q, "small", "d", 1);
    assert_int_equal(auth_quota_hold(q, "small", "e", 1, NULL), -ENOSPC); /* what it held meanwhile counts */
    auth_quota_free(q);
}

static void realms_that_come_and_go_leave_nothing_behind(void **state) {
    (void)state;
    struct auth_quota_limits limits = {0};
    struct auth_quota *q = auth_quota_new(16, &limits);
    char name[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "realm-%d", i);
        const struct auth_quota_realm realm = {.name = name, .total_allocations = 1};
        auth_quota_set_realms(q, &realm, 1);
        assert_int_equal(auth_quota_hold(q, name, "a", 1, NULL), 0);
        assert_int_equal(auth_quota_hold(q, name, "b", 1, NULL), -ENOSPC);
        auth_quota_release_user(q, name, "a", 1);
    }
    auth_quota_free(q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_realm_has_quotas_of_its_own),
        cmocka_unit_test(realms_that_come_and_go_leave_nothing_behind),
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
        cmocka_unit_test(a_lease_tells_how_long_to_wait_and_can_be_given_back),
        cmocka_unit_test(what_users_spent_is_remembered_in_bounded_memory),
        cmocka_unit_test(without_a_limit_a_lease_is_never_refused),
        cmocka_unit_test(threads_keep_the_count_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
