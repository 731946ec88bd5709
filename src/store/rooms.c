/* Room definitions. */
#include "store/sql.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

int store_db_room_put(struct store_db *db, const struct store_room *room) {
    static const char sql[] = "INSERT INTO rooms (name, metadata, max_participants, empty_timeout, created)"
                              " VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET metadata = excluded.metadata,"
                              " max_participants = excluded.max_participants, empty_timeout = excluded.empty_timeout";
    struct sql q;
    if (store_check_text(room->name, STORE_TEXT_MAX, false) < 0 ||
        strnlen(room->metadata, sizeof room->metadata) > STORE_METADATA_MAX) {
        return -EINVAL;
    }
    sql_begin(&q, db, sql);
    sql_bind_text(&q, room->name);
    sql_bind_text(&q, room->metadata);
    sql_bind_int(&q, room->max_participants);
    sql_bind_int(&q, room->empty_timeout_s);
    sql_bind_int(&q, (int64_t)clock_wall_s());
    return sql_run_one(&q);
}

int store_db_room_delete(struct store_db *db, const char *name) {
    static const char sql[] = "DELETE FROM rooms WHERE name = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_text(&q, name);
    return sql_run_one(&q);
}

#define ROOM_COLUMNS "name, metadata, max_participants, empty_timeout, created"

static void read_room(struct sql *q, struct store_room *out) {
    memset(out, 0, sizeof *out);
    sql_column_text(q, 0, out->name, sizeof out->name);
    sql_column_text(q, 1, out->metadata, sizeof out->metadata);
    out->max_participants = (uint32_t)sql_column_int(q, 2);
    out->empty_timeout_s = (uint32_t)sql_column_int(q, 3);
    out->created = (uint64_t)sql_column_int(q, 4);
}

int store_db_room_find(struct store_db *db, const char *name, struct store_room *out) {
    static const char sql[] = "SELECT " ROOM_COLUMNS " FROM rooms WHERE name = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_text(&q, name);
    int found = sql_step(&q);
    if (found == 1) {
        read_room(&q, out);
    }
    int rc = sql_end(&q);
    return rc < 0 ? rc : found == 1 ? 0 : -ENOENT;
}

int store_db_room_list(struct store_db *db, int (*row)(void *ctx, const struct store_room *room), void *ctx) {
    static const char sql[] = "SELECT " ROOM_COLUMNS " FROM rooms ORDER BY name";
    struct sql q;
    int stop = 0;
    sql_begin(&q, db, sql);
    while (stop == 0 && sql_step(&q) == 1) {
        struct store_room room;
        read_room(&q, &room);
        stop = q.rc < 0 ? q.rc : row(ctx, &room);
    }
    int rc = sql_end(&q);
    return stop ? stop : rc;
}
