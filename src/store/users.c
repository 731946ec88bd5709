/* Realms and their users. */
#include "store/sql.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

static int insert_realm(struct store_db *db, const char *sql, const char *name) {
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_text(&q, name);
    sql_bind_int(&q, (int64_t)clock_wall_s());
    long changed = sql_run(&q);
    return changed < 0 ? (int)changed : 0;
}

int store_db_realm_add(struct store_db *db, const char *name) {
    static const char sql[] = "INSERT INTO realms (name, created) VALUES (?, ?)";
    int rc = store_check_text(name, STORE_REALM_MAX, false);
    return rc < 0 ? rc : insert_realm(db, sql, name);
}

int store_db_realm_delete(struct store_db *db, const char *name) {
    static const char sql[] = "DELETE FROM realms WHERE name = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_text(&q, name);
    return sql_run_one(&q);
}

int store_db_realm_has_users(struct store_db *db, const char *name) {
    static const char sql[] = "SELECT 1 FROM users WHERE realm = ? LIMIT 1";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_text(&q, name);
    int found = sql_step(&q);
    int rc = sql_end(&q);
    return rc < 0 ? rc : found == 1 ? 0 : -ENOENT;
}

int store_db_realm_list(struct store_db *db, int (*row)(void *ctx, const struct store_realm *realm), void *ctx) {
    static const char sql[] = "SELECT name, created, (SELECT count(*) FROM users WHERE realm = realms.name)"
                              " FROM realms ORDER BY name";
    struct sql q;
    int stop = 0;
    sql_begin(&q, db, sql);
    while (stop == 0 && sql_step(&q) == 1) {
        struct store_realm realm = {.created = (uint64_t)sql_column_int(&q, 1),
                                    .users = (uint64_t)sql_column_int(&q, 2)};
        sql_column_text(&q, 0, realm.name, sizeof realm.name);
        stop = q.rc < 0 ? q.rc : row(ctx, &realm);
    }
    int rc = sql_end(&q);
    return stop ? stop : rc;
}

static int insert_user(struct store_db *db, const struct store_user *user) {
    static const char sql[] = "INSERT INTO users (realm, name, md5, sha256, userhash, disabled, created, changed)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?7, ?7)";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_text(&q, user->realm);
    sql_bind_text(&q, user->name);
    sql_bind_blob(&q, user->keys.md5, sizeof user->keys.md5);
    sql_bind_blob(&q, user->keys.sha256, sizeof user->keys.sha256);
    sql_bind_blob(&q, user->keys.userhash, sizeof user->keys.userhash);
    sql_bind_int(&q, user->disabled);
    sql_bind_int(&q, (int64_t)clock_wall_s());
    return sql_run_one(&q);
}

int store_db_user_add(struct store_db *db, const struct store_user *user) {
    static const char realm_sql[] = "INSERT OR IGNORE INTO realms (name, created) VALUES (?, ?)";
    int rc = store_check_text(user->realm, STORE_REALM_MAX, false);
    rc = rc < 0 ? rc : store_check_text(user->name, STORE_NAME_MAX, false);
    rc = rc < 0 ? rc : sql_exec(db, "BEGIN IMMEDIATE");
    if (rc < 0) {
        return rc;
    }
    rc = insert_realm(db, realm_sql, user->realm);
    rc = rc < 0 ? rc : insert_user(db, user);
    rc = rc < 0 ? rc : sql_exec(db, "COMMIT");
    if (rc < 0) {
        sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
    return rc;
}

int store_db_user_set_keys(struct store_db *db, const char *realm, const char *name,
                           const struct store_user_keys *keys) {
    static const char sql[] =
        "UPDATE users SET md5 = ?, sha256 = ?, userhash = ?, changed = ? WHERE realm = ? AND name = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_blob(&q, keys->md5, sizeof keys->md5);
    sql_bind_blob(&q, keys->sha256, sizeof keys->sha256);
    sql_bind_blob(&q, keys->userhash, sizeof keys->userhash);
    sql_bind_int(&q, (int64_t)clock_wall_s());
    sql_bind_text(&q, realm);
    sql_bind_text(&q, name);
    return sql_run_one(&q);
}

int store_db_user_set_disabled(struct store_db *db, const char *realm, const char *name, bool disabled) {
    static const char sql[] = "UPDATE users SET disabled = ?, changed = ? WHERE realm = ? AND name = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_int(&q, disabled);
    sql_bind_int(&q, (int64_t)clock_wall_s());
    sql_bind_text(&q, realm);
    sql_bind_text(&q, name);
    return sql_run_one(&q);
}

int store_db_user_delete(struct store_db *db, const char *realm, const char *name) {
    static const char sql[] = "DELETE FROM users WHERE realm = ? AND name = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_text(&q, realm);
    sql_bind_text(&q, name);
    return sql_run_one(&q);
}

#define USER_COLUMNS "realm, name, md5, sha256, userhash, disabled, created, changed"

static void read_user(struct sql *q, struct store_user *out) {
    memset(out, 0, sizeof *out);
    sql_column_text(q, 0, out->realm, sizeof out->realm);
    sql_column_text(q, 1, out->name, sizeof out->name);
    sql_column_blob(q, 2, out->keys.md5, sizeof out->keys.md5);
    sql_column_blob(q, 3, out->keys.sha256, sizeof out->keys.sha256);
    sql_column_blob(q, 4, out->keys.userhash, sizeof out->keys.userhash);
    out->disabled = sql_column_int(q, 5) != 0;
    out->created = (uint64_t)sql_column_int(q, 6);
    out->changed = (uint64_t)sql_column_int(q, 7);
}

static int read_one_user(struct sql *q, struct store_user *out) {
    int found = sql_step(q);
    if (found == 1) {
        read_user(q, out);
    }
    int rc = sql_end(q);
    return rc < 0 ? rc : found == 1 ? 0 : -ENOENT;
}

int store_db_user_find(struct store_db *db, const char *realm, const void *name, size_t name_len,
                       struct store_user *out) {
    static const char sql[] = "SELECT " USER_COLUMNS " FROM users WHERE realm = ? AND name = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_text(&q, realm);
    sql_bind_bytes_as_text(&q, name, name_len);
    return read_one_user(&q, out);
}

int store_db_user_find_hash(struct store_db *db, const uint8_t userhash[32], struct store_user *out) {
    static const char sql[] = "SELECT " USER_COLUMNS " FROM users WHERE userhash = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_blob(&q, userhash, 32);
    return read_one_user(&q, out);
}

int store_db_user_list(struct store_db *db, const struct store_user_query *query,
                       int (*row)(void *ctx, const struct store_user *user), void *ctx) {
    static const char sql[] = "SELECT " USER_COLUMNS " FROM users"
                              " WHERE (?1 IS NULL OR realm = ?1) AND (?2 IS NULL OR name > ?2)"
                              " ORDER BY realm, name LIMIT ?3";
    struct sql q;
    int stop = 0;
    sql_begin(&q, db, sql);
    sql_bind_text(&q, query->realm);
    sql_bind_text(&q, query->realm ? query->after_name : NULL);
    sql_bind_int(&q, query->limit ? (int64_t)query->limit : -1);
    while (stop == 0 && sql_step(&q) == 1) {
        struct store_user user;
        read_user(&q, &user);
        stop = q.rc < 0 ? q.rc : row(ctx, &user);
    }
    int rc = sql_end(&q);
    return stop ? stop : rc;
}
