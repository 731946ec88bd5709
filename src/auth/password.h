/* From a user's password to what the database keeps (RFC 8489 sections 9.2.2, 14.4, 18.5.1). */
#pragma once

#include "store/db.h"

/* Rule for all three: UTF-8 without control characters, name and realm not empty; password at most 255
 * bytes and not empty. -EINVAL. The texts are taken as they are (OpaqueString without mapping). */
int auth_password_keys(struct store_user_keys *out, const char *name, const char *realm, const char *password);

/* The keys of somebody whose password is not known, only MD5(name ":" realm ":" password): taken over from another
 * server. SHA-256 cannot be had from it: its place is taken by random bytes that match no password, so such a user
 * logs in with SHA-1 alone. -EINVAL, -ENOMEM, -EIO. */
int auth_password_keys_of_md5(struct store_user_keys *out, const char *name, const char *realm, const uint8_t md5[16]);
