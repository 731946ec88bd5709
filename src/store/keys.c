/* API keys. */
#include "store/sql.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

enum { SECRET_MIN = 16 };

static bool is_key_text(const char *text, size_t min, size_t max) {
    size_t len = strlen(text);
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    return len >= min && len <= max && strspn(text, allowed) == len;
}

int store_db_key_add(struct store_db *db, const struct store_api_key *key) {
    static const char sql[] =
        "INSERT INTO api_keys (id, secret, name, permissions, disabled, created) VALUES (?, ?, ?, ?, ?, ?)";
    struct sql q;
    if (!is_key_text(key->id, 1, STORE_KEY_ID_MAX) || !is_key_text(key->secret, SECRET_MIN, STORE_SECRET_MAX) ||
        store_check_text(key->name, STORE_TEXT_MAX, true) < 0 || (key->permissions & ~(uint32_t)STORE_MAY_ALL)) {
        return -EINVAL;
    }
    sql_begin(&q, db, sql);
    sql_bind_text(&q, key->id);
    sql_bind_text(&q, key->secret);
    sql_bind_text(&q, key->name);
    sql_bind_int(&q, key->permissions);
    sql_bind_int(&q, key->disabled);
    sql_bind_int(&q, (int64_t)clock_wall_s());
    return sql_run_one(&q);
}

int store_db_key_set_disabled(struct store_db *db, const char *id, bool disabled) {
    static const char sql[] = "UPDATE api_keys SET disabled = ? WHERE id = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_int(&q, disabled);
    sql_bind_text(&q, id);
    return sql_run_one(&q);
}

int store_db_key_delete(struct store_db *db, const char *id) {
    static const char sql[] = "DELETE FROM api_keys WHERE id = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_text(&q, id);
    return sql_run_one(&q);
}

#define KEY_COLUMNS "id, secret, name, permissions, disabled, created"

static void read_key(struct sql *q, struct store_api_key *out) {
    memset(out, 0, sizeof *out);
    sql_column_text(q, 0, out->id, sizeof out->id);
    sql_column_text(q, 1, out->secret, sizeof out->secret);
    sql_column_text(q, 2, out->name, sizeof out->name);
    out->permissions = (uint32_t)sql_column_int(q, 3) & STORE_MAY_ALL;
    out->disabled = sql_column_int(q, 4) != 0;
    out->created = (uint64_t)sql_column_int(q, 5);
}

int store_db_key_find(struct store_db *db, const char *id, struct store_api_key *out) {
    static const char sql[] = "SELECT " KEY_COLUMNS " FROM api_keys WHERE id = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_text(&q, id);
    int found = sql_step(&q);
    if (found == 1) {
        read_key(&q, out);
    }
    int rc = sql_end(&q);
    return rc < 0 ? rc : found == 1 ? 0 : -ENOENT;
}

int store_db_key_list(struct store_db *db, int (*row)(void *ctx, const struct store_api_key *key), void *ctx) {
    static const char sql[] = "SELECT " KEY_COLUMNS " FROM api_keys ORDER BY created, id";
    struct sql q;
    int stop = 0;
    sql_begin(&q, db, sql);
    while (stop == 0 && sql_step(&q) == 1) {
        struct store_api_key key;
        read_key(&q, &key);
        stop = q.rc < 0 ? q.rc : row(ctx, &key);
        explicit_bzero(&key, sizeof key);
    }
    int rc = sql_end(&q);
    return stop ? stop : rc;
}
