/* Passwords for people: from the terminal without echo, or the first line of standard input. */
#pragma once

#include <stddef.h>

/* Asks twice on a terminal. -EINVAL: empty, too long or not the same twice (said on stderr); -EIO. */
int ctl_secret_read(char *out, size_t size, const char *prompt);
