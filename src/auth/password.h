/* From a user's password to what the database keeps (RFC 8489 sections 9.2.2, 14.4, 18.5.1). */
#pragma once

#include "store/db.h"

/* Rule for all three: UTF-8 without control characters, name and realm not empty; password at most 255
 * bytes and not empty. -EINVAL. The texts are taken as they are (OpaqueString without mapping). */
int auth_password_keys(struct store_user_keys *out, const char *name, const char *realm, const char *password);
