/* Relayed TCP connections (RFC 6062): who may have them, and Connect. */
#include "lib/turn_world.h"

#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char PEER[] = "203.0.113.9:5000";

static struct world w;
static struct client c; /* the control connection */
static struct client d; /* a data connection of the same user */

static int setup(void **state) {
    (void)state;
    world_init(&w);
    w.settings.tcp = true;
    w.settings.worker = 2;
    world_configure(&w);
    client_init(&c, &w, 1);
    client_init(&d, &w, 2);
    c.tuple.transport = d.tuple.transport = TRANSPORT_TCP;
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

static void begin_tcp(void) {
    client_begin(&c, STUN_ALLOCATE);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_TRANSPORT, 6);
}

/* ---- Allocate */

static void a_client_on_tcp_or_tls_gets_a_tcp_relay(void **state) {
    (void)state;
    assert_int_equal(client_allocate_tcp(&c), 0);
    assert_true(w.held_relay.open.tcp);
    assert_true(client_allocation(&c)->tcp);
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_XOR_RELAYED_ADDRESS));
    d.tuple.transport = TRANSPORT_TLS;
    assert_int_equal(client_allocate_tcp(&d), 0);
}

static void a_udp_relay_stays_one(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    assert_false(w.held_relay.open.tcp);
    assert_false(client_allocation(&c)->tcp);
}

static void allocate_of_tcp_over_udp_or_dtls_gets_400(void **state) {
    (void)state;
    d.tuple.transport = TRANSPORT_UDP;
    assert_int_equal(client_allocate_tcp(&d), 400);
    d.tuple.transport = TRANSPORT_DTLS;
    assert_int_equal(client_allocate_tcp(&d), 400);
    assert_int_equal(w.questions_relay, 0);
}

static void allocate_of_tcp_gets_442_unless_it_is_switched_on(void **state) {
    (void)state;
    w.settings.tcp = false;
    world_configure(&w);
    assert_int_equal(client_allocate_tcp(&c), 442);
}

static void allocate_of_tcp_excludes_what_belongs_to_udp(void **state) {
    (void)state;
    static const uint8_t token[8] = {2}, even[1] = {0};
    begin_tcp();
    stun_write_bytes(&c.w, STUN_ATTR_EVEN_PORT, even, sizeof even);
    assert_int_equal(client_send(&c), 400);
    begin_tcp();
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, sizeof token);
    assert_int_equal(client_send(&c), 400);
    begin_tcp();
    stun_write_bytes(&c.w, STUN_ATTR_DONT_FRAGMENT, NULL, 0);
    assert_int_equal(client_send(&c), 400);
    assert_int_equal(w.open_relays, 0);
    assert_int_equal(w.total, 0);
}

static void a_tcp_relay_gets_no_mobility_ticket(void **state) {
    (void)state;
    w.settings.mobility = true;
    world_configure(&w);
    begin_tcp();
    stun_write_bytes(&c.w, STUN_ATTR_MOBILITY_TICKET, NULL, 0);
    assert_int_equal(client_send(&c), 405);
}

static void channels_and_send_indications_do_not_reach_through_tcp_relays(void **state) {
    (void)state;
    struct addr peer = test_addr(PEER);
    assert_int_equal(client_allocate_tcp(&c), 0);
    assert_int_equal(client_bind(&c, 0x4000, PEER), 403);
    assert_int_equal(client_permit(&c, PEER), 0);
    assert_int_equal(turn_server_route(w.server, client_allocation(&c), &peer), TURN_ROUTE_NONE);
}

static void a_tcp_relay_of_both_families_connects_to_both(void **state) {
    (void)state;
    begin_tcp();
    stun_write_u8(&c.w, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&c), 0);
    assert_int_equal(client_connect(&c, PEER), 0);
    assert_ptr_equal(w.held_connect.connection.from, client_allocation(&c)->relays[0].handle);
    assert_int_equal(client_connect(&c, "[2001:db8::9]:5000"), 0);
    assert_ptr_equal(w.held_connect.connection.from, client_allocation(&c)->relays[1].handle);
    client_begin(&c, STUN_REFRESH); /* one family ends, and its connections with it */
    stun_write_u32(&c.w, STUN_ATTR_LIFETIME, 0);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 2);
    assert_int_equal(client_send(&c), 0);
    assert_int_equal(w.open_peers, 1);
    assert_int_equal(client_connect(&c, "[2001:db8::9]:5000"), 443);
}

/* ---- Connect */

