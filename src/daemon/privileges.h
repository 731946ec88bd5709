/* Giving up root: first all but the right to bind low ports, then that too. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct config_account;

struct account {
    uid_t uid;
    gid_t gid;
};

/* Looks the names up. Empty names, or started without root: what we are now. -ENOENT when there is no such user or
 * group (logged). */
int account_resolve(struct account *out, const struct config_account *names);

/* Gives path's owner to the account when we are root, so that it can be written after the change. folder: it is made
 * (mode 0750) when it is missing. -errno. */
int account_give(const struct account *account, const char *path, bool folder);

/* Becomes the account for good: groups and ids, no way back; only the right to bind low ports is kept. A no-op for
 * the account we already are. -EPERM, -errno. */
int account_become(const struct account *account, const char *user);
/* Gives up the last right, new privileges by exec, and core dumps (they would hold secrets). */
int account_seal(void);
