/* The configuration: an immutable snapshot read from turnout.conf(5). A reload builds another snapshot
 * and swaps it whole; whoever keeps one holds a reference. Everything in it comes from the one table in
 * schema.c: parser, defaults, --check, `config show`, the reload diff and the manual's option list. */
#pragma once

#include "base/addr.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Lists. items is NULL when count is 0. */
struct config_strings {
    size_t count;
    char **items;
};
/* A listener of ":3478" or "3478" stands here as two: 0.0.0.0:3478 and [::]:3478 (IPV6_V6ONLY). */
struct config_addrs {
    size_t count;
    struct addr *items;
};
struct config_prefixes {
    size_t count;
    struct prefix *items;
};

/* What clients are told instead of a local address. */
struct config_external {
    bool automatic;           /* find out; both addresses are AF_UNSPEC */
    struct addr public_addr;  /* port 0 */
    struct addr private_addr; /* the local address it stands for; AF_UNSPEC: any of the same family */
};
struct config_externals {
    size_t count;
    struct config_external *items;
};

/* A server somewhere else. */
struct config_server {
    const char *host; /* a name or an address without brackets */
    uint16_t port;
};
struct config_servers {
    size_t count;
    struct config_server *items;
};

/* Two addresses of this machine and two ports for NAT behaviour discovery (RFC 5780): A1:P1 and A2:P2, of one family
 * and different in both. */
struct config_discovery {
    struct addr first, second;
};
struct config_discoveries {
    size_t count;
    struct config_discovery *items;
};
/* The four listeners it takes: corner 0 to 3 is A1:P1, A2:P2, A1:P2, A2:P1. */
static inline struct addr config_discovery_corner(const struct config_discovery *d, int corner) {
    struct addr a = corner == 0 || corner == 2 ? d->first : d->second;
    a.port = corner == 0 || corner == 3 ? d->first.port : d->second.port;
    return a;
}

/* Values of the section realms: a realm's name, then what it is given. */
struct config_realm_text {
    const char *realm;
    const char *text;
};
struct config_realm_texts {
    size_t count;
    struct config_realm_text *items;
};
struct config_realm_addr {
    const char *realm;
    struct addr addr; /* port 0: any */
};
struct config_realm_addrs {
    size_t count;
    struct config_realm_addr *items;
};
struct config_realm_number {
    const char *realm;
    uint64_t number; /* 0: no limit */
};
struct config_realm_numbers {
    size_t count;
    struct config_realm_number *items;
};

/* A key shared with an authorization server (RFC 7635). */
struct config_oauth_key {
    const char *realm; /* "": the default one */
    const char *kid;   /* up to 64 bytes */
    size_t key_len;    /* 16 or 32 */
    uint8_t key[32];
};
struct config_oauth_keys {
    size_t count;
    struct config_oauth_key *items;
};

struct config_ports {
    uint16_t first;
    uint16_t last; /* inclusive, >= first */
};

struct config_account {
    const char *user;  /* "" : stay what we were started as */
    const char *group; /* "" : the user's own group */
};

enum config_log_kind { CONFIG_LOG_STDERR, CONFIG_LOG_JOURNAL, CONFIG_LOG_FILE };
struct config_log_target {
    enum config_log_kind kind;
    const char *path; /* CONFIG_LOG_FILE, else NULL */
};

enum config_tls_version { CONFIG_TLS_1_2, CONFIG_TLS_1_3 };

/* Durations are in microseconds (_us), rates in bits per second (_bps). Strings are never NULL: absent is "".
 * A limit of 0 means none, where the manual says so. */
