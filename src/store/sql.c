#include "store/sql.h"

#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

struct meaning {
    int sqlite; /* primary or extended code */
    int code;
    int metric; /* enum metric_id, or -1: an answer, not a failure */
};

static const struct meaning meanings[] = {
    {SQLITE_CONSTRAINT_PRIMARYKEY, -EEXIST, -1},
    {SQLITE_CONSTRAINT_UNIQUE, -EEXIST, -1},
    {SQLITE_CONSTRAINT_FOREIGNKEY, -ENOENT, -1},
    {SQLITE_CONSTRAINT, -EINVAL, -1},
    {SQLITE_TOOBIG, -EINVAL, -1},
    {SQLITE_BUSY, -EBUSY, METRIC_STORE_ERRORS_BUSY},
    {SQLITE_LOCKED, -EBUSY, METRIC_STORE_ERRORS_BUSY},
    {SQLITE_FULL, -ENOSPC, METRIC_STORE_ERRORS_FULL},
    {SQLITE_READONLY, -EROFS, METRIC_STORE_ERRORS_READ_ONLY},
    {SQLITE_NOMEM, -ENOMEM, METRIC_STORE_ERRORS_OTHER},
};

int sql_error(struct store_db *db, int rc, const char *doing) {
    static struct log_limit limit = {.burst = 3};
    int code = -ERR_DATABASE;
    int metric = METRIC_STORE_ERRORS_OTHER;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].sqlite == rc || meanings[i].sqlite == (rc & 0xff)) {
            code = meanings[i].code;
            metric = meanings[i].metric;
            break;
        }
    }
    if (metric >= 0) {
        metrics_inc((enum metric_id)metric);
        log_limited(&limit, LOG_LEVEL_ERROR, "store", "database-error", LF_TEXT("doing", doing),
                    LF_TEXT("reason", db->sqlite ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(rc)),
                    LF_INT("code", rc));
    }
    return code;
}

static sqlite3_stmt *find_statement(struct store_db *db, const char *text, int *rc) {
    for (size_t i = 0; i < db->cached; i++) {
        if (db->cache[i].text == text) {
            return db->cache[i].stmt;
        }
    }
    sqlite3_stmt *stmt = NULL;
    *rc = SQLITE_NOMEM;
    if (db->cached < SQL_STATEMENTS_MAX) {
        *rc = sqlite3_prepare_v3(db->sqlite, text, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    }
    if (*rc == SQLITE_OK) {
        db->cache[db->cached].text = text;
        db->cache[db->cached++].stmt = stmt;
    }
    return stmt;
}

static void fail(struct sql *q, int code) {
    if (q->rc == 0) {
        q->rc = code;
    }
}

void sql_begin(struct sql *q, struct store_db *db, const char *text) {
    int rc = SQLITE_OK;
    *q = (struct sql){.db = db, .stmt = find_statement(db, text, &rc)};
    if (rc != SQLITE_OK) {
        q->stmt = NULL;
        fail(q, sql_error(db, rc, "prepare"));
    }
}

static void bound(struct sql *q, int rc) {
    if (rc != SQLITE_OK) {
        fail(q, sql_error(q->db, rc, "bind"));
    }
}

void sql_bind_text(struct sql *q, const char *text) {
    if (q->rc == 0) {
        bound(q, text ? sqlite3_bind_text(q->stmt, ++q->bound, text, -1, SQLITE_STATIC)
                      : sqlite3_bind_null(q->stmt, ++q->bound));
    }
}

void sql_bind_bytes_as_text(struct sql *q, const void *bytes, size_t n) {
    if (q->rc == 0) {
        bound(q, sqlite3_bind_text64(q->stmt, ++q->bound, bytes, n, SQLITE_STATIC, SQLITE_UTF8));
    }
}

void sql_bind_blob(struct sql *q, const void *bytes, size_t n) {
    if (q->rc == 0) {
        bound(q, sqlite3_bind_blob64(q->stmt, ++q->bound, bytes, n, SQLITE_STATIC));
    }
}

void sql_bind_int(struct sql *q, int64_t value) {
    if (q->rc == 0) {
        bound(q, sqlite3_bind_int64(q->stmt, ++q->bound, value));
    }
}

int sql_step(struct sql *q) {
    if (q->rc < 0) {
        return q->rc;
    }
    int rc = sqlite3_step(q->stmt);
    if (rc == SQLITE_ROW) {
        return 1;
    }
    if (rc != SQLITE_DONE) {
        fail(q, sql_error(q->db, rc, "step"));
    }
    return q->rc;
}

int sql_end(struct sql *q) {
    if (q->stmt) {
        sqlite3_reset(q->stmt);
        sqlite3_clear_bindings(q->stmt);
    }
    return q->rc;
}

long sql_run(struct sql *q) {
    int rc = sql_step(q);
    long changed = rc == 0 ? (long)sqlite3_changes(q->db->sqlite) : 0;
    rc = sql_end(q);
    return rc < 0 ? rc : changed;
}

int sql_run_one(struct sql *q) {
    long changed = sql_run(q);
    return changed < 0 ? (int)changed : changed == 0 ? -ENOENT : 0;
}

void sql_column_text(struct sql *q, int column, char *out, size_t cap) {
    const char *text = (const char *)sqlite3_column_text(q->stmt, column);
    size_t len = (size_t)sqlite3_column_bytes(q->stmt, column);
    if (text_copy(out, cap, text ? text : "", text ? len : 0) < 0 || strlen(out) != len) {
        fail(q, -EBADMSG);
    }
}

void sql_column_blob(struct sql *q, int column, void *out, size_t n) {
    const void *bytes = sqlite3_column_blob(q->stmt, column);
    if (!bytes || (size_t)sqlite3_column_bytes(q->stmt, column) != n) {
        memset(out, 0, n);
        fail(q, -EBADMSG);
        return;
    }
    memcpy(out, bytes, n);
}

int64_t sql_column_int(struct sql *q, int column) { return sqlite3_column_int64(q->stmt, column); }

int sql_exec(struct store_db *db, const char *text) {
    int rc = sqlite3_exec(db->sqlite, text, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : sql_error(db, rc, "exec");
}

int store_check_text(const char *text, size_t max, bool may_be_empty) {
    size_t len = strlen(text);
    if (len > max || (len == 0 && !may_be_empty) || !text_is_utf8(text, len)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f) {
            return -EINVAL;
        }
    }
    return 0;
}