static void connect_answers_once_the_peer_has_taken_the_connection(void **state) {
    (void)state;
    w.hold_connects = true;
    assert_int_equal(client_allocate_tcp(&c), 0);
    assert_int_equal(client_connect(&c, PEER), -1);
    assert_int_equal(client_resend(&c), -1); /* absorbed */
    assert_int_equal(w.questions_connect, 1);
    struct addr peer = test_addr(PEER);
    assert_true(addr_equal(&w.held_connect.connection.peer, &peer));
    assert_int_equal(world_answer_connect(&w, true), 0);
    assert_int_equal(w.reply_code, 0);
    struct stun_msg reply;
    uint32_t id;
    assert_int_equal(stun_msg_parse(&reply, w.reply, w.reply_len), 0);
    assert_int_equal(stun_msg_u32(&reply, STUN_ATTR_CONNECTION_ID, &id), 0);
    assert_int_equal(id, w.held_connect.connection.id);
    assert_true(stun_msg_has(&reply, STUN_ATTR_MESSAGE_INTEGRITY));
}

static void connect_needs_a_tcp_allocation_of_the_same_user(void **state) {
    (void)state;
    assert_int_equal(client_connect(&c, PEER), 437);
    assert_int_equal(client_allocate_tcp(&c), 0);
    snprintf(c.user, sizeof c.user, "bob");
    snprintf(c.password, sizeof c.password, "builder");
    assert_int_equal(client_connect(&c, PEER), 441);
    assert_int_equal(client_allocate(&d), 0);
    assert_int_equal(client_connect(&d, PEER), 403);
    assert_int_equal(w.questions_connect, 0);
}

static void connect_without_a_whole_peer_address_gets_400(void **state) {
    (void)state;
    assert_int_equal(client_allocate_tcp(&c), 0);
    client_begin(&c, STUN_CONNECT);
    assert_int_equal(client_send(&c), 400);
    client_begin(&c, STUN_CONNECT);
    stun_write_bytes(&c.w, STUN_ATTR_XOR_PEER_ADDRESS, "xyz", 3);
    assert_int_equal(client_send(&c), 400);
    assert_int_equal(client_connect(&c, "203.0.113.9:0"), 400);
}

static void connect_to_a_denied_peer_gets_403(void **state) {
    (void)state;
    static const char *const denied[] = {
        "10.0.0.1:80",        "127.0.0.1:80",        "169.254.169.254:80",      "[::1]:80",   "[fe80::1]:80",
        "[2002:7f00:1::]:80", "[64:ff9b::a00:1]:80", "[::ffff:192.168.0.1]:80", "0.0.0.0:80", "224.0.0.1:80"};
    static const char *const rules[] = {"-203.0.113.9:5001"};
    assert_int_equal(client_allocate_tcp(&c), 0);
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        assert_int_equal(client_connect(&c, denied[i]), 403);
        assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_FORBIDDEN_PEER));
    }
    world_set_rules(&w, rules, 1);
    assert_int_equal(client_connect(&c, "203.0.113.9:5001"), 403);
    assert_int_equal(client_connect(&c, "203.0.113.9:5002"), 0);
    assert_int_equal(w.questions_connect, 1);
}

static void connect_to_another_family_gets_443(void **state) {
    (void)state;
    assert_int_equal(client_allocate_tcp(&c), 0);
    assert_int_equal(client_connect(&c, "[2001:db8::9]:5000"), 443);
}

static void a_second_connect_to_the_same_peer_gets_446(void **state) {
    (void)state;
    w.hold_connects = true;
    assert_int_equal(client_allocate_tcp(&c), 0);
    assert_int_equal(client_connect(&c, PEER), -1);
    assert_int_equal(client_connect(&c, PEER), 446); /* while it connects */
    assert_int_equal(world_answer_connect(&w, true), 0);
    assert_int_equal(client_connect(&c, PEER), 446); /* while it waits */
    assert_int_equal(client_bind_connection(&d, w.held_connect.connection.id), 0);
    assert_int_equal(client_connect(&c, PEER), 446); /* while it is in use */
    assert_int_equal(turn_server_connection_closed(w.server, w.held_connect.connection.id), 0);
    world_drain(&w);
    w.hold_connects = false;
    assert_int_equal(client_connect(&c, PEER), 0);
}

static void a_peer_that_does_not_take_the_connection_gives_447(void **state) {
    (void)state;
    assert_int_equal(client_allocate_tcp(&c), 0);
    w.refuse_connects = true;
    assert_int_equal(client_connect(&c, PEER), 447);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_UNREACHABLE));
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY));
    w.refuse_connects = false;
    assert_int_equal(client_connect(&c, PEER), 0);
}

