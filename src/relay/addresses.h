/* Which local addresses relays are bound to, what clients are told instead of them, and the way back. Part of the
 * snapshot of settings.h; immutable once made. IPs count here, never ports. */
#pragma once

#include "base/addr.h"
#include "base/hash.h"

#include <stddef.h>

struct config;

/* A local address and what it looks like from outside, as a STUN server told. */
struct relay_mapping {
    struct addr local;
    struct addr seen;
};

enum { RELAY_LOCAL_MAX = 128, RELAY_MAPPINGS_MAX = 64 };

struct relay_addresses {
    const struct config *config;
    struct addr local[RELAY_LOCAL_MAX]; /* of all interfaces that are up */
    size_t local_count;
    struct addr fallback[2];                           /* [IPv6]: when none is configured */
    struct relay_mapping mappings[RELAY_MAPPINGS_MAX]; /* for external-address = auto */
    size_t mapping_count;
    struct hash_key key;
    struct hash_table by_told; /* struct relay_mapping: seen -> local */
    struct relay_mapping *entries;
    size_t entry_count;
};

/* Looks at this machine's interfaces. config is borrowed, mappings beyond RELAY_MAPPINGS_MAX are left out. -ENOMEM;
 * deinit afterwards in any case. */
int relay_addresses_init(struct relay_addresses *a, const struct config *config, const struct relay_mapping *mappings,
                         size_t count);
void relay_addresses_deinit(struct relay_addresses *a);

/* Is there an address of that family for relays? */
bool relay_addresses_serve(const struct relay_addresses *a, int family);
/* The address to bind a relay of that family on (port 0) for this client: the one it came to when that may be, else
 * one of the configured ones, always the same for one client address (RFC 4787 REQ-2, from the other side). With
 * attempt 1, 2 ... the next ones, for when binding failed. -EAFNOSUPPORT: there is none; -EADDRNOTAVAIL: no more. */
int relay_addresses_bind(const struct relay_addresses *a, int family, const struct five_tuple *client, size_t attempt,
                         struct addr *out);
/* What clients are told instead of a bound address: the most specific line of external-address, else what STUN
 * found where that is asked for, else the address itself. The port stays. */
struct addr relay_addresses_told(const struct relay_addresses *a, const struct addr *bound);
/* The way back, in constant time and without allocation: the local address that a relay told as `told` is bound to.
 * Its IP is "any" when it may be one of several; the port stays. Local addresses stand for themselves, too.
 * -ENOENT: no relay of ours was ever told so. */
int relay_addresses_bound(const struct relay_addresses *a, const struct addr *told, struct addr *bound);

/* The local addresses whose public side no line of external-address names: what STUN is to find. The configured relay
 * addresses, or those of all interfaces but loopback; besides those of nat-discovery. Writes at most cap. */
size_t relay_addresses_unnamed(const struct config *config, struct addr *out, size_t cap);

/* 0, or -EADDRNOTAVAIL with *which: a configured relay address that cannot be bound on this machine. */
int relay_addresses_check(const struct config *config, struct addr *which);
