/* Allocate and Refresh: what may be asked for, ports, pairs, quotas. */
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

static void begin_even(struct client *client, uint8_t bits) {
    begin(client);
    stun_write_bytes(&client->w, STUN_ATTR_EVEN_PORT, &bits, 1);
}

static void even_port_is_even(void **state) {
    (void)state;
    struct addr relay;
    w.port_taken[0] = true;
    w.open_relays = 1;
    begin_even(&c, 0);
    assert_int_equal(client_send(&c), 0);
    stun_msg_xor_addr(&c.reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &relay);
    assert_int_equal(relay.port % 2, 0);
    assert_false(stun_msg_has(&c.reply, STUN_ATTR_RESERVATION_TOKEN));
}

static void reserved_port_goes_to_who_has_the_token(void **state) {
    (void)state;
    struct addr first, second;
    const uint8_t *token;
    uint8_t copy[8];
    size_t len;
    struct client d;
    client_init(&d, &w, 2);
    knows(&d);
    begin_even(&c, 0x80);
    assert_int_equal(client_send(&c), 0);
    stun_msg_xor_addr(&c.reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &first);
    assert_int_equal(stun_msg_bytes(&c.reply, STUN_ATTR_RESERVATION_TOKEN, &token, &len), 0);
    assert_int_equal(len, 8);
    memcpy(copy, token, 8);
    assert_int_equal(client_resend(&c), 0); /* the same token again */
    assert_int_equal(stun_msg_bytes(&c.reply, STUN_ATTR_RESERVATION_TOKEN, &token, &len), 0);
    assert_memory_equal(token, copy, 8);
    begin(&d);
    stun_write_bytes(&d.w, STUN_ATTR_RESERVATION_TOKEN, copy, 8);
    assert_int_equal(client_send(&d), 0);
    stun_msg_xor_addr(&d.reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &second);
    assert_int_equal(second.port, first.port + 1);
    assert_int_equal(w.open_relays, 2);
    struct client e; /* a token works once */
    client_init(&e, &w, 3);
    knows(&e);
    begin(&e);
    stun_write_bytes(&e.w, STUN_ATTR_RESERVATION_TOKEN, copy, 8);
    assert_int_equal(client_send(&e), 508);
}

static void reservation_ends_after_30_seconds(void **state) {
    (void)state;
    begin_even(&c, 0x80);
    assert_int_equal(client_send(&c), 0);
    assert_int_equal(w.open_relays, 2);
    world_sleep(&w, 29);
    assert_int_equal(w.open_relays, 2);
    world_sleep(&w, 2);
    assert_int_equal(w.open_relays, 1);
}

static void even_port_loops_leave_the_port_pool_full(void **state) {
    (void)state;
    w.ports = 16;
    for (unsigned i = 0; i < 200; i++) {
        struct client d;
        client_init(&d, &w, 100 + i);
        knows(&d);
        begin_even(&d, i % 3 == 0 ? 0 : 0x80);
        int code = client_send(&d);
        assert_true(code == 0 || code == 508);
        if (code == 0 && i % 2) {
            assert_int_equal(client_refresh(&d, 0), 0);
        }
        world_sleep(&w, i % 7);
    }
    world_sleep(&w, 700);
    assert_int_equal(w.open_relays, 0);
    assert_int_equal(w.total, 0);
    assert_int_equal(turn_server_count(w.server), 0);
}

static void reservation_token_excludes_other_wishes(void **state) {
    (void)state;
    static const uint8_t token[8] = {0};
    begin_even(&c, 0);
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, 8);
    assert_int_equal(client_send(&c), 400);
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, 8);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 1);
    assert_int_equal(client_send(&c), 400);
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, 4);
    assert_int_equal(client_send(&c), 400);
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, 8);
    assert_int_equal(client_send(&c), 508);
    begin_even(&c, 0x80);
    stun_write_u8(&c.w, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&c), 400);
    assert_int_equal(w.total, 0);
}

