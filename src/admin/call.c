#include "admin/errors.h"
#include "admin/internal.h"

#include "base/log.h"
#include "base/metrics.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

json_t *admin_error_line(const char *code, const char *message) {
    return json_pack("{s:b,s:{s:s,s:s}}", "ok", 0, "error", "code", code, "message", message);
}

/* Verbs that only look are not worth a line. */
static bool changes_something(enum admin_verb_id id) {
    switch (id) {
    case ADMIN_VERB_STATUS:
    case ADMIN_VERB_SESSIONS_LIST:
    case ADMIN_VERB_SESSIONS_SHOW:
    case ADMIN_VERB_USAGE_LIST:
    case ADMIN_VERB_USAGE_SUMMARY:
    case ADMIN_VERB_TOP:
    case ADMIN_VERB_ROOMS_LIST:
    case ADMIN_VERB_ROOMS_SHOW:
    case ADMIN_VERB_USER_LIST:
    case ADMIN_VERB_KEY_LIST:
    case ADMIN_VERB_PEER_LIST:
    case ADMIN_VERB_CONFIG_SHOW:
    case ADMIN_VERB_CONFIG_CHECK:
    case ADMIN_VERB_CONFIG_PORTS:
    case ADMIN_VERB_SELFTEST:
        return false;
    default:
        return true;
    }
}

/* Sends the last line (stolen) and ends the call's life. */
static void finish(struct admin_call *call, json_t *line, bool ok) {
    metrics_inc(ok ? METRIC_CONTROL_REQUESTS_OK : METRIC_CONTROL_REQUESTS_ERROR);
    if (changes_something(call->verb->id)) {
        log_info("admin", "verb", LF_TEXT("verb", call->verb->name), LF_UINT("uid", call->uid),
                 LF_TEXT("result", ok ? "ok" : "error"));
    }
    if (call->client) {
        admin_client_set_call(call->client, NULL);
        admin_client_write(call->client, line, false);
    }
    json_decref(line);
    json_decref(call->rows);
    json_decref(call->args);
    free(call);
}

enum admin_verb_id admin_call_verb(const struct admin_call *call) { return call->verb->id; }

uid_t admin_call_uid(const struct admin_call *call) { return call->uid; }

const char *admin_call_text(const struct admin_call *call, const char *name) {
    return json_string_value(json_object_get(call->args, name));
}

uint64_t admin_call_uint(const struct admin_call *call, const char *name, uint64_t fallback) {
    const json_t *value = json_object_get(call->args, name);
    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : fallback;
}

bool admin_call_bool(const struct admin_call *call, const char *name, bool fallback) {
    const json_t *value = json_object_get(call->args, name);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

bool admin_call_has(const struct admin_call *call, const char *name) {
    return json_object_get(call->args, name) != NULL;
}

bool admin_call_is_abandoned(const struct admin_call *call) { return !call->client; }

const json_t *admin_call_args(const struct admin_call *call) { return call->args; }

void admin_call_reply(struct admin_call *call, json_t *data) {
    finish(call, json_pack("{s:b,s:o?}", "ok", 1, "data", data), true);
}

void admin_call_fail(struct admin_call *call, const char *code, const char *format, ...) {
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    finish(call, admin_error_line(code, message), false);
}

void admin_call_error(struct admin_call *call, int rc, const char *what) {
    char message[512];
    admin_error_sentence(message, sizeof message, rc, what);
    admin_call_fail(call, admin_error_code(rc), "%s", message);
}

/* Sends the rows collected so far; the last line ends the call. */
static void flush_rows(struct admin_call *call, bool more) {
    json_t *rows = call->rows ? call->rows : json_array();
    call->rows = NULL;
    if (!more) {
        finish(call, json_pack("{s:b,s:o}", "ok", 1, "data", rows), true);
        return;
    }
    json_t *line = json_pack("{s:b,s:b,s:o}", "ok", 1, "more", 1, "data", rows);
    if (call->client) {
        admin_client_write(call->client, line, true);
    }
    json_decref(line);
}

int admin_call_row(struct admin_call *call, json_t *row) {
    if (!call->client) {
        json_decref(row);
        return -EPIPE;
    }
    if (!call->rows) {
        call->rows = json_array();
    }
    json_array_append_new(call->rows, row);
    if (json_array_size(call->rows) >= ADMIN_ROWS_PER_LINE) {
        flush_rows(call, true);
    }
    return admin_client_waiting(call->client) > ADMIN_OUTPUT_HIGH ? -EAGAIN : 0;
}

void admin_call_resume(struct admin_call *call) {
    admin_handler *resume = call->resume;
    if (resume) {
        call->resume = NULL;
        resume(call->resume_ctx, call);
    }
}

void admin_call_on_resume(struct admin_call *call, admin_handler *resume, void *ctx) {
    call->resume = resume;
    call->resume_ctx = ctx;
    if (call->client) {
        admin_client_want_resume(call->client);
    } else {
        admin_call_resume(call);
    }
}

void admin_call_done(struct admin_call *call) { flush_rows(call, false); }

void admin_call_abandon(struct admin_call *call) {
    call->client = NULL;
    admin_call_resume(call);
}

void admin_call_start(struct admin *admin, struct admin_client *client, const struct admin_request *request,
                      uid_t uid) {
    struct admin_call *call = calloc(1, sizeof *call);
    if (!call) {
        json_t *line = admin_error_line("unavailable", "Out of memory.");
        admin_client_write(client, line, false);
        json_decref(line);
        json_decref(request->args);
        return;
    }
    call->client = client;
    call->verb = request->verb;
    call->args = request->args;
    call->uid = uid;
    admin_client_set_call(client, call);
    admin_handler *handler = admin->hooks.verbs[call->verb->id];
    admin_handler *builtin = admin_builtin(call->verb->id);
    if (handler) {
        handler(admin->hooks.ctx, call);
    } else if (builtin) {
        builtin(admin, call);
    } else {
        admin_call_fail(call, "unavailable", "The daemon cannot do this as it is configured.");
    }
}
