/* coturn's SQLite database: users, secrets, peer rules, and what of it has no equivalent. */
#include "ctl/import.h"
#include "ctl/import_verb.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

struct table {
    const char *sql;
    int (*row)(struct import *im, const char *const columns[4]);
};

static int take_user(struct import *im, const char *const c[4]) { return import_add_user(im, c[0], c[1], c[2]); }

static int take_secret(struct import *im, const char *const c[4]) { return import_add_realm_secret(im, c[0], c[1]); }

static int take_allowed(struct import *im, const char *const c[4]) { return import_add_rule(im, c[0], true, c[1]); }

static int take_denied(struct import *im, const char *const c[4]) { return import_add_rule(im, c[0], false, c[1]); }

static const char *shown(const char *text) {
    size_t len = strlen(text);
    return len > 0 && len < 128 && text_is_printable(text, len) ? text : "?";
}

static int take_option(struct import *im, const char *const c[4]) {
    return import_add_realm_option(im, c[0], c[1], c[2]);
}

static int take_origin(struct import *im, const char *const c[4]) { return import_add_realm_origin(im, c[0], c[1]); }

static int take_oauth(struct import *im, const char *const c[4]) {
    return import_add_oauth_key(im, c[0], c[1], &(struct import_oauth_key){.base64 = c[2], .algorithm = c[3]});
}

static int note_admin(struct import *im, const char *const c[4]) {
    return import_note(im, IMPORT_NOT_NEEDED, 0, shown(c[1]), "an account of the web interface: turnoutctl manages");
}

static const struct table tables[] = {
    {"SELECT realm, name, hmackey, '' FROM turnusers_lt ORDER BY realm, name", take_user},
    {"SELECT realm, value, '', '' FROM turn_secret ORDER BY realm, value", take_secret},
    {"SELECT realm, ip_range, '', '' FROM allowed_peer_ip ORDER BY realm, ip_range", take_allowed},
    {"SELECT realm, ip_range, '', '' FROM denied_peer_ip ORDER BY realm, ip_range", take_denied},
    {"SELECT realm, opt, value, '' FROM turn_realm_option ORDER BY realm, opt LIMIT 1000", take_option},
    {"SELECT realm, origin, '', '' FROM turn_origin_to_realm ORDER BY origin LIMIT 1000", take_origin},
    {"SELECT realm, kid, ikm_key, as_rs_alg FROM oauth_key WHERE lifetime = 0 OR"
     " timestamp + lifetime > CAST(strftime('%s', 'now') AS INTEGER) ORDER BY kid LIMIT 1000",
     take_oauth},
    {"SELECT realm, name, '', '' FROM admin_user ORDER BY name LIMIT 1000", note_admin},
};

static const char *column(sqlite3_stmt *stmt, int i) {
    const char *text = (const char *)sqlite3_column_text(stmt, i);
    return text ? text : "";
}

/* A table that an older database lacks is empty. */
static int read_table(struct import *im, sqlite3 *db, const struct table *table) {
    sqlite3_stmt *stmt = NULL;
    int rc = 0, step = SQLITE_DONE;
    if (sqlite3_prepare_v2(db, table->sql, -1, &stmt, NULL) != SQLITE_OK) {
        return strstr(sqlite3_errmsg(db), "no such table") ? 0 : -ERR_DATABASE;
    }
    while (rc == 0 && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *columns[4] = {column(stmt, 0), column(stmt, 1), column(stmt, 2), column(stmt, 3)};
        rc = table->row(im, columns);
        rc = rc == -EINVAL ? 0 : rc; /* noted */
    }
    sqlite3_finalize(stmt);
    return rc < 0 ? rc : step == SQLITE_DONE ? 0 : -ERR_DATABASE;
}

int import_database_read(struct import *im, const char *path, char *why, size_t size) {
    sqlite3 *db = NULL;
    if (access(path, R_OK) < 0) {
        int rc = -errno;
        snprintf(why, size, "%s: %s.", path, strerrordesc_np(-rc));
        return rc;
    }
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK ? 0 : -ERR_DATABASE;
    if (rc == 0) {
        sqlite3_busy_timeout(db, 5000);
        sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1 << 20);
    }
    for (size_t i = 0; rc == 0 && i < sizeof tables / sizeof tables[0]; i++) {
        rc = read_table(im, db, &tables[i]);
    }
    if (rc < 0) {
        snprintf(why, size, "%s: %s.", path,
                 rc == -EFBIG          ? "more than 1000000 users or 10000 peer rules"
                 : rc == -ERR_DATABASE ? sqlite3_errmsg(db)
                                       : error_text(rc));
    }
    sqlite3_close(db);
    return rc;
}
