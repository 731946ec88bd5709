/* Usage records: what sessions have moved. Written in batches, read by admins. */
#include "store/sql.h"

#include <errno.h>
#include <string.h>

#define USAGE_COLUMNS                                                                                          \
    "kind, started, ended, session, realm, user, room, transport, client, reason, bytes_received, bytes_sent," \
    " packets_received, packets_sent, dropped"

/* ---- writing: never waits for others, and nobody who watches the database is told */

static int insert(struct store_db *db, const struct store_usage *u) {
    static const char sql[] =
        "INSERT INTO usage (" USAGE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    const char *const texts[] = {u->session, u->realm, u->user, u->room, u->transport, u->client, u->reason};
    const uint64_t numbers[] = {u->bytes_received, u->bytes_sent, u->packets_received, u->packets_sent, u->dropped};
    struct sql q;
    if (u->kind != STORE_USAGE_RELAY && u->kind != STORE_USAGE_PARTICIPANT) {
        return -EINVAL;
    }
    sql_begin(&q, db, sql);
    sql_bind_int(&q, u->kind);
    sql_bind_int(&q, (int64_t)u->started);
    sql_bind_int(&q, (int64_t)u->ended);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sql_bind_text(&q, texts[i]);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sql_bind_int(&q, (int64_t)numbers[i]);
    }
    return sql_run_one(&q);
}

struct quiet {
    int changes;
};

static int begin(struct store_db *db, struct quiet *quiet) {
    quiet->changes = sqlite3_total_changes(db->sqlite);
    sqlite3_busy_timeout(db->sqlite, 0);
    return sql_exec(db, "BEGIN IMMEDIATE");
}

static int end(struct store_db *db, const struct quiet *quiet, int rc) {
    bool open = sqlite3_get_autocommit(db->sqlite) == 0;
    rc = rc < 0 ? rc : sql_exec(db, "COMMIT");
    if (rc < 0 && open) {
        sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
    sqlite3_busy_timeout(db->sqlite, SQL_BUSY_WAIT_MS);
    db->quiet_changes += (uint64_t)(sqlite3_total_changes(db->sqlite) - quiet->changes);
    return rc;
}

int store_db_usage_add(struct store_db *db, const struct store_usage *const *records, size_t count) {
    struct quiet quiet;
    int rc = begin(db, &quiet);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = insert(db, records[i]);
    }
    return end(db, &quiet, rc);
}

static long delete_old(struct store_db *db, uint64_t ended_before, size_t limit) {
    static const char sql[] =
        "DELETE FROM usage WHERE id IN (SELECT id FROM usage WHERE ended < ? ORDER BY ended LIMIT ?)";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_int(&q, (int64_t)ended_before);
    sql_bind_int(&q, (int64_t)limit);
    return sql_run(&q);
}

/* Ids are given out one after the other, and the oldest go first, so their distance tells how many there are. */
static long delete_beyond(struct store_db *db, uint64_t keep, size_t limit) {
    static const char sql[] = "DELETE FROM usage WHERE id IN (SELECT id FROM usage WHERE id <= (SELECT max(id) FROM"
                              " usage) - ? ORDER BY id LIMIT ?)";
    struct sql q;
    if (keep == 0) {
        return 0;
    }
    sql_begin(&q, db, sql);
    sql_bind_int(&q, (int64_t)keep);
    sql_bind_int(&q, (int64_t)limit);
    return sql_run(&q);
}

int store_db_usage_prune(struct store_db *db, uint64_t ended_before, uint64_t keep, size_t limit, uint64_t *deleted) {
    struct quiet quiet;
    int rc = begin(db, &quiet);
    long old = rc < 0 ? rc : delete_old(db, ended_before, limit);
    long beyond = old < 0 ? old : delete_beyond(db, keep, limit);
    rc = end(db, &quiet, beyond < 0 ? (int)beyond : 0);
    *deleted = rc < 0 ? 0 : (uint64_t)(old + beyond);
    return rc;
}

/* ---- reading */

static void read_usage(struct sql *q, struct store_usage *out) {
    memset(out, 0, sizeof *out);
    out->id = sql_column_int(q, 0);
    out->kind = sql_column_int(q, 1) == STORE_USAGE_RELAY ? STORE_USAGE_RELAY : STORE_USAGE_PARTICIPANT;
    out->started = (uint64_t)sql_column_int(q, 2);
    out->ended = (uint64_t)sql_column_int(q, 3);
    sql_column_text(q, 4, out->session, sizeof out->session);
    sql_column_text(q, 5, out->realm, sizeof out->realm);
    sql_column_text(q, 6, out->user, sizeof out->user);
    sql_column_text(q, 7, out->room, sizeof out->room);
    sql_column_text(q, 8, out->transport, sizeof out->transport);
    sql_column_text(q, 9, out->client, sizeof out->client);
    sql_column_text(q, 10, out->reason, sizeof out->reason);
    out->bytes_received = (uint64_t)sql_column_int(q, 11);
    out->bytes_sent = (uint64_t)sql_column_int(q, 12);
    out->packets_received = (uint64_t)sql_column_int(q, 13);
    out->packets_sent = (uint64_t)sql_column_int(q, 14);
    out->dropped = (uint64_t)sql_column_int(q, 15);
}

static int walk(struct sql *q, int (*row)(void *ctx, const struct store_usage *usage), void *ctx) {
    int stop = 0;
    while (stop == 0 && sql_step(q) == 1) {
        struct store_usage usage;
        read_usage(q, &usage);
        stop = q->rc < 0 ? q->rc : row(ctx, &usage);
    }
    int rc = sql_end(q);
    return stop ? stop : rc;
}

int store_db_usage_list(struct store_db *db, const struct store_usage_query *query,
                        int (*row)(void *ctx, const struct store_usage *usage), void *ctx) {
    static const char all[] =
        "SELECT id, " USAGE_COLUMNS " FROM usage WHERE ended >= ? AND id < ? ORDER BY id DESC LIMIT ?";
    static const char of_user[] =
        "SELECT id, " USAGE_COLUMNS " FROM usage WHERE user = ? AND ended >= ? AND id < ? ORDER BY id DESC LIMIT ?";
    struct sql q;
    sql_begin(&q, db, query->user ? of_user : all);
    if (query->user) {
        sql_bind_text(&q, query->user);
    }
    sql_bind_int(&q, (int64_t)query->since);
    sql_bind_int(&q, query->before_id > 0 ? query->before_id : INT64_MAX);
    sql_bind_int(&q, (int64_t)query->limit);
    return walk(&q, row, ctx);
}

#define SUMS                                                                                                         \
    "SELECT count(*), kind, sum(ended - started), max(ended), '', realm, user, '', '', '', '', sum(bytes_received)," \
    " sum(bytes_sent), sum(packets_received), sum(packets_sent), sum(dropped) FROM usage"
#define BY_USER " GROUP BY realm, user, kind ORDER BY sum(bytes_received) + sum(bytes_sent) DESC LIMIT ?"

int store_db_usage_sum(struct store_db *db, const struct store_usage_query *query,
                       int (*row)(void *ctx, const struct store_usage *sum), void *ctx) {
    static const char all[] = SUMS " WHERE ended >= ?" BY_USER;
    static const char of_user[] = SUMS " WHERE user = ? AND ended >= ?" BY_USER;
    struct sql q;
    sql_begin(&q, db, query->user ? of_user : all);
    if (query->user) {
        sql_bind_text(&q, query->user);
    }
    sql_bind_int(&q, (int64_t)query->since);
    sql_bind_int(&q, (int64_t)query->limit);
    return walk(&q, row, ctx);
}
