/* What the relays of all workers share: an immutable snapshot made from the configuration, swapped whole at
 * reload. */
#pragma once

#include "proto/turn/server.h"
#include "relay/ports.h"

#include <stddef.h>

struct config;
struct relay_settings;

/* What the configuration file does not hold. */
struct relay_extras {
    const char *const *secrets; /* shared secrets, the first signs */
    size_t secret_count;
    const char *const *allow_peer; /* rules from the database */
    size_t allow_count;
    const char *const *deny_peer;
    size_t deny_count;
    struct turn_quota quota;
    const uint8_t *nonce_key; /* 32 bytes */
    unsigned worker_count;
};

/* -EINVAL when a rule is malformed (logged), -ENOMEM. */
int relay_settings_new(const struct relay_settings **out, const struct config *config,
                       const struct relay_extras *extras);
const struct relay_settings *relay_settings_ref(const struct relay_settings *settings); /* any thread */
void relay_settings_unref(const struct relay_settings *settings);

const struct turn_settings *relay_settings_turn(const struct relay_settings *settings);
struct relay_ports_range relay_settings_ports(const struct relay_settings *settings);

/* The local address to bind a relay of that family on, for a client that came to `local` (port 0).
 * -EAFNOSUPPORT when there is none. */
int relay_settings_bind_address(const struct relay_settings *settings, int family, const struct addr *local,
                                struct addr *out);
/* What the client is told instead of a bound address: the public side of a NAT, or the address itself. */
struct addr relay_settings_advertise(const struct relay_settings *settings, const struct addr *bound);
