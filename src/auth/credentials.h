/* TURN credentials from a shared secret (draft-uberti-behave-turn-rest-00): the name is
 * "<unix expiry>:<user>", the password base64(HMAC-SHA1(secret, name)). Verifying them is the TURN server's
 * matter (proto/stun). */
#pragma once

#include "auth/secret.h"

#include <stdint.h>

enum {
    AUTH_USER_MAX = 256, /* bytes of <user> */
    AUTH_USERNAME_MAX = 20 + 1 + AUTH_USER_MAX,
    AUTH_PASSWORD_SIZE = 29, /* base64 of 20 bytes, with the terminator */
};

struct auth_credentials {
    char username[AUTH_USERNAME_MAX + 1];
    char password[AUTH_PASSWORD_SIZE];
    uint64_t expires; /* unix seconds */
};

/* Signs with the first secret. user is UTF-8 without control characters, at most AUTH_USER_MAX bytes, and
 * may be empty: -EINVAL. -ENOMEM, -EIO (OpenSSL). */
int auth_credentials_issue(struct auth_credentials *out, const struct auth_secrets *secrets, const char *user,
                           uint64_t now_s, uint64_t lifetime_s);