static void token_of_another_worker_is_forwarded(void **state) {
    (void)state;
    uint8_t token[8] = {3, 1, 1, 1, 1, 1, 1, 1};
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, 8);
    assert_int_equal(client_send(&c), -1);
    assert_int_equal(w.forwarded_to, 3);
    token[0] = 4; /* no such worker */
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, 8);
    assert_int_equal(client_send(&c), 508);
    token[0] = 3; /* a stranger's is not passed on */
    c.nonce[0] = '\0';
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, 8);
    assert_int_equal(client_send(&c), 401);
    assert_int_equal(w.forwarded_to, -1);
}

static void additional_family_brings_two_relays(void **state) {
    (void)state;
    begin(&c);
    stun_write_u8(&c.w, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&c), 0);
    const struct turn_allocation *a = client_allocation(&c);
    assert_int_equal(a->relay_count, 2);
    assert_int_equal(w.open_relays, 2);
    assert_int_equal(client_permit(&c, "203.0.113.9:1"), 0);
    assert_int_equal(client_permit(&c, "[2001:db8::9]:1"), 0);
    /* Refresh with lifetime 0 and a family ends that one. */
    client_begin(&c, STUN_REFRESH);
    stun_write_u32(&c.w, STUN_ATTR_LIFETIME, 0);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 1);
    assert_int_equal(client_send(&c), 0);
    assert_int_equal(w.open_relays, 1);
    assert_int_equal(a->relay_count, 1);
    assert_int_equal(a->relays[0].addr.family, AF_INET6);
    assert_int_equal(a->permission_count, 1);
    assert_int_equal(client_permit(&c, "203.0.113.9:1"), 443);
    assert_int_equal(client_refresh(&c, 0), 0);
    assert_int_equal(w.open_relays, 0);
}

static void additional_family_that_cannot_be_had_is_reported(void **state) {
    (void)state;
    const uint8_t *error;
    size_t len;
    w.settings.relay_ipv6 = false;
    assert_int_equal(world_configure(&w), 0);
    begin(&c);
    stun_write_u8(&c.w, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&c), 0);
    assert_int_equal(stun_msg_bytes(&c.reply, STUN_ATTR_ADDRESS_ERROR_CODE, &error, &len), 0);
    assert_memory_equal(error, "\x02\0\x04\x28", 4);
    w.settings.relay_ipv6 = true;
    assert_int_equal(world_configure(&w), 0);
    struct client d;
    client_init(&d, &w, 2);
    knows(&d);
    w.ports = 2; /* the second relay finds no port */
    begin(&d);
    stun_write_u8(&d.w, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&d), 0);
    assert_int_equal(stun_msg_bytes(&d.reply, STUN_ATTR_ADDRESS_ERROR_CODE, &error, &len), 0);
    assert_memory_equal(error, "\x02\0\x05\x08", 4);
    begin(&d);
    stun_write_u8(&d.w, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 1);
    assert_int_equal(client_send(&d), 437);
}

static void pending_pair_of_relays_closes_the_first_when_it_ends(void **state) {
    (void)state;
    w.hold_relays = true;
    begin(&c);
    stun_write_u8(&c.w, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&c), -1);
    assert_int_equal(world_answer_relay(&w), 0);
    assert_int_equal(w.open_relays, 1);
    assert_int_equal(w.replies, 0);
    world_sleep(&w, 11);
    assert_int_equal(w.open_relays, 0);
    assert_int_equal(w.total, 0);
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
        T(even_port_is_even),
        T(reserved_port_goes_to_who_has_the_token),
        T(reservation_ends_after_30_seconds),
        T(even_port_loops_leave_the_port_pool_full),
        T(reservation_token_excludes_other_wishes),
        T(token_of_another_worker_is_forwarded),
        T(additional_family_brings_two_relays),
        T(additional_family_that_cannot_be_had_is_reported),
        T(pending_pair_of_relays_closes_the_first_when_it_ends),
        T(refresh_of_another_family_gets_443),
        T(requests_without_allocation_get_437),
        T(refresh_with_lifetime_zero_ends_the_allocation),
        T(killed_allocation_is_gone_at_once),
        T(allocations_are_listed_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
