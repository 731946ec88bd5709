/* Whose is this transport address: the relayed (and media) addresses of this process and the worker that serves each. A
 * packet for one of them goes to that worker and through no socket. One table for all threads. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct owners;

enum {
    OWNERS_MAX = 262144, /* addresses */
    OWNERS_IPS_MAX = 64, /* different IPs that clients were told */
};

enum owner_kind { OWNER_RELAY, OWNER_MEDIA };

struct owner {
    void *handle; /* the owning worker's; only its thread may follow it */
    uint8_t worker;
    uint8_t kind; /* enum owner_kind */
};

/* NULL: no memory. */
struct owners *owners_new(void);
void owners_free(struct owners *o);

/* From the worker that owns the address. An address may be there once. told: clients know it, so its IP counts for
 * owners_tell_ip. -EINVAL (no port, or a scope), -ENOSPC. Takes a lock: not for the packet path. */
int owners_add(struct owners *o, const struct addr *at, const struct owner *owner, bool told);
/* Forgets the address, if it is there. The same thread as owners_add. */
void owners_remove(struct owners *o, const struct addr *at);

/* The packet path: no lock, and one load for nearly all that is not ours. On another thread the answer may be out of date
 * when it comes: the owner looks again. While addresses come and go it may be "no" for one that is there. */
bool owners_find(const struct owners *o, const struct addr *at, struct owner *out);
/* Is the IP that of an address which clients were told? Takes a lock. */
bool owners_tell_ip(struct owners *o, const struct addr *ip);
