/* Room tokens from the arguments of `token create`. */
#pragma once

#include "admin/database.h"

/* Which permissions the signing key needs. -EINVAL when the arguments make no useful token. */
int admin_token_permissions(const struct json_t *args, uint32_t *permissions, char why[ADMIN_WHY_SIZE]);
/* Signs; out->data is {token, key, room, identity, expires}. -EINVAL, -ENOMEM. */
int admin_token_sign(const struct store_api_key *key, const struct json_t *args, uint64_t now_s,
                     struct admin_result *out);
