/* A value of an application/x-www-form-urlencoded body. */
#pragma once

#include <stddef.h>

/* Decodes the first value of that name into out (terminated). 1 found, 0 absent, -EINVAL malformed or with NUL,
 * -ENOBUFS longer than cap allows. */
int form_find(const char *body, size_t len, const char *name, char *out, size_t cap);
