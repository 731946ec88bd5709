#include "store/migrations.h"

#include "base/error.h"
#include "base/log.h"

#include <stdio.h>

/* Step i leads from version i to i + 1. A step that was released is never changed. */
static const char *const steps[STORE_SCHEMA_VERSION] = {
    "CREATE TABLE realms ("
    " name TEXT PRIMARY KEY NOT NULL,"
    " created INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE users ("
    " realm TEXT NOT NULL REFERENCES realms (name) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " md5 BLOB NOT NULL CHECK (length(md5) = 16),"
    " sha256 BLOB NOT NULL CHECK (length(sha256) = 32),"
    " userhash BLOB NOT NULL CHECK (length(userhash) = 32),"
    " disabled INTEGER NOT NULL DEFAULT 0,"
    " created INTEGER NOT NULL,"
    " changed INTEGER NOT NULL,"
    " PRIMARY KEY (realm, name)) WITHOUT ROWID;"
    "CREATE INDEX users_userhash ON users (userhash);"
    "CREATE TABLE api_keys ("
    " id TEXT PRIMARY KEY NOT NULL,"
    " secret TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " permissions INTEGER NOT NULL,"
    " disabled INTEGER NOT NULL DEFAULT 0,"
    " created INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE peer_rules ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " realm TEXT NOT NULL,"
    " user TEXT NOT NULL,"
    " allow INTEGER NOT NULL,"
    " prefix TEXT NOT NULL,"
    " note TEXT NOT NULL,"
    " created INTEGER NOT NULL,"
    " UNIQUE (realm, user, prefix));",

    "CREATE TABLE rooms ("
    " name TEXT PRIMARY KEY NOT NULL,"
    " metadata TEXT NOT NULL,"
    " max_participants INTEGER NOT NULL,"
    " empty_timeout INTEGER NOT NULL,"
    " created INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE usage ("
    " id INTEGER PRIMARY KEY,"
    " kind INTEGER NOT NULL,"
    " started INTEGER NOT NULL,"
    " ended INTEGER NOT NULL,"
    " realm TEXT NOT NULL,"
    " user TEXT NOT NULL,"
    " room TEXT NOT NULL,"
    " bytes_received INTEGER NOT NULL,"
    " bytes_sent INTEGER NOT NULL);"
    "CREATE INDEX usage_ended ON usage (ended);",

    "ALTER TABLE usage ADD COLUMN session TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE usage ADD COLUMN transport TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE usage ADD COLUMN client TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE usage ADD COLUMN reason TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE usage ADD COLUMN packets_received INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE usage ADD COLUMN packets_sent INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE usage ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX usage_user ON usage (user);",
};

struct identity {
    int64_t application;
    int64_t version;
    int64_t objects; /* tables and indexes there are */
};

static int read_number(struct store_db *db, const char *text, int64_t *out) {
    struct sql q;
    sql_begin(&q, db, text);
    if (sql_step(&q) == 1) {
        *out = sql_column_int(&q, 0);
    }
    return sql_end(&q);
}

static int identify(struct store_db *db, struct identity *out) {
    *out = (struct identity){0};
    int rc = read_number(db, "PRAGMA application_id", &out->application);
    rc = rc < 0 ? rc : read_number(db, "PRAGMA user_version", &out->version);
    return rc < 0 ? rc : read_number(db, "SELECT count(*) FROM sqlite_schema", &out->objects);
}

static int refuse(const char *why, int64_t version) {
    log_error("store", "database-refused", LF_TEXT("reason", why), LF_INT("version", version),
              LF_INT("ours", STORE_SCHEMA_VERSION));
    return -ERR_DATABASE;
}

static int check_identity(const struct identity *id) {
    bool fresh = id->application == 0 && id->version == 0 && id->objects == 0;
    if (!fresh && id->application != STORE_APPLICATION_ID) {
        return refuse("the file belongs to another program", id->version);
    }
    if (id->version < 0 || id->version > STORE_SCHEMA_VERSION) {
        return refuse("the file was written by a newer version", id->version);
    }
    return 0;
}

/* One step inside a transaction; another process may have been faster. */
static int take_step(struct store_db *db, int64_t version) {
    char finish[96];
    struct identity id;
    int rc = sql_exec(db, "BEGIN IMMEDIATE");
    if (rc < 0) {
        return rc;
    }
    rc = identify(db, &id);
    if (rc == 0 && id.version == version) {
        snprintf(finish, sizeof finish, "PRAGMA application_id = %d; PRAGMA user_version = %d", STORE_APPLICATION_ID,
                 (int)version + 1);
        rc = sql_exec(db, steps[version]);
        rc = rc < 0 ? rc : sql_exec(db, finish);
    }
    rc = rc < 0 ? rc : sql_exec(db, "COMMIT");
    if (rc < 0) {
        sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
    return rc;
}

int store_migrate(struct store_db *db) {
    struct identity id;
    int rc = identify(db, &id);
    rc = rc < 0 ? rc : check_identity(&id);
    for (int64_t version = id.version; rc == 0 && version < STORE_SCHEMA_VERSION; version++) {
        rc = take_step(db, version);
        if (rc == 0) {
            log_info("store", "database-migrated", LF_INT("version", version + 1));
        }
    }
    return rc;
}

int store_check_schema(struct store_db *db) {
    struct identity id;
    int rc = identify(db, &id);
    rc = rc < 0 ? rc : check_identity(&id);
    if (rc == 0 && id.version < STORE_SCHEMA_VERSION) {
        return refuse("the file is from an older version: start the server once", id.version);
    }
    return rc;
}
