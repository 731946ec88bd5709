#include "signal/service.h"

#include "proto/json/json.h"
#include "signal/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEADERS_MAX = 8 };

struct headers {
    struct http_header items[HEADERS_MAX + 1]; /* the last stays {NULL, NULL} */
    size_t count;
};

static void add_header(struct headers *h, const char *name, const char *value) {
    h->items[h->count++] = (struct http_header){.name = name, .value = value};
}

/* What every answer of this folder carries. */
static void add_common(struct headers *h, const struct http_request *req) {
    const char *origin = http_request_header(req, "Origin");
    memset(h, 0, sizeof *h);
    add_header(h, "Cache-Control", "no-store");
    add_header(h, "Vary", "Origin");
    if (origin && http_request_origin_allowed(req)) {
        add_header(h, "Access-Control-Allow-Origin", origin);
    }
}

static void send_json(struct http_request *req, unsigned status, json_t *body, const struct headers *headers) {
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (text) {
        http_reply(req, status, "application/json", text, strlen(text), headers->items);
    } else {
        http_reply_error(req, 500, "internal", "out of memory");
    }
    free(text);
    json_decref(body);
}

void answer_json(struct http_request *req, unsigned status, json_t *body) {
    struct headers headers;
    add_common(&headers, req);
    send_json(req, status, body, &headers);
}

void answer_empty(struct http_request *req) {
    struct headers headers;
    add_common(&headers, req);
    http_reply(req, 204, NULL, "", 0, headers.items);
}

static json_t *error_body(const char *code, const char *message) {
    return json_pack("{s:{s:s,s:s}}", "error", "code", code, "message", message);
}

void answer_error(struct http_request *req, unsigned status, const char *code, const char *message) {
    struct headers headers;
    add_common(&headers, req);
    if (status == 401) {
        add_header(&headers, "WWW-Authenticate", "Bearer");
    }
    send_json(req, status, error_body(code, message), &headers);
}

void answer_later(struct http_request *req, uint32_t seconds) {
    char text[16];
    struct headers headers;
    snprintf(text, sizeof text, "%u", seconds);
    add_common(&headers, req);
    add_header(&headers, "Retry-After", text);
    send_json(req, 429, error_body("rate-limited", "too many requests"), &headers);
}

void answer_preflight(void *ctx, struct http_request *req) {
    struct headers headers;
    (void)ctx;
    add_common(&headers, req);
    add_header(&headers, "Access-Control-Allow-Methods", "GET, POST, DELETE");
    add_header(&headers, "Access-Control-Allow-Headers", "Authorization, Content-Type");
    add_header(&headers, "Access-Control-Max-Age", "600");
    http_reply(req, 204, NULL, "", 0, headers.items);
}

json_t *answer_read_json(struct http_request *req) {
    static const char type[] = "application/json";
    const char *given = http_request_header(req, "Content-Type");
    size_t len;
    const char *body = http_request_body(req, &len);
    if (!given || strncasecmp(given, type, sizeof type - 1) != 0) {
        answer_error(req, 415, "unsupported", "the body has to be application/json");
        return NULL;
    }
    json_t *object = json_parse_object(body, len, SIGNAL_DEPTH_MAX);
    if (!object) {
        answer_error(req, 400, "bad-request", "the body has to be a JSON object");
    }
    return object;
}
