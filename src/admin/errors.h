/* One wording of errors for the control socket and for turnoutctl's offline verbs. */
#pragma once

#include <stddef.h>

/* "not-found", "conflict", "bad-request", "forbidden", "unavailable" or "internal" for a code of either sign. */
const char *admin_error_code(int rc);
/* "User alice: there is none." */
void admin_error_sentence(char *out, size_t size, int rc, const char *subject);
