/* Credentials: what a client must show, and what each way of getting it wrong brings. */
#include "lib/turn_world.h"

#include "base/error.h"

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
    return 0;
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

static void binding_answers_anybody_with_his_address(void **state) {
    (void)state;
    struct addr a;
    client_begin(&c, STUN_BINDING);
    assert_int_equal(client_send(&c), 0);
    assert_int_equal(stun_msg_xor_addr(&c.reply, STUN_ATTR_XOR_MAPPED_ADDRESS, &a), 0);
    assert_true(addr_equal(&a, &c.tuple.remote));
    assert_int_equal(w.reply_len, 32); /* nothing else */
}

static void stranger_gets_401_with_realm_and_nonce_and_no_more(void **state) {
    (void)state;
    w.settings.software = "turnout";
    assert_int_equal(world_configure(&w), 0);
    challenge(&c);
    assert_string_equal(c.realm, "example.org");
    assert_int_equal(strlen(c.nonce), 22);
    assert_false(stun_msg_has(&c.reply, STUN_ATTR_SOFTWARE));
    assert_false(stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY));
    assert_int_equal(c.reply.attr_count, 3);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_CHALLENGE));
}

static void allocation_with_a_looked_up_key(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    assert_int_equal(w.questions_key, 1);
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY));
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_XOR_RELAYED_ADDRESS));
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_XOR_MAPPED_ADDRESS));
    assert_true(world_saw(&w, TURN_EVENT_CREATED, TURN_REASON_NONE));
    /* The key is kept: a refresh asks nobody. */
    assert_int_equal(client_refresh(&c, 600), 0);
    assert_int_equal(w.questions_key, 1);
}

static void allocation_with_a_shared_secret_asks_nobody(void **state) {
    (void)state;
    client_set_ephemeral(&c, "north", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&c), 0);
    assert_int_equal(w.questions_key, 0);
    assert_int_equal(client_allocation(&c)->credential_expiry_s, w.now.wall_s + 100);
}

static void unknown_user_gets_401(void **state) {
    (void)state;
    snprintf(c.user, sizeof c.user, "mallory");
    assert_int_equal(client_allocate(&c), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_UNKNOWN_USER));
    assert_string_equal(w.log[0].user, "mallory");
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_NONCE));
}

static void wrong_password_gets_401(void **state) {
    (void)state;
    snprintf(c.password, sizeof c.password, "guess");
    assert_int_equal(client_allocate(&c), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_BAD_INTEGRITY));
    client_set_ephemeral(&c, "south", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&c), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_BAD_INTEGRITY));
    assert_int_equal(turn_server_count(w.server), 0);
}

static void missing_user_realm_or_nonce_gets_400(void **state) {
    (void)state;
    static const uint16_t all[] = {STUN_ATTR_USERNAME, STUN_ATTR_REALM, STUN_ATTR_NONCE};
    challenge(&c);
    for (size_t missing = 0; missing < 3; missing++) {
        begin_allocate(&c);
        for (size_t i = 0; i < 3; i++) {
            if (i != missing) {
                stun_write_text(&c.w, all[i], i == 0 ? c.user : i == 1 ? c.realm : c.nonce);
            }
        }
        stun_write_integrity(&c.w, w.crypto, STUN_HASH_SHA1, (struct stun_span){"k", 1});
        assert_int_equal(client_resend(&c), 400);
        assert_false(stun_msg_has(&c.reply, STUN_ATTR_NONCE));
        assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_MALFORMED));
    }
}

