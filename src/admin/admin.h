/* Administration of a running daemon: the control socket that turnoutctl speaks to, and the pages of the
 * stats listener (/metrics, /stats, /livez, /readyz). Everything here happens on the control thread.
 *
 * Control socket: a Unix stream socket, one JSON object per line.
 *     {"verb":"sessions list","args":{"limit":10}}
 *  -> {"ok":true,"data":...}                    or {"ok":false,"error":{"code":"not-found","message":"..."}}
 * A list may come as several lines, {"ok":true,"more":true,"data":[rows]}, the last one without "more". */
#pragma once

#include "admin/verbs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct admin;
struct admin_call;
struct http_server;
struct json_t;
struct loop;

/* Answers one verb. The arguments fit the verb's schema. Must lead to exactly one admin_call_reply,
 * admin_call_fail, admin_call_error or admin_call_done, now or later, on the control thread; until then
 * the call stays valid even when the client has left or the admin was freed. */
typedef void admin_handler(void *ctx, struct admin_call *call);

/* One thing that must be well for the daemon to serve. */
struct admin_check {
    const char *name; /* static: "listeners", "store" */
    bool ok;
    char detail[160]; /* why not, for the reader of /readyz */
};

enum { ADMIN_CHECKS_MAX = 16 };

/* Numbers for status and /stats. */
struct admin_summary {
    unsigned workers;
    bool draining;
    uint64_t allocations;
    uint64_t rooms;
    uint64_t participants;
    uint64_t websockets;
};

struct admin_hooks {
    void *ctx;
    /* By enum admin_verb_id. NULL: status, log level and selftest are answered by admin itself, others
     * answer "unavailable". */
    admin_handler *verbs[ADMIN_VERB_COUNT];
    void (*summary)(void *ctx, struct admin_summary *out);
    /* Fills at most ADMIN_CHECKS_MAX rows and returns their number: listeners open, store fine, ...
     * Must not wait. The ticking of the loops is checked by admin itself. */
    size_t (*checks)(void *ctx, struct admin_check *out);
    /* [{"kind":"udp","address":"0.0.0.0:3478"}] as really bound; kind: udp, nat-discovery, tcp, tls, dtls, http, https, stats.
     * A new reference. May be NULL. */
    struct json_t *(*listeners)(void *ctx);
    /* What clients are told instead of local addresses, and who says so: [{"local":"10.0.0.1","told":"203.0.113.1",
     * "by":"stun.example.org:3478"}]; by: "configuration", a server, or why nobody. A new reference. May be NULL. */
    struct json_t *(*externals)(void *ctx);
};

struct admin_options {
    struct loop *loop;         /* the control thread's */
    struct loop *const *loops; /* the loops to watch for life, the control thread's too; borrowed for life */
    size_t loop_count;
    const char *control_path; /* NULL: no control socket */
    gid_t control_group;      /* may use the socket beside root and our own user; (gid_t)-1: our own group */
    const char *version;      /* static */
    bool coturn_names;        /* show some counters under coturn's names too */
};

/* Opens the control socket (mode 0660). -EADDRINUSE when another daemon answers there, -errno. Copies
 * options and hooks. */
int admin_new(struct admin **out, const struct admin_options *options, const struct admin_hooks *hooks);
/* Closes the socket and its clients and removes the path. Calls still open stay valid. */
void admin_free(struct admin *admin);
/* After a reload. */
void admin_set_coturn_names(struct admin *admin, bool on);
/* Adds /metrics, /stats, /livez and /readyz. */
int admin_add_routes(struct admin *admin, struct http_server *stats);

/* ---- within a handler ---- */

enum admin_verb_id admin_call_verb(const struct admin_call *call);
/* An argument, or NULL / the fallback when it was not given. Text is borrowed while the call lives. */
const char *admin_call_text(const struct admin_call *call, const char *name);
uint64_t admin_call_uint(const struct admin_call *call, const char *name, uint64_t fallback);
bool admin_call_bool(const struct admin_call *call, const char *name, bool fallback);
bool admin_call_has(const struct admin_call *call, const char *name);
/* All of them, an object; borrowed while the call lives. */
const struct json_t *admin_call_args(const struct admin_call *call);
/* The user id of who asks, for the log. */
uid_t admin_call_uid(const struct admin_call *call);

/* The client has left: whatever is answered goes nowhere. */
bool admin_call_is_abandoned(const struct admin_call *call);

/* Ends the call with data (stolen; NULL is null). */
void admin_call_reply(struct admin_call *call, struct json_t *data);
/* Ends the call with an error. code: "not-found", "conflict", "bad-request", "forbidden", "unavailable",
 * "internal"; the message is a whole sentence for people. */
void admin_call_fail(struct admin_call *call, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same from an errno or base/error.h code; what names the thing: "user alice". */
void admin_call_error(struct admin_call *call, int rc, const char *what);

/* Lists: rows, then admin_call_done. A row is stolen and always taken; the result says what to do next:
 * 0 go on; -EAGAIN much is waiting for the client: finish the page at hand, then wait for the resume
 * function; -EPIPE the client is gone: end the call. More than 8 MiB unread ends the client. */
int admin_call_row(struct admin_call *call, struct json_t *row);
/* Sets what is called once, from the loop, when the client has taken what was waiting (or has left). */
void admin_call_on_resume(struct admin_call *call, admin_handler *resume, void *ctx);
void admin_call_done(struct admin_call *call);
