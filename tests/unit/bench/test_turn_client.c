/* The client machine, against replies recorded from coturn and replies made here. */
#include "bench/turn_client.h"

#include "base/error.h"
#include "proto/stun/stun.h"
#include "vectors/coturn_replies.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000)

static struct stun_crypto *crypto;
static struct turn_client_config config;
static struct turn_client *c;
static uint8_t transactions;
static char password[STUN_PASSWORD_BYTES];

static void count_up(void *out, size_t n) { memset(out, ++transactions, n); }

static int setup(void **state) {
    (void)state;
    static const char user[] = "2000000000:bench";
    crypto = stun_crypto_new();
    transactions = 0;
    if (!crypto || stun_derive_password(crypto, "sss", user, strlen(user), password) < 0) {
        return -1;
    }
    config = (struct turn_client_config){.crypto = crypto,
                                         .user = user,
                                         .password = password,
                                         .realm = "",
                                         .lifetime_s = 600,
                                         .relay_family = AF_INET,
                                         .random = count_up};
    c = turn_client_new(&config);
    return c ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    turn_client_free(c);
    stun_crypto_free(crypto);
    return 0;
}

/* A client made anew with the changed config. */
static void restart(void) {
    turn_client_free(c);
    transactions = 0;
    c = turn_client_new(&config);
    assert_non_null(c);
}

/* Takes the message to send, which there must be, and reads it. */
static struct stun_msg sent(void) {
    size_t len;
    struct stun_msg msg;
    const uint8_t *data = turn_client_poll(c, &len);
    assert_non_null(data);
    assert_int_equal(stun_msg_parse(&msg, data, len), 0);
    return msg;
}

static void nothing_to_send(void) {
    size_t len;
    assert_null(turn_client_poll(c, &len));
}

#define INPUT(reply, now) turn_client_input(c, reply, sizeof reply, now)

/* As far as the state ALLOCATED. */
static void allocate(uint64_t now_us) {
    turn_client_allocate(c, now_us);
    sent();
    assert_int_equal(INPUT(coturn_challenge, now_us), 0);
    sent();
    assert_int_equal(INPUT(coturn_allocated, now_us), 0);
    assert_int_equal(turn_client_state(c), TURN_CLIENT_ALLOCATED);
}

static void bind_peer(uint64_t now_us) {
    struct addr peer;
    addr_parse(&peer, "127.0.0.1:9999");
    turn_client_bind(c, &peer, 0x4000, now_us);
}

/* An error reply to the client's last request. */
static int input_error(int code, uint8_t txid, uint16_t method) {
    uint8_t buf[256], id[STUN_TXID_BYTES];
    struct writer w;
    memset(id, txid, sizeof id);
    writer_init(&w, buf, sizeof buf);
    stun_write_header(&w, STUN_ERROR, method, id);
    stun_write_error(&w, code);
    if (code == 401 || code == 438) {
        stun_write_text(&w, STUN_ATTR_REALM, "bench.test");
        stun_write_text(&w, STUN_ATTR_NONCE, "fresh");
    }
    return turn_client_input(c, buf, (size_t)stun_write_end(&w), 0);
}

static void first_request_carries_no_credentials(void **state) {
    (void)state;
    turn_client_allocate(c, 0);
    struct stun_msg msg = sent();
    assert_int_equal(msg.method, STUN_ALLOCATE);
    assert_false(stun_msg_has(&msg, STUN_ATTR_USERNAME));
    assert_true(stun_msg_has(&msg, STUN_ATTR_REQUESTED_TRANSPORT));
    nothing_to_send();
}

static void recorded_session_runs_from_allocate_to_release(void **state) {
    (void)state;
    turn_client_allocate(c, 0);
    sent();
    assert_int_equal(INPUT(coturn_challenge, 1), 0);
    struct stun_msg msg = sent();
    assert_true(stun_msg_has(&msg, STUN_ATTR_MESSAGE_INTEGRITY));
    assert_int_equal(INPUT(coturn_allocated, 2), 0);
    assert_int_equal(turn_client_state(c), TURN_CLIENT_ALLOCATED);
    assert_int_equal(turn_client_relayed(c)->family, AF_INET);
    assert_true(addr_is_loopback(turn_client_relayed(c)));
    bind_peer(3);
    msg = sent();
    assert_int_equal(msg.method, STUN_CHANNEL_BIND);
    assert_int_equal(INPUT(coturn_bound, 4), 0);
    assert_int_equal(turn_client_state(c), TURN_CLIENT_READY);
    turn_client_release(c, 5);
    msg = sent();
    assert_int_equal(msg.method, STUN_REFRESH);
    assert_int_equal(INPUT(coturn_released, 6), 0);
    assert_int_equal(turn_client_state(c), TURN_CLIENT_RELEASED);
    assert_true(turn_client_deadline(c) == UINT64_MAX);
}

static void tampered_reply_is_ignored(void **state) {
    (void)state;
    turn_client_allocate(c, 0);
    sent();
    INPUT(coturn_challenge, 0);
    sent();
    uint8_t bad[sizeof coturn_allocated];
    memcpy(bad, coturn_allocated, sizeof bad);
    bad[27] ^= 1; /* in the relayed address */
    assert_int_equal(INPUT(bad, 0), -ERR_INTEGRITY);
    assert_int_equal(turn_client_state(c), TURN_CLIENT_ALLOCATING);
    assert_int_equal(INPUT(coturn_allocated, 0), 0);
}

static void replies_not_awaited_are_ignored(void **state) {
    (void)state;
    assert_int_equal(INPUT(coturn_challenge, 0), -ENOENT);
    turn_client_allocate(c, 0);
    sent();
    assert_int_equal(INPUT(coturn_allocated, 0), -ENOENT);
    assert_int_equal(INPUT(coturn_challenge, 0), 0);
    assert_int_equal(INPUT(coturn_challenge, 0), -ENOENT);
}

