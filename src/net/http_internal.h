/* What the files of the HTTP server share: http_server.c (daemon, connections), http_policy.c (origins, proxies),
 * http_request.c (one request's life), http_reply.c (answers), http_upgrade.c (WebSockets). Control thread. */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "base/metrics.h"
#include "net/event_struct.h"
#include "net/http_link.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/route.h"
#include "net/uri.h"

#include <microhttpd.h>

struct ws;
struct ws_worker;

enum {
    HTTP_HEADER_US = 10 * 1000 * 1000,     /* accept to the end of the first request's headers */
    HTTP_KEEP_ALIVE_US = 30 * 1000 * 1000, /* one answer to the end of the next request's headers */
    HTTP_BODY_US = 30 * 1000 * 1000,
    HTTP_REPLY_US = 120 * 1000 * 1000,
    HTTP_IDLE_S = 15,              /* without any byte */
    HTTP_MEMORY_BYTES = 32 * 1024, /* request head and its parsing */
    HTTP_HEADERS_MAX = 100,
    HTTP_DISCARD_BYTES = 256 * 1024, /* of a body that is too large, so that the client reads its 413 */
};

struct http_rules {
    char **origins;
    size_t origin_count;
    struct prefix *proxies;
    size_t proxy_count;
};

struct http_server {
    struct loop *control;
    struct MHD_Daemon *daemon;
    struct event *on_epoll;
    struct event *on_run; /* MHD's timeouts, and a kick after changes */
    struct http_rules rules;
    struct http_route *routes;
    size_t route_count;
    struct list arriving; /* connections MHD has not announced yet */
    struct list conns;
    struct list listeners;
    struct list websockets;
    struct hash_table sources;
    struct hash_key key;
    struct ws_worker **workers;
    size_t worker_count;
    size_t next_worker;
    uint32_t max_connections;
    uint32_t max_per_source;
    uint32_t max_websockets;
    uint32_t conn_count;
    uint32_t ws_count;
    bool run_again; /* libmicrohttpd lets go of an upgraded connection one turn later */
};

/* One connection as long as libmicrohttpd has it. */
struct http_conn {
    struct list node;
    struct http_server *server;
    struct http_link *link; /* NULL: from a listener of our own */
    struct http_source *source;
    struct http_request *waiting; /* whose answer comes late */
    struct addr peer;
    struct loop_timer deadline;
    struct event on_gone;
    int fd;
    bool tls;
    bool upgraded; /* the socket is a WebSocket's now */
};

enum http_state {
    HTTP_STATE_NEW,
    HTTP_STATE_BODY,
    HTTP_STATE_HANDLER, /* inside the handler */
    HTTP_STATE_LATE,    /* suspended until the answer */
    HTTP_STATE_READY,   /* response is set */
    HTTP_STATE_GONE,    /* suspended, the client went away, the answer is awaited and dropped */
    HTTP_STATE_DROP,    /* to be cut off */
};

struct http_request {
    struct http_conn *conn;
    struct MHD_Connection *mhd;
    char *method;
    struct uri uri;
    int uri_error;
    struct route_match match;
    enum http_state state;
    unsigned refused; /* status decided before the body was read; 0: none */
    const char *refused_code;
    char *body;
    size_t body_len;
    size_t body_cap;
    size_t discarded;
    struct MHD_Response *response;
    unsigned status;
    struct ws *upgrading; /* the WebSocket a 101 leads to */
    void (*on_abort)(void *ctx);
    void *abort_ctx;
    struct addr peer; /* through proxies */
    bool secure;
    uint64_t started_us;
};

/* ---- http_server.c */
/* Lets libmicrohttpd run soon. */
void http_server_kick(struct http_server *server);

/* ---- http_request.c: libmicrohttpd's callbacks */
void *http_request_begin(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result http_request_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                    const char *version, const char *data, size_t *data_len, void **req);
void http_request_completed(void *cls, struct MHD_Connection *mhd, void **req, enum MHD_RequestTerminationCode why);
/* The client of a late answer went away. */
void http_request_client_gone(struct http_request *req);

/* ---- http_reply.c */
/* Queues req->response and counts it. */
enum MHD_Result http_reply_queue(struct http_request *req);
/* Makes the response ready to be queued; resumes a late one. Takes the response (NULL: the connection is cut). */
void http_reply_ready(struct http_request *req, unsigned status, struct MHD_Response *response);

/* ---- http_policy.c */
int http_rules_copy(struct http_rules *out, const struct http_policy *policy);
void http_rules_deinit(struct http_rules *rules);
/* Exactly listed, or "*" is. */
bool http_rules_allow_origin(const struct http_rules *rules, const char *origin);
bool http_rules_allow_any(const struct http_rules *rules);
bool http_rules_trust(const struct http_rules *rules, const struct addr *peer);
/* Fills peer and secure from the connection and, behind trusted proxies, from the forwarding headers. */
void http_policy_find_client(struct http_request *req);

/* ---- http_upgrade.c */
/* The WebSocket's upgrade will not happen any more. */
void http_upgrade_failed(struct http_request *req);
