#include "signal/service.h"

#include "proto/json/json.h"
#include "signal/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* At most one header beside what every answer of this folder carries (CORS is net's). */
static void send_json(struct http_request *req, unsigned status, json_t *body, const struct http_header *extra) {
    const struct http_header headers[] = {
        {"Cache-Control", "no-store"}, {extra ? extra->name : NULL, extra ? extra->value : NULL}, {NULL, NULL}};
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (text) {
        http_reply(req, status, "application/json", text, strlen(text), headers);
    } else {
        http_reply_error(req, 500, "internal", "out of memory");
    }
    free(text);
    json_decref(body);
}

static json_t *error_body(const char *code, const char *message) {
    return json_pack("{s:{s:s,s:s}}", "error", "code", code, "message", message);
}

void answer_json(struct http_request *req, unsigned status, json_t *body) { send_json(req, status, body, NULL); }

void answer_empty(struct http_request *req) {
    http_reply(req, 204, NULL, "", 0, (const struct http_header[]){{"Cache-Control", "no-store"}, {NULL, NULL}});
}

void answer_error(struct http_request *req, unsigned status, const char *code, const char *message) {
    static const struct http_header challenge = {"WWW-Authenticate", "Bearer"};
    send_json(req, status, error_body(code, message), status == 401 ? &challenge : NULL);
}

void answer_later(struct http_request *req, uint32_t seconds) {
    char text[16];
    snprintf(text, sizeof text, "%u", seconds);
    send_json(req, 429, error_body("rate-limited", "too many requests"), &(struct http_header){"Retry-After", text});
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
