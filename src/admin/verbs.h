/* The verbs of the control socket: one table that checks requests, words turnoutctl's help and shell
 * completion, and is compared with turnoutctl(8) by a test. Data only, shared by turnoutd and turnoutctl. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t;

enum admin_verb_id {
    ADMIN_VERB_STATUS,
    ADMIN_VERB_SESSIONS_LIST,
    ADMIN_VERB_SESSIONS_SHOW,
    ADMIN_VERB_SESSIONS_KILL,
    ADMIN_VERB_USAGE_LIST,
    ADMIN_VERB_USAGE_SUMMARY,
    ADMIN_VERB_TOP,
    ADMIN_VERB_ROOMS_LIST,
    ADMIN_VERB_ROOMS_SHOW,
    ADMIN_VERB_ROOMS_CLOSE,
    ADMIN_VERB_PARTICIPANTS_KICK,
    ADMIN_VERB_PARTICIPANTS_MUTE,
    ADMIN_VERB_USER_ADD,
    ADMIN_VERB_USER_DEL,
    ADMIN_VERB_USER_LIST,
    ADMIN_VERB_USER_PASSWD,
    ADMIN_VERB_KEY_ADD,
    ADMIN_VERB_KEY_DEL,
    ADMIN_VERB_KEY_LIST,
    ADMIN_VERB_SECRET_ROTATE,
    ADMIN_VERB_TOKEN_CREATE,
    ADMIN_VERB_CREDENTIALS_CREATE,
    ADMIN_VERB_PEER_ALLOW,
    ADMIN_VERB_PEER_DENY,
    ADMIN_VERB_PEER_LIST,
    ADMIN_VERB_PEER_REMOVE,
    ADMIN_VERB_CONFIG_SHOW,
    ADMIN_VERB_CONFIG_CHECK,
    ADMIN_VERB_CONFIG_RELOAD,
    ADMIN_VERB_CONFIG_PORTS,
    ADMIN_VERB_LOG_LEVEL,
    ADMIN_VERB_DRAIN,
    ADMIN_VERB_SELFTEST,
    ADMIN_VERB_IMPORT_COTURN,
    ADMIN_VERB_COUNT
};

enum admin_arg_type {
    ADMIN_ARG_TEXT,     /* JSON string, at most `max` bytes, no control characters */
    ADMIN_ARG_SECRET,   /* as TEXT; turnoutctl asks for it or reads standard input */
    ADMIN_ARG_UINT,     /* JSON integer, 0 to max */
    ADMIN_ARG_DURATION, /* JSON integer of seconds, 1 to max; typed as 90, 90s, 15m, 12h, 7d */
    ADMIN_ARG_BOOL,     /* JSON true or false; typed as --name, --no-name or --name=yes|no */
    ADMIN_ARG_CHOICE,   /* JSON string, one of `choices` */
};

enum {
    ADMIN_ARG_POSITIONAL = 1, /* typed by place, not as --name */
    ADMIN_ARG_REQUIRED = 2,
    ADMIN_ARG_LOCAL = 4, /* for turnoutctl alone, not sent */
};

struct admin_arg {
    const char *name;    /* JSON member; on the command line with - for _ */
    const char *value;   /* what help calls the value: "ROOM" */
    const char *help;    /* without full stop */
    const char *choices; /* ADMIN_ARG_CHOICE: "text|nft|ufw" */
    uint64_t max;        /* bytes of a text, or the largest number */
    enum admin_arg_type type;
    unsigned flags;
};

enum {
    ADMIN_VERB_OFFLINE = 1, /* turnoutctl can do it without the daemon */
    ADMIN_VERB_LIST = 2,    /* the answer comes as rows */
};

struct admin_verb {
    enum admin_verb_id id;
    const char *name;             /* "sessions list": one or two words */
    const char *help;             /* one sentence without full stop */
    const struct admin_arg *args; /* ends with name NULL; positional ones first */
    unsigned flags;
};

/* In the order of enum admin_verb_id. */
extern const struct admin_verb admin_verb_table[ADMIN_VERB_COUNT];

/* NULL when there is no such verb. */
const struct admin_verb *admin_verb_find(const char *name);
const struct admin_arg *admin_verb_arg(const struct admin_verb *verb, const char *name);

/* Do these arguments (a JSON object, or NULL for none) fit the verb? -EINVAL with a sentence in why. */
int admin_verb_check_args(const struct admin_verb *verb, const struct json_t *args, char *why, size_t size);

/* "90", "90s", "15m", "12h", "7d" -> seconds. -EINVAL, -ERANGE. */
int admin_duration_parse(uint64_t *out_s, const char *text);
