/* Peer rules made at run time. */
#include "store/sql.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

int store_db_rule_add(struct store_db *db, const struct store_peer_rule *rule, int64_t *id) {
    static const char sql[] = "INSERT INTO peer_rules (realm, user, allow, prefix, note, created)"
                              " VALUES (?, ?, ?, ?, ?, ?)";
    char prefix[ADDR_TEXT_MAX];
    struct sql q;
    if (store_check_text(rule->realm, STORE_REALM_MAX, true) < 0 ||
        store_check_text(rule->user, STORE_NAME_MAX, true) < 0 ||
        store_check_text(rule->note, STORE_TEXT_MAX, true) < 0 ||
        (rule->prefix.family != AF_INET && rule->prefix.family != AF_INET6)) {
        return -EINVAL;
    }
    sql_begin(&q, db, sql);
    sql_bind_text(&q, rule->realm);
    sql_bind_text(&q, rule->user);
    sql_bind_int(&q, rule->allow);
    sql_bind_text(&q, prefix_format(&rule->prefix, prefix));
    sql_bind_text(&q, rule->note);
    sql_bind_int(&q, (int64_t)clock_wall_s());
    int rc = sql_run_one(&q);
    if (rc == 0) {
        *id = sqlite3_last_insert_rowid(db->sqlite);
    }
    return rc;
}

int store_db_rule_delete(struct store_db *db, int64_t id) {
    static const char sql[] = "DELETE FROM peer_rules WHERE id = ?";
    struct sql q;
    sql_begin(&q, db, sql);
    sql_bind_int(&q, id);
    return sql_run_one(&q);
}

static void read_rule(struct sql *q, struct store_peer_rule *out) {
    char prefix[ADDR_TEXT_MAX];
    memset(out, 0, sizeof *out);
    out->id = sql_column_int(q, 0);
    sql_column_text(q, 1, out->realm, sizeof out->realm);
    sql_column_text(q, 2, out->user, sizeof out->user);
    out->allow = sql_column_int(q, 3) != 0;
    sql_column_text(q, 4, prefix, sizeof prefix);
    sql_column_text(q, 5, out->note, sizeof out->note);
    out->created = (uint64_t)sql_column_int(q, 6);
    if (q->rc == 0 && prefix_parse(&out->prefix, prefix) < 0) {
        q->rc = -EBADMSG; /* a rule that cannot be read must not be passed over */
    }
}

int store_db_rule_list(struct store_db *db, int (*row)(void *ctx, const struct store_peer_rule *rule), void *ctx) {
    static const char sql[] = "SELECT id, realm, user, allow, prefix, note, created FROM peer_rules ORDER BY id";
    struct sql q;
    int stop = 0;
    sql_begin(&q, db, sql);
    while (stop == 0 && sql_step(&q) == 1) {
        struct store_peer_rule rule;
        read_rule(&q, &rule);
        stop = q.rc < 0 ? q.rc : row(ctx, &rule);
    }
    int rc = sql_end(&q);
    return stop ? stop : rc;
}
