/* The database, synchronous: one SQLite connection and every statement the product runs. The daemon's
 * store thread (store.h) and turnoutctl's offline verbs use the same calls. A struct store_db belongs to
 * one thread at a time. Values reach SQL as bound parameters only.
 *
 * Errors of all calls: -ENOENT no such row, -EEXIST there is one already, -EINVAL a value breaks a rule
 * below, -ENOSPC disk full, -EBUSY locked by another process for longer than the wait, -EROFS opened for
 * reading or read-only medium, -ERR_DATABASE anything else (corrupt, not a database, I/O); details are
 * logged (rate-limited) under the subsystem "store". */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STORE_NAME_MAX = 508, /* bytes of a user name (RFC 8489 section 14.3: fewer than 509) */
    STORE_REALM_MAX = 127,
    STORE_TEXT_MAX = 255, /* notes, display names, room names */
    STORE_KEY_ID_MAX = 32,
    STORE_SECRET_MAX = 64,
    STORE_METADATA_MAX = 4096,
    STORE_SCHEMA_VERSION = 3,
};

struct store_db;

enum store_open { STORE_OPEN_READ, STORE_OPEN_WRITE, STORE_OPEN_CREATE };

/* STORE_OPEN_CREATE makes the file (mode 0600) and its folder's entry; WRITE and CREATE migrate an older
 * schema. A schema newer than ours: -ERR_DATABASE. */
int store_db_open(struct store_db **out, const char *path, enum store_open how);
void store_db_close(struct store_db *db); /* NULL is allowed */
/* Changes whenever another connection or process has committed, or we have. */
int store_db_version(struct store_db *db, uint64_t *out);
/* A shallow look at the file (PRAGMA quick_check): 0 or -ERR_DATABASE. Slow on large files. */
int store_db_check(struct store_db *db);

/* A callback of the list calls; a non-zero return ends the walk and is returned. The row is borrowed. */

/* --- realms: names under which users live ---------------------------------------------------------- */
struct store_realm {
    char name[STORE_REALM_MAX + 1];
    uint64_t created; /* unix seconds */
    uint64_t users;   /* how many there are; filled by the list */
};
int store_db_realm_add(struct store_db *db, const char *name);
int store_db_realm_delete(struct store_db *db, const char *name); /* and its users */
/* 0, or -ENOENT when nobody lives there. */
int store_db_realm_has_users(struct store_db *db, const char *name);
int store_db_realm_list(struct store_db *db, int (*row)(void *ctx, const struct store_realm *realm), void *ctx);

/* --- users: long-term credentials ------------------------------------------------------------------ */
/* The keys of RFC 8489 section 9.2.2 and 18.5.1; the password itself is never kept. */
struct store_user_keys {
    uint8_t md5[16];      /* MD5(name ":" realm ":" password) */
    uint8_t sha256[32];   /* SHA-256(the same) */
    uint8_t userhash[32]; /* SHA-256(name ":" realm) */
};
struct store_user {
    char realm[STORE_REALM_MAX + 1];
    char name[STORE_NAME_MAX + 1];
    struct store_user_keys keys;
    bool disabled;
    uint64_t created;
    uint64_t changed;
};
/* Rule: name and realm are UTF-8, not empty, without control characters. The realm is made on demand.
 * created and changed are set by the call. */
int store_db_user_add(struct store_db *db, const struct store_user *user);
int store_db_user_set_keys(struct store_db *db, const char *realm, const char *name,
                           const struct store_user_keys *keys);
int store_db_user_set_disabled(struct store_db *db, const char *realm, const char *name, bool disabled);
int store_db_user_delete(struct store_db *db, const char *realm, const char *name);
/* name is bytes from the wire: anything, even NUL. */
int store_db_user_find(struct store_db *db, const char *realm, const void *name, size_t name_len,
                       struct store_user *out);
int store_db_user_find_hash(struct store_db *db, const uint8_t userhash[32], struct store_user *out);
/* realm NULL: all. Sorted by realm and name, beginning after `after_name` (NULL: at the start) when realm is
 * given; at most limit rows (0: all). */
struct store_user_query {
    const char *realm;
    const char *after_name;
    size_t limit;
};
int store_db_user_list(struct store_db *db, const struct store_user_query *query,
                       int (*row)(void *ctx, const struct store_user *user), void *ctx);

