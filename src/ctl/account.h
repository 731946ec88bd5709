/* Files that turnoutctl makes must belong to the daemon. */
#pragma once

#include <stddef.h>

struct config;

/* When we are root, becomes the account that the configuration names for the daemon; otherwise does nothing.
 * -ENOENT there is no such account, -errno; a sentence is in why then. */
int ctl_account_become(const struct config *config, char *why, size_t size);
