/* Third-party authorization (RFC 7635): a token instead of a password. */
#include "lib/turn_world.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct world w;
static struct client c;
static const struct turn_oauth_key keys[] = {{.kid = "north", .key = "0123456789abcdef", .key_len = 16},
                                             {.kid = "union", .key = "fedcba9876543210", .key_len = 16}};

/* What an authorization server hands out. */
struct grant {
    const struct turn_oauth_key *key;
    const char *server_name;
    char mac_key[22]; /* 20 bytes */
    int64_t age_s;
    uint32_t lifetime_s;
};
static struct grant usual;

static int setup(void **state) {
    (void)state;
    world_init(&w);
    client_init(&c, &w, 1);
    w.settings.oauth_keys = keys;
    w.settings.oauth_key_count = 2;
    w.settings.oauth_name = "turn.example";
    usual = (struct grant){&keys[0], "turn.example", "first-key-of-a-client", 0, 1200};
    return world_configure(&w);
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

static size_t seal(const struct grant *g, uint8_t out[64]) {
    uint8_t plain[34] = {0, 20};
    int n;
    memcpy(plain + 2, g->mac_key, 20);
    store_be64(plain + 22, (uint64_t)((int64_t)w.now.wall_s - g->age_s) << 16);
    store_be32(plain + 30, g->lifetime_s);
    memcpy(out, "\0\14nonce-nonce-", 14);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, g->key->key, out + 2), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)g->server_name, (int)strlen(g->server_name)), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out + 14, &n, plain, sizeof plain), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, out + 14 + n, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + 14 + sizeof plain), 1);
    EVP_CIPHER_CTX_free(ctx);
    return 14 + sizeof plain + 16;
}

/* Signs as the holder of the grant; the token itself is shown when asked. */
static int send_as(const struct grant *g, bool show) {
    uint8_t token[64];
    if (show) {
        stun_write_bytes(&c.w, STUN_ATTR_ACCESS_TOKEN, token, seal(g, token));
    }
    stun_write_text(&c.w, STUN_ATTR_USERNAME, g->key->kid);
    stun_write_text(&c.w, STUN_ATTR_REALM, c.realm);
    stun_write_text(&c.w, STUN_ATTR_NONCE, c.nonce);
    stun_write_integrity(&c.w, w.crypto, STUN_HASH_SHA1, (struct stun_span){g->mac_key, 20});
    world_input(&w, &c.tuple, c.request, c.w.len);
    if (w.reply_len == 0) {
        return -1;
    }
    assert_int_equal(stun_msg_parse(&c.reply, w.reply, w.reply_len), 0);
    if (stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY)) {
        assert_int_equal(stun_verify_integrity(&c.reply, w.crypto, STUN_HASH_SHA1, (struct stun_span){g->mac_key, 20}),
                         0);
    }
    return w.reply_code;
}

static int allocate_with(const struct grant *g) {
    if (!c.nonce[0]) {
        client_begin(&c, STUN_ALLOCATE);
        assert_int_equal(client_send(&c), 401);
        client_learn(&c);
    }
    client_begin(&c, STUN_ALLOCATE);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    stun_write_u32(&c.w, STUN_ATTR_LIFETIME, 3600);
    return send_as(g, true);
}

static int refresh_with(const struct grant *g, bool show) {
    client_begin(&c, STUN_REFRESH);
    stun_write_u32(&c.w, STUN_ATTR_LIFETIME, 3600);
    return send_as(g, show);
}

static uint32_t lifetime(void) {
    uint32_t s = 0;
    assert_int_equal(stun_msg_u32(&c.reply, STUN_ATTR_LIFETIME, &s), 0);
    return s;
}

