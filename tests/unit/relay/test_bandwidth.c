/* Two workers' bandwidth limits on the shared buckets of auth/quota.h, in virtual time. */
#include "auth/quota.h"
#include "relay/bandwidth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum { WORKERS = 2, PACKET = 1000, MS = 1000, SECOND = 1000000, MEGABIT = 1000000 };

struct world {
    struct auth_quota *quota;
    struct relay_hooks hooks;
    struct relay_bandwidth workers[WORKERS];
    unsigned leases;
    uint64_t now_us;
};

static void *account_open(void *ctx, const char *realm, const char *user) {
    struct world *w = ctx;
    struct auth_quota_user *account = NULL;
    assert_int_equal(auth_quota_open_account(w->quota, realm, user, strlen(user), &account), 0);
    return account;
}

static void account_close(void *ctx, void *account) { auth_quota_close_account(((struct world *)ctx)->quota, account); }

static uint64_t lease(void *ctx, void *account, size_t bytes, uint64_t now_us) {
    struct world *w = ctx;
    w->leases++;
    return auth_quota_lease(w->quota, account, bytes, now_us);
}

static void refund(void *ctx, void *account, size_t bytes) {
    auth_quota_refund(((struct world *)ctx)->quota, account, bytes);
}

static void set_limits(struct world *w, uint64_t user_bps, uint64_t total_bps) {
    auth_quota_set_limits(w->quota, &(struct auth_quota_limits){.user_bps = user_bps, .total_bps = total_bps});
    for (int i = 0; i < WORKERS; i++) {
        relay_bandwidth_set(&w->workers[i], user_bps, total_bps);
    }
}

static void world_open(struct world *w, uint64_t user_bps, uint64_t total_bps) {
    *w = (struct world){.now_us = 1000ULL * SECOND};
    w->hooks = (struct relay_hooks){
        .ctx = w, .account_open = account_open, .account_close = account_close, .lease = lease, .refund = refund};
    w->quota = auth_quota_new(100, &(struct auth_quota_limits){0});
    assert_non_null(w->quota);
    for (int i = 0; i < WORKERS; i++) {
        relay_bandwidth_init(&w->workers[i], &w->hooks);
    }
    set_limits(w, user_bps, total_bps);
}

static void world_close(struct world *w) {
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(w->workers[i].meters.count, 0);
        relay_bandwidth_deinit(&w->workers[i]);
    }
    auth_quota_free(w->quota);
}

struct flow {
    unsigned worker;
    struct relay_meter *meter;
    uint64_t bps; /* offered */
    uint64_t credit;
    uint64_t passed, refused; /* bytes */
};

static struct flow flow_open(struct world *w, unsigned worker, const char *user, uint64_t bps) {
    struct flow f = {.worker = worker, .bps = bps};
    f.meter = relay_meter_join(&w->workers[worker], "a.example", user);
    assert_non_null(f.meter);
    return f;
}

static void flow_close(struct world *w, struct flow *f) { relay_meter_leave(&w->workers[f->worker], f->meter); }

/* All flows send what they want for that long, in packets, a batch each millisecond. */
static void run(struct world *w, struct flow *flows, size_t count, uint64_t seconds_tenth) {
    for (size_t i = 0; i < count; i++) {
        flows[i].passed = flows[i].refused = 0;
    }
    for (uint64_t end = w->now_us + seconds_tenth * SECOND / 10; w->now_us < end; w->now_us += MS) {
        for (size_t i = 0; i < count; i++) {
            struct flow *f = &flows[i];
            for (f->credit += f->bps / 8 / 1000; f->credit >= PACKET; f->credit -= PACKET) {
                bool pass = relay_meter_take(&w->workers[f->worker], f->meter, PACKET, w->now_us) == RELAY_PASS;
                *(pass ? &f->passed : &f->refused) += PACKET;
            }
        }
    }
}

static void assert_rate(uint64_t bytes, uint64_t seconds, uint64_t bps, unsigned percent) {
    uint64_t exact = bps / 8 * seconds;
    assert_in_range(bytes, exact - exact * percent / 100, exact + exact * percent / 100);
}

