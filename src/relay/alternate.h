/* [relay] alternate-server: where new clients are sent instead (300 Try Alternate, RFC 8489 section 10).
 *
 * One of the client's family, at random. A list that names this server, too, is that of a fleet: then the client's
 * address decides, in the same way on every server, so that a client is sent on once at the most. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>

/* For struct turn_alternates; ctx: const struct relay_settings, which outlives its use. Any thread. */
bool relay_alternate_pick(void *ctx, const struct five_tuple *client, bool full, struct addr *out);