static void challenge_names_the_server_while_there_are_keys(void **state) {
    (void)state;
    const uint8_t *name;
    size_t len;
    client_begin(&c, STUN_ALLOCATE);
    assert_int_equal(client_send(&c), 401);
    assert_int_equal(stun_msg_bytes(&c.reply, STUN_ATTR_THIRD_PARTY_AUTHORIZATION, &name, &len), 0);
    assert_int_equal(len, 12);
    assert_memory_equal(name, "turn.example", 12);
    w.settings.oauth_key_count = 0;
    assert_int_equal(world_configure(&w), 0);
    client_begin(&c, STUN_ALLOCATE);
    assert_int_equal(client_send(&c), 401);
    assert_false(stun_msg_has(&c.reply, STUN_ATTR_THIRD_PARTY_AUTHORIZATION));
    client_learn(&c);
    assert_int_equal(allocate_with(&usual), 401); /* opt-in */
    assert_int_equal(turn_server_count(w.server), 0);
}

static void token_opens_the_relay_and_names_the_session(void **state) {
    (void)state;
    assert_int_equal(allocate_with(&usual), 0);
    assert_int_equal(w.questions_key, 0);
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY));
    const char *user = client_allocation(&c)->user;
    assert_memory_equal(user, "north:", 6);
    assert_int_equal(strlen(user), 6 + 8);
    assert_string_equal(w.log[0].user, user);
}

static void token_bounds_the_lifetime_of_the_allocation(void **state) {
    (void)state;
    assert_int_equal(allocate_with(&usual), 0);
    assert_int_equal(lifetime(), 1205); /* of an hour that was asked for */
    world_sleep(&w, 1000);
    assert_int_equal(refresh_with(&usual, false), 0);
    assert_int_equal(lifetime(), 205); /* below the usual least of 600 */
    world_sleep(&w, 206);
    assert_int_equal(turn_server_count(w.server), 0);
    assert_true(world_saw(&w, TURN_EVENT_DELETED, TURN_REASON_EXPIRED));
}

static void later_requests_need_no_token_and_a_new_one_prolongs(void **state) {
    (void)state;
    struct grant next = {&keys[1], "turn.example", "second-key-of-client", 0, 3000};
    assert_int_equal(allocate_with(&usual), 0);
    char user[64];
    snprintf(user, sizeof user, "%s", client_allocation(&c)->user);
    client_begin(&c, STUN_CREATE_PERMISSION);
    struct addr peer = test_addr("203.0.113.9:5000");
    stun_write_xor_addr(&c.w, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
    assert_int_equal(send_as(&usual, false), 0);
    world_sleep(&w, 1100);
    assert_int_equal(refresh_with(&next, true), 0); /* even of another key: the server rotates them */
    assert_int_equal(lifetime(), 3005);
    assert_string_equal(client_allocation(&c)->user, user);
    assert_int_equal(refresh_with(&next, false), 0); /* by the name of either key */
    next.key = &keys[0];
    assert_int_equal(refresh_with(&next, false), 0);
    assert_int_equal(refresh_with(&usual, false), 401); /* the former key signs no more */
    next.age_s = 4000;
    assert_int_equal(refresh_with(&next, true), 401); /* one past its time prolongs nothing */
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_EXPIRED));
}

static void token_past_its_time_or_dated_ahead_gets_401(void **state) {
    (void)state;
    static const int64_t ages[] = {1205, 5000, -1205, -100000};
    for (size_t i = 0; i < 4; i++) {
        struct grant g = usual;
        g.age_s = ages[i];
        assert_int_equal(allocate_with(&g), 401);
        assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_EXPIRED));
    }
    struct grant late = usual;
    late.age_s = 1204; /* within the leeway of five seconds */
    assert_int_equal(allocate_with(&late), 0);
    assert_int_equal(lifetime(), 1);
}

static void token_of_another_key_or_server_gets_401(void **state) {
    (void)state;
    struct grant g = usual;
    g.server_name = "turn.other.example";
    assert_int_equal(allocate_with(&g), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_BAD_INTEGRITY));
    static const struct turn_oauth_key unknown = {.kid = "south", .key = "0123456789abcdef", .key_len = 16};
    g = usual;
    g.key = &unknown;
    assert_int_equal(allocate_with(&g), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_UNKNOWN_USER));
    static const struct turn_oauth_key forged = {.kid = "north", .key = "not-the-real-key", .key_len = 16};
    g.key = &forged;
    assert_int_equal(allocate_with(&g), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_BAD_INTEGRITY));
    assert_int_equal(w.questions_key, 0);
}

