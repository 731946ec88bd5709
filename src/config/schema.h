/* The schema: one row per key. Private to src/config. */
#pragma once

#include "config/arena.h"
#include "config/config.h"

enum config_type {
    /* one value */
    CONFIG_TYPE_BOOL,
    CONFIG_TYPE_UINT,
    CONFIG_TYPE_DURATION,
    CONFIG_TYPE_BITRATE,
    CONFIG_TYPE_PORTS,
    CONFIG_TYPE_CHOICE,
    CONFIG_TYPE_STRING,
    CONFIG_TYPE_PATH,
    CONFIG_TYPE_URL,
    CONFIG_TYPE_ACCOUNT,
    CONFIG_TYPE_LOG_TARGET,
    /* lists: the key may be repeated */
    CONFIG_TYPE_LISTEN,
    CONFIG_TYPE_ADDRESSES,
    CONFIG_TYPE_PREFIXES,
    CONFIG_TYPE_EXTERNALS,
    CONFIG_TYPE_DISCOVERIES,
    CONFIG_TYPE_SERVERS,
    CONFIG_TYPE_SECRETS,
    CONFIG_TYPE_URLS,
    CONFIG_TYPE_ORIGINS,
    CONFIG_TYPE_REALM_ADDRESSES,
    CONFIG_TYPE_REALM_NAMES,
    CONFIG_TYPE_REALM_ORIGINS,
    CONFIG_TYPE_REALM_SECRETS,
    CONFIG_TYPE_REALM_NUMBERS,
    CONFIG_TYPE_OAUTH_KEYS,
    CONFIG_TYPE_REALM_OAUTH_KEYS,
    CONFIG_TYPE_COUNT
};

enum config_flag {
    CONFIG_RESTART = 1,      /* a reload does not change it */
    CONFIG_HOSTNAME = 2,     /* default: the host's name */
    CONFIG_IN_STATE_DIR = 4, /* default: that name inside [server] state-dir */
    CONFIG_AHEAD = 8,        /* checked already, but nothing uses it yet: a warning says so */
};

struct config_key {
    const char *section;
    const char *name;
    const char *dotted; /* "section.key" */
    enum config_type type;
    unsigned flags;
    size_t offset;        /* in struct config */
    const char *fallback; /* default as it would stand in the file; NULL: empty */
    uint64_t min, max;    /* numbers; max also bounds the bytes of a string and the items of a list */
    const char *words;    /* choices or URL schemes, separated by blanks; for numbers the word that means 0 */
    const char *doc;      /* plain sentences */
};

struct config_section {
    const char *name;
    const char *doc;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;
extern const struct config_section config_sections[];
extern const size_t config_section_count;

/* NULL when there is none. */
const struct config_key *config_key_find(const char *section, const char *name);

enum { CONFIG_ERROR_MAX = 256, CONFIG_VALUE_MAX = 4096 };

/* Where a value being parsed takes memory and leaves its complaint. */
struct config_parse {
    struct arena *arena;
    size_t room; /* how many values of this key there are: what a list must hold */
    char error[CONFIG_ERROR_MAX];
};

bool config_type_is_list(enum config_type type);
/* "duration", "ADDR:PORT", ... for messages and the manual. */
const char *config_type_name(enum config_type type);
/* Parses one value into config: sets, or for a list appends. -EINVAL with a complaint, -ENOMEM. */
int config_value_parse(const struct config_key *key, const char *text, struct config *config,
                       struct config_parse *parse);
/* How many values the key has: 1, or a list's length. */
size_t config_value_count(const struct config_key *key, const struct config *config);
/* Writes value i as it could stand in the file, not quoted. reveal: with secrets. */
void config_value_format(const struct config_key *key, const struct config *config, size_t i, bool reveal, FILE *out);

/* The nearest of the names by edit distance, or NULL when none is near. name(ctx, i) gives the i-th, NULL at the end. */
const char *config_nearest(const char *wanted, const char *(*name)(const void *ctx, size_t i), const void *ctx);

struct config_place {
    const char *file;
    unsigned line; /* 0: the whole file */
};
/* Adds a message. The place is copied. */
__attribute__((format(printf, 4, 5))) void config_report_add(struct config_report *report,
                                                             enum config_severity severity, struct config_place place,
                                                             const char *format, ...);
