/* Allocate and Refresh: what may be asked for, retransmissions, quotas, ends. */
#include "lib/turn_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct world w;
static struct client c;

static int setup(void **state) {
    (void)state;
    world_init(&w);
    client_init(&c, &w, 1);
    client_begin(&c, STUN_ALLOCATE);
    client_send(&c);
    client_learn(&c);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

static void knows(struct client *client) {
    client_begin(client, STUN_ALLOCATE);
    assert_int_equal(client_send(client), 401);
    client_learn(client);
}

static void begin(struct client *client) {
    client_begin(client, STUN_ALLOCATE);
    stun_write_u8(&client->w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
}

static uint32_t lifetime_of_reply(void) {
    uint32_t lifetime;
    assert_int_equal(stun_msg_u32(&c.reply, STUN_ATTR_LIFETIME, &lifetime), 0);
    return lifetime;
}

static void transport_must_be_udp(void **state) {
    (void)state;
    client_begin(&c, STUN_ALLOCATE);
    assert_int_equal(client_send(&c), 400);
    client_begin(&c, STUN_ALLOCATE);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_TRANSPORT, 6);
    assert_int_equal(client_send(&c), 442);
    client_begin(&c, STUN_ALLOCATE);
    stun_write_bytes(&c.w, STUN_ATTR_REQUESTED_TRANSPORT, "\x11\0", 2);
    assert_int_equal(client_send(&c), 400);
    assert_int_equal(w.questions_relay, 0);
}

static void family_is_ipv4_unless_asked(void **state) {
    (void)state;
    struct addr relay;
    assert_int_equal(client_allocate(&c), 0);
    stun_msg_xor_addr(&c.reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &relay);
    assert_int_equal(relay.family, AF_INET);
    struct client d;
    client_init(&d, &w, 2);
    knows(&d);
    begin(&d);
    stun_write_u8(&d.w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&d), 0);
    stun_msg_xor_addr(&d.reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &relay);
    assert_int_equal(relay.family, AF_INET6);
}

static void unsupported_family_gets_440(void **state) {
    (void)state;
    begin(&c);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 3);
    assert_int_equal(client_send(&c), 440);
    w.settings.relay_ipv6 = false;
    assert_int_equal(world_configure(&w), 0);
    begin(&c);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&c), 440);
    w.settings.relay_ipv4 = false;
    assert_int_equal(world_configure(&w), 0);
    assert_int_equal(client_allocate(&c), 440);
}

static void dont_fragment_is_taken_or_refused_with_420(void **state) {
    (void)state;
    const uint8_t *list;
    size_t len;
    w.settings.dont_fragment = false;
    assert_int_equal(world_configure(&w), 0);
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_DONT_FRAGMENT, NULL, 0);
    assert_int_equal(client_send(&c), 420);
    assert_int_equal(stun_msg_bytes(&c.reply, STUN_ATTR_UNKNOWN_ATTRIBUTES, &list, &len), 0);
    assert_memory_equal(list, "\0\x1a", 2);
    w.settings.dont_fragment = true;
    assert_int_equal(world_configure(&w), 0);
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_DONT_FRAGMENT, NULL, 0);
    assert_int_equal(client_send(&c), 0);
}

static void lifetime_stays_between_600_and_the_maximum(void **state) {
    (void)state;
    static const uint32_t asked[] = {0, 1, 599, 600, 1800, 3600, 4000000000U};
    static const uint32_t got[] = {600, 600, 600, 600, 1800, 3600, 3600};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct client d = c;
        client_init(&c, &w, 10 + (unsigned)i);
        knows(&c);
        begin(&c);
        stun_write_u32(&c.w, STUN_ATTR_LIFETIME, asked[i]);
        assert_int_equal(client_send(&c), 0);
        assert_int_equal(lifetime_of_reply(), got[i]);
        c = d;
    }
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_LIFETIME, "\0\0", 2);
    assert_int_equal(client_send(&c), 400);
}

