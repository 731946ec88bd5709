#include "net/http_server.h"

#include "base/log.h"
#include "net/http_internal.h"
#include "net/ws_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DEFAULT_CONNECTIONS = 1024,
    DEFAULT_PER_SOURCE = 128,
    DEFAULT_WEBSOCKETS = 10000,
    DEFAULT_PING_MS = 20000,
    BACKLOG = 256,
    ACCEPT_BATCH = 32
};

/* All HTTP connections of one address; freed with the last. */
struct http_source {
    struct addr ip;
    uint32_t count;
};

static struct log_limit refuse_limit = {.burst = 5};
static struct log_limit mhd_limit = {.burst = 5};

/* ---- running libmicrohttpd */

static void arm_timeout(struct http_server *server) {
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(server->daemon, &ms) == MHD_YES) {
        struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
        event_add(server->on_run, &tv);
    } else {
        event_del(server->on_run);
    }
}

static void on_run(evutil_socket_t fd, short events, void *arg) {
    struct http_server *server = arg;
    (void)fd;
    (void)events;
    bool again = server->run_again;
    server->run_again = false;
    MHD_run(server->daemon);
    arm_timeout(server);
    if (again) {
        http_server_kick(server);
    }
}

void http_server_kick(struct http_server *server) {
    static const struct timeval now = {0, 0};
    event_add(server->on_run, &now);
}

static void log_mhd(void *cls, const char *format, va_list args) {
    char text[256];
    (void)cls;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    log_limited(&mhd_limit, LOG_LEVEL_DEBUG, "http", "libmicrohttpd", LF_TEXT("message", text));
}

/* ---- connections */

static bool same_source(const void *item, const void *wanted) {
    const struct http_source *source = item;
    return addr_equal_ip(&source->ip, wanted);
}

static uint64_t source_hash(const struct http_server *server, const struct addr *ip) {
    return hash_bytes(&server->key, ip->ip, sizeof ip->ip);
}

static struct http_source *source_take(struct http_server *server, const struct addr *peer) {
    uint64_t hash = source_hash(server, peer);
    struct http_source *source = hash_table_find(&server->sources, hash, same_source, peer);
    if (!source) {
        source = calloc(1, sizeof *source);
        if (source) {
            source->ip = *peer;
            if (hash_table_insert(&server->sources, hash, source) < 0) {
                free(source);
                source = NULL;
            }
        }
    }
    if (source && source->count >= server->max_per_source && !http_rules_trust(&server->rules, peer)) {
        return NULL;
    }
    if (source) {
        source->count++;
    }
    return source;
}

static void source_leave(struct http_server *server, struct http_source *source) {
    if (--source->count == 0) {
        hash_table_remove(&server->sources, source_hash(server, &source->ip), source);
        free(source);
    }
}

static void conn_free(struct http_conn *conn) {
    struct http_server *server = conn->server;
    list_remove(&conn->node);
    loop_timer_cancel(server->control, &conn->deadline);
    event_del(&conn->on_gone);
    source_leave(server, conn->source);
    http_link_unref(conn->link);
    server->conn_count--;
    metrics_add(METRIC_HTTP_CONNECTIONS, -1);
    free(conn);
}

/* libmicrohttpd has no way to drop a connection; ending the socket under it does. */
static void on_deadline(void *ctx) {
    struct http_conn *conn = ctx;
    if (conn->upgraded) {
        return;
    }
    metrics_inc(METRIC_HTTP_DEADLINES);
    shutdown(conn->fd, SHUT_RDWR);
}

static void on_gone(evutil_socket_t fd, short events, void *arg) {
    struct http_conn *conn = arg;
    (void)fd;
    (void)events;
    if (conn->waiting) {
        http_request_client_gone(conn->waiting);
    }
}

static struct http_conn *conn_new(struct http_server *server, int fd, const struct addr *peer, bool tls) {
    struct http_source *source = server->conn_count < server->max_connections ? source_take(server, peer) : NULL;
    struct http_conn *conn = source ? calloc(1, sizeof *conn) : NULL;
    if (!conn) {
        if (source) {
            source_leave(server, source);
        }
        metrics_inc(METRIC_HTTP_REFUSED);
        log_limited(&refuse_limit, LOG_LEVEL_INFO, "http", "connection refused", LF_TEXT("reason", "connection limit"),
                    LF_ADDR("peer", peer));
        return NULL;
    }
    conn->server = server;
    conn->source = source;
    conn->peer = *peer;
    conn->fd = fd;
    conn->tls = tls;
    list_push_back(&server->arriving, &conn->node);
    loop_timer_init(&conn->deadline, on_deadline, conn);
    event_assign(&conn->on_gone, loop_base(server->control), fd, EV_CLOSED, on_gone, conn);
    server->conn_count++;
    metrics_add(METRIC_HTTP_CONNECTIONS, 1);
    return conn;
}

