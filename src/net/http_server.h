/* The HTTP server: libmicrohttpd in external epoll mode inside the control thread's loop. Connections come
 * from the workers (net/tcp.h) or from listeners of its own. Everything here is called on the control thread
 * (or before it runs) unless it says otherwise. */
#pragma once

#include "base/addr.h"
#include "net/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* Who is believed and who may ask from other origins; may be replaced while running. */
struct http_policy {
    const char *const *allowed_origins; /* "https://app.example.org", or "*" for all */
    size_t allowed_origin_count;
    const struct prefix *trusted_proxies; /* may set X-Forwarded-For and X-Forwarded-Proto */
    size_t trusted_proxy_count;
};

struct http_server_options {
    struct loop *const *workers; /* loops that may own WebSockets; NULL: upgrades are refused with 503 */
    size_t worker_count;
    struct http_policy policy; /* copied */
    uint32_t max_connections;  /* HTTP connections at once; 0: 1024 */
    uint32_t max_per_source;   /* of one address (trusted proxies are not counted); 0: 128 */
    uint32_t max_websockets;   /* 0: 10000 */
    uint32_t ws_ping_ms; /* a WebSocket is pinged this often and gone after 2.25 times it without a sign; 0: 20000 */
};

/* NULL: no memory or libmicrohttpd refused (logged). control must outlive the server. */
struct http_server *http_server_new(struct loop *control, const struct http_server_options *options);
/* Ends every request (on_abort is told) and every WebSocket (closed() with 1001). After the loops'
 * threads have been joined and the loops drained (loop_drain), and before tcp_free. */
void http_server_free(struct http_server *server);

/* Replaces the policy. -ENOMEM: the old one stays. */
int http_server_set_policy(struct http_server *server, const struct http_policy *policy);

/* A plain listener on the control thread itself (statistics, tests). *address as in tcp_listener_open; fd an
 * already listening socket (taken over) or -1. -errno. */
int http_server_listen(struct http_server *server, struct addr *address, int fd);