static void a_user_gets_his_limit_over_two_workers(void **state) {
    static const uint64_t limits[] = {200000, MEGABIT, 20 * MEGABIT, 1000ULL * MEGABIT};
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct world w;
        world_open(&w, limits[i], 0);
        struct flow flows[] = {flow_open(&w, 0, "ann", 2 * limits[i]), flow_open(&w, 1, "ann", limits[i])};
        run(&w, flows, 2, 10); /* the burst is spent */
        run(&w, flows, 2, 100);
        assert_rate(flows[0].passed + flows[1].passed, 10, limits[i], 1);
        assert_true(flows[0].passed > limits[i] / 8 * 3 && flows[1].passed > limits[i] / 8 * 3); /* they take turns */
        flow_close(&w, &flows[0]);
        flow_close(&w, &flows[1]);
        world_close(&w);
    }
}

static void below_the_limit_nothing_is_dropped(void **state) {
    struct world w;
    (void)state;
    world_open(&w, MEGABIT, 10 * MEGABIT);
    struct flow flows[] = {flow_open(&w, 0, "ann", 450000), flow_open(&w, 1, "ann", 450000)};
    run(&w, flows, 2, 100);
    assert_int_equal(flows[0].refused + flows[1].refused, 0);
    flow_close(&w, &flows[0]);
    flow_close(&w, &flows[1]);
    world_close(&w);
}

static void all_together_get_the_total_and_each_his_own(void **state) {
    struct world w;
    (void)state;
    world_open(&w, 2 * MEGABIT, 5 * MEGABIT);
    struct flow flows[] = {flow_open(&w, 0, "ann", 3 * MEGABIT), flow_open(&w, 1, "bob", 3 * MEGABIT),
                           flow_open(&w, 0, "cyd", 3 * MEGABIT), flow_open(&w, 1, "dan", 3 * MEGABIT)};
    run(&w, flows, 4, 10);
    run(&w, flows, 4, 100);
    assert_rate(flows[0].passed + flows[1].passed + flows[2].passed + flows[3].passed, 10, 5 * MEGABIT, 2);
    for (int i = 0; i < 4; i++) {
        assert_true(flows[i].passed <= 2 * MEGABIT / 8 * 10 * 102 / 100);
        flow_close(&w, &flows[i]);
    }
    world_close(&w);
}

static void one_over_his_limit_hinders_nobody_else(void **state) {
    struct world w;
    (void)state;
    world_open(&w, MEGABIT, 0);
    struct flow flows[] = {flow_open(&w, 0, "ann", 50 * MEGABIT), flow_open(&w, 0, "bob", 900000)};
    run(&w, flows, 2, 50);
    assert_int_equal(flows[1].refused, 0);
    assert_true(flows[0].refused > 0);
    flow_close(&w, &flows[0]);
    flow_close(&w, &flows[1]);
    world_close(&w);
}

static void a_quarter_second_may_come_at_once_after_a_quiet_time(void **state) {
    struct world w;
    uint64_t bytes = 0;
    (void)state;
    world_open(&w, 8 * MEGABIT, 0);
    struct flow f = flow_open(&w, 0, "ann", 0);
    for (int round = 0; round < 3; round++, w.now_us += 10ULL * SECOND) {
        for (bytes = 0; relay_meter_take(&w.workers[0], f.meter, PACKET, w.now_us) == RELAY_PASS;) {
            bytes += PACKET;
        }
        assert_in_range(bytes, 250000, 250000 + 20000); /* and two blocks */
    }
    flow_close(&w, &f);
    world_close(&w);
}

/* An allocation costs little: who ended and made them in a circle would otherwise have a burst each time. */
static void a_user_who_begins_anew_gets_no_new_burst(void **state) {
    struct world w;
    uint64_t bytes = 0;
    (void)state;
    world_open(&w, 8 * MEGABIT, 0);
    for (unsigned round = 0; round < 50; round++) {
        struct flow f = flow_open(&w, round % WORKERS, "ann", 0);
        while (relay_meter_take(&w.workers[f.worker], f.meter, PACKET, w.now_us) == RELAY_PASS) {
            bytes += PACKET;
        }
        flow_close(&w, &f);
    }
    assert_in_range(bytes, 250000, 270000);
    world_close(&w);
}

