#include "relay/realms.h"

#include "relay/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool relay_realm_has_users(const struct relay_extras *extras, const char *realm) {
    for (size_t i = 0; i < extras->populated_count; i++) {
        if (strcmp(extras->populated[i], realm) == 0) {
            return true;
        }
    }
    return false;
}

static void add_secrets(struct relay_realms *realms, size_t i, const struct config *config) {
    struct turn_realm *realm = &realms->items[i];
    realm->secrets = realms->secrets[i];
    for (size_t k = 0; k < config->realms.secret.count && realm->secret_count < TURN_SECRETS_MAX; k++) {
        if (strcmp(config->realms.secret.items[k].realm, realm->name) == 0) {
            realms->secrets[i][realm->secret_count++] = config->realms.secret.items[k].text;
        }
    }
}

static const char *name_for(const struct config *config, const char *realm) {
    return config->auth.oauth_server_name[0] ? config->auth.oauth_server_name : realm;
}

/* The keys of one realm, one after another. How many. */
static size_t add_oauth_keys(struct relay_realms *realms, const struct config_oauth_keys *list, const char *realm) {
    size_t count = 0;
    for (size_t i = 0; i < list->count && count < TURN_OAUTH_KEYS_MAX; i++) {
        const struct config_oauth_key *item = &list->items[i];
        if (strcmp(item->realm, realm) == 0) {
            struct turn_oauth_key *key = &realms->oauth_keys[realms->oauth_key_count++];
            *key = (struct turn_oauth_key){.kid = item->kid, .key_len = item->key_len};
            memcpy(key->key, item->key, item->key_len);
            count++;
        }
    }
    return count;
}

static int make_oauth(struct relay_realms *out, const struct config *config) {
    size_t room = config->auth.oauth_key.count + config->realms.oauth_key.count;
    out->oauth_keys = calloc(room + 1, sizeof *out->oauth_keys);
    if (!out->oauth_keys) {
        return -ENOMEM;
    }
    out->default_oauth_key_count = add_oauth_keys(out, &config->auth.oauth_key, "");
    for (size_t i = 0; i < out->count; i++) {
        struct turn_realm *realm = &out->items[i];
        realm->oauth_keys = &out->oauth_keys[out->oauth_key_count];
        realm->oauth_name = name_for(config, realm->name);
        realm->oauth_key_count = add_oauth_keys(out, &config->realms.oauth_key, realm->name);
    }
    return 0;
}

/* The default realm needs no way. */
static void add_way(struct relay_realms *realms, const char *name, struct turn_realm_way way) {
    for (unsigned i = 0; i < realms->count; i++) {
        if (strcmp(realms->items[i].name, name) == 0) {
            way.realm = i;
            realms->ways[realms->way_count++] = way;
            return;
        }
    }
}

static void add_texts(struct relay_realms *realms, const struct config_realm_texts *list, enum turn_way_kind kind) {
    for (size_t i = 0; i < list->count; i++) {
        add_way(realms, list->items[i].realm, (struct turn_realm_way){.kind = kind, .text = list->items[i].text});
    }
}

/* An address with a port is more specific than one without. */
static void add_addresses(struct relay_realms *realms, const struct config_realm_addrs *list, bool with_port) {
    for (size_t i = 0; i < list->count; i++) {
        const struct config_realm_addr *item = &list->items[i];
        if ((item->addr.port != 0) == with_port) {
            add_way(realms, item->realm, (struct turn_realm_way){.kind = TURN_WAY_ADDRESS, .addr = item->addr});
        }
    }
}

int relay_realms_make(struct relay_realms *out, const struct config *config, const struct relay_extras *extras) {
    const char *names[CONFIG_REALMS_MAX + 1];
    size_t count = config_realm_names(config, names);
    size_t ways = config->realms.origin.count + config->realms.server_name.count + config->realms.address.count;
    out->ways = calloc(ways + 1, sizeof *out->ways);
    if (!out->ways) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count && i < CONFIG_REALMS_MAX; i++) {
        out->items[out->count++] =
            (struct turn_realm){.name = names[i], .anonymity = relay_realm_has_users(extras, names[i])};
        add_secrets(out, i, config);
    }
    /* What the client says counts before what it reached. */
    add_texts(out, &config->realms.origin, TURN_WAY_ORIGIN);
    add_texts(out, &config->realms.server_name, TURN_WAY_SERVER_NAME);
    add_addresses(out, &config->realms.address, true);
    add_addresses(out, &config->realms.address, false);
    out->default_oauth_name = name_for(config, config->server.realm);
    return make_oauth(out, config);
}

void relay_realms_deinit(struct relay_realms *realms) {
    if (realms->oauth_keys) {
        explicit_bzero(realms->oauth_keys, realms->oauth_key_count * sizeof *realms->oauth_keys);
    }
    free(realms->oauth_keys);
    free(realms->ways);
}
