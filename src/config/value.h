/* How one type of value is read and written. Private to src/config. */
#pragma once

#include "config/schema.h"

enum { CONFIG_PARSE_ITEMS_MAX = 2 /* what one text may become: both wildcards */ };

struct config_value_ops {
    const char *name;
    size_t item_bytes;
    bool list;
    /* Reads text into out, room for CONFIG_PARSE_ITEMS_MAX items; returns how many it became. -EINVAL with a
     * complaint in parse->error, -ENOMEM. */
    int (*parse)(const struct config_key *key, const char *text, void *out, struct config_parse *parse);
    void (*format)(const struct config_key *key, const void *item, bool reveal, FILE *out);
};

extern const struct config_value_ops config_bool_ops, config_uint_ops, config_duration_ops, config_bitrate_ops,
    config_ports_ops, config_choice_ops;
extern const struct config_value_ops config_string_ops, config_path_ops, config_url_ops, config_account_ops,
    config_log_target_ops, config_secrets_ops, config_urls_ops, config_origins_ops;
extern const struct config_value_ops config_realm_addresses_ops, config_realm_names_ops, config_realm_origins_ops,
    config_realm_secrets_ops, config_realm_numbers_ops, config_oauth_keys_ops, config_realm_oauth_keys_ops;
extern const struct config_value_ops config_listen_ops, config_addresses_ops, config_prefixes_ops, config_externals_ops,
    config_discoveries_ops, config_servers_ops;

/* A number with the unit of the key's type, 0 as 0. */
void config_number_format(const struct config_key *key, uint64_t value, FILE *out);

/* Leaves a complaint and returns -EINVAL. */
__attribute__((format(printf, 2, 3))) int config_complain(struct config_parse *parse, const char *format, ...);

/* The i-th of the blank-separated words, with its length; NULL at the end. */
const char *config_word(const char *words, size_t i, size_t *len);
