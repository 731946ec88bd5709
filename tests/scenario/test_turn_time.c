/* What ends when, to the second: nothing early, nothing much later than its time. */
#include "lib/turn_world.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct world w;
static struct client c;

static int setup(void **state) {
    (void)state;
    world_init(&w);
    client_init(&c, &w, 1);
    return client_allocate(&c);
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

static void allocation_ends_with_its_lifetime(void **state) {
    (void)state;
    world_sleep(&w, 599.9);
    assert_non_null(client_allocation(&c));
    world_sleep(&w, 0.2);
    assert_null(client_allocation(&c));
    assert_true(world_saw(&w, TURN_EVENT_DELETED, TURN_REASON_EXPIRED));
    assert_int_equal(w.open_relays, 0);
    assert_int_equal(w.total, 0);
    assert_int_equal(client_refresh(&c, 600), 437);
}

static void refresh_sets_the_end_anew(void **state) {
    (void)state;
    world_sleep(&w, 500);
    assert_int_equal(client_refresh(&c, 1200), 0);
    world_sleep(&w, 1199.9);
    assert_non_null(client_allocation(&c));
    assert_int_equal(client_refresh(&c, 600), 0); /* shorter than what is left is allowed too */
    world_sleep(&w, 600.2);
    assert_null(client_allocation(&c));
}

static void permission_lasts_300_seconds(void **state) {
    (void)state;
    struct addr peer = test_addr("203.0.113.9:5000");
    assert_int_equal(client_permit(&c, "203.0.113.9:5000"), 0);
    world_sleep(&w, 299.9);
    assert_int_equal(turn_peer_to_client(client_allocation(&c), &peer), TURN_AS_DATA_INDICATION);
    world_sleep(&w, 0.2);
    assert_int_equal(turn_peer_to_client(client_allocation(&c), &peer), -ERR_FORBIDDEN);
    assert_int_equal(turn_server_route(w.server, client_allocation(&c), &peer), TURN_ROUTE_NONE);
    assert_int_equal(client_refresh(&c, 3600), 0);
    assert_int_equal(client_permit(&c, "203.0.113.9:5000"), 0);
    world_sleep(&w, 200);
    assert_int_equal(client_permit(&c, "203.0.113.9:1"), 0); /* refreshed by address */
    world_sleep(&w, 299.9);
    assert_int_equal(turn_peer_to_client(client_allocation(&c), &peer), TURN_AS_DATA_INDICATION);
    world_sleep(&w, 0.2);
    assert_int_equal(turn_peer_to_client(client_allocation(&c), &peer), -ERR_FORBIDDEN);
}

static void traffic_does_not_refresh_a_permission(void **state) {
    (void)state;
    struct addr peer = test_addr("203.0.113.9:5000");
    assert_int_equal(client_permit(&c, "203.0.113.9:5000"), 0);
    for (int i = 0; i < 29; i++) {
        world_sleep(&w, 10);
        assert_int_equal(turn_server_route(w.server, client_allocation(&c), &peer), TURN_ROUTE_ANY);
        assert_int_equal(turn_peer_to_client(client_allocation(&c), &peer), TURN_AS_DATA_INDICATION);
    }
    world_sleep(&w, 10.2);
    assert_int_equal(turn_server_route(w.server, client_allocation(&c), &peer), TURN_ROUTE_NONE);
}

static void channel_without_permission_passes_nothing(void **state) {
    (void)state;
    struct addr peer = test_addr("203.0.113.9:5000");
    assert_int_equal(client_refresh(&c, 3600), 0);
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 0);
    world_sleep(&w, 299.9);
    assert_non_null(turn_channel_to_peer(client_allocation(&c), 0x4000));
    world_sleep(&w, 0.2);
    assert_null(turn_channel_to_peer(client_allocation(&c), 0x4000));
    assert_int_equal(turn_peer_to_client(client_allocation(&c), &peer), -ERR_FORBIDDEN);
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:6000"), 400); /* still bound */
    assert_int_equal(client_permit(&c, "203.0.113.9:1"), 0);
    assert_non_null(turn_channel_to_peer(client_allocation(&c), 0x4000));
    assert_int_equal(turn_peer_to_client(client_allocation(&c), &peer), 0x4000);
}

