/* From an HTTP request to a WebSocket: the handshake's answer, and the hand-over of the connection to its worker. */
#include "net/http_internal.h"

#include "base/log.h"
#include "net/ws_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct log_limit origin_limit = {.burst = 5};

/* The worker that holds the connection; for connections of our own listeners any. NULL: there is none. */
static struct ws_worker *choose_worker(struct http_server *server, const struct http_conn *conn) {
    for (size_t i = 0; conn->link && i < server->worker_count; i++) {
        if (ws_worker_loop(server->workers[i]) == conn->link->worker) {
            return server->workers[i];
        }
    }
    return !conn->link && server->worker_count ? server->workers[server->next_worker++ % server->worker_count] : NULL;
}

/* After the 101 has been written. libmicrohttpd lets go of its descriptor at once; ours is a duplicate. */
static void on_upgraded(void *cls, struct MHD_Connection *mhd, void *ctx, const char *extra, size_t extra_len,
                        MHD_socket sock, struct MHD_UpgradeResponseHandle *handle) {
    struct http_request *req = ctx;
    struct ws *ws = req->upgrading;
    struct http_conn *conn = req->conn;
    int fd = fcntl(sock, F_DUPFD_CLOEXEC, 0);
    (void)cls;
    (void)mhd;
    req->upgrading = NULL;
    conn->upgraded = true;
    if (fd < 0) {
        log_error("http", "cannot take over a WebSocket", LF_ERROR(-errno));
        ws_fail(ws);
    } else {
        if (conn->link) {
            http_link_ref(conn->link);
        }
        ws_attach(ws, &(struct ws_source){conn->link, fd, conn->tls, extra, extra_len});
    }
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
    conn->server->run_again = true;
    http_server_kick(conn->server);
}

void http_upgrade_failed(struct http_request *req) {
    ws_fail(req->upgrading);
    req->upgrading = NULL;
}

struct answer {
    char accept[WS_ACCEPT_BYTES];
    char extensions[WS_EXTENSION_BYTES];
    struct ws_deflate deflate;
};

/* 0 or the status to refuse with. */
static unsigned check(const struct http_request *req, const char *protocol, struct answer *answer) {
    struct ws_offer offer = {
        .method = req->method,
        .upgrade = http_request_header(req, "Upgrade"),
        .connection = http_request_header(req, "Connection"),
        .version = http_request_header(req, "Sec-WebSocket-Version"),
        .key = http_request_header(req, "Sec-WebSocket-Key"),
    };
    unsigned status = ws_handshake_check(&offer, answer->accept);
    if (status == 0 && protocol && !ws_list_has_exact(http_request_header(req, "Sec-WebSocket-Protocol"), protocol)) {
        status = 400;
    }
    if (status == 0 && !http_request_origin_allowed(req)) {
        log_limited(&origin_limit, LOG_LEVEL_INFO, "http", "WebSocket from a foreign origin refused",
                    LF_TEXT("origin", http_request_header(req, "Origin")), LF_ADDR("peer", &req->peer));
        status = 403;
    }
    ws_deflate_negotiate(&answer->deflate, http_request_header(req, "Sec-WebSocket-Extensions"), answer->extensions);
    return status;
}

static struct MHD_Response *make_response(const struct answer *answer, const char *protocol) {
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgraded, NULL);
    bool ok = response && MHD_add_response_header(response, "Upgrade", "websocket") == MHD_YES &&
              MHD_add_response_header(response, "Sec-WebSocket-Accept", answer->accept) == MHD_YES;
    if (ok && protocol) {
        ok = MHD_add_response_header(response, "Sec-WebSocket-Protocol", protocol) == MHD_YES;
    }
    if (ok && answer->extensions[0]) {
        ok = MHD_add_response_header(response, "Sec-WebSocket-Extensions", answer->extensions) == MHD_YES;
    }
    if (!ok && response) {
        MHD_destroy_response(response);
    }
    return ok ? response : NULL;
}

static int refuse(struct http_request *req, unsigned status) {
    http_reply_error(req, status, status == 403 ? "forbidden" : status == 503 ? "unavailable" : "bad-request", NULL);
    return -EPROTO;
}

int http_upgrade(struct http_request *req, const char *protocol, const struct ws_handlers *handlers, void *ctx) {
    struct http_server *server = req->conn->server;
    struct answer answer;
    unsigned status = check(req, protocol, &answer);
    if (status) {
        return refuse(req, status);
    }
    struct ws_plan plan = {
        .control = server->control,
        .worker = choose_worker(server, req->conn),
        .handlers = handlers,
        .ctx = ctx,
        .deflate = answer.deflate,
        .group = &server->websockets,
        .live_count = &server->ws_count,
    };
    if (!plan.worker || server->ws_count >= server->max_websockets) {
        return refuse(req, 503);
    }
    struct MHD_Response *response = make_response(&answer, protocol);
    if (response) {
        req->upgrading = ws_new(&plan);
    }
    if (!response || !req->upgrading) {
        if (response) {
            MHD_destroy_response(response);
        }
        return refuse(req, 503);
    }
    http_reply_ready(req, MHD_HTTP_SWITCHING_PROTOCOLS, response);
    return 0;
}