static void token_without_its_key_is_worth_nothing(void **state) {
    (void)state;
    uint8_t token[64];
    struct grant thief = usual;
    assert_int_equal(allocate_with(&usual), 0);
    assert_int_equal(refresh_with(&usual, true), 0);
    client_begin(&c, STUN_REFRESH);
    stun_write_bytes(&c.w, STUN_ATTR_ACCESS_TOKEN, token, seal(&usual, token));
    memcpy(thief.mac_key, "guessed-key-of-thief", 20);
    assert_int_equal(send_as(&thief, false), 401);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_BAD_INTEGRITY));
}

static void quota_counts_by_token_not_by_its_key(void **state) {
    (void)state;
    w.user_quota = 1;
    struct grant other = usual;
    memcpy(other.mac_key, "key-of-another-user-", 20);
    assert_int_equal(allocate_with(&usual), 0);
    client_init(&c, &w, 2);
    assert_int_equal(allocate_with(&usual), 486);
    assert_int_equal(allocate_with(&other), 0);
    assert_int_equal(w.total, 2);
    world_sleep(&w, 1300);
    assert_int_equal(w.total, 0);
}

static void users_with_passwords_go_on_beside_tokens(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 0);
    assert_int_equal(refresh_with(&usual, true), 441); /* a token does not take over a user's session */
    assert_int_equal(client_refresh(&c, 600), 0);
    struct client d;
    client_init(&d, &w, 2);
    client_set_ephemeral(&d, "north", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&d), 0);
}

/* What coturn does with a key that is longer than a password's hash. */
static void signature_with_the_first_sixteen_bytes_is_taken(void **state) {
    (void)state;
    uint8_t token[64];
    client_begin(&c, STUN_ALLOCATE);
    assert_int_equal(client_send(&c), 401);
    client_learn(&c);
    client_begin(&c, STUN_ALLOCATE);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    stun_write_bytes(&c.w, STUN_ATTR_ACCESS_TOKEN, token, seal(&usual, token));
    stun_write_text(&c.w, STUN_ATTR_USERNAME, "north");
    stun_write_text(&c.w, STUN_ATTR_REALM, c.realm);
    stun_write_text(&c.w, STUN_ATTR_NONCE, c.nonce);
    stun_write_integrity(&c.w, w.crypto, STUN_HASH_SHA1, (struct stun_span){usual.mac_key, 16});
    world_input(&w, &c.tuple, c.request, c.w.len);
    assert_int_equal(w.reply_code, 0);
    assert_int_equal(stun_msg_parse(&c.reply, w.reply, w.reply_len), 0);
    assert_int_equal(stun_verify_integrity(&c.reply, w.crypto, STUN_HASH_SHA1, (struct stun_span){usual.mac_key, 16}),
                     0);
}

static void reply_is_held_while_a_port_is_opened(void **state) {
    (void)state;
    w.hold_relays = true;
    assert_int_equal(allocate_with(&usual), -1);
    assert_int_equal(world_answer_relay(&w), 0);
    assert_int_equal(w.reply_code, 0);
    assert_int_equal(stun_msg_parse(&c.reply, w.reply, w.reply_len), 0);
    assert_int_equal(stun_verify_integrity(&c.reply, w.crypto, STUN_HASH_SHA1, (struct stun_span){usual.mac_key, 20}),
                     0);
    assert_memory_equal(client_allocation(&c)->user, "north:", 6);
    assert_int_equal(refresh_with(&usual, false), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(challenge_names_the_server_while_there_are_keys), T(token_opens_the_relay_and_names_the_session),
        T(token_bounds_the_lifetime_of_the_allocation),     T(later_requests_need_no_token_and_a_new_one_prolongs),
        T(token_past_its_time_or_dated_ahead_gets_401),     T(token_of_another_key_or_server_gets_401),
        T(token_without_its_key_is_worth_nothing),          T(quota_counts_by_token_not_by_its_key),
        T(users_with_passwords_go_on_beside_tokens),        T(reply_is_held_while_a_port_is_opened),
        T(signature_with_the_first_sixteen_bytes_is_taken),
    };
    return cmocka_run_group_tests_name("proto/turn third party", tests, NULL, NULL);
}