static void a_connect_that_takes_30_seconds_gives_447(void **state) {
    (void)state;
    w.hold_connects = true;
    assert_int_equal(client_allocate_tcp(&c), 0);
    assert_int_equal(client_connect(&c, PEER), -1);
    world_sleep(&w, 29);
    assert_int_equal(w.replies, 0);
    world_sleep(&w, 2);
    assert_int_equal(w.replies, 1);
    assert_int_equal(w.reply_code, 447);
    assert_int_equal(world_answer_connect(&w, true), -ENOENT); /* who comes too late is closed by the caller */
}

static void connects_that_end_together_are_all_answered(void **state) {
    (void)state;
    char peer[32];
    w.hold_connects = true;
    assert_int_equal(client_allocate_tcp(&c), 0);
    for (int i = 0; i < TURN_CONNECTIONS_WAITING_MAX; i++) {
        snprintf(peer, sizeof peer, "203.0.113.9:%d", 6000 + i);
        assert_int_equal(client_connect(&c, peer), -1);
    }
    world_sleep(&w, 31);
    assert_int_equal(w.replies, TURN_CONNECTIONS_WAITING_MAX);
}

static void waiting_connections_of_an_allocation_are_bounded(void **state) {
    (void)state;
    char peer[32];
    w.hold_connects = true;
    assert_int_equal(client_allocate_tcp(&c), 0);
    assert_int_equal(client_permit(&c, "203.0.113.9"), 0);
    for (int i = 0; i < TURN_CONNECTIONS_WAITING_MAX; i++) {
        snprintf(peer, sizeof peer, "203.0.113.9:%d", 6000 + i);
        assert_int_equal(client_connect(&c, peer), -1);
    }
    assert_int_equal(client_connect(&c, PEER), 508);
    assert_int_equal(world_peer_connects(&w, client_allocation(&c), PEER), -ENOSPC);
    world_sleep(&w, 31);
    w.hold_connects = false;
    assert_int_equal(client_connect(&c, PEER), 0);
}

static void connections_of_an_allocation_are_bounded(void **state) {
    (void)state;
    char peer[32];
    assert_int_equal(client_allocate_tcp(&c), 0);
    for (unsigned i = 0; i < TURN_CONNECTIONS_MAX; i++) {
        struct client data;
        client_init(&data, &w, 10 + i);
        data.tuple.transport = TRANSPORT_TCP;
        snprintf(peer, sizeof peer, "203.0.113.9:%u", 6000 + i);
        assert_int_equal(client_connect(&c, peer), 0);
        assert_int_equal(client_bind_connection(&data, client_connection_id(&c)), 0);
    }
    assert_int_equal(client_connect(&c, PEER), 508);
}

static void waiting_connects_leave_room_for_other_requests(void **state) {
    (void)state;
    char peer[32];
    w.hold_connects = true;
    for (unsigned n = 0; n < TURN_PENDING_MAX / TURN_CONNECTIONS_WAITING_MAX + 1; n++) {
        struct client other;
        client_init(&other, &w, 10 + n);
        other.tuple.transport = TRANSPORT_TCP;
        if (client_allocate_tcp(&other) != 0) {
            continue; /* no port */
        }
        for (unsigned i = 0; i < TURN_CONNECTIONS_WAITING_MAX; i++) {
            snprintf(peer, sizeof peer, "203.0.113.9:%u", 6000 + i);
            assert_int_equal(client_connect(&other, peer), -1);
        }
    }
    assert_true(w.questions_connect > TURN_PENDING_MAX);
    assert_int_equal(client_allocate(&d), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_client_on_tcp_or_tls_gets_a_tcp_relay),
        TEST(a_udp_relay_stays_one),
        TEST(allocate_of_tcp_over_udp_or_dtls_gets_400),
        TEST(allocate_of_tcp_gets_442_unless_it_is_switched_on),
        TEST(allocate_of_tcp_excludes_what_belongs_to_udp),
        TEST(a_tcp_relay_gets_no_mobility_ticket),
        TEST(channels_and_send_indications_do_not_reach_through_tcp_relays),
        TEST(a_tcp_relay_of_both_families_connects_to_both),
        TEST(connect_answers_once_the_peer_has_taken_the_connection),
        TEST(connect_needs_a_tcp_allocation_of_the_same_user),
        TEST(connect_without_a_whole_peer_address_gets_400),
        TEST(connect_to_a_denied_peer_gets_403),
        TEST(connect_to_another_family_gets_443),
        TEST(a_second_connect_to_the_same_peer_gets_446),
        TEST(a_peer_that_does_not_take_the_connection_gives_447),
        TEST(a_connect_that_takes_30_seconds_gives_447),
        TEST(connects_that_end_together_are_all_answered),
        TEST(waiting_connections_of_an_allocation_are_bounded),
        TEST(connections_of_an_allocation_are_bounded),
        TEST(waiting_connects_leave_room_for_other_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
