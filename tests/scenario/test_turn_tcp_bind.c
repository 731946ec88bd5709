/* Relayed TCP connections (RFC 6062): ConnectionAttempt, ConnectionBind, and how connections end. */
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

/* A connection with the peer that waits for its ConnectionBind. */
static uint32_t connected(void) {
    assert_int_equal(client_allocate_tcp(&c), 0);
    assert_int_equal(client_connect(&c, PEER), 0);
    uint32_t id = client_connection_id(&c);
    assert_true(world_has_peer(&w, id));
    return id;
}

/* ---- ConnectionAttempt */

static void a_permitted_peer_is_announced(void **state) {
    (void)state;
    struct stun_msg msg;
    struct addr peer, wanted = test_addr(PEER);
    uint32_t told;
    assert_int_equal(client_allocate_tcp(&c), 0);
    assert_int_equal(client_permit(&c, PEER), 0);
    int64_t id = world_peer_connects(&w, client_allocation(&c), PEER);
    assert_true(id >= 0);
    assert_int_equal(stun_msg_parse(&msg, w.indication, w.indication_len), 0);
    assert_int_equal(msg.class, STUN_INDICATION);
    assert_int_equal(msg.method, STUN_CONNECTION_ATTEMPT);
    assert_true(five_tuple_equal(&w.indication_to, &c.tuple));
    assert_int_equal(stun_msg_xor_addr(&msg, STUN_ATTR_XOR_PEER_ADDRESS, &peer), 0);
    assert_true(addr_equal(&peer, &wanted));
    assert_int_equal(stun_msg_u32(&msg, STUN_ATTR_CONNECTION_ID, &told), 0);
    assert_int_equal(told, id);
    assert_int_equal(client_bind_connection(&d, told), 0);
    assert_int_equal(client_connect(&c, PEER), 446);
}

static void a_peer_without_permission_is_turned_away(void **state) {
    (void)state;
    assert_int_equal(client_allocate_tcp(&c), 0);
    assert_int_equal(world_peer_connects(&w, client_allocation(&c), PEER), -ERR_FORBIDDEN);
    assert_int_equal(w.indication_len, 0);
    assert_int_equal(client_permit(&c, PEER), 0);
    world_sleep(&w, 301); /* the permission has ended */
    assert_int_equal(world_peer_connects(&w, client_allocation(&c), PEER), -ERR_FORBIDDEN);
    assert_int_equal(client_connect(&c, PEER), 0); /* Connect gives none */
    assert_int_equal(world_peer_connects(&w, client_allocation(&c), "203.0.113.9:5001"), -ERR_FORBIDDEN);
    assert_int_equal(client_allocate(&d), 0); /* nor is one by a relay of UDP let in */
    assert_int_equal(client_permit(&d, PEER), 0);
    assert_int_equal(world_peer_connects(&w, client_allocation(&d), PEER), -ERR_FORBIDDEN);
}

/* ---- ConnectionBind */

static void connection_bind_takes_a_waiting_connection_once(void **state) {
    (void)state;
    uint32_t id = connected();
    assert_int_equal(client_bind_connection(&d, id), 0);
    assert_int_equal(w.held_take.connection.worker, 2);
    struct client e;
    client_init(&e, &w, 3);
    e.tuple.transport = TRANSPORT_TLS;
    assert_int_equal(client_bind_connection(&e, id), 400);
    world_sleep(&w, 60);
    assert_true(world_has_peer(&w, id)); /* bound: no limit of 30 s */
}

static void an_unbound_connection_ends_after_30_seconds(void **state) {
    (void)state;
    uint32_t id = connected();
    world_sleep(&w, 29);
    assert_true(world_has_peer(&w, id));
    world_sleep(&w, 2);
    assert_false(world_has_peer(&w, id));
    assert_int_equal(w.replies, 0);
    assert_int_equal(client_bind_connection(&d, id), 400);
    assert_int_equal(client_permit(&c, PEER), 0);
    int64_t other = world_peer_connects(&w, client_allocation(&c), PEER);
    world_sleep(&w, 31);
    assert_false(world_has_peer(&w, (uint32_t)other));
}

static void connection_bind_of_another_user_gets_441_and_takes_nothing(void **state) {
    (void)state;
    uint32_t id = connected();
    snprintf(d.user, sizeof d.user, "bob");
    snprintf(d.password, sizeof d.password, "builder");
    assert_int_equal(client_bind_connection(&d, id), 441);
    struct client e;
    client_init(&e, &w, 3);
    e.tuple.transport = TRANSPORT_TCP;
    assert_int_equal(client_bind_connection(&e, id), 0);
}

