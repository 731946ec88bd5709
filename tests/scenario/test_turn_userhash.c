/* USERHASH: the user is named by a hash, which nobody on the way can read (RFC 8489 sections 9.2, 14.4). */
#include "lib/turn_world.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { COOKIE_CHARS = 9 + 4 };
static const char cookie_both[] = "obMatJos2wAAA";
static const char cookie_algorithms[] = "obMatJos2gAAA";
static const char cookie_anonymity[] = "obMatJos2QAAA";

static struct world w;
static struct client c;

static int setup(void **state) {
    (void)state;
    world_init(&w);
    client_init(&c, &w, 1);
    w.settings.anonymity = true;
    c.hashed = true;
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

static void challenge(struct client *client) {
    begin_allocate(client);
    assert_int_equal(client_send(client), 401);
    client_learn(client);
}

static void anonymity_is_said_in_the_nonce_cookie(void **state) {
    (void)state;
    challenge(&c);
    assert_memory_equal(c.nonce, cookie_anonymity, COOKIE_CHARS);
    assert_false(stun_msg_has(&c.reply, STUN_ATTR_PASSWORD_ALGORITHMS));
    w.settings.sha256 = true;
    assert_int_equal(world_configure(&w), 0);
    client_init(&c, &w, 2);
    challenge(&c);
    assert_memory_equal(c.nonce, cookie_both, COOKIE_CHARS);
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_PASSWORD_ALGORITHMS));
    w.settings.anonymity = false;
    assert_int_equal(world_configure(&w), 0);
    client_init(&c, &w, 3);
    challenge(&c);
    assert_memory_equal(c.nonce, cookie_algorithms, COOKIE_CHARS);
}

static void user_is_found_by_the_hash_and_shown_by_name(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    assert_int_equal(w.questions_key, 1);
    assert_string_equal(client_allocation(&c)->user, "alice");
    assert_string_equal(w.log[0].user, "alice");
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY));
}

static void user_is_found_by_the_hash_with_sha256(void **state) {
    (void)state;
    w.settings.sha256 = true;
    assert_int_equal(world_configure(&w), 0);
    c.sha256 = true;
    assert_int_equal(client_allocate(&c), 0);
    assert_string_equal(client_allocation(&c)->user, "alice");
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY_SHA256));
}

static void owner_is_recognised_by_the_hash_without_asking(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    assert_int_equal(client_refresh(&c, 600), 0);
    assert_int_equal(client_permit(&c, "203.0.113.9:5000"), 0);
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 0);
    c.hashed = false; /* and by his name, as it comes */
    assert_int_equal(client_refresh(&c, 600), 0);
    assert_int_equal(w.questions_key, 1);
}

static void retransmission_while_the_hash_is_looked_up_is_absorbed(void **state) {
    (void)state;
    w.hold_keys = true;
    challenge(&c);
    begin_allocate(&c);
    assert_int_equal(client_send(&c), -1);
    assert_int_equal(client_resend(&c), -1);
    assert_int_equal(w.questions_key, 1);
    assert_int_equal(world_answer_key(&w), 0);
    assert_int_equal(w.replies, 1);
    assert_int_equal(w.reply_code, 0);
    assert_int_equal(client_resend(&c), 0); /* of the answer that was lost: the same again */
    assert_int_equal(w.questions_key, 1);
}

static void name_is_kept_while_a_port_is_opened(void **state) {
    (void)state;
    w.hold_relays = true;
    w.user_quota = 1;
    assert_int_equal(client_allocate(&c), -1);
    w.hold_keys = true; /* another lookup uses the same buffers in between */
    struct client d;
    client_init(&d, &w, 2);
    assert_int_equal(client_allocate(&d), -1);
    assert_int_equal(world_answer_relay(&w), 0);
    assert_string_equal(client_allocation(&c)->user, "alice");
    assert_int_equal(client_refresh(&c, 0), 0); /* and its quota is given back to the same name */
    assert_int_equal(w.total, 0);
}

static void quota_of_a_dropped_request_goes_back_to_the_name(void **state) {
    (void)state;
    w.hold_relays = true;
    assert_int_equal(client_allocate(&c), -1);
    assert_int_equal(w.total, 1);
    world_sleep(&w, 20); /* the answer never came; the world aborts when another name is given back */
    assert_int_equal(w.total, 0);
}

static void another_user_by_hash_gets_441(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    snprintf(c.user, sizeof c.user, "bob");
    snprintf(c.password, sizeof c.password, "builder");
    assert_int_equal(client_refresh(&c, 0), 441);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_WRONG_USER));
    assert_string_equal(w.log[0].user, "bob");
    assert_non_null(client_allocation(&c));
}

static void unknown_hash_gets_401_and_is_logged_as_a_hash(void **state) {
    (void)state;
    snprintf(c.user, sizeof c.user, "mallory");
    assert_int_equal(client_allocate(&c), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_UNKNOWN_USER));
    assert_memory_equal(w.log[0].user, "userhash:", 9);
    assert_int_equal(strlen(w.log[0].user), 9 + 16);
}

static void wrong_password_and_unknown_hash_look_alike(void **state) {
    (void)state;
    uint8_t first[TURN_MESSAGE_BYTES_MAX];
    snprintf(c.user, sizeof c.user, "mallory");
    assert_int_equal(client_allocate(&c), 401);
    size_t len = w.reply_len;
    memcpy(first, w.reply, len);
    struct client d;
    client_init(&d, &w, 1);
    d.hashed = true;
    snprintf(d.password, sizeof d.password, "guess");
    assert_int_equal(client_allocate(&d), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_BAD_INTEGRITY));
    assert_int_equal(w.reply_len, len);
    assert_memory_equal(w.reply + STUN_HEADER_BYTES, first + STUN_HEADER_BYTES, len - STUN_HEADER_BYTES);
}

