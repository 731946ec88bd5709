/* From coturn's turnserver.conf to turnout.conf: reading, translating by one table, writing. No files are touched
 * here; import_verb.c reads and writes them, import_database.c reads coturn's SQLite database. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    IMPORT_FILE_MAX = 1 << 20, /* bytes of a configuration */
    IMPORT_LINE_MAX = 4096,    /* bytes of a line */
    IMPORT_ENTRIES_MAX = 20000,
    IMPORT_USERS_MAX = 1000000,
    IMPORT_RULES_MAX = 10000,
    IMPORT_PREFIXES_MAX = 254, /* what the widest range of IPv6 addresses becomes */
};

/* What becomes of an option. */
enum import_kind {
    IMPORT_SAME,        /* the same under turnout's name */
    IMPORT_TRANSLATED,  /* the same in other words */
    IMPORT_IMPLIED,     /* turnout always does it */
    IMPORT_NOT_NEEDED,  /* there is nothing to set */
    IMPORT_LATER,       /* not in this version */
    IMPORT_UNSUPPORTED, /* there is no equivalent */
    IMPORT_KINDS
};

/* Writes the value for turnout.conf; returns NULL, or why it cannot be taken. */
typedef const char *import_convert(char *out, size_t size, const char *value);

/* One row per option of coturn 4.6. */
struct import_option {
    const char *name;
    enum import_kind kind;
    bool flag;           /* stands without a value, or with yes or no */
    const char *section; /* where it goes; NULL: with others (import_compose.c), or nowhere */
    const char *key;
    import_convert *convert; /* NULL: as it stands */
    const char *text;        /* what turnout does, or why not; one or two plain sentences */
};
extern const struct import_option import_options[];
extern const size_t import_option_count;
const char *import_kind_name(enum import_kind kind);
/* NULL when there is none. */
const struct import_option *import_option_find(const char *name);

struct import;
int import_new(struct import **out); /* -ENOMEM */
void import_free(struct import *im); /* NULL is allowed */

/* Reads a configuration of coturn. Bad lines become findings. -EFBIG: too many bytes or options; -ENOMEM. */
int import_read(struct import *im, const char *text, size_t len);

/* The file's `userdb`, or NULL. */
const char *import_userdb(const struct import *im);
/* The realm by the file, or NULL. */
const char *import_realm(const struct import *im);

/* What a database holds. -EINVAL: not taken, a finding says why; -EFBIG beyond the bounds above; -ENOMEM. */
int import_add_user(struct import *im, const char *realm, const char *name, const char *hex_key);
int import_add_rule(struct import *im, const char *realm, bool allow, const char *range);
int import_add_secret(struct import *im, const char *secret);
/* The same for one realm ("": the default one); after import_read. */
int import_add_realm_secret(struct import *im, const char *realm, const char *secret);
int import_add_realm_origin(struct import *im, const char *realm, const char *origin);
int import_add_realm_option(struct import *im, const char *realm, const char *option, const char *value);
/* A key of an authorization server; without the option oauth it is only noted. */
struct import_oauth_key {
    const char *base64;
    const char *algorithm; /* "": A256GCM */
};
int import_add_oauth_key(struct import *im, const char *realm, const char *kid, const struct import_oauth_key *key);
/* An option that was read or a thing that was found, and what becomes of it. line 0: of no line. */
int import_note(struct import *im, enum import_kind kind, unsigned line, const char *name, const char *text);

/* Makes the configuration; after everything was read and before what follows. Values that turnout refuses become
 * findings, so that the result passes `turnoutd --check`. -ERR_CONFIG with a sentence in why when it does not all the
 * same; -ENOMEM. */
int import_compose(struct import *im, char *why, size_t size);
/* The text, owned by im. */
const char *import_text(const struct import *im);
/* Prints the findings, those of no effect on anybody only when all is asked for, each after the prefix. */
void import_print_findings(const struct import *im, FILE *out, const char *prefix, bool all);
size_t import_finding_count(const struct import *im, enum import_kind kind);

struct import_user {
    const char *realm;    /* NULL: the server's */
    const char *name;     /* valid text */
    const char *password; /* NULL: only the key is known */
    uint8_t md5[16];      /* MD5(name ":" realm ":" password) when there is no password */
};
size_t import_user_count(const struct import *im);
const struct import_user *import_user_at(const struct import *im, size_t i);

struct import_rule {
    const char *realm; /* "": every realm */
    bool allow;
    struct prefix prefix;
};
size_t import_rule_count(const struct import *im);
const struct import_rule *import_rule_at(const struct import *im, size_t i);

/* "A", "A-B" or CIDR as prefixes (at most IMPORT_PREFIXES_MAX): how many, or -EINVAL. */
int import_range(struct prefix *out, const char *text);