static void a_namesake_of_another_realm_gets_441(void **state) {
    (void)state;
    uint32_t id = connected();
    assert_int_equal(turn_server_connection_take(w.server, id, "alice", "elsewhere.example"), 441);
    assert_int_equal(client_bind_connection(&d, id), 0);
}

static void connection_bind_needs_credentials(void **state) {
    (void)state;
    uint32_t id = connected();
    client_begin(&d, STUN_CONNECTION_BIND);
    stun_write_u32(&d.w, STUN_ATTR_CONNECTION_ID, id);
    assert_int_equal(client_send(&d), 401);
    client_learn(&d);
    snprintf(d.password, sizeof d.password, "guess");
    assert_int_equal(client_bind_connection(&d, id), 401);
    assert_int_equal(w.questions_take, 0);
}

static void the_nonce_of_the_control_connection_serves_data_connections(void **state) {
    (void)state;
    uint32_t id = connected();
    snprintf(d.realm, sizeof d.realm, "%s", c.realm);
    snprintf(d.nonce, sizeof d.nonce, "%s", c.nonce);
    d.tuple.remote = c.tuple.remote;
    d.tuple.remote.port++;
    client_begin(&d, STUN_CONNECTION_BIND);
    stun_write_u32(&d.w, STUN_ATTR_CONNECTION_ID, id);
    assert_int_equal(client_send(&d), 0);
    d.tuple.remote.ip[3]++; /* from another host it is no nonce, */
    client_begin(&d, STUN_CONNECTION_BIND);
    assert_int_equal(client_send(&d), 438);
    d.tuple = c.tuple; /* nor by a transport that can be forged */
    d.tuple.transport = TRANSPORT_UDP;
    snprintf(d.nonce, sizeof d.nonce, "%s", c.nonce);
    client_begin(&d, STUN_REFRESH);
    assert_int_equal(client_send(&d), 438);
}

static void connection_bind_over_udp_or_dtls_gets_400(void **state) {
    (void)state;
    uint32_t id = connected();
    d.tuple.transport = TRANSPORT_UDP;
    assert_int_equal(client_bind_connection(&d, id), 400);
    d.tuple.transport = TRANSPORT_DTLS;
    assert_int_equal(client_bind_connection(&d, id), 400);
    assert_int_equal(w.questions_take, 0);
}

static void connection_bind_on_a_control_connection_gets_400(void **state) {
    (void)state;
    uint32_t id = connected();
    assert_int_equal(client_bind_connection(&c, id), 400);
}

static void connection_bind_without_or_with_an_unknown_id_gets_400(void **state) {
    (void)state;
    uint32_t id = connected();
    assert_int_equal(client_bind_connection(&d, id + 4), 400);
    client_begin(&d, STUN_CONNECTION_BIND);
    assert_int_equal(client_send(&d), 400);
    client_begin(&d, STUN_CONNECTION_BIND);
    stun_write_bytes(&d.w, STUN_ATTR_CONNECTION_ID, "abc", 3);
    assert_int_equal(client_send(&d), 400);
}

static void connection_bind_before_the_peer_has_answered_gets_400(void **state) {
    (void)state;
    w.hold_connects = true;
    assert_int_equal(client_allocate_tcp(&c), 0);
    assert_int_equal(client_connect(&c, PEER), -1);
    assert_int_equal(client_bind_connection(&d, w.held_connect.connection.id), 400);
    assert_int_equal(world_answer_connect(&w, true), 0);
}

static void connection_bind_works_with_a_credential_that_expired_since(void **state) {
    (void)state;
    client_set_ephemeral(&c, "north", w.now.wall_s + 20, "carol");
    snprintf(d.user, sizeof d.user, "%s", c.user);
    snprintf(d.password, sizeof d.password, "%s", c.password);
    assert_int_equal(client_allocate_tcp(&c), 0);
    world_sleep(&w, 25);
    assert_int_equal(client_connect(&c, PEER), 0);
    assert_int_equal(client_bind_connection(&d, client_connection_id(&c)), 0);
    w.settings.strict_expiry = true;
    world_configure(&w);
    struct client e = d;
    e.tuple.remote.port++;
    assert_int_equal(client_bind_connection(&e, 7), 401);
}

static void a_data_connection_that_goes_while_it_is_bound_gives_the_peer_back(void **state) {
    (void)state;
    uint32_t id = connected();
    w.hold_takes = true;
    assert_int_equal(client_bind_connection(&d, id), -1);
    turn_server_client_gone(w.server, &d.tuple);
    world_drain(&w);
    assert_int_equal(world_answer_take(&w), -ENOENT);
    assert_false(world_has_peer(&w, id));
}

