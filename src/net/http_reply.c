/* Answers: headers, CORS, errors as JSON, the access log and the counters. */
#include "net/http_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { ERROR_BYTES = 1024 };

static const struct {
    unsigned status;
    const char *message;
} messages[] = {
    {400, "The request is malformed."},
    {403, "This is not allowed."},
    {404, "There is nothing here."},
    {405, "This method is not known here; see Allow."},
    {413, "The body is too large."},
    {414, "The address is too long."},
    {426, "A WebSocket handshake of version 13 is needed."},
    {431, "There are too many header fields."},
    {500, "The server failed to answer."},
    {503, "The server cannot do this now."},
};

static const char *default_message(unsigned status) {
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        if (messages[i].status == status) {
            return messages[i].message;
        }
    }
    return "The request was refused.";
}

static void count_status(unsigned status) {
    static const enum metric_id classes[] = {METRIC_HTTP_REQUESTS_1XX, METRIC_HTTP_REQUESTS_2XX,
                                             METRIC_HTTP_REQUESTS_3XX, METRIC_HTTP_REQUESTS_4XX,
                                             METRIC_HTTP_REQUESTS_5XX};
    metrics_inc(status >= 100 && status < 600 ? classes[status / 100 - 1] : METRIC_HTTP_REQUESTS_5XX);
}

/* The query is left out: it may carry tokens. */
static void log_access(const struct http_request *req) {
    log_debug("http", "request", LF_TEXT("method", req->method), LF_TEXT("path", http_request_path(req)),
              LF_UINT("status", req->status), LF_ADDR("peer", &req->peer),
              LF_UINT("duration_us", clock_now_us() - req->started_us));
}

enum MHD_Result http_reply_queue(struct http_request *req) {
    if (!req->response || req->state != HTTP_STATE_READY) {
        return MHD_NO;
    }
    loop_timer_set(req->conn->server->control, &req->conn->deadline, HTTP_REPLY_US);
    count_status(req->status);
    log_access(req);
    enum MHD_Result queued = MHD_queue_response(req->mhd, req->status, req->response);
    MHD_destroy_response(req->response);
    req->response = NULL;
    req->state = HTTP_STATE_DROP; /* nothing more is expected for this request */
    return queued;
}

/* ---- headers */

static bool has_header(const struct MHD_Response *response, const char *name) {
    return MHD_get_response_header((struct MHD_Response *)response, name) != NULL;
}

/* A value with CR, LF or other control characters would forge headers. */
static bool add_header(struct MHD_Response *response, const char *name, const char *value) {
    for (const char *c = value; *c; c++) {
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f) {
            return false;
        }
    }
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool add_headers(struct MHD_Response *response, const char *content_type, const struct http_header *headers) {
    bool ok = !content_type || add_header(response, "Content-Type", content_type);
    for (; ok && headers && headers->name; headers++) {
        ok = add_header(response, headers->name, headers->value);
    }
    return ok;
}

static void add_preflight(const struct http_request *req, struct MHD_Response *response) {
    if (strcmp(req->method, "OPTIONS") == 0 && http_request_header(req, "Access-Control-Request-Method")) {
        add_header(response, "Access-Control-Allow-Methods", req->match.allow);
        add_header(response, "Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match");
        add_header(response, "Access-Control-Max-Age", "600");
    }
}

/* Cross-origin reading for the policy's origins, unless the handler has said something itself. Credentials are
 * never allowed: tokens travel in Authorization. */
static void add_cors(const struct http_request *req, struct MHD_Response *response) {
    const char *origin = http_request_header(req, "Origin");
    const struct http_rules *rules = &req->conn->server->rules;
    if (rules->origin_count == 0 || has_header(response, "Access-Control-Allow-Origin")) {
        return;
    }
    bool any = http_rules_allow_any(rules);
    if (!any) {
        add_header(response, "Vary", "Origin");
    }
    if (origin && http_rules_allow_origin(rules, origin) &&
        add_header(response, "Access-Control-Allow-Origin", any ? "*" : origin)) {
        add_header(response, "Access-Control-Expose-Headers", "Location, Link, ETag, Retry-After");
        add_preflight(req, response);
    }
}

/* ---- answers */

void http_reply_ready(struct http_request *req, unsigned status, struct MHD_Response *response) {
    enum http_state before = req->state;
    req->response = response;
    req->status = status;
    req->state = response && before != HTTP_STATE_GONE ? HTTP_STATE_READY : HTTP_STATE_DROP;
    if (before == HTTP_STATE_LATE || before == HTTP_STATE_GONE) {
        event_del(&req->conn->on_gone);
        req->conn->waiting = NULL;
        MHD_resume_connection(req->mhd);
        http_server_kick(req->conn->server);
    }
}

static void reply_with(struct http_request *req, unsigned status, struct MHD_Response *response,
                       const char *content_type, const struct http_header *headers) {
    if (response && !add_headers(response, content_type, headers)) {
        log_error("http", "answer has an impossible header", LF_TEXT("path", http_request_path(req)));
        MHD_destroy_response(response);
        response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        status = 500;
    }
    if (response && req->state != HTTP_STATE_GONE) {
        add_cors(req, response);
    }
    http_reply_ready(req, status, response);
}

void http_reply(struct http_request *req, unsigned status, const char *content_type, const void *body, size_t len,
                const struct http_header *headers) {
    reply_with(req, status, MHD_create_response_from_buffer(len, (void *)body, MHD_RESPMEM_MUST_COPY), content_type,
               headers);
}

void http_reply_file(struct http_request *req, const char *content_type, int fd, uint64_t size,
                     const struct http_header *headers) {
    struct MHD_Response *response = MHD_create_response_from_fd64(size, fd);
    if (!response) {
        close(fd);
    }
    reply_with(req, 200, response, content_type, headers);
}

/* code and message are our own words; anything that JSON would need escaped becomes a space. */
static size_t put_json_text(char *out, size_t cap, const char *text) {
    size_t n = 0;
    for (; *text && n + 1 < cap; text++) {
        out[n++] = *text == '"' || *text == '\\' || (unsigned char)*text < 0x20 ? ' ' : *text;
    }
    out[n] = '\0';
    return n;
}

void http_reply_error(struct http_request *req, unsigned status, const char *code, const char *message) {
    char safe_code[64];
    char safe_message[512];
    char body[ERROR_BYTES];
    put_json_text(safe_code, sizeof safe_code, code);
    put_json_text(safe_message, sizeof safe_message, message ? message : default_message(status));
    int n = snprintf(body, sizeof body, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n", safe_code, safe_message);
    struct http_header headers[4] = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}};
    if (status == 405) {
        headers[2] = (struct http_header){"Allow", req->match.allow};
    } else if (status == 426) {
        headers[2] = (struct http_header){"Sec-WebSocket-Version", "13"};
    }
    http_reply(req, status, "application/json", body, (size_t)n, headers);
}
