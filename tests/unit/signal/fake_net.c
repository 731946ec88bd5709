#include "fake_net.h"

#include "net/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

enum { ROUTES_MAX = 64 };

static uint64_t now_us = 1000000000;
static struct loop_timer *armed;
static uint64_t armed_us;
static struct http_route routes[ROUTES_MAX];
static size_t route_count;
static const struct ws_handlers *handlers;
static void *handlers_ctx;

/* --- loop --- */

struct loop *fake_loop(void) {
    return (struct loop *)&now_us;
}

uint64_t loop_now_us(const struct loop *loop) {
    (void)loop;
    return now_us;
}

void loop_timer_init(struct loop_timer *t, void (*fired)(void *ctx), void *ctx) {
    t->fired = fired;
    t->ctx = ctx;
}

void loop_timer_set(struct loop *loop, struct loop_timer *t, uint64_t delay_us) {
    (void)loop;
    armed = t;
    armed_us = now_us + delay_us;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *t) {
    (void)loop;
    (void)t;
    armed = NULL;
}

bool fake_timer_is_set(void) { return armed != NULL; }

void fake_sleep(double seconds) {
    uint64_t end = now_us + (uint64_t)(seconds * 1e6);
    while (armed && armed_us <= end) {
        struct loop_timer *t = armed;
        now_us = armed_us > now_us ? armed_us : now_us;
        armed = NULL;
        t->fired(t->ctx);
        assert_true(!armed || armed_us > now_us);
    }
    now_us = end;
}

/* --- http --- */

int http_server_add_routes(struct http_server *server, const struct http_route *more, size_t count) {
    (void)server;
    assert_true(count <= ROUTES_MAX);
    memcpy(routes, more, count * sizeof *more);
    route_count = count;
    return 0;
}

/* Does the path fit the pattern? Fills in the {names}. */
static bool fits(struct http_request *req, const char *pattern) {
    const char *path = req->path;
    size_t n = 0;
    memset(req->params, 0, sizeof req->params);
    while (*pattern) {
        if (*pattern == '{') {
            size_t len = strcspn(path, "/");
            size_t name = strcspn(pattern + 1, "}");
            snprintf(req->segments[n], sizeof req->segments[n], "%.*s", (int)len, path);
            req->params[n].name = strndup(pattern + 1, name);
            req->params[n].value = req->segments[n];
            n++;
            path += len;
            pattern += name + 2;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

static void free_params(struct http_request *req) {
    for (size_t i = 0; i < FAKE_PAIRS_MAX; i++) {
        free((char *)(uintptr_t)req->params[i].name);
    }
    memset(req->params, 0, sizeof req->params);
}

void fake_request(struct http_request *req) {
    addr_parse(&req->peer, "198.51.100.7:5555");
    req->answers = 0;
    for (size_t i = 0; i < route_count; i++) {
        if (strcmp(routes[i].method, req->method) == 0 && fits(req, routes[i].path)) {
            assert_true(!req->body || strlen(req->body) <= routes[i].body_max);
            routes[i].handler(routes[i].ctx, req);
            assert_int_equal(req->answers, 1);
            free_params(req);
            return;
        }
        free_params(req);
    }
    fail_msg("no route for %s %s", req->method, req->path);
}

void fake_request_free(struct http_request *req) {
    json_decref(req->reply);
    req->reply = NULL;
}

static const char *find(const struct fake_pair *pairs, const char *name) {
    for (size_t i = 0; i < FAKE_PAIRS_MAX && pairs[i].name; i++) {
        if (strcasecmp(pairs[i].name, name) == 0) {
            return pairs[i].value;
        }
    }
    return NULL;
}

const char *http_request_method(const struct http_request *req) { return req->method; }
const char *http_request_param(const struct http_request *req, const char *name) { return find(req->params, name); }
const char *http_request_query(const struct http_request *req, const char *name) { return find(req->query, name); }
const char *http_request_header(const struct http_request *req, const char *name) { return find(req->headers, name); }
const struct addr *http_request_peer(const struct http_request *req) { return &req->peer; }

const char *http_request_body(const struct http_request *req, size_t *len) {
    *len = req->body ? strlen(req->body) : 0;
    return req->body ? req->body : "";
}

void http_reply(struct http_request *req, unsigned status, const char *content_type, const void *body, size_t len,
                const struct http_header *headers) {
    req->answers++;
    req->status = status;
    req->retry_after[0] = '\0';
    req->no_store = req->challenge = false;
    for (; headers->name; headers++) {
        if (strcmp(headers->name, "Retry-After") == 0) {
            snprintf(req->retry_after, sizeof req->retry_after, "%s", headers->value);
        }
        req->no_store |= strcmp(headers->name, "Cache-Control") == 0 && strcmp(headers->value, "no-store") == 0;
        req->challenge |= strcmp(headers->name, "WWW-Authenticate") == 0;
    }
    json_decref(req->reply);
    req->reply = content_type ? json_loadb(body, len, 0, NULL) : NULL;
    assert_true(!content_type || req->reply);
}

void http_reply_error(struct http_request *req, unsigned status, const char *code, const char *message) {
    req->answers++;
    req->status = status;
    json_decref(req->reply);
    req->reply = json_pack("{s:{s:s,s:s}}", "error", "code", code, "message", message);
}

int http_upgrade(struct http_request *req, const char *protocol, const struct ws_handlers *h, void *ctx) {
    req->answers++;
    if (!find(req->headers, "Upgrade")) {
        req->status = 426;
        return -EPROTO;
    }
    assert_string_equal(protocol, "turnout.v1");
    req->status = 101;
    handlers = h;
    handlers_ctx = ctx;
    return 0;
}

/* --- WebSocket --- */

struct ws *fake_ws_open(void) {
    struct ws *ws = calloc(1, sizeof *ws);
    assert_non_null(ws);
    ws->ctx = handlers_ctx;
    ws->sent = json_array();
    handlers->opened(ws->ctx, ws);
    return ws;
}

void fake_ws_text(struct ws *ws, const char *text) { handlers->text(ws->ctx, ws, text, strlen(text)); }

void fake_ws_closed(struct ws *ws, unsigned code) {
    handlers->closed(ws->ctx, ws, code);
    json_decref(ws->sent);
    free(ws);
}

int ws_send(struct ws *ws, const char *data, size_t len) {
    return json_array_append_new(ws->sent, json_loadb(data, len, 0, NULL));
}

size_t ws_queued_bytes(const struct ws *ws) {
    (void)ws;
    return 0;
}

void ws_close(struct ws *ws, unsigned code, const char *reason) {
    (void)reason;
    ws->close_code = code;
}
