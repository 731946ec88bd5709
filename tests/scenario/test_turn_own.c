/* Clients reach each other's relayed addresses although what is not public is denied, and nothing else there. */
#include "lib/turn_world.h"

#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define OWN    "10.0.0.5:50000"
#define BESIDE "10.0.0.5:6379"

static struct world w;
static struct client c;
static bool own_is_there;

static bool has_own(void *ctx, const struct addr *peer) {
    struct addr own = test_addr(OWN);
    (void)ctx;
    return own_is_there && (peer->port == 0 ? addr_equal_ip(&own, peer) : addr_equal(&own, peer));
}

static int setup(void **state) {
    (void)state;
    own_is_there = true;
    world_init(&w);
    w.settings.own.has = has_own;
    client_init(&c, &w, 1);
    return world_configure(&w) + client_allocate(&c);
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

static enum turn_route route_to(const char *text) {
    struct addr peer = test_addr(text);
    return turn_server_route(w.server, client_allocation(&c), &peer);
}

static int arrival_from(const char *text) {
    struct addr peer = test_addr(text);
    return turn_peer_to_client(client_allocation(&c), &peer);
}

static int socket_arrival_from(const char *text) {
    struct addr peer = test_addr(text);
    return turn_server_from_peer(w.server, client_allocation(&c), &peer);
}

static void a_private_relayed_address_may_be_reached_in_process_only(void **state) {
    (void)state;
    assert_int_equal(client_permit(&c, OWN), 0);
    assert_int_equal(route_to(OWN), TURN_ROUTE_OWN);
    assert_int_equal(route_to(BESIDE), TURN_ROUTE_OWN);
    assert_int_equal(client_bind(&c, 0x4000, OWN), 0);
    assert_true(turn_channel_to_peer(client_allocation(&c), 0x4000)->own);
    assert_int_equal(arrival_from(OWN), 0x4000);
}

static void what_is_beside_it_on_that_ip_is_refused(void **state) {
    (void)state;
    assert_int_equal(client_bind(&c, 0x4000, BESIDE), 403);
    assert_int_equal(client_permit(&c, "10.0.0.6:1"), 403);
    assert_int_equal(client_permit(&c, OWN), 0);
    assert_int_equal(client_bind(&c, 0x4000, BESIDE), 403);
    /* Nor does the permission let in what a neighbour sends to the socket. */
    assert_int_equal(arrival_from(BESIDE), TURN_AS_DATA_INDICATION);
    assert_int_equal(socket_arrival_from(BESIDE), -ERR_FORBIDDEN);
    assert_int_equal(socket_arrival_from(OWN), -ERR_FORBIDDEN);
}

static void a_relayed_address_that_is_gone_is_denied_again(void **state) {
    (void)state;
    own_is_there = false;
    assert_int_equal(client_permit(&c, OWN), 403);
    assert_int_equal(client_bind(&c, 0x4000, OWN), 403);
}

static void a_rule_of_the_admin_denies_own_relayed_addresses_too(void **state) {
    (void)state;
    static const char *const wide[] = {"-10.0.0.0/8"}, *const port[] = {"-10.0.0.5:50000"};
    world_set_rules(&w, wide, 1);
    assert_int_equal(client_permit(&c, OWN), 403);
    assert_int_equal(client_bind(&c, 0x4000, OWN), 403);
    world_set_rules(&w, port, 1);
    assert_int_equal(client_permit(&c, OWN), 0);
    assert_int_equal(client_bind(&c, 0x4000, OWN), 403);
    assert_int_equal(route_to(OWN), TURN_ROUTE_NONE);
}

static void a_reload_keeps_them_and_a_new_rule_ends_them(void **state) {
    (void)state;
    static const char *const other[] = {"-203.0.113.0/24"}, *const deny[] = {"-10.0.0.5"};
    assert_int_equal(client_bind(&c, 0x4000, OWN), 0);
    world_set_rules(&w, other, 1);
    assert_non_null(turn_channel_to_peer(client_allocation(&c), 0x4000));
    assert_int_equal(route_to(OWN), TURN_ROUTE_OWN);
    world_set_rules(&w, deny, 1);
    assert_null(turn_channel_to_peer(client_allocation(&c), 0x4000));
    assert_int_equal(route_to(OWN), TURN_ROUTE_NONE);
}

/* Once private addresses are allowed, the channel may lead through a socket as well. */
static void an_allowing_rule_makes_it_a_peer_like_others(void **state) {
    (void)state;
    static const char *const allow[] = {"+10.0.0.0/8"};
    assert_int_equal(client_bind(&c, 0x4000, OWN), 0);
    world_set_rules(&w, allow, 1);
    assert_false(turn_channel_to_peer(client_allocation(&c), 0x4000)->own);
    assert_int_equal(route_to(OWN), TURN_ROUTE_ANY);
    assert_int_equal(socket_arrival_from(OWN), 0x4000);
}

static void another_family_still_gets_443(void **state) {
    (void)state;
    static const char *const allow[] = {"+fc00::/7"};
    world_set_rules(&w, allow, 1);
    assert_int_equal(client_permit(&c, "[fc00::1]:1"), 443);
    assert_int_equal(client_bind(&c, 0x4000, "[fc00::1]:1"), 443);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_private_relayed_address_may_be_reached_in_process_only),
        T(what_is_beside_it_on_that_ip_is_refused),
        T(a_relayed_address_that_is_gone_is_denied_again),
        T(a_rule_of_the_admin_denies_own_relayed_addresses_too),
        T(a_reload_keeps_them_and_a_new_rule_ends_them),
        T(an_allowing_rule_makes_it_a_peer_like_others),
        T(another_family_still_gets_443),
    };
    return cmocka_run_group_tests_name("scenario/turn_own", tests, NULL, NULL);
}