static void channel_lasts_600_seconds_and_its_number_is_free_then(void **state) {
    (void)state;
    struct addr peer = test_addr("203.0.113.9:5000");
    assert_int_equal(client_refresh(&c, 3600), 0);
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 0);
    world_sleep(&w, 400);
    assert_int_equal(client_permit(&c, "203.0.113.9:5000"), 0);
    world_sleep(&w, 199.9);
    assert_int_equal(turn_peer_to_client(client_allocation(&c), &peer), 0x4000);
    world_sleep(&w, 0.2);
    assert_int_equal(turn_peer_to_client(client_allocation(&c), &peer), TURN_AS_DATA_INDICATION);
    assert_null(turn_channel_to_peer(client_allocation(&c), 0x4000));
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:6000"), 0);
}

static void channel_bind_refreshes_channel_and_permission(void **state) {
    (void)state;
    assert_int_equal(client_refresh(&c, 3600), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 0);
        world_sleep(&w, 290);
        assert_non_null(turn_channel_to_peer(client_allocation(&c), 0x4000));
    }
}

static void channels_expire_each_at_its_own_time(void **state) {
    (void)state;
    char text[32];
    assert_int_equal(client_refresh(&c, 3600), 0);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "203.0.113.%d:5000", i);
        assert_int_equal(client_bind(&c, (uint16_t)(0x4000 + i), text), 0);
        world_sleep(&w, 10);
    }
    /* 200 s after the first: one permission ends every 10 s from 300 s on. */
    world_sleep(&w, 95);
    for (int gone = 0; gone < 20; gone++) {
        for (int i = 0; i < 20; i++) {
            assert_int_equal(turn_channel_to_peer(client_allocation(&c), (uint16_t)(0x4000 + i)) == NULL, i < gone);
        }
        world_sleep(&w, 10);
    }
    assert_int_equal(client_allocation(&c)->permission_count, 0);
}

static void many_allocations_end_in_one_timeout(void **state) {
    (void)state;
    w.ports = 64;
    for (unsigned i = 0; i < 60; i++) {
        struct client d;
        client_init(&d, &w, 10 + i);
        assert_int_equal(client_allocate(&d), 0);
    }
    /* The clock jumps past everything, as after a suspend. */
    w.now.now_us += 100000 * 1000000ULL;
    turn_server_timeout(w.server, w.now.now_us);
    world_drain(&w);
    assert_int_equal(turn_server_count(w.server), 0);
    assert_int_equal(w.open_relays, 0);
    assert_int_equal(w.total, 0);
    assert_true(turn_server_deadline(w.server) == UINT64_MAX);
}

static void refresh_outlives_the_credential_unless_expiry_is_strict(void **state) {
    (void)state;
    assert_int_equal(client_refresh(&c, 0), 0);
    client_set_ephemeral(&c, "north", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&c), 0);
    world_sleep(&w, 200);
    assert_int_equal(client_refresh(&c, 600), 0);
    w.settings.strict_expiry = true;
    assert_int_equal(world_configure(&w), 0);
    assert_int_equal(client_permit(&c, "203.0.113.9:5000"), 401);
    assert_int_equal(turn_server_count(w.server), 1);
    assert_int_equal(client_refresh(&c, 600), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_EXPIRED));
    assert_true(world_saw(&w, TURN_EVENT_DELETED, TURN_REASON_EXPIRED));
    assert_int_equal(turn_server_count(w.server), 0);
    assert_int_equal(w.total, 0);
    assert_int_equal(w.open_relays, 0);
}

static void nobody_elses_expired_credential_ends_a_session(void **state) {
    (void)state;
    struct client d;
    w.settings.strict_expiry = true;
    assert_int_equal(world_configure(&w), 0);
    assert_int_equal(client_refresh(&c, 0), 0);
    client_set_ephemeral(&c, "north", w.now.wall_s + 500, "carol");
    assert_int_equal(client_allocate(&c), 0);
    d = c; /* on the same five-tuple */
    client_set_ephemeral(&d, "north", w.now.wall_s + 100, "eve");
    world_sleep(&w, 200);
    assert_int_equal(client_refresh(&d, 600), 401);
    snprintf(d.user, sizeof d.user, "%s", c.user); /* his name, not his password */
    world_sleep(&w, 350);
    assert_int_equal(client_refresh(&d, 600), 401);
    assert_int_equal(turn_server_count(w.server), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(allocation_ends_with_its_lifetime),
        T(refresh_sets_the_end_anew),
        T(permission_lasts_300_seconds),
        T(traffic_does_not_refresh_a_permission),
        T(channel_without_permission_passes_nothing),
        T(channel_lasts_600_seconds_and_its_number_is_free_then),
        T(channel_bind_refreshes_channel_and_permission),
        T(channels_expire_each_at_its_own_time),
        T(many_allocations_end_in_one_timeout),
        T(refresh_outlives_the_credential_unless_expiry_is_strict),
        T(nobody_elses_expired_credential_ends_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