static void wrong_password_ends_after_one_answer(void **state) {
    (void)state;
    turn_client_allocate(c, 0);
    sent();
    INPUT(coturn_challenge, 0);
    sent();
    assert_int_equal(input_error(401, 2, STUN_ALLOCATE), 0);
    assert_int_equal(turn_client_state(c), TURN_CLIENT_FAILED);
    assert_int_equal(turn_client_error(c), 401);
    nothing_to_send();
}

static void stale_nonce_is_replaced(void **state) {
    (void)state;
    turn_client_allocate(c, 0);
    sent();
    INPUT(coturn_challenge, 0);
    sent();
    assert_int_equal(input_error(438, 2, STUN_ALLOCATE), 0);
    struct stun_msg msg = sent();
    const uint8_t *nonce;
    size_t len;
    assert_int_equal(stun_msg_bytes(&msg, STUN_ATTR_NONCE, &nonce, &len), 0);
    assert_int_equal(len, 5);
    assert_memory_equal(nonce, "fresh", 5);
}

static void endless_stale_nonces_end(void **state) {
    (void)state;
    turn_client_allocate(c, 0);
    sent();
    INPUT(coturn_challenge, 0);
    for (uint8_t i = 2; i < 50 && turn_client_state(c) == TURN_CLIENT_ALLOCATING; i++) {
        sent();
        input_error(438, i, STUN_ALLOCATE);
    }
    assert_int_equal(turn_client_error(c), 438);
}

static void quota_error_is_told(void **state) {
    (void)state;
    turn_client_allocate(c, 0);
    sent();
    INPUT(coturn_challenge, 0);
    sent();
    input_error(486, 2, STUN_ALLOCATE);
    assert_int_equal(turn_client_error(c), 486);
}

static void other_realm_than_asked_for_is_refused(void **state) {
    (void)state;
    config.realm = "elsewhere";
    restart();
    turn_client_allocate(c, 0);
    sent();
    INPUT(coturn_challenge, 0);
    assert_int_equal(turn_client_state(c), TURN_CLIENT_FAILED);
    nothing_to_send();
}

static void silence_is_answered_with_seven_sends_then_failure(void **state) {
    (void)state;
    turn_client_allocate(c, 0);
    /* RFC 8489 section 6.2.1: sends at 0, 500, 1500, 3500, 7500, 15500 and 31500 ms, end at 39500 ms. */
    static const uint64_t at_ms[] = {500, 1500, 3500, 7500, 15500, 31500};
    sent();
    for (size_t i = 0; i < sizeof at_ms / sizeof at_ms[0]; i++) {
        assert_int_equal(turn_client_deadline(c), at_ms[i] * 1000);
        turn_client_timeout(c, at_ms[i] * 1000 - 1);
        nothing_to_send();
        turn_client_timeout(c, at_ms[i] * 1000);
        sent();
    }
    assert_int_equal(turn_client_deadline(c), 39500000);
    turn_client_timeout(c, 39500000);
    nothing_to_send();
    assert_int_equal(turn_client_state(c), TURN_CLIENT_FAILED);
    assert_int_equal(turn_client_error(c), 0);
}

static void reliable_transport_sends_once(void **state) {
    (void)state;
    config.reliable = true;
    restart();
    turn_client_allocate(c, 0);
    sent();
    assert_int_equal(turn_client_deadline(c), 39500000);
    turn_client_timeout(c, 39500000);
    nothing_to_send();
    assert_int_equal(turn_client_state(c), TURN_CLIENT_FAILED);
}

static void channel_and_allocation_are_kept_alive(void **state) {
    (void)state;
    allocate(0);
    bind_peer(0);
    sent();
    INPUT(coturn_bound, 0);
    assert_int_equal(turn_client_deadline(c), 240 * SECOND);
    turn_client_timeout(c, 240 * SECOND);
    struct stun_msg msg = sent();
    assert_int_equal(msg.method, STUN_CHANNEL_BIND);
    assert_int_equal(turn_client_state(c), TURN_CLIENT_READY);
    input_error(500, 4, STUN_CHANNEL_BIND);
    assert_int_equal(turn_client_state(c), TURN_CLIENT_FAILED);
}

static void indications_need_a_permission_only(void **state) {
    (void)state;
    config.indications = true;
    restart();
    allocate(0);
    bind_peer(0);
    struct stun_msg msg = sent();
    assert_int_equal(msg.method, STUN_CREATE_PERMISSION);
    assert_false(stun_msg_has(&msg, STUN_ATTR_CHANNEL_NUMBER));
}

static void ipv6_relay_is_asked_for(void **state) {
    (void)state;
    config.relay_family = AF_INET6;
    restart();
    turn_client_allocate(c, 0);
    struct stun_msg msg = sent();
    uint8_t family;
    assert_int_equal(stun_msg_u8(&msg, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &family), 0);
    assert_int_equal(family, 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(first_request_carries_no_credentials),
        CASE(recorded_session_runs_from_allocate_to_release),
        CASE(tampered_reply_is_ignored),
        CASE(replies_not_awaited_are_ignored),
        CASE(wrong_password_ends_after_one_answer),
        CASE(stale_nonce_is_replaced),
        CASE(endless_stale_nonces_end),
        CASE(quota_error_is_told),
        CASE(other_realm_than_asked_for_is_refused),
        CASE(silence_is_answered_with_seven_sends_then_failure),
        CASE(reliable_transport_sends_once),
        CASE(channel_and_allocation_are_kept_alive),
        CASE(indications_need_a_permission_only),
        CASE(ipv6_relay_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
