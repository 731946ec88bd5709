#include "store/db.h"

#include "base/error.h"
#include "base/log.h"
#include "store/file.h"
#include "store/migrations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* SQLite would make it readable for all. The journal files take over its mode. */
static int make_file(const char *path) {
    int fd = store_file_make(path);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 || fd == -EEXIST ? 0 : fd;
}

static int set_up(struct store_db *db, enum store_open how) {
    static const char common[] = "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";
    sqlite3_busy_timeout(db->sqlite, SQL_BUSY_WAIT_MS);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    int rc = sql_exec(db, common);
    if (rc == 0 && how != STORE_OPEN_READ) {
        rc = sql_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;");
    }
    if (rc < 0) {
        return rc;
    }
    return how == STORE_OPEN_READ ? store_check_schema(db) : store_migrate(db);
}

int store_db_open(struct store_db **out, const char *path, enum store_open how) {
    int flags = (how == STORE_OPEN_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_EXRESCODE;
    int rc = how == STORE_OPEN_CREATE ? make_file(path) : 0;
    struct store_db *db = calloc(1, sizeof *db);
    *out = NULL;
    if (rc < 0 || !db) {
        free(db);
        return rc < 0 ? rc : -ENOMEM;
    }
    rc = sqlite3_open_v2(path, &db->sqlite, flags, NULL);
    if (rc != SQLITE_OK) {
        rc = how != STORE_OPEN_CREATE && access(path, F_OK) < 0 ? -ENOENT : sql_error(db, rc, "open");
    } else {
        rc = set_up(db, how);
    }
    if (rc < 0) {
        store_db_close(db);
        return rc;
    }
    *out = db;
    return 0;
}

void store_db_close(struct store_db *db) {
    if (db) {
        for (size_t i = 0; i < db->cached; i++) {
            sqlite3_finalize(db->cache[i].stmt);
        }
        sqlite3_close(db->sqlite);
        free(db);
    }
}

int store_db_version(struct store_db *db, uint64_t *out) {
    struct sql q;
    sql_begin(&q, db, "PRAGMA data_version");
    if (sql_step(&q) == 1) {
        /* data_version moves with others' commits only, total_changes with ours. */
        *out =
            ((uint64_t)sql_column_int(&q, 0) << 40) + (uint64_t)sqlite3_total_changes(db->sqlite) - db->quiet_changes;
    }
    return sql_end(&q);
}

int store_db_check(struct store_db *db) {
    char answer[64] = "";
    struct sql q;
    sql_begin(&q, db, "PRAGMA quick_check(1)");
    if (sql_step(&q) == 1) {
        const char *text = (const char *)sqlite3_column_text(q.stmt, 0);
        snprintf(answer, sizeof answer, "%s", text ? text : "");
    }
    int rc = sql_end(&q);
    if (rc == 0 && strcmp(answer, "ok") != 0) {
        log_error("store", "database-damaged", LF_TEXT("found", answer));
        rc = -ERR_DATABASE;
    }
    return rc;
}
