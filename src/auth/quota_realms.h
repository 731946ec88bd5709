/* Quotas of single realms, a part of quota.h: allocations of all users of a realm together, and how many one user of
 * it may hold. Fixed memory. Any thread. */
#pragma once

#include "auth/quota.h"

struct quota_realms;

struct quota_realms *quota_realms_new(void); /* NULL: no memory */
void quota_realms_free(struct quota_realms *realms);
void quota_realms_set(struct quota_realms *realms, const struct auth_quota_realm *limits, size_t count);

/* Counts an allocation; *user_limit is left as it is when the realm has none of its own. -ENOSPC: the realm's quota is used
 * up. -ENOBUFS: so many realms cannot be. */
int quota_realms_hold(struct quota_realms *realms, const char *realm, uint64_t *user_limit);
void quota_realms_release(struct quota_realms *realms, const char *realm);
