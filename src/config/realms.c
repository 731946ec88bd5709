#include "config/config.h"

#include <string.h>

struct names {
    const struct config *config;
    const char **out;
    size_t count;
};

static void add(struct names *names, const char *realm) {
    bool known = strcmp(realm, names->config->server.realm) == 0;
    for (size_t i = 0; i < names->count && !known; i++) {
        known = strcmp(realm, names->out[i]) == 0;
    }
    if (!known && names->count <= CONFIG_REALMS_MAX) {
        names->out[names->count++] = realm;
    }
}

static void add_texts(struct names *names, const struct config_realm_texts *list) {
    for (size_t i = 0; i < list->count; i++) {
        add(names, list->items[i].realm);
    }
}

static void add_numbers(struct names *names, const struct config_realm_numbers *list) {
    for (size_t i = 0; i < list->count; i++) {
        add(names, list->items[i].realm);
    }
}

size_t config_realm_names(const struct config *config, const char *out[CONFIG_REALMS_MAX + 1]) {
    struct names names = {.config = config, .out = out};
    for (size_t i = 0; i < config->realms.address.count; i++) {
        add(&names, config->realms.address.items[i].realm);
    }
    add_texts(&names, &config->realms.server_name);
    add_texts(&names, &config->realms.origin);
    add_texts(&names, &config->realms.secret);
    for (size_t i = 0; i < config->realms.oauth_key.count; i++) {
        add(&names, config->realms.oauth_key.items[i].realm);
    }
    add_numbers(&names, &config->realms.user_quota);
    add_numbers(&names, &config->realms.total_quota);
    return names.count;
}
