/* All API keys, in memory of one loop (the control thread's): found without waiting, refreshed within about a
 * second of a change in the database. While the database is away the last known keys stay. */
#pragma once

#include "store/db.h"

struct loop;
struct store;
struct auth_keys;

enum { AUTH_KEYS_MAX = 10000 }; /* further ones are ignored, with a warning */

/* Begins to load at once. -ENOMEM, -ENOBUFS. */
int auth_keys_new(struct auth_keys **out, struct loop *loop, struct store *store);
/* After store_stop, and when the loop runs no more. */
void auth_keys_free(struct auth_keys *keys);

/* True once the keys were read for the first time. */
bool auth_keys_ready(const struct auth_keys *keys);
/* The enabled key of that id, or NULL. Borrowed until the loop turns again. */
const struct store_api_key *auth_keys_find(const struct auth_keys *keys, const char *id);
/* The first enabled key that may do all of permissions, or NULL: what the server itself signs with. */
const struct store_api_key *auth_keys_any(const struct auth_keys *keys, uint32_t permissions);
/* Checks "ID.SECRET" in constant time. -ERR_UNKNOWN_KEY (also for a wrong secret), -ERR_FORBIDDEN when the
 * key lacks a permission. */
int auth_keys_verify(const struct auth_keys *keys, const char *text, uint32_t permissions,
                     const struct store_api_key **out);
/* Fills id (16 characters) and secret (43) with fresh random ones. */
void auth_key_generate(struct store_api_key *key);
