#include "auth/credentials.h"

#include "base/text.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert((int)AUTH_PASSWORD_SIZE == (int)STUN_PASSWORD_BYTES, "one password, one size");

static bool is_user(const char *user) {
    size_t len = strlen(user);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)user[i];
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return len <= AUTH_USER_MAX && text_is_utf8(user, len);
}

int auth_credentials_issue(struct auth_credentials *out, const struct auth_secrets *secrets, const char *user,
                           uint64_t now_s, uint64_t lifetime_s) {
    size_t secret_len;
    memset(out, 0, sizeof *out);
    if (!is_user(user)) {
        return -EINVAL;
    }
    struct stun_crypto *crypto = stun_crypto_new();
    if (!crypto) {
        return -ENOMEM;
    }
    out->expires = now_s + lifetime_s;
    int len = snprintf(out->username, sizeof out->username, "%" PRIu64 ":%s", out->expires, user);
    const char *secret = auth_secrets_get(secrets, 0, &secret_len);
    int rc = stun_derive_password(crypto, secret, out->username, (size_t)len, out->password);
    stun_crypto_free(crypto);
    return rc;
}
