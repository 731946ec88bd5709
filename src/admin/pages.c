/* The pages of the stats listener. */
#include "admin/exposition.h"
#include "admin/internal.h"
#include "admin/process.h"
#include "admin/stats.h"
#include "net/http.h"

#include "base/clock.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct http_header uncached[] = {{"Cache-Control", "no-store"}, {NULL, NULL}};

static void reply_json(struct http_request *req, unsigned status, json_t *body) {
    char *text = body ? json_dumps(body, JSON_INDENT(2)) : NULL;
    if (text) {
        http_reply(req, status, "application/json", text, strlen(text), uncached);
    } else {
        http_reply_error(req, 500, "internal", "Out of memory.");
    }
    free(text);
    json_decref(body);
}

static void serve_metrics(void *ctx, struct http_request *req) {
    const struct admin *admin = ctx;
    enum admin_format format = admin_format_wanted(http_request_header(req, "Accept"));
    struct evbuffer *page = evbuffer_new();
    if (!page) {
        http_reply_error(req, 500, "internal", "Out of memory.");
        return;
    }
    admin_expose_page(page, format, admin->options.version, admin->options.coturn_names);
    size_t len = evbuffer_get_length(page);
    http_reply(req, 200, admin_format_content_type(format), evbuffer_pullup(page, -1), len, uncached);
    evbuffer_free(page);
}

static void serve_stats(void *ctx, struct http_request *req) {
    const struct admin *admin = ctx;
    json_t *body = admin_status_report(admin);
    json_object_set_new(body, "metrics", admin_stats_group());
    reply_json(req, 200, body);
}

static void serve_livez(void *ctx, struct http_request *req) {
    const struct admin *admin = ctx;
    const struct loop *stuck = admin_health_stuck_loop(admin, ADMIN_LIVE_PATIENCE_US);
    json_t *body = json_pack("{s:b}", "ok", stuck == NULL);
    if (stuck) {
        json_object_set_new(body, "reason", json_sprintf("Thread %s is stuck.", loop_name(stuck)));
    }
    reply_json(req, stuck ? 503 : 200, body);
}

static void serve_readyz(void *ctx, struct http_request *req) {
    const struct admin *admin = ctx;
    bool ready;
    json_t *checks = admin_health_report(admin, &ready);
    reply_json(req, ready ? 200 : 503, json_pack("{s:b,s:o}", "ok", ready, "checks", checks));
}

int admin_add_routes(struct admin *admin, struct http_server *stats) {
    const struct http_route routes[] = {
        {"GET", "/metrics", serve_metrics, admin, 0},
        {"GET", "/stats", serve_stats, admin, 0},
        {"GET", "/livez", serve_livez, admin, 0},
        {"GET", "/readyz", serve_readyz, admin, 0},
    };
    return http_server_add_routes(stats, routes, sizeof routes / sizeof routes[0]);
}
