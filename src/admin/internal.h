/* What the files of src/admin share. */
#pragma once

#include "admin/admin.h"
#include "net/loop.h"

#include "base/list.h"

#include <jansson.h>

struct admin_client;
struct admin_control;

struct admin {
    struct admin_options options;
    struct admin_hooks hooks;
    struct admin_control *control; /* NULL: no control socket */
    uint64_t started_us;
    uint64_t started_wall_s;
    struct loop_timer tick; /* asks every loop to turn, see health.c */
};

/* One request. Lives from its dispatch until it is ended, beyond its client and its admin if need be. */
struct admin_call {
    struct admin_client *client; /* NULL: nobody waits for the answer any more */
    const struct admin_verb *verb;
    json_t *args; /* an object */
    json_t *rows; /* collected for the next line, or NULL */
    admin_handler *resume;
    void *resume_ctx;
    uid_t uid;
};

/* ---- control.c: socket and clients ---- */
int admin_control_open(struct admin *admin);
void admin_control_close(struct admin *admin);
/* Writes one line. more: another line of this answer follows; otherwise the client may ask again. */
void admin_client_write(struct admin_client *client, const json_t *line, bool more);
/* Bytes that wait for the client. */
size_t admin_client_waiting(const struct admin_client *client);
/* The resume function is wanted soon, also when nothing waits. */
void admin_client_want_resume(struct admin_client *client);

/* ---- request.c: one line of input ---- */
struct admin_request {
    const struct admin_verb *verb;
    json_t *args; /* an object of the caller's */
};
/* -EINVAL with code and sentence. Hostile input is expected here. */
int admin_request_parse(struct admin_request *out, const char *line, size_t len, const char **code, char *why,
                        size_t size);

/* ---- call.c ---- */
/* {"ok":false,"error":{...}} */
json_t *admin_error_line(const char *code, const char *message);
/* Runs the verb. The client's call is set before the handler runs. */
void admin_call_start(struct admin *admin, struct admin_client *client, const struct admin_request *request, uid_t uid);
/* Calls the resume function, if one waits. */
void admin_call_resume(struct admin_call *call);
/* The client has gone: whoever waits for a resume is told. */
void admin_call_abandon(struct admin_call *call);
/* Which call the client waits for; set by call.c. */
void admin_client_set_call(struct admin_client *client, struct admin_call *call);

enum {
    ADMIN_REQUEST_MAX = 65536,         /* bytes of one line */
    ADMIN_ROWS_PER_LINE = 128,         /* of a list */
    ADMIN_OUTPUT_HIGH = 256 * 1024,    /* bytes waiting: handlers pause */
    ADMIN_OUTPUT_LOW = 64 * 1024,      /* bytes waiting: they go on */
    ADMIN_OUTPUT_MAX = 8 * 1024 * 1024 /* bytes waiting: the client is cut */
};

/* ---- health.c ---- */
void admin_health_start(struct admin *admin);
void admin_health_stop(struct admin *admin);
/* A thread that has not turned for that long, or NULL. */
const struct loop *admin_health_stuck_loop(const struct admin *admin, uint64_t patience_us);
/* [{"name","ok","detail"}]; ready: all are ok. */
json_t *admin_health_report(const struct admin *admin, bool *ready);

enum { ADMIN_READY_PATIENCE_US = 5 * 1000000, ADMIN_LIVE_PATIENCE_US = 30 * 1000000 };

/* ---- builtin.c: what admin answers itself; NULL for other verbs ---- */
admin_handler *admin_builtin(enum admin_verb_id verb);