static void expired_zero_and_malformed_ephemeral_names_are_refused(void **state) {
    (void)state;
    client_set_ephemeral(&c, "north", w.now.wall_s, "carol");
    assert_int_equal(client_allocate(&c), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_EXPIRED));
    client_set_ephemeral(&c, "north", 0, "carol");
    assert_int_equal(client_allocate(&c), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_EXPIRED));
    static const char *const names[] = {"x:carol", ":carol", "99999999999999999999999:carol", "-5:carol", "1e9:carol"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char password[STUN_PASSWORD_BYTES];
        stun_derive_password(w.crypto, "north", names[i], strlen(names[i]), password);
        snprintf(c.user, sizeof c.user, "%s", names[i]);
        snprintf(c.password, sizeof c.password, "%s", password);
        assert_int_equal(client_allocate(&c), 401);
        assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_UNKNOWN_USER));
    }
    assert_int_equal(turn_server_count(w.server), 0);
}

static void old_and_new_secrets_verify_while_both_are_configured(void **state) {
    (void)state;
    struct client d;
    client_init(&d, &w, 2);
    w.secrets[0] = "east";
    w.secrets[1] = "north";
    w.settings.secret_count = 2;
    assert_int_equal(world_configure(&w), 0);
    client_set_ephemeral(&c, "north", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&c), 0);
    w.settings.secret_count = 1;
    assert_int_equal(world_configure(&w), 0);
    client_set_ephemeral(&d, "north", w.now.wall_s + 100, "dave");
    assert_int_equal(client_allocate(&d), 401);
    client_set_ephemeral(&d, "east", w.now.wall_s + 100, "dave");
    assert_int_equal(client_allocate(&d), 0);
    assert_int_equal(client_refresh(&c, 600), 0); /* an allocation outlives its secret */
}

static void refresh_goes_on_after_the_realm_changed(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    w.settings.realm = "new.example";
    assert_int_equal(world_configure(&w), 0);
    assert_int_equal(client_refresh(&c, 600), 0);
    world_sleep(&w, 550);
    assert_int_equal(client_refresh(&c, 600), 0);
    struct client d;
    client_init(&d, &w, 2);
    assert_int_equal(client_allocate(&d), 0);
    assert_string_equal(d.realm, "new.example");
}

static void nonce_from_another_address_gets_438(void **state) {
    (void)state;
    struct client d;
    client_init(&d, &w, 2);
    challenge(&c);
    snprintf(d.realm, sizeof d.realm, "%s", c.realm);
    snprintf(d.nonce, sizeof d.nonce, "%s", c.nonce);
    begin_allocate(&d);
    assert_int_equal(client_send(&d), 438);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_STALE_NONCE));
    assert_int_equal(w.questions_key, 0);
    client_learn(&d);
    assert_string_not_equal(d.nonce, c.nonce);
    assert_int_equal(client_allocate(&d), 0);
    /* Another port of the same host is another client. */
    client_init(&d, &w, 3);
    d.tuple.remote = c.tuple.remote;
    d.tuple.remote.port++;
    snprintf(d.realm, sizeof d.realm, "%s", c.realm);
    snprintf(d.nonce, sizeof d.nonce, "%s", c.nonce);
    begin_allocate(&d);
    assert_int_equal(client_send(&d), 438);
}

static void tampered_nonce_gets_438(void **state) {
    (void)state;
    char good[128];
    challenge(&c);
    snprintf(good, sizeof good, "%s", c.nonce);
    for (size_t i = 0; i < strlen(good); i++) {
        snprintf(c.nonce, sizeof c.nonce, "%s", good);
        c.nonce[i] = c.nonce[i] == 'A' ? 'B' : 'A';
        begin_allocate(&c);
        assert_int_equal(client_send(&c), 438);
    }
    static const char *const bad[] = {"x", "obMatJos2gAAA", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA=="};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(c.nonce, sizeof c.nonce, "%s", bad[i]);
        begin_allocate(&c);
        assert_int_equal(client_send(&c), 438);
    }
    assert_int_equal(w.questions_key, 0);
}

