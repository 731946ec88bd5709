#include "config/value.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static const struct config_value_ops *const type_ops[CONFIG_TYPE_COUNT] = {
    [CONFIG_TYPE_BOOL] = &config_bool_ops,
    [CONFIG_TYPE_UINT] = &config_uint_ops,
    [CONFIG_TYPE_DURATION] = &config_duration_ops,
    [CONFIG_TYPE_BITRATE] = &config_bitrate_ops,
    [CONFIG_TYPE_PORTS] = &config_ports_ops,
    [CONFIG_TYPE_CHOICE] = &config_choice_ops,
    [CONFIG_TYPE_STRING] = &config_string_ops,
    [CONFIG_TYPE_PATH] = &config_path_ops,
    [CONFIG_TYPE_URL] = &config_url_ops,
    [CONFIG_TYPE_ACCOUNT] = &config_account_ops,
    [CONFIG_TYPE_LOG_TARGET] = &config_log_target_ops,
    [CONFIG_TYPE_LISTEN] = &config_listen_ops,
    [CONFIG_TYPE_ADDRESSES] = &config_addresses_ops,
    [CONFIG_TYPE_PREFIXES] = &config_prefixes_ops,
    [CONFIG_TYPE_EXTERNALS] = &config_externals_ops,
    [CONFIG_TYPE_DISCOVERIES] = &config_discoveries_ops,
    [CONFIG_TYPE_SERVERS] = &config_servers_ops,
    [CONFIG_TYPE_SECRETS] = &config_secrets_ops,
    [CONFIG_TYPE_URLS] = &config_urls_ops,
    [CONFIG_TYPE_ORIGINS] = &config_origins_ops,
    [CONFIG_TYPE_REALM_ADDRESSES] = &config_realm_addresses_ops,
    [CONFIG_TYPE_REALM_NAMES] = &config_realm_names_ops,
    [CONFIG_TYPE_REALM_ORIGINS] = &config_realm_origins_ops,
    [CONFIG_TYPE_REALM_SECRETS] = &config_realm_secrets_ops,
    [CONFIG_TYPE_REALM_NUMBERS] = &config_realm_numbers_ops,
    [CONFIG_TYPE_OAUTH_KEYS] = &config_oauth_keys_ops,
    [CONFIG_TYPE_REALM_OAUTH_KEYS] = &config_realm_oauth_keys_ops,
};

/* The common beginning of all struct config_<list>. */
struct any_list {
    size_t count;
    void *items;
};
_Static_assert(sizeof(struct any_list) == sizeof(struct config_addrs), "lists have one shape");

bool config_type_is_list(enum config_type type) { return type_ops[type]->list; }

const char *config_type_name(enum config_type type) { return type_ops[type]->name; }

int config_complain(struct config_parse *parse, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(parse->error, sizeof parse->error, format, args);
    va_end(args);
    return -EINVAL;
}

const char *config_word(const char *words, size_t i, size_t *len) {
    for (const char *at = words; at && *at; i--) {
        *len = strcspn(at, " ");
        if (i == 0) {
            return at;
        }
        at += *len;
        at += *at == ' ';
    }
    return NULL;
}

static int list_append(struct config_parse *parse, void *field, const void *items, size_t n, size_t item_bytes) {
    struct any_list list;
    memcpy(&list, field, sizeof list);
    if (list.items == NULL) {
        list.items = arena_alloc(parse->arena, parse->room * CONFIG_PARSE_ITEMS_MAX * item_bytes);
        if (!list.items) {
            return -ENOMEM;
        }
    }
    memcpy((char *)list.items + list.count * item_bytes, items, n * item_bytes);
    list.count += n;
    memcpy(field, &list, sizeof list);
    return 0;
}

size_t config_value_count(const struct config_key *key, const struct config *config) {
    struct any_list list;
    if (!type_ops[key->type]->list) {
        return 1;
    }
    memcpy(&list, (const char *)config + key->offset, sizeof list);
    return list.count;
}

int config_value_parse(const struct config_key *key, const char *text, struct config *config,
                       struct config_parse *parse) {
    const struct config_value_ops *ops = type_ops[key->type];
    char *field = (char *)config + key->offset;
    if (!ops->list) {
        int made = ops->parse(key, text, field, parse);
        return made < 0 ? made : 0;
    }
    union {
        struct addr addr;
        struct prefix prefix;
        struct config_external external;
        struct config_realm_addr realm_addr;
        struct config_realm_text realm_text;
        struct config_realm_number realm_number;
        struct config_oauth_key oauth_key;
        struct config_discovery discovery;
        struct config_server server;
        char *text;
    } items[CONFIG_PARSE_ITEMS_MAX];
    memset(items, 0, sizeof items);
    int made = ops->parse(key, text, items, parse);
    if (made < 0) {
        return made;
    }
    /* Too many lines were complained of when they were read. */
    if (parse->room <= key->max && config_value_count(key, config) + (size_t)made > key->max) {
        snprintf(parse->error, sizeof parse->error, "more than %zu values (a port alone is two: IPv4 and IPv6)",
                 (size_t)key->max);
        return -EINVAL;
    }
    return list_append(parse, field, items, (size_t)made, ops->item_bytes);
}

void config_value_format(const struct config_key *key, const struct config *config, size_t i, bool reveal, FILE *out) {
    const struct config_value_ops *ops = type_ops[key->type];
    const char *field = (const char *)config + key->offset;
    if (!ops->list) {
        ops->format(key, field, reveal, out);
        return;
    }
    struct any_list list;
    memcpy(&list, field, sizeof list);
    ops->format(key, (const char *)list.items + i * ops->item_bytes, reveal, out);
}