/* A shared-secret name cannot be found by its hash: the refusal lets the client send the name. */
static void shared_secret_client_may_send_its_name_after_a_refusal(void **state) {
    (void)state;
    client_set_ephemeral(&c, "north", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&c), 401);
    client_learn(&c);
    assert_int_equal(strlen(c.nonce), 22); /* no cookie: the name is to be sent */
    c.hashed = false;
    assert_int_equal(client_allocate(&c), 0);
    assert_int_equal(client_refresh(&c, 600), 0);
}

static void without_shared_secrets_anonymity_stays_offered(void **state) {
    (void)state;
    w.settings.secret_count = 0;
    assert_int_equal(world_configure(&w), 0);
    snprintf(c.user, sizeof c.user, "mallory");
    assert_int_equal(client_allocate(&c), 401);
    client_learn(&c);
    assert_memory_equal(c.nonce, cookie_anonymity, COOKIE_CHARS);
}

static void stale_nonce_keeps_anonymity(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    world_sleep(&w, 599);
    assert_int_equal(client_refresh(&c, 3600), 0);
    world_sleep(&w, 3100);
    client_begin(&c, STUN_REFRESH);
    assert_int_equal(client_send(&c), 438);
    client_learn(&c);
    assert_memory_equal(c.nonce, cookie_anonymity, COOKIE_CHARS);
}

static void bid_down_of_anonymity_gets_438(void **state) {
    (void)state;
    char nonce[128];
    challenge(&c);
    snprintf(nonce, sizeof nonce, "%s", c.nonce);
    c.nonce[9] = 'A'; /* the bit cleared on the way, so that the client sends its name */
    begin_allocate(&c);
    assert_int_equal(client_send(&c), 438);
    snprintf(c.nonce, sizeof c.nonce, "%s", nonce + COOKIE_CHARS); /* the cookie cut off */
    begin_allocate(&c);
    assert_int_equal(client_send(&c), 438);
    assert_int_equal(w.questions_key, 0);
}

static void nonces_stay_good_when_the_first_user_comes(void **state) {
    (void)state;
    w.settings.anonymity = false;
    assert_int_equal(world_configure(&w), 0);
    challenge(&c);
    w.settings.anonymity = true;
    assert_int_equal(world_configure(&w), 0);
    c.hashed = false;
    assert_int_equal(client_allocate(&c), 0);
    struct client d; /* a hash is taken although no bit was set */
    client_init(&d, &w, 2);
    d.hashed = true;
    assert_int_equal(client_allocate(&d), 0);
}

static void hash_of_another_length_gets_400(void **state) {
    (void)state;
    static const size_t lens[] = {0, 16, 31, 33, 64};
    uint8_t bytes[64] = {0};
    challenge(&c);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        begin_allocate(&c);
        stun_write_bytes(&c.w, STUN_ATTR_USERHASH, bytes, lens[i]);
        stun_write_text(&c.w, STUN_ATTR_REALM, c.realm);
        stun_write_text(&c.w, STUN_ATTR_NONCE, c.nonce);
        stun_write_integrity(&c.w, w.crypto, STUN_HASH_SHA1, (struct stun_span){"k", 1});
        assert_int_equal(client_resend(&c), 400);
    }
    assert_int_equal(w.questions_key, 0);
}

/* A caller that found the key but tells no name is taken at its word that there is no such user. */
static void key_without_a_name_is_no_user(void **state) {
    (void)state;
    static const uint8_t bytes[STUN_MD5_BYTES] = {1};
    w.hold_keys = true;
    assert_int_equal(client_allocate(&c), -1);
    struct turn_key key = {bytes, sizeof bytes, NULL};
    assert_int_equal(turn_server_key(w.server, w.held_key.request, &key, &w.now), 0);
    world_drain(&w);
    assert_int_equal(w.reply_code, 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_UNKNOWN_USER));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(anonymity_is_said_in_the_nonce_cookie, setup, teardown),
        cmocka_unit_test_setup_teardown(user_is_found_by_the_hash_and_shown_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(user_is_found_by_the_hash_with_sha256, setup, teardown),
        cmocka_unit_test_setup_teardown(owner_is_recognised_by_the_hash_without_asking, setup, teardown),
        cmocka_unit_test_setup_teardown(retransmission_while_the_hash_is_looked_up_is_absorbed, setup, teardown),
        cmocka_unit_test_setup_teardown(name_is_kept_while_a_port_is_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(quota_of_a_dropped_request_goes_back_to_the_name, setup, teardown),
        cmocka_unit_test_setup_teardown(another_user_by_hash_gets_441, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_hash_gets_401_and_is_logged_as_a_hash, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_password_and_unknown_hash_look_alike, setup, teardown),
        cmocka_unit_test_setup_teardown(shared_secret_client_may_send_its_name_after_a_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(without_shared_secrets_anonymity_stays_offered, setup, teardown),
        cmocka_unit_test_setup_teardown(stale_nonce_keeps_anonymity, setup, teardown),
        cmocka_unit_test_setup_teardown(bid_down_of_anonymity_gets_438, setup, teardown),
        cmocka_unit_test_setup_teardown(nonces_stay_good_when_the_first_user_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(hash_of_another_length_gets_400, setup, teardown),
        cmocka_unit_test_setup_teardown(key_without_a_name_is_no_user, setup, teardown),
    };
    return cmocka_run_group_tests_name("proto/turn userhash", tests, NULL, NULL);
}