static void the_shared_bucket_is_asked_rarely(void **state) {
    struct world w;
    (void)state;
    world_open(&w, 100 * MEGABIT, 0);
    struct flow flows[] = {flow_open(&w, 0, "ann", 90 * MEGABIT), flow_open(&w, 1, "ann", 90 * MEGABIT)};
    run(&w, flows, 2, 50);
    uint64_t packets = (flows[0].passed + flows[0].refused + flows[1].passed + flows[1].refused) / PACKET;
    assert_true(packets > 100000);
    assert_in_range(w.leases, 1, 5 * 100 * 2 + 10); /* of 64 kB at most */
    flow_close(&w, &flows[0]);
    flow_close(&w, &flows[1]);
    world_close(&w);
}

static void new_limits_apply_to_what_runs(void **state) {
    struct world w;
    (void)state;
    world_open(&w, 10 * MEGABIT, 0);
    struct flow f = flow_open(&w, 0, "ann", 12 * MEGABIT);
    run(&w, &f, 1, 20);
    set_limits(&w, MEGABIT, 0);
    run(&w, &f, 1, 5); /* what was paid ahead */
    run(&w, &f, 1, 50);
    assert_rate(f.passed, 5, MEGABIT, 2);
    set_limits(&w, 0, 4 * MEGABIT);
    run(&w, &f, 1, 5);
    run(&w, &f, 1, 50);
    assert_rate(f.passed, 5, 4 * MEGABIT, 2);
    set_limits(&w, 0, 0);
    assert_false(relay_bandwidth_limits(&w.workers[0]));
    run(&w, &f, 1, 50);
    assert_int_equal(f.refused, 0);
    flow_close(&w, &f);
    world_close(&w);
}

static void a_stream_reads_what_it_may_and_is_never_refused(void **state) {
    struct world w;
    uint64_t bytes = 0, wait_us;
    (void)state;
    world_open(&w, 8 * MEGABIT, 12 * MEGABIT);
    struct flow f = flow_open(&w, 0, "ann", 0);
    uint64_t end = w.now_us + 10ULL * SECOND;
    while (w.now_us < end) {
        size_t room = relay_meter_room(&w.workers[0], f.meter, 65536, w.now_us, &wait_us);
        assert_true((room > 0) == (wait_us == 0));
        if (room > 0) {
            size_t read = room > 4000 ? 4000 : room; /* less was there */
            assert_int_equal(relay_meter_take(&w.workers[0], f.meter, read, w.now_us), RELAY_PASS);
            bytes += read;
        } else {
            w.now_us += wait_us;
        }
    }
    assert_in_range(bytes, 10000000, 10000000 + 270000);
    flow_close(&w, &f);
    world_close(&w);
}

static void a_packet_larger_than_a_block_passes_in_its_time(void **state) {
    struct world w;
    uint64_t bytes = 0;
    (void)state;
    world_open(&w, 64000, 64000); /* 80 bytes in 10 ms */
    struct flow f = flow_open(&w, 0, "ann", 0);
    for (uint64_t end = w.now_us + 20ULL * SECOND; w.now_us < end; w.now_us += MS) {
        bytes += relay_meter_take(&w.workers[0], f.meter, 4000, w.now_us) == RELAY_PASS ? 4000 : 0;
    }
    assert_in_range(bytes, 156000, 168000);
    flow_close(&w, &f);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_gets_his_limit_over_two_workers),
        cmocka_unit_test(below_the_limit_nothing_is_dropped),
        cmocka_unit_test(all_together_get_the_total_and_each_his_own),
        cmocka_unit_test(one_over_his_limit_hinders_nobody_else),
        cmocka_unit_test(a_quarter_second_may_come_at_once_after_a_quiet_time),
        cmocka_unit_test(a_user_who_begins_anew_gets_no_new_burst),
        cmocka_unit_test(the_shared_bucket_is_asked_rarely),
        cmocka_unit_test(new_limits_apply_to_what_runs),
        cmocka_unit_test(a_stream_reads_what_it_may_and_is_never_refused),
        cmocka_unit_test(a_packet_larger_than_a_block_passes_in_its_time),
    };
    return cmocka_run_group_tests_name("relay/bandwidth", tests, NULL, NULL);
}
