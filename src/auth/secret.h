/* The shared secrets of the `<expiry>:<user>` scheme: from [auth] secret, or one made at the first start
 * and kept in the state folder, so that an empty configuration works. */
#pragma once

#include <stddef.h>

struct config;

/* Immutable after making; share it by reference. */
struct auth_secrets;

/* Reads the configured secrets, and after them those that the server made before there were any; without any, those in
 * state_dir/secret alone (one per line, the first signs, the others with the time they were replaced), made once with
 * mode 0600. -EACCES and the like from the file, -EINVAL when it is malformed, -ENOMEM. */
int auth_secrets_load(const struct auth_secrets **out, const struct config *config);
/* Puts a fresh secret in front of state_dir/secret and keeps the one before it, and those (up to seven in all) that were
 * replaced less than credential-lifetime ago, so that credentials already handed out stay valid. Who holds secrets loads
 * them anew. -EPERM when [auth] secret rules. */
int auth_secrets_rotate(const struct config *config);
const struct auth_secrets *auth_secrets_ref(const struct auth_secrets *secrets); /* any thread */
void auth_secrets_unref(const struct auth_secrets *secrets);

size_t auth_secrets_count(const struct auth_secrets *secrets); /* at least 1 */
/* Terminated text of *len bytes. i < count. */
const char *auth_secrets_get(const struct auth_secrets *secrets, size_t i, size_t *len);