/* A clock, a counter or a fixed part would show as a place that takes few values. */
static void nonces_and_session_ids_of_fifty_clients_are_random_in_every_place(void **state) {
    (void)state;
    enum { SEEN = 50, MAC_AT = 6, MAC_CHARS = 15, PLACES = MAC_CHARS + TURN_SESSION_ID_CHARS };
    bool taken[PLACES][256] = {{false}};
    unsigned values[PLACES] = {0};
    for (unsigned n = 0; n < SEEN; n++) {
        char text[PLACES + 1];
        client_init(&c, &w, n);
        assert_int_equal(client_allocate(&c), 0);
        snprintf(text, sizeof text, "%.15s%s", c.nonce + MAC_AT, client_allocation(&c)->id);
        for (size_t i = 0; i < PLACES; i++) {
            values[i] += !taken[i][(uint8_t)text[i]];
            taken[i][(uint8_t)text[i]] = true;
        }
    }
    for (size_t i = 0; i < PLACES; i++) {
        assert_true(values[i] >= 10); /* of 32 or more that there are */
    }
}

static void future_dated_nonce_gets_438(void **state) {
    (void)state;
    w.now.now_us += 500 * 1000000ULL;
    challenge(&c);
    w.now.now_us -= 500 * 1000000ULL;
    begin_allocate(&c);
    assert_int_equal(client_send(&c), 438);
    assert_int_equal(w.questions_key, 0); /* no work for it, unlike for one of ours that is too old */
}

static void expired_nonce_gets_438_with_fresh_nonce(void **state) {
    (void)state;
    w.settings.nonce_lifetime_s = 300;
    assert_int_equal(world_configure(&w), 0);
    assert_int_equal(client_allocate(&c), 0);
    char old[128];
    snprintf(old, sizeof old, "%s", c.nonce);
    world_sleep(&w, 301);
    client_begin(&c, STUN_REFRESH);
    assert_int_equal(client_send(&c), 438);
    client_learn(&c);
    assert_string_not_equal(c.nonce, old);
    assert_int_equal(client_refresh(&c, 600), 0);
}

/* RFC 8489 section 9.2.4 checks integrity before age. */
static void expired_nonce_with_bad_integrity_gets_401(void **state) {
    (void)state;
    challenge(&c);
    world_sleep(&w, 3601);
    snprintf(c.password, sizeof c.password, "guess");
    begin_allocate(&c);
    assert_int_equal(client_send(&c), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_BAD_INTEGRITY));
}

static void sha256_is_offered_and_taken(void **state) {
    (void)state;
    w.settings.sha256 = true;
    assert_int_equal(world_configure(&w), 0);
    challenge(&c);
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_PASSWORD_ALGORITHMS));
    assert_memory_equal(c.nonce, "obMatJos2gAAA", 13);
    c.sha256 = true;
    assert_int_equal(client_allocate(&c), 0);
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY_SHA256));
    assert_false(stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY));
    assert_int_equal(client_refresh(&c, 600), 0);
    struct client d; /* a client of RFC 5389 beside it */
    client_init(&d, &w, 2);
    assert_int_equal(client_allocate(&d), 0);
    assert_true(stun_msg_has(&d.reply, STUN_ATTR_MESSAGE_INTEGRITY));
}

/* A man in the middle takes the strong algorithm out of the offer: the client echoes what it saw. */
static void bid_down_of_password_algorithms_gets_400(void **state) {
    (void)state;
    static const uint8_t echoes[][8] = {{0, 1, 0, 0}, {0, 1, 0, 0, 0, 2, 0, 0}};
    static const size_t lens[] = {4, 8};
    w.settings.sha256 = true;
    assert_int_equal(world_configure(&w), 0);
    challenge(&c);
    for (size_t i = 0; i < 2; i++) {
        begin_allocate(&c);
        stun_write_bytes(&c.w, STUN_ATTR_PASSWORD_ALGORITHMS, echoes[i], lens[i]);
        stun_write_u32(&c.w, STUN_ATTR_PASSWORD_ALGORITHM, 1U << 16);
        assert_int_equal(client_send(&c), 400);
    }
    begin_allocate(&c); /* one without the other */
    stun_write_u32(&c.w, STUN_ATTR_PASSWORD_ALGORITHM, 1U << 16);
    assert_int_equal(client_send(&c), 400);
    begin_allocate(&c); /* an algorithm that was not offered */
    stun_write_bytes(&c.w, STUN_ATTR_PASSWORD_ALGORITHMS, "\0\2\0\0\0\1\0\0", 8);
    stun_write_u32(&c.w, STUN_ATTR_PASSWORD_ALGORITHM, 3U << 16);
    assert_int_equal(client_send(&c), 400);
}

