/* WebSockets of turnout.v1: what net delivers goes to the dialect's links, and back. */
#include "signal/service.h"

#include "base/log.h"
#include "net/ws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct log_limit log_full = {.burst = 5};

/* From the upgrade until closed(). */
struct connection {
    struct signal_service *service;
    struct ws *ws;
    struct link *link; /* NULL: there was no room for it */
    struct addr peer;
    char host[ICE_HOST_SIZE];
};

static int io_send(void *ctx, const char *text, size_t len) {
    const struct connection *c = ctx;
    return ws_send(c->ws, text, len);
}

static size_t io_queued(void *ctx) {
    const struct connection *c = ctx;
    return ws_queued_bytes(c->ws);
}

static void io_close(void *ctx, unsigned code, const char *reason) {
    const struct connection *c = ctx;
    ws_close(c->ws, code, reason);
}

static const struct link_io io = {.send = io_send, .queued = io_queued, .close = io_close};

static void opened(void *ctx, struct ws *ws) {
    struct connection *c = ctx;
    struct moment now;
    const struct dialect_caller caller = {.host = c->host, .peer = &c->peer};
    service_now(c->service, &now);
    c->ws = ws;
    c->link = link_open(c->service->dialect, &caller, &io, c, &now);
    if (!c->link) {
        log_limited(&log_full, LOG_LEVEL_WARNING, "signal", "connection refused: too many", LF_ADDR("peer", &c->peer));
        ws_close(ws, 1013, "try again later");
    }
    service_rearm(c->service);
}

static void text(void *ctx, struct ws *ws, const char *data, size_t len) {
    struct connection *c = ctx;
    struct moment now;
    (void)ws;
    if (c->link) {
        service_now(c->service, &now);
        link_text(c->link, data, len, &now);
        service_rearm(c->service);
    }
}

static void closed(void *ctx, struct ws *ws, unsigned code) {
    struct connection *c = ctx;
    struct moment now;
    (void)ws;
    if (c->link) {
        service_now(c->service, &now);
        link_closed(c->link, code, &now);
        service_rearm(c->service);
    }
    free(c);
}

static const struct ws_handlers handlers = {.opened = opened, .text = text, .closed = closed};

void gateway_handle(void *ctx, struct http_request *req) {
    struct signal_service *service = ctx;
    const char *host = http_request_header(req, "Host");
    struct connection *c = service->stopping ? NULL : calloc(1, sizeof *c);
    if (!c) {
        http_reply_error(req, 503, "unavailable", "the server stops");
        return;
    }
    c->service = service;
    c->peer = *http_request_peer(req);
    ice_host_parse(c->host, host ? host : "");
    if (http_upgrade(req, "turnout.v1", &handlers, c) < 0) {
        free(c);
    }
}