static void ids_carry_the_worker_and_are_unpredictable(void **state) {
    (void)state;
    uint32_t seen[TURN_CONNECTIONS_WAITING_MAX];
    char peer[32];
    unsigned near = 0;
    assert_int_equal(client_allocate_tcp(&c), 0);
    for (unsigned i = 0; i < TURN_CONNECTIONS_WAITING_MAX; i++) {
        snprintf(peer, sizeof peer, "203.0.113.9:%u", 6000 + i);
        assert_int_equal(client_connect(&c, peer), 0);
        seen[i] = client_connection_id(&c);
        assert_int_equal(seen[i] % w.settings.worker_count, w.settings.worker);
        for (unsigned k = 0; k < i; k++) {
            assert_int_not_equal(seen[k], seen[i]);
            near += seen[k] - seen[i] + 65536 < 131072;
        }
    }
    assert_true(near < 4);
}

/* ---- ends */

static void the_end_of_an_allocation_closes_all_its_connections(void **state) {
    (void)state;
    uint32_t id = connected();
    assert_int_equal(client_bind_connection(&d, id), 0);
    assert_int_equal(client_connect(&c, "203.0.113.9:5001"), 0);
    w.hold_connects = true;
    assert_int_equal(client_connect(&c, "203.0.113.9:5002"), -1);
    assert_int_equal(w.open_peers, 2);
    client_begin(&c, STUN_REFRESH);
    stun_write_u32(&c.w, STUN_ATTR_LIFETIME, 0);
    client_sign(&c);
    world_input(&w, &c.tuple, c.request, c.w.len);
    assert_int_equal(w.replies, 2); /* the Refresh and the Connect that waited */
    assert_int_equal(w.open_peers, 0);
    assert_int_equal(w.open_relays, 0);
    assert_int_equal(world_answer_connect(&w, true), -ENOENT);
    assert_int_equal(turn_server_deadline(w.server), UINT64_MAX);
}

static void expiry_kill_and_a_lost_control_connection_close_connections(void **state) {
    (void)state;
    connected();
    assert_int_equal(client_bind_connection(&d, client_connection_id(&c)), 0);
    world_sleep(&w, 601);
    assert_int_equal(w.open_peers, 0);
    connected();
    turn_server_kill(w.server, client_allocation(&c));
    world_drain(&w);
    assert_int_equal(w.open_peers, 0);
    connected();
    turn_server_client_gone(w.server, &c.tuple);
    world_drain(&w);
    assert_int_equal(w.open_peers, 0);
    assert_int_equal(w.open_relays, 0);
}

static void new_rules_end_connections_with_peers_they_deny(void **state) {
    (void)state;
    static const char *const rules[] = {"-203.0.113.9:5000"};
    uint32_t id = connected();
    assert_int_equal(client_bind_connection(&d, id), 0);
    assert_int_equal(client_connect(&c, "203.0.113.9:5001"), 0);
    uint32_t other = client_connection_id(&c);
    world_set_rules(&w, rules, 1);
    world_drain(&w);
    assert_false(world_has_peer(&w, id));
    assert_true(world_has_peer(&w, other));
}

static void switching_tcp_off_keeps_what_there_is(void **state) {
    (void)state;
    uint32_t id = connected();
    w.settings.tcp = false;
    world_configure(&w);
    assert_int_equal(client_bind_connection(&d, id), 0);
    assert_int_equal(client_connect(&c, "203.0.113.9:5001"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_permitted_peer_is_announced),
        TEST(a_peer_without_permission_is_turned_away),
        TEST(connection_bind_takes_a_waiting_connection_once),
        TEST(an_unbound_connection_ends_after_30_seconds),
        TEST(connection_bind_of_another_user_gets_441_and_takes_nothing),
        TEST(a_namesake_of_another_realm_gets_441),
        TEST(connection_bind_needs_credentials),
        TEST(the_nonce_of_the_control_connection_serves_data_connections),
        TEST(connection_bind_over_udp_or_dtls_gets_400),
        TEST(connection_bind_on_a_control_connection_gets_400),
        TEST(connection_bind_without_or_with_an_unknown_id_gets_400),
        TEST(connection_bind_before_the_peer_has_answered_gets_400),
        TEST(connection_bind_works_with_a_credential_that_expired_since),
        TEST(a_data_connection_that_goes_while_it_is_bound_gives_the_peer_back),
        TEST(ids_carry_the_worker_and_are_unpredictable),
        TEST(the_end_of_an_allocation_closes_all_its_connections),
        TEST(expiry_kill_and_a_lost_control_connection_close_connections),
        TEST(new_rules_end_connections_with_peers_they_deny),
        TEST(switching_tcp_off_keeps_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
