/* TURN credentials from a shared secret (draft-uberti-behave-turn-rest-00): the name is
 * "<unix expiry>:<user>", the password base64(HMAC-SHA1(secret, name)). */
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

/* Signs with the first secret. user may hold anything but control characters; longer than AUTH_USER_MAX:
 * -EINVAL. */
int auth_credentials_issue(struct auth_credentials *out, const struct auth_secrets *secrets, const char *user,
                           uint64_t now_s, uint64_t lifetime_s);

/* Takes "<expiry>:<user>" apart. *user points into name. -EINVAL when name has not that shape; expiry 0 has not. */
int auth_credentials_parse(const void *name, size_t len, uint64_t *expires, const char **user, size_t *user_len);

/* The password that secret gives for name. */
int auth_credentials_password(char out[AUTH_PASSWORD_SIZE], const char *secret, size_t secret_len, const void *name,
                              size_t len);
