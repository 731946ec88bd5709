/* Access tokens of RFC 7635: read back what a server would make, refuse what it would not. */
#include "proto/turn/token.h"

#include "base/bytes.h"
#include "base/error.h"

#include <errno.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct turn_oauth_key key128 = {.kid = "union", .key = "0123456789abcdef", .key_len = 16};
static const struct turn_oauth_key key256 = {.kid = "north",
                                             .key = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a',
                                                     'b', 'c', 'd', 'e', 'f', '0', '1', '2', '3', '4', '5',
                                                     '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'},
                                             .key_len = 32};
static uint8_t token[256];

/* Seals a plain text as it is. Returns the token's length. */
static size_t seal(const struct turn_oauth_key *key, const char *name, const uint8_t *plain, size_t len) {
    int n;
    memcpy(token, "\0\14nonce-nonce-", 14);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_int_equal(
        EVP_EncryptInit_ex(ctx, key->key_len == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(), NULL, key->key, token + 2),
        1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)name, (int)strlen(name)), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, token + 14, &n, plain, (int)len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, token + 14 + n, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, token + 14 + len), 1);
    EVP_CIPHER_CTX_free(ctx);
    return 14 + len + 16;
}

static size_t seal_usual(const struct turn_oauth_key *key, size_t mac_key_len) {
    uint8_t plain[128] = {0};
    store_be16(plain, (uint16_t)mac_key_len);
    memset(plain + 2, 'k', mac_key_len);
    store_be64(plain + 2 + mac_key_len, 1700000000ULL << 16 | 1234);
    store_be32(plain + 10 + mac_key_len, 600);
    return seal(key, "turn.example", plain, mac_key_len + 14);
}

static void tokens_of_both_algorithms_are_read(void **state) {
    (void)state;
    struct turn_token t;
    for (size_t len = TURN_TOKEN_KEY_MIN; len <= TURN_TOKEN_KEY_MAX; len += 4) {
        size_t n = seal_usual(&key256, len);
        assert_int_equal(turn_token_open(&t, &key256, "turn.example", token, n), 0);
        assert_int_equal(t.mac_key_len, len);
        assert_int_equal(t.mac_key[len - 1], 'k');
        assert_int_equal(t.issued_s, 1700000000);
        assert_int_equal(t.lifetime_s, 600);
        n = seal_usual(&key128, len);
        assert_int_equal(turn_token_open(&t, &key128, "turn.example", token, n), 0);
    }
}

static void token_of_another_key_or_server_is_refused(void **state) {
    (void)state;
    struct turn_token t;
    struct turn_oauth_key other = key256;
    other.key[31] ^= 1;
    size_t n = seal_usual(&key256, 20);
    assert_int_equal(turn_token_open(&t, &other, "turn.example", token, n), -ERR_INTEGRITY);
    assert_int_equal(turn_token_open(&t, &key128, "turn.example", token, n), -ERR_INTEGRITY);
    assert_int_equal(turn_token_open(&t, &key256, "turn.example2", token, n), -ERR_INTEGRITY);
    assert_int_equal(t.mac_key_len, 0);
}

static void every_changed_bit_is_noticed(void **state) {
    (void)state;
    struct turn_token t;
    size_t n = seal_usual(&key256, 20);
    for (size_t i = 0; i < n * 8; i++) {
        token[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_true(turn_token_open(&t, &key256, "turn.example", token, n) < 0);
        token[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t len = 0; len < n; len++) {
        assert_true(turn_token_open(&t, &key256, "turn.example", token, len) < 0);
    }
}

/* The copy of a nonce as long as the token says has broken other servers. */
static void nonce_longer_than_its_buffer_is_refused_before_a_copy(void **state) {
    (void)state;
    static const uint16_t lens[] = {0, 1, 11, 13, 16, 64, 255, 256, 4096, 0x7fff, 0xffff};
    struct turn_token t;
    size_t n = seal_usual(&key256, 20);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        store_be16(token, lens[i]);
        assert_int_equal(turn_token_open(&t, &key256, "turn.example", token, n), -EBADMSG);
    }
}

static void sealed_lengths_that_do_not_fit_are_refused(void **state) {
    (void)state;
    struct turn_token t;
    uint8_t plain[128] = {0};
    static const uint16_t key_lens[] = {0, 15, 21, 33, 64, 0xffff};
    for (size_t i = 0; i < sizeof key_lens / sizeof key_lens[0]; i++) {
        store_be16(plain, key_lens[i]);
        size_t n = seal(&key256, "turn.example", plain, 34);
        assert_int_equal(turn_token_open(&t, &key256, "turn.example", token, n), -EBADMSG);
    }
    store_be16(plain, 20);
    for (size_t len = 14; len < 100; len++) { /* too short and too long for a key of 20 */
        size_t n = seal(&key256, "turn.example", plain, len);
        assert_int_equal(turn_token_open(&t, &key256, "turn.example", token, n), len == 34 ? 0 : -EBADMSG);
    }
}

static void token_is_good_from_issue_to_the_end_of_its_life_with_leeway(void **state) {
    (void)state;
    const uint64_t issued = 1700000000;
    struct turn_token t = {.issued_s = issued, .lifetime_s = 600};
    assert_int_equal(turn_token_expiry(&t, issued), issued + 605);
    assert_int_equal(turn_token_expiry(&t, issued + 604), issued + 605);
    assert_int_equal(turn_token_expiry(&t, issued + 605), 0);
    assert_int_equal(turn_token_expiry(&t, issued - 3), issued - 3 + 605); /* their clock is ahead */
    assert_int_equal(turn_token_expiry(&t, issued - 604), issued - 604 + 605);
    assert_int_equal(turn_token_expiry(&t, issued - 605), 0);
    t.lifetime_s = 0;
    assert_int_equal(turn_token_expiry(&t, issued), 0);
    t = (struct turn_token){.issued_s = UINT64_MAX >> 16, .lifetime_s = UINT32_MAX};
    assert_int_equal(turn_token_expiry(&t, issued), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_both_algorithms_are_read),
        cmocka_unit_test(token_of_another_key_or_server_is_refused),
        cmocka_unit_test(every_changed_bit_is_noticed),
        cmocka_unit_test(nonce_longer_than_its_buffer_is_refused_before_a_copy),
        cmocka_unit_test(sealed_lengths_that_do_not_fit_are_refused),
        cmocka_unit_test(token_is_good_from_issue_to_the_end_of_its_life_with_leeway),
    };
    return cmocka_run_group_tests_name("proto/turn token", tests, NULL, NULL);
}
