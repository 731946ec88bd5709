/* Several realms: what leads to which, and that credentials and nonces of one are of no use in another. */
#include "lib/turn_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct world w;
static struct client c;

static const char *const secrets_b[] = {"bravo"};
static const struct turn_realm realms[] = {{.name = "b.example", .secrets = secrets_b, .secret_count = 1},
                                           {.name = "c.example"}};
static struct turn_realm_way ways[5];

static const char *server_name(void *ctx, const struct five_tuple *client) {
    (void)ctx;
    return client->transport == TRANSPORT_TLS ? "Turn.C.example" : NULL;
}

static int setup(void **state) {
    (void)state;
    world_init(&w);
    client_init(&c, &w, 1);
    ways[0] = (struct turn_realm_way){.kind = TURN_WAY_ORIGIN, .text = "https://c.example", .realm = 1};
    ways[1] = (struct turn_realm_way){.kind = TURN_WAY_SERVER_NAME, .text = "turn.c.example", .realm = 1};
    ways[2] = (struct turn_realm_way){.kind = TURN_WAY_ADDRESS, .addr = test_addr("192.0.2.201:3479"), .realm = 1};
    ways[3] = (struct turn_realm_way){.kind = TURN_WAY_ADDRESS, .addr = test_addr("192.0.2.201:0"), .realm = 0};
    w.settings.realms = realms;
    w.settings.realm_count = 2;
    w.settings.ways = ways;
    w.settings.way_count = 4;
    w.settings.server_name.find = server_name;
    return world_configure(&w);
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

static void begin_allocate(struct client *client) {
    client_begin(client, STUN_ALLOCATE);
    stun_write_u8(&client->w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
}

static const char *challenged(struct client *client) {
    begin_allocate(client);
    assert_int_equal(client_send(client), 401);
    client_learn(client);
    return client->realm;
}

static void local_address_port_and_tls_name_lead_to_a_realm(void **state) {
    (void)state;
    assert_string_equal(challenged(&c), "example.org");
    client_init(&c, &w, 2);
    c.tuple.local = test_addr("192.0.2.201:3478");
    assert_string_equal(challenged(&c), "b.example");
    client_init(&c, &w, 3);
    c.tuple.local = test_addr("192.0.2.201:3479");
    assert_string_equal(challenged(&c), "c.example");
    client_init(&c, &w, 4);
    c.tuple.transport = TRANSPORT_TLS;
    assert_string_equal(challenged(&c), "c.example");
}

static void origin_leads_to_a_realm_and_its_nonce_keeps_there(void **state) {
    (void)state;
    begin_allocate(&c);
    stun_write_text(&c.w, STUN_ATTR_ORIGIN, "https://c.example");
    assert_int_equal(client_send(&c), 401);
    client_learn(&c);
    assert_string_equal(c.realm, "c.example");
    assert_int_equal(client_allocate(&c), 0); /* without the ORIGIN */
    assert_string_equal(client_allocation(&c)->realm, "c.example");
    assert_int_equal(client_refresh(&c, 600), 0);
}

static void realm_is_not_pinned_before_integrity_holds(void **state) {
    (void)state;
    begin_allocate(&c);
    stun_write_text(&c.w, STUN_ATTR_ORIGIN, "https://c.example");
    assert_int_equal(client_send(&c), 401);
    client_learn(&c);
    struct client d;
    client_init(&d, &w, 1); /* the same five-tuple, by its own way */
    assert_string_equal(challenged(&d), "example.org");
    snprintf(c.password, sizeof c.password, "guess");
    assert_int_equal(client_allocate(&c), 401);
    assert_int_equal(client_allocate(&d), 0);
    assert_string_equal(client_allocation(&d)->realm, "example.org");
}

static void nonce_of_one_realm_does_not_open_another(void **state) {
    (void)state;
    challenged(&c);
    client_set_ephemeral(&c, "bravo", w.now.wall_s + 100, "carol");
    snprintf(c.realm, sizeof c.realm, "b.example");
    begin_allocate(&c);
    assert_int_equal(client_send(&c), 401);
    client_learn(&c);
    assert_string_equal(c.realm, "example.org");
}

static void secrets_of_one_realm_do_not_count_in_another(void **state) {
    (void)state;
    client_set_ephemeral(&c, "bravo", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&c), 401);
    struct client d;
    client_init(&d, &w, 2);
    d.tuple.local = test_addr("192.0.2.201:3478");
    client_set_ephemeral(&d, "north", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&d), 401);
    client_set_ephemeral(&d, "bravo", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&d), 0);
    assert_string_equal(client_allocation(&d)->realm, "b.example");
    client_init(&d, &w, 3); /* a realm without secrets asks for a user */
    d.tuple.local = test_addr("192.0.2.201:3479");
    client_set_ephemeral(&d, "north", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&d), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_UNKNOWN_USER));
}

static void allocation_outlives_its_realm(void **state) {
    (void)state;
    c.tuple.local = test_addr("192.0.2.201:3478");
    client_set_ephemeral(&c, "bravo", w.now.wall_s + 1000, "carol");
    assert_int_equal(client_allocate(&c), 0);
    w.settings.realm_count = w.settings.way_count = 0;
    assert_int_equal(world_configure(&w), 0);
    assert_int_equal(client_refresh(&c, 600), 0);
    world_sleep(&w, 500);
    assert_int_equal(client_permit(&c, "203.0.113.9:1"), 0);
    assert_int_equal(client_refresh(&c, 0), 0);
    assert_int_equal(w.total, 0); /* its quota went back under the name it was taken under */
}

static void realm_that_goes_while_a_port_is_opened_keeps_its_name(void **state) {
    (void)state;
    w.hold_relays = true;
    c.tuple.local = test_addr("192.0.2.201:3478");
    client_set_ephemeral(&c, "bravo", w.now.wall_s + 1000, "carol");
    assert_int_equal(client_allocate(&c), -1);
    w.settings.realm_count = w.settings.way_count = 0;
    assert_int_equal(world_configure(&w), 0);
    assert_int_equal(world_answer_relay(&w), 0);
    assert_string_equal(client_allocation(&c)->realm, "b.example");
}

static void settings_with_a_way_to_nowhere_are_refused(void **state) {
    (void)state;
    ways[4] = (struct turn_realm_way){.kind = TURN_WAY_ADDRESS, .addr = test_addr("192.0.2.202:0"), .realm = 2};
    w.settings.way_count = 5;
    assert_int_equal(world_configure(&w), -EINVAL);
    w.settings.way_count = 4;
    static const struct turn_realm nameless = {.name = ""};
    w.settings.realms = &nameless;
    w.settings.realm_count = 1;
    assert_int_equal(world_configure(&w), -EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(local_address_port_and_tls_name_lead_to_a_realm),
        T(origin_leads_to_a_realm_and_its_nonce_keeps_there),
        T(realm_is_not_pinned_before_integrity_holds),
        T(nonce_of_one_realm_does_not_open_another),
        T(secrets_of_one_realm_do_not_count_in_another),
        T(allocation_outlives_its_realm),
        T(realm_that_goes_while_a_port_is_opened_keeps_its_name),
        T(settings_with_a_way_to_nowhere_are_refused),
    };
    return cmocka_run_group_tests_name("proto/turn realms", tests, NULL, NULL);
}