/* --- API keys: what sign room tokens and ask for credentials ----------------------------------------- */
enum store_permission {
    STORE_MAY_JOIN = 1,        /* its tokens open rooms */
    STORE_MAY_ADMINISTER = 2,  /* its tokens may carry roomAdmin, roomCreate, roomList */
    STORE_MAY_CREDENTIALS = 4, /* /turn hands out credentials for it */
    STORE_MAY_ALL = 7,
};
struct store_api_key {
    char id[STORE_KEY_ID_MAX + 1];
    char secret[STORE_SECRET_MAX + 1];
    char name[STORE_TEXT_MAX + 1]; /* what it is for */
    uint32_t permissions;          /* enum store_permission */
    bool disabled;
    uint64_t created;
};
/* Rule: id and secret are of [A-Za-z0-9_-], the secret has at least 16 characters. */
int store_db_key_add(struct store_db *db, const struct store_api_key *key);
int store_db_key_set_disabled(struct store_db *db, const char *id, bool disabled);
int store_db_key_delete(struct store_db *db, const char *id);
int store_db_key_find(struct store_db *db, const char *id, struct store_api_key *out);
int store_db_key_list(struct store_db *db, int (*row)(void *ctx, const struct store_api_key *key), void *ctx);

/* --- peer rules: where relays may send, beside [relay] allow-peer and deny-peer ------------------------ */
struct store_peer_rule {
    int64_t id;                      /* set by the call */
    char realm[STORE_REALM_MAX + 1]; /* "": every realm */
    char user[STORE_NAME_MAX + 1];   /* "": every user */
    bool allow;
    struct prefix prefix;
    char note[STORE_TEXT_MAX + 1];
    uint64_t created;
};
int store_db_rule_add(struct store_db *db, const struct store_peer_rule *rule, int64_t *id);
int store_db_rule_delete(struct store_db *db, int64_t id);
int store_db_rule_list(struct store_db *db, int (*row)(void *ctx, const struct store_peer_rule *rule), void *ctx);

/* --- rooms defined beforehand --------------------------------------------------------------------------- */
struct store_room {
    char name[STORE_TEXT_MAX + 1];
    char metadata[STORE_METADATA_MAX + 1];
    uint32_t max_participants; /* 0: as configured */
    uint32_t empty_timeout_s;  /* 0: as configured */
    uint64_t created;
};
int store_db_room_put(struct store_db *db, const struct store_room *room); /* adds or replaces */
int store_db_room_delete(struct store_db *db, const char *name);
int store_db_room_find(struct store_db *db, const char *name, struct store_room *out);
int store_db_room_list(struct store_db *db, int (*row)(void *ctx, const struct store_room *room), void *ctx);

/* --- usage records ----------------------------------------------------------------------------------------- */
enum store_usage_kind { STORE_USAGE_RELAY, STORE_USAGE_PARTICIPANT };
struct store_usage {
    int64_t id; /* set by the list; grows with time */
    enum store_usage_kind kind;
    uint64_t started; /* unix seconds */
    uint64_t ended;
    char session[32];
    char realm[STORE_REALM_MAX + 1];
    char user[STORE_TEXT_MAX + 1]; /* or the participant's identity; UTF-8 */
    char room[STORE_TEXT_MAX + 1];
    char transport[8];
    char client[ADDR_TEXT_MAX]; /* "": not kept */
    char reason[24];            /* why it ended */
    uint64_t bytes_received;    /* from the client */
    uint64_t bytes_sent;
    uint64_t packets_received;
    uint64_t packets_sent;
    uint64_t dropped; /* packets */
};
/* All of them or none, in one transaction that does not wait for another process' lock. Does not count as a change
 * for store_db_version. */
int store_db_usage_add(struct store_db *db, const struct store_usage *const *records, size_t count);

struct store_usage_query {
    const char *user;  /* NULL: all */
    uint64_t since;    /* records that ended then or later */
    int64_t before_id; /* the list only: older than this record; 0: from the newest on */
    size_t limit;      /* rows at most */
};
/* Newest first. */
int store_db_usage_list(struct store_db *db, const struct store_usage_query *query,
                        int (*row)(void *ctx, const struct store_usage *usage), void *ctx);
/* The sums of each user, greatest users first: id is their number of records, started the seconds of all together, ended
 * the last end. */
int store_db_usage_sum(struct store_db *db, const struct store_usage_query *query,
                       int (*row)(void *ctx, const struct store_usage *sum), void *ctx);
/* Deletes records that ended before that time, and the oldest so that about `keep` remain (0: no limit); at most
 * `limit` rows of each, so that others have their turn. As add towards others. */
int store_db_usage_prune(struct store_db *db, uint64_t ended_before, uint64_t keep, size_t limit, uint64_t *deleted);