/* Takes fd and link. */
static void add_connection(struct http_server *server, int fd, const struct addr *peer, struct http_link *link,
                           bool tls) {
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(peer, &sa);
    struct http_conn *conn = conn_new(server, fd, peer, tls);
    if (!conn) {
        http_link_unref(link);
        close(fd);
        return;
    }
    conn->link = link;
    loop_timer_set(server->control, &conn->deadline, HTTP_HEADER_US);
    if (MHD_add_connection(server->daemon, fd, (struct sockaddr *)&sa, len) != MHD_YES) {
        /* the socket is closed; unannounced connections are still ours */
        LIST_FOREACH_SAFE(node, after, &server->arriving) { conn_free(LIST_ENTRY(node, struct http_conn, node)); }
    }
    http_server_kick(server);
}

struct adoption {
    struct http_server *server;
    struct http_link *link;
    struct addr peer;
    int fd;
    bool tls;
};

static void on_adopt(void *data) {
    struct adoption *a = data;
    add_connection(a->server, a->fd, &a->peer, a->link, a->tls);
}

int http_adopt(struct http_server *server, int fd, const struct addr *peer, struct http_link *link, bool tls) {
    struct adoption a = {.server = server, .link = link, .peer = *peer, .fd = fd, .tls = tls};
    if (!link) {
        return -ENOMEM;
    }
    int rc = loop_post(server->control, on_adopt, &a, sizeof a);
    if (rc < 0) {
        http_link_unref(link);
    }
    return rc;
}

/* Connects libmicrohttpd's connection with ours by the descriptor, and tells its end. */
static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what) {
    struct http_server *server = cls;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context) {
            conn_free(*socket_context);
        }
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    LIST_FOREACH_SAFE(node, after, &server->arriving) {
        struct http_conn *conn = LIST_ENTRY(node, struct http_conn, node);
        if (info && conn->fd == info->connect_fd) {
            list_remove(&conn->node);
            list_push_back(&server->conns, &conn->node);
            *socket_context = conn;
        }
    }
}

/* ---- own listeners */

struct http_listener {
    struct list node;
    struct http_server *server;
    struct event *event;
    int fd;
};

static void on_acceptable(evutil_socket_t fd, short events, void *arg) {
    struct http_listener *l = arg;
    (void)events;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage sa;
        socklen_t len = sizeof sa;
        struct addr peer;
        int accepted = accept4(fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) {
            return;
        }
        if (addr_from_sockaddr(&peer, (struct sockaddr *)&sa, len) < 0) {
            close(accepted);
            continue;
        }
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        add_connection(l->server, accepted, &peer, NULL, false);
    }
}

static int bind_listener(const struct addr *address) {
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(address, &sa);
    int fd = len ? socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0) {
        return len ? -errno : -EAFNOSUPPORT;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (address->family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
    }
    if (bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, BACKLOG) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

static void listener_free(struct http_listener *l) {
    list_remove(&l->node);
    if (l->event) {
        event_free(l->event);
    }
    close(l->fd);
    free(l);
}

int http_server_listen(struct http_server *server, struct addr *address, int fd) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    fd = fd < 0 ? bind_listener(address) : fd;
    if (fd < 0) {
        return fd;
    }
    struct http_listener *l = calloc(1, sizeof *l);
    if (!l) {
        close(fd);
        return -ENOMEM;
    }
    l->server = server;
    l->fd = fd;
    list_push_back(&server->listeners, &l->node);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
        addr_from_sockaddr(address, (struct sockaddr *)&sa, len) == 0) {
        l->event = event_new(loop_base(server->control), fd, EV_READ | EV_PERSIST, on_acceptable, l);
    }
    if (!l->event || event_add(l->event, NULL) < 0) {
        listener_free(l);
        return -ENOMEM;
    }
    return 0;
}

/* ---- life */