static void retransmitted_allocate_is_answered_again(void **state) {
    (void)state;
    struct addr first, again;
    assert_int_equal(client_allocate(&c), 0);
    stun_msg_xor_addr(&c.reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &first);
    world_sleep(&w, 20);
    assert_int_equal(client_resend(&c), 0);
    stun_msg_xor_addr(&c.reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &again);
    assert_true(addr_equal(&first, &again));
    assert_int_equal(lifetime_of_reply(), 580);
    assert_int_equal(turn_server_count(w.server), 1);
    assert_int_equal(w.open_relays, 1);
    assert_int_equal(w.total, 1);
    /* A new transaction on the same five-tuple is another matter. */
    assert_int_equal(client_allocate(&c), 437);
}

static void retransmissions_are_absorbed_while_answers_are_out(void **state) {
    (void)state;
    w.hold_keys = true;
    w.hold_relays = true;
    begin(&c);
    assert_int_equal(client_send(&c), -1);
    assert_int_equal(client_resend(&c), -1);
    assert_int_equal(client_resend(&c), -1);
    assert_int_equal(w.questions_key, 1);
    assert_int_equal(world_answer_key(&w), 0);
    assert_int_equal(client_resend(&c), -1);
    assert_int_equal(w.questions_relay, 1);
    /* Meanwhile another transaction must not open a second relay. */
    struct client second = c;
    w.hold_keys = false;
    second.world = &w;
    begin(&second);
    assert_int_equal(client_send(&second), 437);
    assert_int_equal(world_answer_relay(&w), 0);
    assert_int_equal(w.replies, 1);
    assert_int_equal(w.reply_code, 0);
    assert_int_equal(turn_server_count(w.server), 1);
    assert_int_equal(world_answer_relay(&w), -ENOENT); /* an answer given twice */
    assert_int_equal(world_answer_key(&w), -ENOENT);
    assert_int_equal(w.open_relays, 1);
}

static void unanswered_questions_end_after_a_while(void **state) {
    (void)state;
    w.hold_relays = true;
    begin(&c);
    assert_int_equal(client_send(&c), -1);
    assert_int_equal(w.total, 1);
    world_sleep(&w, 11);
    assert_int_equal(w.total, 0);
    assert_int_equal(world_answer_relay(&w), -ENOENT);
    assert_int_equal(w.open_relays, 0);
    w.hold_relays = false;
    assert_int_equal(client_allocate(&c), 0);
}

static void connection_that_goes_takes_all_with_it(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    struct client d;
    client_init(&d, &w, 2);
    knows(&d);
    w.hold_relays = true;
    begin(&d);
    assert_int_equal(client_send(&d), -1);
    turn_server_client_gone(w.server, &c.tuple);
    turn_server_client_gone(w.server, &d.tuple);
    w.log_count = 0;
    world_drain(&w);
    assert_true(world_saw(&w, TURN_EVENT_DELETED, TURN_REASON_DISCONNECTED));
    assert_int_equal(w.open_relays, 0);
    assert_int_equal(w.total, 0);
    assert_int_equal(world_answer_relay(&w), -ENOENT);
}

static void full_port_range_gets_508(void **state) {
    (void)state;
    w.ports = 2;
    for (unsigned i = 0; i < 2; i++) {
        struct client d;
        client_init(&d, &w, 20 + i);
        assert_int_equal(client_allocate(&d), 0);
    }
    assert_int_equal(client_allocate(&c), 508);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_CAPACITY));
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY));
    assert_int_equal(w.total, 2); /* the third one's quota is back */
}

static void user_quota_gets_486_and_fresh_credentials_do_not_evade_it(void **state) {
    (void)state;
    w.user_quota = 2;
    for (unsigned i = 0; i < 3; i++) {
        struct client d;
        client_init(&d, &w, 20 + i);
        client_set_ephemeral(&d, "north", w.now.wall_s + 100 + i, "carol");
        assert_int_equal(client_allocate(&d), i < 2 ? 0 : 486);
    }
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_QUOTA));
    assert_int_equal(client_allocate(&c), 0); /* alice has her own */
    world_sleep(&w, 601);
    assert_int_equal(w.total, 0);
    client_init(&c, &w, 30);
    client_set_ephemeral(&c, "north", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&c), 0);
}

