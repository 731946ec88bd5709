/* What the relays of all workers share: an immutable snapshot made from the configuration, swapped whole at
 * reload. */
#pragma once

#include "proto/turn/server.h"
#include "relay/addresses.h"
#include "relay/ports.h"

#include <stddef.h>

struct config;
struct peer_scoped_rule;
struct relay_settings;

/* What the configuration file does not hold. */
struct relay_extras {
    const char *const *secrets; /* shared secrets, the first signs */
    size_t secret_count;
    const struct peer_scoped_rule *rules; /* of the database */
    size_t rule_count;
    const struct relay_mapping *mappings; /* what STUN found, for external-address = auto */
    size_t mapping_count;
    const char *const *populated; /* realms with users in the database: clients are told to send USERHASH */
    size_t populated_count;
    struct turn_quota quota;
    struct turn_alternates alternates; /* pick NULL: [relay] alternate-server */
    const uint8_t *nonce_key;          /* 32 bytes */
    unsigned worker_count;
};

/* -ENOMEM, -ENOBUFS: too many rules. */
int relay_settings_new(const struct relay_settings **out, const struct config *config,
                       const struct relay_extras *extras);
const struct relay_settings *relay_settings_ref(const struct relay_settings *settings); /* any thread */
void relay_settings_unref(const struct relay_settings *settings);

const struct config *relay_settings_config(const struct relay_settings *settings);
const struct turn_settings *relay_settings_turn(const struct relay_settings *settings);
struct relay_ports_range relay_settings_ports(const struct relay_settings *settings);

/* Which address a relay is bound on and what its client is told. */
const struct relay_addresses *relay_settings_addresses(const struct relay_settings *settings);
/* For a peer's address: is it one that relays of ours are told as (the public side of a NAT, or a local address
 * itself), and which local address is behind it? Constant time, no allocation. 0 and *bound, its IP "any" when one of
 * several may be meant (a relay's port is unique per family: ports.h knows whose it is), its port that of `told`;
 * -ENOENT when it is not ours. A relay bound to an interface address that came up after the last reload is not
 * known here. */
int relay_settings_bound_address(const struct relay_settings *settings, const struct addr *told, struct addr *bound);

/* Bandwidth limits, bits per second; 0: none. */
struct relay_rates {
    uint64_t user_bps, total_bps;
};
struct relay_rates relay_settings_rates(const struct relay_settings *settings);
