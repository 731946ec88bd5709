/* Access tokens of strangers: bytes as they come, and plain texts sealed under the key as an authorization server that errs
 * would. The first byte chooses; whatever is taken must be within its bounds.
 * covers: src/proto/turn/token.c */
#include "proto/turn/token.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN_MAX = 200 };

static const char name[] = "turn.example";

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static size_t seal(const struct turn_oauth_key *key, const uint8_t *plain, size_t len, uint8_t *out) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;
    memcpy(out, "\0\14nonce-nonce-", 14);
    bool ok = EVP_EncryptInit_ex(ctx, key->key_len == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(), NULL, key->key,
                                 out + 2) == 1 &&
              EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)name, (int)strlen(name)) == 1 &&
              EVP_EncryptUpdate(ctx, out + 14, &n, plain, (int)len) == 1 &&
              EVP_EncryptFinal_ex(ctx, out + 14 + n, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + 14 + len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    check(ok);
    return 14 + len + 16;
}

static void open_and_check(const struct turn_oauth_key *key, const uint8_t *token, size_t len) {
    struct turn_token t;
    if (turn_token_open(&t, key, name, token, len) == 0) {
        check(t.mac_key_len >= TURN_TOKEN_KEY_MIN && t.mac_key_len <= TURN_TOKEN_KEY_MAX);
        uint64_t end = turn_token_expiry(&t, 1700000000);
        check(end == 0 || (end > 1700000000 && end <= 1700000000ULL + t.lifetime_s + TURN_TOKEN_LEEWAY_S));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct turn_oauth_key key = {.kid = "north", .key = "0123456789abcdef", .key_len = 32};
    uint8_t token[PLAIN_MAX + 64];
    if (size == 0) {
        return 0;
    }
    key.key_len = data[0] & 2 ? 16 : 32;
    if (data[0] & 1) {
        size_t len = size - 1 < PLAIN_MAX ? size - 1 : PLAIN_MAX;
        open_and_check(&key, token, seal(&key, data + 1, len, token));
    } else {
        open_and_check(&key, data + 1, size - 1);
    }
    return 0;
}
