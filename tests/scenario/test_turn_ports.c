/* Even ports, reserved ports and their tokens, and relays of two families. */
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

/* What a worker with that number has given out. */
static void token_of_worker(uint8_t number, uint8_t token[8]) {
    struct world other;
    struct client d;
    const uint8_t *value;
    size_t len;
    world_init(&other);
    other.settings.worker = number;
    assert_int_equal(world_configure(&other), 0);
    client_init(&d, &other, 1);
    knows(&d);
    begin_even(&d, 0x80);
    assert_int_equal(client_send(&d), 0);
    assert_int_equal(stun_msg_bytes(&d.reply, STUN_ATTR_RESERVATION_TOKEN, &value, &len), 0);
    memcpy(token, value, 8);
    world_deinit(&other);
}

static void token_of_another_worker_is_forwarded(void **state) {
    (void)state;
    uint8_t token[8];
    token_of_worker(3, token);
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, 8);
    assert_int_equal(client_send(&c), -1);
    assert_int_equal(w.forwarded_to, 3);
    token[0] = 2; /* not what that worker has made */
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, 8);
    assert_int_equal(client_send(&c), 508);
    token_of_worker(4, token); /* no such worker */
    begin(&c);
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, 8);
    assert_int_equal(client_send(&c), 508);
    token_of_worker(3, token); /* a stranger's is not passed on */
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

static void additional_family_may_have_the_number_of_the_draft(void **state) {
    (void)state;
    begin(&c);
    stun_write_u8(&c.w, STUN_ATTR_DRAFT_ADDITIONAL_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&c), 0);
    assert_int_equal(w.open_relays, 2);
    assert_int_equal(client_refresh(&c, 0), 0);
    begin_even(&c, 0x80);
    stun_write_u8(&c.w, STUN_ATTR_DRAFT_ADDITIONAL_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&c), 400);
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

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(even_port_is_even),
        T(reserved_port_goes_to_who_has_the_token),
        T(reservation_ends_after_30_seconds),
        T(even_port_loops_leave_the_port_pool_full),
        T(reservation_token_excludes_other_wishes),
        T(token_of_another_worker_is_forwarded),
        T(additional_family_brings_two_relays),
        T(additional_family_may_have_the_number_of_the_draft),
        T(additional_family_that_cannot_be_had_is_reported),
        T(pending_pair_of_relays_closes_the_first_when_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