static void bid_down_of_the_nonce_cookie_gets_438(void **state) {
    (void)state;
    char nonce[128];
    w.settings.sha256 = true;
    assert_int_equal(world_configure(&w), 0);
    challenge(&c);
    snprintf(nonce, sizeof nonce, "%s", c.nonce);
    c.nonce[9] = 'A'; /* the feature bit cleared */
    begin_allocate(&c);
    assert_int_equal(client_send(&c), 438);
    snprintf(c.nonce, sizeof c.nonce, "%s", nonce + 13); /* the cookie cut off */
    begin_allocate(&c);
    assert_int_equal(client_send(&c), 438);
}

static void realm_of_a_bad_request_changes_nothing(void **state) {
    (void)state;
    challenge(&c);
    char realm[128];
    snprintf(realm, sizeof realm, "%s", c.realm);
    snprintf(c.realm, sizeof c.realm, "evil.example");
    begin_allocate(&c);
    assert_int_equal(client_send(&c), 401);
    client_learn(&c);
    assert_string_equal(c.realm, realm);
    assert_int_equal(client_allocate(&c), 0);
}

static void attributes_after_integrity_do_not_count(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    uint64_t expiry = client_allocation(&c)->expiry_us;
    client_begin(&c, STUN_REFRESH);
    client_sign(&c);
    stun_write_u32(&c.w, STUN_ATTR_LIFETIME, 0);
    stun_write_end(&c.w);
    assert_int_equal(client_resend(&c), 0);
    assert_non_null(client_allocation(&c));
    assert_true(client_allocation(&c)->expiry_us >= expiry);
}

static void another_user_on_an_allocation_gets_441(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    snprintf(c.user, sizeof c.user, "bob");
    snprintf(c.password, sizeof c.password, "builder");
    assert_int_equal(client_refresh(&c, 0), 441);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_WRONG_USER));
    assert_int_equal(client_permit(&c, "203.0.113.9:5000"), 441);
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 441);
    assert_non_null(client_allocation(&c));
}

static void unknown_required_attribute_gets_420_with_its_type(void **state) {
    (void)state;
    const uint8_t *list;
    size_t len;
    client_begin(&c, STUN_BINDING);
    stun_write_u32(&c.w, 0x7f01, 1);
    stun_write_u32(&c.w, 0x7f02, 1);
    stun_write_u32(&c.w, 0xff02, 1); /* may be ignored */
    assert_int_equal(client_send(&c), 420);
    assert_int_equal(stun_msg_bytes(&c.reply, STUN_ATTR_UNKNOWN_ATTRIBUTES, &list, &len), 0);
    assert_int_equal(len, 4);
    assert_memory_equal(list, "\x7f\x01\x7f\x02", 4);
    begin_allocate(&c); /* a stranger learns nothing beyond the challenge */
    stun_write_u32(&c.w, 0x7f01, 1);
    assert_int_equal(client_send(&c), 401);
    client_learn(&c);
    begin_allocate(&c);
    stun_write_u32(&c.w, 0x7f01, 1);
    assert_int_equal(client_send(&c), 420);
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY));
}

static void fingerprint_is_answered_when_asked(void **state) {
    (void)state;
    c.fingerprint = true; /* client_send checks that the reply has one too */
    assert_int_equal(client_allocate(&c), 0);
    assert_int_equal(client_refresh(&c, 0), 0);
    client_begin(&c, STUN_BINDING);
    assert_int_equal(client_send(&c), 0);
}