int http_server_add_routes(struct http_server *server, const struct http_route *routes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (route_check(&routes[i]) < 0) {
            return -EINVAL;
        }
    }
    struct http_route *all = reallocarray(server->routes, server->route_count + count, sizeof *all);
    if (!all) {
        return -ENOMEM;
    }
    memcpy(all + server->route_count, routes, count * sizeof *all);
    server->routes = all;
    server->route_count += count;
    return 0;
}

/* The target is decoded by net/uri.c; libmicrohttpd must leave it alone. */
static size_t keep_as_is(void *cls, struct MHD_Connection *mhd, char *text) {
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static int start_daemon(struct http_server *server) {
    server->daemon = MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, http_request_access, server, MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL, MHD_OPTION_URI_LOG_CALLBACK,
        http_request_begin, server, MHD_OPTION_UNESCAPE_CALLBACK, keep_as_is, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        http_request_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(server->max_connections + server->max_websockets),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_MEMORY_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        server->daemon ? MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        log_error("http", "libmicrohttpd does not start");
        return -EIO;
    }
    struct event_base *base = loop_base(server->control);
    server->on_epoll = event_new(base, info->epoll_fd, EV_READ | EV_PERSIST, on_run, server);
    server->on_run = event_new(base, -1, 0, on_run, server);
    return server->on_epoll && server->on_run && event_add(server->on_epoll, NULL) == 0 ? 0 : -ENOMEM;
}

static uint32_t or_default(uint32_t value, uint32_t fallback) { return value ? value : fallback; }

static int make_workers(struct http_server *server, const struct http_server_options *options) {
    server->workers = calloc(options->worker_count + 1, sizeof(struct ws_worker *));
    if (!server->workers) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < options->worker_count; i++) {
        server->workers[i] =
            ws_worker_new(options->workers[i], (uint64_t)or_default(options->ws_ping_ms, DEFAULT_PING_MS) * 1000);
        if (!server->workers[i]) {
            return -ENOMEM;
        }
        server->worker_count++;
    }
    return 0;
}

struct http_server *http_server_new(struct loop *control, const struct http_server_options *options) {
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) {
        return NULL;
    }
    server->control = control;
    server->max_connections = or_default(options->max_connections, DEFAULT_CONNECTIONS);
    server->max_per_source = or_default(options->max_per_source, DEFAULT_PER_SOURCE);
    server->max_websockets = or_default(options->max_websockets, DEFAULT_WEBSOCKETS);
    list_init(&server->arriving);
    list_init(&server->conns);
    list_init(&server->listeners);
    list_init(&server->websockets);
    hash_table_init(&server->sources);
    hash_key_random(&server->key);
    signal(SIGPIPE, SIG_IGN); /* libmicrohttpd and libevent write without MSG_NOSIGNAL here and there */
    if (http_rules_copy(&server->rules, &options->policy) < 0 || make_workers(server, options) < 0 ||
        start_daemon(server) < 0) {
        http_server_free(server);
        return NULL;
    }
    return server;
}

/* Suspended connections must not be left when the daemon stops. */
static void abort_waiting(struct http_server *server) {
    LIST_FOREACH_SAFE(node, after, &server->conns) {
        struct http_conn *conn = LIST_ENTRY(node, struct http_conn, node);
        if (conn->waiting) {
            http_request_client_gone(conn->waiting);
        }
        if (conn->waiting) { /* nobody is told: the answer will never be asked for */
            conn->waiting->state = HTTP_STATE_DROP;
            MHD_resume_connection(conn->waiting->mhd);
        }
    }
    MHD_run(server->daemon);
}

void http_server_free(struct http_server *server) {
    if (!server) {
        return;
    }
    LIST_FOREACH_SAFE(node, after, &server->listeners) { listener_free(LIST_ENTRY(node, struct http_listener, node)); }
    if (server->daemon) {
        abort_waiting(server);
        MHD_stop_daemon(server->daemon);
    }
    ws_close_all(&server->websockets);
    for (size_t i = 0; i < server->worker_count; i++) {
        ws_worker_free(server->workers[i]);
    }
    if (server->on_epoll) {
        event_free(server->on_epoll);
    }
    if (server->on_run) {
        event_free(server->on_run);
    }
    http_rules_deinit(&server->rules);
    hash_table_deinit(&server->sources);
    free(server->workers);
    free(server->routes);
    free(server);
}
