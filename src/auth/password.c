#include "auth/password.h"

#include "base/rng.h"
#include "base/text.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <string.h>

enum { PASSWORD_MAX = 255 };

static bool is_text(const char *text, size_t max) {
    size_t len = strlen(text);
    if (len == 0 || len > max || !text_is_utf8(text, len)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return true;
}

int auth_password_keys(struct store_user_keys *out, const char *name, const char *realm, const char *password) {
    memset(out, 0, sizeof *out);
    if (!is_text(name, STORE_NAME_MAX) || !is_text(realm, STORE_REALM_MAX) || !is_text(password, PASSWORD_MAX)) {
        return -EINVAL;
    }
    struct stun_crypto *crypto = stun_crypto_new();
    if (!crypto) {
        return -ENOMEM;
    }
    const struct stun_credentials who = {.user = name,
                                         .user_len = strlen(name),
                                         .realm = realm,
                                         .realm_len = strlen(realm),
                                         .password = password,
                                         .password_len = strlen(password)};
    uint8_t key[STUN_KEY_BYTES_MAX];
    int rc = stun_derive_key(crypto, STUN_HASH_SHA1, &who, key);
    if (rc == (int)sizeof out->md5) {
        memcpy(out->md5, key, sizeof out->md5);
        rc = stun_derive_key(crypto, STUN_HASH_SHA256, &who, key);
    }
    if (rc == (int)sizeof out->sha256) {
        memcpy(out->sha256, key, sizeof out->sha256);
        rc = stun_derive_userhash(crypto, &who, out->userhash);
    }
    explicit_bzero(key, sizeof key);
    stun_crypto_free(crypto);
    return rc > 0 ? -EIO : rc;
}

int auth_password_keys_of_md5(struct store_user_keys *out, const char *name, const char *realm, const uint8_t md5[16]) {
    memset(out, 0, sizeof *out);
    if (!is_text(name, STORE_NAME_MAX) || !is_text(realm, STORE_REALM_MAX)) {
        return -EINVAL;
    }
    memcpy(out->md5, md5, sizeof out->md5);
    rng_bytes(out->sha256, sizeof out->sha256);
    struct stun_crypto *crypto = stun_crypto_new();
    if (!crypto) {
        return -ENOMEM;
    }
    const struct stun_credentials who = {
        .user = name, .user_len = strlen(name), .realm = realm, .realm_len = strlen(realm)};
    int rc = stun_derive_userhash(crypto, &who, out->userhash);
    stun_crypto_free(crypto);
    return rc;
}