static void total_quota_gets_508(void **state) {
    (void)state;
    struct client d;
    client_init(&d, &w, 2);
    w.total_quota = 1;
    assert_int_equal(client_allocate(&c), 0);
    assert_int_equal(client_allocate(&d), 508);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_QUOTA));
    assert_int_equal(client_refresh(&c, 0), 0);
    assert_int_equal(client_allocate(&d), 0);
}

static void refresh_of_another_family_gets_443(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    client_begin(&c, STUN_REFRESH);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&c), 443);
    client_begin(&c, STUN_REFRESH);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 1);
    assert_int_equal(client_send(&c), 0);
}

static void requests_without_allocation_get_437(void **state) {
    (void)state;
    assert_int_equal(client_refresh(&c, 600), 437);
    assert_int_equal(client_refresh(&c, 0), 437);
    assert_int_equal(client_permit(&c, "203.0.113.9:1"), 437);
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:1"), 437);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_MISMATCH));
}

static void refresh_with_lifetime_zero_ends_the_allocation(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    assert_int_equal(client_refresh(&c, 0), 0);
    assert_int_equal(lifetime_of_reply(), 0);
    assert_true(world_saw(&w, TURN_EVENT_DELETED, TURN_REASON_CLIENT));
    assert_int_equal(w.open_relays, 0);
    assert_int_equal(w.total, 0);
    assert_null(client_allocation(&c));
    assert_int_equal(client_resend(&c), 437); /* the answer was lost: the client takes 437 for done */
    assert_int_equal(client_allocate(&c), 0);
}

static void killed_allocation_is_gone_at_once(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    struct turn_allocation *a = client_allocation(&c);
    assert_ptr_equal(turn_server_find_id(w.server, a->id), a);
    assert_null(turn_server_find_id(w.server, "nobody"));
    turn_server_kill(w.server, a);
    assert_null(client_allocation(&c));
    w.log_count = 0;
    world_drain(&w);
    assert_true(world_saw(&w, TURN_EVENT_DELETED, TURN_REASON_KILLED));
    assert_int_equal(w.open_relays, 0);
}

static void allocations_are_listed_each_once(void **state) {
    (void)state;
    unsigned seen = 0;
    uint32_t cursor = 0;
    for (unsigned i = 0; i < 50; i++) {
        struct client d;
        client_init(&d, &w, 20 + i);
        assert_int_equal(client_allocate(&d), 0);
    }
    for (struct turn_allocation *a; (a = turn_server_next(w.server, &cursor)); seen++) {
        assert_string_equal(a->user, "alice");
        assert_int_equal(strlen(a->id), TURN_SESSION_ID_CHARS);
    }
    assert_int_equal(seen, 50);
    assert_int_equal(turn_server_count(w.server), 50);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(transport_must_be_udp),
        T(family_is_ipv4_unless_asked),
        T(unsupported_family_gets_440),
        T(dont_fragment_is_taken_or_refused_with_420),
        T(lifetime_stays_between_600_and_the_maximum),
        T(retransmitted_allocate_is_answered_again),
        T(retransmissions_are_absorbed_while_answers_are_out),
        T(unanswered_questions_end_after_a_while),
        T(connection_that_goes_takes_all_with_it),
        T(full_port_range_gets_508),
        T(user_quota_gets_486_and_fresh_credentials_do_not_evade_it),
        T(total_quota_gets_508),
        T(refresh_of_another_family_gets_443),
        T(requests_without_allocation_get_437),
        T(refresh_with_lifetime_zero_ends_the_allocation),
        T(killed_allocation_is_gone_at_once),
        T(allocations_are_listed_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
