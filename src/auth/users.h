/* Keys of long-term users for one loop: a bounded cache in front of the database. Each worker has its own, so
 * nothing is shared; a change in the database empties it within about a second. Known users keep working while
 * the database is away. */
#pragma once

#include "store/db.h"

struct loop;
struct store;
struct auth_users;

enum { AUTH_USERS_PENDING = 1024 }; /* lookups that may wait per loop */

/* name: bytes as they came in USERNAME; or hashed and 32 bytes of USERHASH. */
struct auth_user_query {
    const char *realm;
    const void *name;
    size_t name_len;
    bool hashed;
};

/* rc 0: user is valid during the call. -ERR_UNKNOWN_KEY: no such user, or disabled. -ERR_DATABASE: cannot tell. */
typedef void auth_user_found(void *ctx, int rc, const struct store_user *user);

/* capacity: users kept, at least 16. -ENOMEM, -ENOBUFS. */
int auth_users_new(struct auth_users **out, struct loop *loop, struct store *store, size_t capacity);
/* After store_stop, and when the loop runs no more; pending lookups are dropped. */
void auth_users_free(struct auth_users *users);

/* From the cache: calls found before returning 0. Otherwise returns -EINPROGRESS and calls found later on this
 * loop; equal queries in flight are joined. -ENOBUFS when too many wait: found is not called. */
int auth_users_find(struct auth_users *users, const struct auth_user_query *query, auth_user_found *found, void *ctx);
