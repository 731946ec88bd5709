/* One request from its first line to its answer. libmicrohttpd calls the access function once when the headers are
 * there, then for each piece of the body, then until an answer is queued. */
#include "net/http_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- what handlers ask */

const char *http_request_method(const struct http_request *req) { return req->method; }

const char *http_request_path(const struct http_request *req) { return req->uri.path ? req->uri.path : ""; }

const char *http_request_param(const struct http_request *req, const char *name) {
    return route_param_value(&req->match, name);
}

const char *http_request_query(const struct http_request *req, const char *name) {
    return uri_arg_value(&req->uri, name);
}

const char *http_request_header(const struct http_request *req, const char *name) {
    return MHD_lookup_connection_value(req->mhd, MHD_HEADER_KIND, name);
}

const char *http_request_body(const struct http_request *req, size_t *len) {
    *len = req->body_len;
    return req->body ? req->body : "";
}

const struct addr *http_request_peer(const struct http_request *req) { return &req->peer; }

int http_request_is_secure(const struct http_request *req) { return req->secure; }

void http_request_on_abort(struct http_request *req, void (*fn)(void *ctx), void *ctx) {
    req->on_abort = fn;
    req->abort_ctx = ctx;
}

/* ---- the head */

void *http_request_begin(void *cls, const char *target, struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_request *req = info && info->socket_context ? calloc(1, sizeof *req) : NULL;
    (void)cls;
    if (req) {
        req->conn = info->socket_context;
        req->mhd = mhd;
        req->started_us = clock_now_us();
        req->uri_error = uri_parse(&req->uri, target);
    }
    return req;
}

struct head {
    size_t count;
    size_t lengths;   /* Content-Length lines */
    size_t encodings; /* Transfer-Encoding lines */
    bool malformed;
    bool chunked;
    uint64_t length;
};

static void note_length(struct head *head, const char *value) {
    char *end;
    errno = 0;
    head->lengths++;
    head->length = strtoull(value, &end, 10);
    head->malformed |= errno != 0 || *end || value[0] < '0' || value[0] > '9';
}

/* RFC 9110 section 5.6.2. A space before the colon hides a field from one parser and not from another. */
static bool is_token(const char *name) {
    size_t n = strspn(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return n > 0 && name[n] == '\0';
}

static bool has_control(const char *value) {
    for (; *value; value++) {
        if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f) {
            return true;
        }
    }
    return false;
}

static enum MHD_Result note_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                   const char *value, size_t value_len) {
    struct head *head = cls;
    (void)kind;
    head->count++;
    head->malformed |= strlen(name) != name_len || !is_token(name);
    head->malformed |= value && (strlen(value) != value_len || has_control(value));
    if (value && strcasecmp(name, "Content-Length") == 0) {
        note_length(head, value);
    } else if (value && strcasecmp(name, "Transfer-Encoding") == 0) {
        head->encodings++;
        head->chunked = strcasecmp(value, "chunked") == 0;
    }
    return MHD_YES;
}

/* Framing that two parsers could read in two ways is refused (RFC 9112 section 6.3). */
static bool is_ambiguous(const struct head *head) {
    return head->malformed || head->lengths > 1 || head->encodings > 1 || (head->lengths && head->encodings) ||
           (head->encodings && !head->chunked);
}

static void refuse(struct http_request *req, unsigned status, const char *code) {
    if (!req->refused) {
        req->refused = status;
        req->refused_code = code;
    }
}

static bool is_preflight_or_options(const struct http_request *req) {
    return strcmp(req->method, "OPTIONS") == 0 && req->match.allow[0];
}

static void check_route(struct http_request *req, const struct head *head) {
    const struct http_server *server = req->conn->server;
    route_find(&req->match, server->routes, server->route_count, &req->uri, req->method);
    if (!req->match.route) {
        if (!is_preflight_or_options(req)) {
            refuse(req, req->match.allow[0] ? 405 : 404, req->match.allow[0] ? "method-not-allowed" : "not-found");
        }
    } else if (head->length > req->match.route->body_max || (head->chunked && req->match.route->body_max == 0)) {
        refuse(req, 413, "too-large");
    }
}

/* Answers at once and lets libmicrohttpd close the connection, because what follows cannot be trusted or is long. */
static enum MHD_Result refuse_and_close(struct http_request *req) {
    req->state = HTTP_STATE_HANDLER;
    http_reply_error(req, req->refused, req->refused_code, NULL);
    return http_reply_queue(req);
}