static void software_is_told_to_users_when_configured(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    assert_false(stun_msg_has(&c.reply, STUN_ATTR_SOFTWARE));
    w.settings.software = "turnout";
    assert_int_equal(world_configure(&w), 0);
    assert_int_equal(client_refresh(&c, 600), 0);
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_SOFTWARE));
}

static void what_is_no_request_gets_no_answer(void **state) {
    (void)state;
    client_begin(&c, STUN_CONNECTION_ATTEMPT); /* a method that is no request */
    assert_int_equal(client_send(&c), -1);
    writer_init(&c.w, c.request, sizeof c.request);
    stun_write_header(&c.w, STUN_INDICATION, STUN_BINDING, (const uint8_t *)"abcdefghijkl");
    stun_write_end(&c.w);
    assert_int_equal(world_input(&w, &c.tuple, c.request, c.w.len), -EPROTO);
    c.request[0] = 1; /* a success response */
    c.request[1] = 1;
    assert_int_equal(world_input(&w, &c.tuple, c.request, c.w.len), -EPROTO);
    assert_int_equal(world_input(&w, &c.tuple, c.request, 7), -EBADMSG);
    assert_int_equal(w.replies, 0);
}

static void bad_settings_are_refused_and_the_old_ones_stay(void **state) {
    (void)state;
    struct turn_settings good = w.settings;
    char long_text[TURN_REALM_MAX + 2];
    memset(long_text, 'r', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    w.settings.realm = long_text;
    assert_int_equal(world_configure(&w), -EINVAL);
    w.settings.realm = "";
    assert_int_equal(world_configure(&w), -EINVAL);
    w.settings = good;
    w.settings.software = long_text;
    assert_int_equal(world_configure(&w), -EINVAL);
    w.settings = good;
    w.settings.secret_count = TURN_SECRETS_MAX + 1;
    assert_int_equal(world_configure(&w), -EINVAL);
    w.settings = good;
    w.secrets[0] = "";
    assert_int_equal(world_configure(&w), -EINVAL);
    w.secrets[0] = "north";
    memset(w.settings.nonce_key, 0, sizeof w.settings.nonce_key);
    assert_int_equal(world_configure(&w), -EINVAL);
    w.settings = good;
    w.settings.peers = NULL;
    assert_int_equal(world_configure(&w), -EINVAL);
    w.settings = good;
    assert_int_equal(client_allocate(&c), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(binding_answers_anybody_with_his_address),
        T(stranger_gets_401_with_realm_and_nonce_and_no_more),
        T(allocation_with_a_looked_up_key),
        T(allocation_with_a_shared_secret_asks_nobody),
        T(unknown_user_gets_401),
        T(wrong_password_gets_401),
        T(missing_user_realm_or_nonce_gets_400),
        T(expired_zero_and_malformed_ephemeral_names_are_refused),
        T(old_and_new_secrets_verify_while_both_are_configured),
        T(refresh_goes_on_after_the_realm_changed),
        T(nonce_from_another_address_gets_438),
        T(tampered_nonce_gets_438),
        T(nonces_and_session_ids_of_fifty_clients_are_random_in_every_place),
        T(future_dated_nonce_gets_438),
        T(expired_nonce_gets_438_with_fresh_nonce),
        T(expired_nonce_with_bad_integrity_gets_401),
        T(sha256_is_offered_and_taken),
        T(bid_down_of_password_algorithms_gets_400),
        T(bid_down_of_the_nonce_cookie_gets_438),
        T(realm_of_a_bad_request_changes_nothing),
        T(attributes_after_integrity_do_not_count),
        T(another_user_on_an_allocation_gets_441),
        T(unknown_required_attribute_gets_420_with_its_type),
        T(fingerprint_is_answered_when_asked),
        T(software_is_told_to_users_when_configured),
        T(what_is_no_request_gets_no_answer),
        T(bad_settings_are_refused_and_the_old_ones_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