struct config {
    struct {
        const char *realm; /* the host's name unless set */
        uint64_t workers;  /* 0: one per core */
        struct config_account user;
        struct config_externals external_address;
        struct config_servers stun_server; /* whom external-address = auto asks */
        uint64_t stun_interval_us;
        const char *software_name; /* "": say nothing */
        uint64_t drain_timeout_us;
        const char *control_socket; /* path */
        const char *state_dir;      /* path */
    } server;
    struct {
        struct config_addrs udp, tcp, tls, dtls;
        struct config_discoveries nat_discovery; /* at most one per family */
        struct config_prefixes proxy_protocol;   /* who must begin connections with a PROXY header */
        uint64_t challenge_rate, binding_rate;   /* per source and second; 0: no limit, as for the next */
        uint64_t handshake_rate;                 /* per source and second on each worker */
        uint64_t source_connections;             /* of one source on each worker */
    } listen;
    struct {
        const char *certificate; /* path or "": nothing speaks TLS or DTLS then */
        const char *private_key; /* path */
        enum config_tls_version min_version;
    } tls;
    struct {
        struct config_addrs address; /* port 0; empty: the address the client came to */
        struct config_ports ports;
        struct config_prefixes allow_peer, deny_peer;
        uint64_t max_lifetime_us;
        uint64_t user_quota;                              /* allocations; 0: no limit */
        uint64_t total_quota;                             /* allocations; 0: no limit */
        uint64_t user_bandwidth_bps, total_bandwidth_bps; /* 0: no limit */
        bool tcp;                                         /* RFC 6062 */
        bool mobility;                                    /* RFC 8016 */
        struct config_addrs alternate_server;
    } relay;
    struct {
        struct config_strings secret; /* the first signs, all verify; empty: the one kept in state_dir */
        uint64_t credential_lifetime_us;
        bool strict_expiry;
        bool sha256;
        struct config_oauth_keys oauth_key; /* none: no tokens */
        const char *oauth_server_name;      /* "": the realm */
        bool development;                   /* the page may mint its own tokens */
    } auth;
    struct {
        struct config_realm_addrs address;
        struct config_realm_texts server_name, origin;
        struct config_realm_texts secret;
        struct config_oauth_keys oauth_key;
        struct config_realm_numbers user_quota, total_quota;
    } realms; /* beside server.realm, which may be named here too */
    struct {
        struct config_addrs listen, tls_listen;
        const char *public_url;               /* without a final slash, or "" */
        struct config_strings allowed_origin; /* "https://app.example" or "*" */
        struct config_prefixes trusted_proxy;
        const char *web_root;
        uint64_t request_rate; /* credential requests per source and minute; 0: no limit */
    } http;
    struct {
        struct config_addrs listen;
        bool coturn_names; /* also show counters under coturn's names */
    } stats;
    struct {
        const char *path;
        uint64_t usage_retention_us; /* 0: no usage records */
        uint64_t usage_limit;        /* records; 0: no limit */
        bool usage_address;          /* records tell the client's address */
    } database;
    struct {
        enum log_level level;
        struct config_log_target target;
        enum log_format format;
    } log;
    struct {
        uint64_t mesh_limit; /* participants; 0: never mesh */
        uint64_t max_participants;
        uint64_t empty_timeout_us;
        bool auto_create;
        uint64_t resume_timeout_us;
    } rooms;
    struct {
        struct config_strings url;
        const char *key; /* id of the API key that signs */
    } webhooks;
    struct {
        uint64_t media_port;               /* of the first worker */
        struct config_addrs media_address; /* port 0 */
        uint64_t max_bitrate_bps;          /* 0: no limit */
        bool tcp_candidates;
    } forward;
    struct {
        struct config_strings redis;      /* URLs; empty: no cluster */
        const char *node_name;            /* the host's name unless set */
        struct config_addrs node_address; /* at most one per family, port 0 */
        struct config_addrs link_listen;
        const char *region;
    } cluster;
};

/* --- reading ------------------------------------------------------------------------------------- */

struct config_source {
    const char *file;             /* NULL: TURNOUT_CONFDIR/turnout.conf */
    const char *dir;              /* its *.conf are read after file, sorted by name; NULL: conf.d beside file */
    const char *const *overrides; /* "section.key=value": replace what the files say; repeated ones add up */
    size_t override_count;
    const char *text; /* instead of file and dir, when not NULL: text_len bytes */
    size_t text_len;
};

enum config_severity { CONFIG_ERROR, CONFIG_WARNING };

struct config_message {
    enum config_severity severity;
    unsigned line;    /* 0: the whole file */
    const char *file; /* "--set" for overrides */
    const char *text;
};

/* Everything that was found, not only the first. Zero-initialise; config_report_deinit frees. */
struct config_report {
    struct config_message *items;
    size_t count;
    size_t errors;
    size_t dropped; /* messages beyond the bound of 100 */
};

/* Reads the files and overrides and makes a snapshot with one reference. Reads nothing else: no
 * resolving, no look at certificates. -ERR_CONFIG when the report holds errors (*out is NULL then),
 * -ENOMEM. Any thread. */
int config_load(const struct config **out, const struct config_source *source, struct config_report *report);

void config_report_deinit(struct config_report *report);
/* One line per message, "file:line: error: text". */
void config_report_print(const struct config_report *report, FILE *out);

/* Returns config. Any thread; the pointer stays valid until the matching config_unref. */
const struct config *config_ref(const struct config *config);
void config_unref(const struct config *config); /* NULL is allowed */

/* The realms of the section realms, without server.realm, in the order they are named first. Borrowed. How many, at most
 * one more than CONFIG_REALMS_MAX; a loaded configuration has at most CONFIG_REALMS_MAX. */
enum { CONFIG_REALMS_MAX = 64 };
size_t config_realm_names(const struct config *config, const char *out[CONFIG_REALMS_MAX + 1]);

/* --- looking ------------------------------------------------------------------------------------- */

struct config_change {
    const char *name;   /* "section.key", static */
    bool needs_restart; /* the running process keeps the old value */
};

/* Which keys differ. Writes at most cap and returns the number. CONFIG_KEY_MAX is always enough. */
enum { CONFIG_KEY_MAX = 96 };
size_t config_diff(const struct config *old, const struct config *now, struct config_change *out, size_t cap);

enum config_form { CONFIG_FORM_INI, CONFIG_FORM_JSON };

/* The whole configuration as text, defaults included, secrets masked. JSON: {"section":{"key":value}},
 * lists as arrays. The caller frees. NULL: no memory. */
char *config_show(const struct config *config, enum config_form form);

/* Writes a value as it may stand in a file: with quotes when it would not be read back as it is. */
void config_text_write(const char *text, FILE *out);