static enum MHD_Result take_head(struct http_request *req, const char *method) {
    struct head head = {0};
    loop_timer_set(req->conn->server->control, &req->conn->deadline, HTTP_BODY_US);
    req->method = strdup(method);
    if (!req->method) {
        return MHD_NO;
    }
    http_policy_find_client(req);
    MHD_get_connection_values_n(req->mhd, MHD_HEADER_KIND, note_header, &head);
    if (is_ambiguous(&head)) {
        refuse(req, 400, "bad-request");
        return refuse_and_close(req);
    }
    if (head.count > HTTP_HEADERS_MAX) {
        refuse(req, 431, "too-many-headers");
        return refuse_and_close(req);
    }
    if (req->uri_error) {
        refuse(req, req->uri_error == -E2BIG ? 414 : 400, req->uri_error == -E2BIG ? "uri-too-long" : "bad-request");
    } else {
        check_route(req, &head);
    }
    req->state = HTTP_STATE_BODY;
    return req->refused && head.length > HTTP_DISCARD_BYTES ? refuse_and_close(req) : MHD_YES;
}

/* ---- the body */

static int grow_body(struct http_request *req, size_t need, size_t max) {
    size_t cap = req->body_cap ? req->body_cap : 1024;
    while (cap < need) {
        cap *= 2;
    }
    cap = cap < max ? cap : max;
    char *body = cap > req->body_cap ? realloc(req->body, cap + 1) : req->body;
    if (!body) {
        return -ENOMEM;
    }
    req->body = body;
    req->body_cap = cap;
    return 0;
}

static enum MHD_Result take_body(struct http_request *req, const char *data, size_t len) {
    size_t max = req->match.route ? req->match.route->body_max : 0;
    if (!req->refused && len > max - req->body_len) {
        refuse(req, 413, "too-large");
    }
    if (req->refused) {
        req->discarded += len;
        return req->discarded > HTTP_DISCARD_BYTES ? MHD_NO : MHD_YES;
    }
    if (grow_body(req, req->body_len + len, max) < 0) {
        return MHD_NO;
    }
    memcpy(req->body + req->body_len, data, len);
    req->body_len += len;
    req->body[req->body_len] = '\0';
    return MHD_YES;
}

/* ---- the answer */

static void answer_options(struct http_request *req) {
    http_reply(req, 204, NULL, NULL, 0, (const struct http_header[]){{"Allow", req->match.allow}, {NULL, NULL}});
}

static void suspend(struct http_request *req) {
    struct http_conn *conn = req->conn;
    req->state = HTTP_STATE_LATE;
    conn->waiting = req;
    MHD_suspend_connection(req->mhd);
    event_add(&conn->on_gone, NULL);
}

static enum MHD_Result dispatch(struct http_request *req) {
    loop_timer_cancel(req->conn->server->control, &req->conn->deadline);
    req->state = HTTP_STATE_HANDLER;
    if (req->refused) {
        http_reply_error(req, req->refused, req->refused_code, NULL);
    } else if (!req->match.route) {
        answer_options(req);
    } else {
        req->match.route->handler(req->match.route->ctx, req);
    }
    if (req->state == HTTP_STATE_HANDLER) {
        suspend(req);
        return MHD_YES;
    }
    return http_reply_queue(req);
}

enum MHD_Result http_request_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                    const char *version, const char *data, size_t *data_len, void **ctx) {
    struct http_request *req = *ctx;
    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    if (!req) {
        return MHD_NO;
    }
    switch (req->state) {
    case HTTP_STATE_NEW:
        return take_head(req, method);
    case HTTP_STATE_BODY:
        if (*data_len > 0) {
            size_t len = *data_len;
            *data_len = 0;
            return take_body(req, data, len);
        }
        return dispatch(req);
    case HTTP_STATE_READY:
        return http_reply_queue(req);
    case HTTP_STATE_LATE:
    case HTTP_STATE_GONE:
        return MHD_YES; /* still suspended */
    default:
        return MHD_NO;
    }
}

/* A request that ends while its answer is still awaited must stay: the handler has a pointer to it. It gets
 * here only after the answer or the abort, because a suspended connection does not end. */
void http_request_client_gone(struct http_request *req) {
    void (*fn)(void *ctx) = req->on_abort;
    if (req->state != HTTP_STATE_LATE) {
        return;
    }
    metrics_inc(METRIC_HTTP_ABORTS);
    event_del(&req->conn->on_gone);
    if (!fn) {
        req->state = HTTP_STATE_GONE;
        return;
    }
    req->state = HTTP_STATE_DROP;
    req->conn->waiting = NULL;
    req->on_abort = NULL;
    fn(req->abort_ctx);
    MHD_resume_connection(req->mhd);
    http_server_kick(req->conn->server);
}

void http_request_completed(void *cls, struct MHD_Connection *mhd, void **ctx, enum MHD_RequestTerminationCode why) {
    struct http_request *req = *ctx;
    (void)cls;
    (void)mhd;
    (void)why;
    if (!req) {
        return;
    }
    *ctx = NULL;
    if (req->conn->waiting == req) {
        req->conn->waiting = NULL;
        event_del(&req->conn->on_gone);
    }
    if (req->upgrading) {
        http_upgrade_failed(req);
    }
    if (req->response) {
        MHD_destroy_response(req->response);
    }
    loop_timer_set(req->conn->server->control, &req->conn->deadline, HTTP_KEEP_ALIVE_US);
    uri_deinit(&req->uri);
    free(req->method);
    free(req->body);
    free(req);
}
