/* The realms of a configuration as proto/turn takes them, a part of settings.c. */
#pragma once

#include "config/config.h"
#include "proto/turn/server.h"

struct relay_extras;

struct relay_realms {
    size_t count;
    struct turn_realm items[CONFIG_REALMS_MAX];
    const char *secrets[CONFIG_REALMS_MAX][TURN_SECRETS_MAX];
    size_t oauth_key_count;
    struct turn_oauth_key *oauth_keys; /* the default realm's first, then each realm's together */
    size_t default_oauth_key_count;
    const char *default_oauth_name;
    size_t way_count;
    struct turn_realm_way *ways;
};

/* Texts are borrowed from the configuration. -ENOMEM. */
int relay_realms_make(struct relay_realms *out, const struct config *config, const struct relay_extras *extras);
void relay_realms_deinit(struct relay_realms *realms);
/* Does the database hold users of that realm, as far as the extras say? */
bool relay_realm_has_users(const struct relay_extras *extras, const char *realm);
