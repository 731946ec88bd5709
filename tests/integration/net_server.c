/* A small server on libnet for test_net.py: one control thread, some workers, echoes in every protocol. Prints one
 * line of JSON with its ports and ends when its standard input does. */
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/static.h"
#include "net/tcp.h"
#include "net/tls.h"
#include "net/ws.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS_MAX = 4, INBOX = 4096 };

static struct {
    struct loop *control;
    struct loop *workers[WORKERS_MAX];
    struct tcp *tcp[WORKERS_MAX];
    struct tls_context *tls;
    struct http_server *http;
    struct http_server *stats;
    struct static_site *site;
    pthread_t threads[WORKERS_MAX];
    size_t worker_count;
    unsigned aborted;
    unsigned ws_opened;
    unsigned ws_closed;
    unsigned ws_last_code;
} server;

/* ---- TURN: frames come back as they are */

static void *turn_opened(void *ctx, struct conn *conn, const struct five_tuple *tuple) {
    (void)ctx;
    (void)tuple;
    return conn;
}

static void turn_frame(void *stream, const uint8_t *frame, size_t len) {
    static const uint8_t padding[4];
    conn_send(stream, frame, len);
    if (len % 4) {
        conn_send(stream, padding, 4 - len % 4);
    }
    if (len >= 20 && frame[0] == 0 && frame[1] == 0x55) { /* the tests' word for: hang up */
        conn_close(stream, 1);
    }
}

static void turn_closed(void *stream) { (void)stream; }

/* ---- HTTP */

static void handle_hello(void *ctx, struct http_request *req) {
    (void)ctx;
    http_reply(req, 200, "text/plain", "hello\n", 6, NULL);
}

static void handle_echo(void *ctx, struct http_request *req) {
    size_t len;
    const char *body = http_request_body(req, &len);
    (void)ctx;
    http_reply(req, 201, "application/octet-stream", body, len,
               (const struct http_header[]){{"Location", "/echo/1"}, {"ETag", "\"1\""}, {NULL, NULL}});
}

static void handle_show(void *ctx, struct http_request *req) {
    char text[1024];
    char peer[ADDR_TEXT_MAX];
    const char *q = http_request_query(req, "q");
    const char *name = http_request_param(req, "name");
    (void)ctx;
    int n = snprintf(text, sizeof text, "{\"peer\":\"%s\",\"secure\":%d,\"path\":\"%s\",\"name\":\"%s\",\"q\":\"%s\"}",
                     addr_format_ip(http_request_peer(req), peer), http_request_is_secure(req), http_request_path(req),
                     name ? name : "", q ? q : "");
    http_reply(req, 200, "application/json", text, (size_t)n, NULL);
}

static void handle_forge(void *ctx, struct http_request *req) {
    (void)ctx;
    http_reply(req, 200, NULL, "x", 1,
               (const struct http_header[]){{"X-Name", http_request_query(req, "v")}, {NULL, NULL}});
}

struct late {
    struct loop_timer timer;
    struct http_request *req;
};

static void on_late(void *ctx) {
    struct late *late = ctx;
    http_reply(late->req, 200, "text/plain", "late\n", 5, NULL);
    free(late);
}

static void on_late_abort(void *ctx) {
    struct late *late = ctx;
    server.aborted++;
    loop_timer_cancel(server.control, &late->timer);
    free(late);
}

/* /late/{kind}: "told" asks to hear of an abort, "deaf" does not. */
static void handle_late(void *ctx, struct http_request *req) {
    struct late *late = calloc(1, sizeof *late);
    uint64_t ms = 100;
    const char *text = http_request_query(req, "ms");
    (void)ctx;
    if (!late || (text && text_parse_u64(&ms, text, strlen(text)) < 0)) {
        free(late);
        http_reply_error(req, 400, "bad-request", NULL);
        return;
    }
    late->req = req;
    loop_timer_init(&late->timer, on_late, late);
    loop_timer_set(server.control, &late->timer, ms * 1000);
    if (strcmp(http_request_param(req, "kind"), "told") == 0) {
        http_request_on_abort(req, on_late_abort, late);
    }
}

static void handle_stats(void *ctx, struct http_request *req) {
    char text[16384];
    (void)ctx;
    int n = snprintf(text, sizeof text, "{\"aborted\":%u,\"ws_opened\":%u,\"ws_closed\":%u,\"ws_last_code\":%u",
                     server.aborted, server.ws_opened, server.ws_closed, server.ws_last_code);
    for (int i = 0; i < METRIC_COUNT; i++) {
        int64_t value = metrics_read((enum metric_id)i);
        const struct metric_info *m = &metric_table[i];
        if (value && (strncmp(m->name, "tcp", 3) == 0 || strncmp(m->name, "tls", 3) == 0 ||
                      strncmp(m->name, "http", 4) == 0 || strncmp(m->name, "w", 1) == 0)) {
            char labels[64];
            size_t used = 0;
            for (const char *c = m->labels; *c && used + 1 < sizeof labels; c++) {
                labels[used++] = *c == '"' ? '\'' : *c;
            }
            labels[used] = '\0';
            n += snprintf(text + n, sizeof text - (size_t)n, ",\"%s{%s}\":%lld", m->name, labels, (long long)value);
        }
    }
    n += snprintf(text + n, sizeof text - (size_t)n, "}\n");
    http_reply(req, 200, "application/json", text, (size_t)n, NULL);
}

/* ---- WebSocket: echoes, and some orders */

static void ws_opened(void *ctx, struct ws *ws) {
    (void)ctx;
    (void)ws;
    server.ws_opened++;
}

static void flood(struct ws *ws) {
    static char big[32768];
    char report[64];
    size_t sent = 0;
    for (size_t i = 0; i < sizeof big; i++) {
        big[i] = (char)('a' + (i * 7919 + i / 251) % 26);
    }
    while (sent < 64 * 1024 * 1024 && ws_send(ws, big, sizeof big) == 0) {
        sent += sizeof big;
    }
    int n = snprintf(report, sizeof report, "flooded %zu queued %zu", sent, ws_queued_bytes(ws));
    ws_send(ws, report, (size_t)n);
}

static void ws_text(void *ctx, struct ws *ws, const char *data, size_t len) {
    char text[64];
    (void)ctx;
    if (len == 5 && memcmp(data, "flood", 5) == 0) {
        flood(ws);
    } else if (len == 5 && memcmp(data, "close", 5) == 0) {
        ws_close(ws, 4003, "kicked");
    } else if (len == 5 && memcmp(data, "leave", 5) == 0) {
        flood(ws);
        ws_close(ws, 4004, "after all that");
    } else if (len == 3 && memcmp(data, "rtt", 3) == 0) {
        int n = snprintf(text, sizeof text, "%u", ws_rtt_us(ws));
        ws_send(ws, text, (size_t)n);
    } else {
        ws_send(ws, data, len);
    }
}

static void ws_closed(void *ctx, struct ws *ws, unsigned code) {
    (void)ctx;
    (void)ws;
    server.ws_closed++;
    server.ws_last_code = code;
}

static const struct ws_handlers ws_echo = {.opened = ws_opened, .text = ws_text, .closed = ws_closed};

static void handle_ws(void *ctx, struct http_request *req) {
    const char *offered = http_request_header(req, "Sec-WebSocket-Protocol");
    (void)ctx;
    http_upgrade(req, offered && strstr(offered, "test.v1") ? "test.v1" : NULL, &ws_echo, NULL);
}

/* ---- start and stop */

static const struct http_route routes[] = {
    {"GET", "/hello", handle_hello, NULL, 0},      {"POST", "/echo", handle_echo, NULL, 64 * 1024},
    {"GET", "/show/{name}", handle_show, NULL, 0}, {"GET", "/forge", handle_forge, NULL, 0},
    {"GET", "/late/{kind}", handle_late, NULL, 0}, {"GET", "/ws", handle_ws, NULL, 0},
};
static const struct http_route stats_routes[] = {{"GET", "/stats", handle_stats, NULL, 0}};

static void check(int rc, const char *what) {
    if (rc < 0) {
        fprintf(stderr, "net_server: %s failed: %d\n", what, rc);
        exit(1);
    }
}

static void *run_worker(void *loop) {
    loop_run(loop);
    return NULL;
}

static void on_stdin(evutil_socket_t fd, short events, void *arg) {
    char line[64];
    (void)events;
    (void)arg;
    ssize_t n = read(fd, line, sizeof line);
    if (n <= 0) {
        loop_stop(server.control);
    } else if (line[0] == 'r') {
        check(tls_context_reload(server.tls, NULL), "reload");
    }
}

static void start_http(const char *web_root, uint32_t ping_ms) {
    static const char *const origins[] = {"https://allowed.example"};
    struct prefix proxy;
    check(prefix_parse(&proxy, "127.0.0.2"), "prefix");
    struct http_server_options options = {
        .workers = server.workers,
        .worker_count = server.worker_count,
        .policy = {.allowed_origins = origins,
                   .allowed_origin_count = 1,
                   .trusted_proxies = &proxy,
                   .trusted_proxy_count = 1},
        .max_per_source = 1200,
        .max_connections = 1500,
        .ws_ping_ms = ping_ms,
    };
    server.http = http_server_new(server.control, &options);
    server.stats = http_server_new(server.control, &(struct http_server_options){0});
    check(server.http && server.stats ? 0 : -1, "http servers");
    check(static_site_new(&server.site, web_root), "web root");
    const struct http_route pages = {"GET", "/{path*}", static_site_handle, server.site, 0};
    check(http_server_add_routes(server.http, routes, sizeof routes / sizeof routes[0]), "routes");
    check(http_server_add_routes(server.http, &pages, 1), "static route");
    check(http_server_add_routes(server.stats, stats_routes, 1), "stats route");
}

static void start_tcp(struct addr *shared, struct addr *http_only) {
    struct tcp_options options = {
        .turn = {.opened = turn_opened, .frame = turn_frame, .closed = turn_closed},
        .http = server.http,
        .tls = server.tls,
        .max_per_source = 3000,
    };
    for (size_t i = 0; i < server.worker_count; i++) {
        server.tcp[i] = tcp_new(server.workers[i], &options);
        check(server.tcp[i] ? 0 : -1, "tcp");
        check(tcp_listener_open(server.tcp[i], shared, -1, TCP_ACCEPT_TURN | TCP_ACCEPT_HTTP), "shared listener");
        check(tcp_listener_open(server.tcp[i], http_only, -1, TCP_ACCEPT_HTTP), "http listener");
    }
}

static void stop(void) {
    for (size_t i = 0; i < server.worker_count; i++) {
        loop_stop(server.workers[i]);
        pthread_join(server.threads[i], NULL);
    }
    for (size_t i = 0; i < server.worker_count; i++) {
        loop_drain(server.workers[i]);
    }
    loop_drain(server.control);
    http_server_free(server.http);
    http_server_free(server.stats);
    for (size_t i = 0; i < server.worker_count; i++) {
        tcp_free(server.tcp[i]);
        loop_free(server.workers[i]);
    }
    static_site_free(server.site);
    tls_context_free(server.tls);
    loop_free(server.control);
}

/* net_server FOLDER-FOR-CERTIFICATE WEB-ROOT WORKERS PING-MS */
int main(int argc, char **argv) {
    struct addr shared, http_only, stats;
    char certificate[512], key[512];
    uint64_t ping_ms;
    if (argc != 5 || text_parse_u64(&ping_ms, argv[4], strlen(argv[4])) < 0) {
        return 2;
    }
    check(addr_parse(&shared, "127.0.0.1:0"), "address");
    http_only = stats = shared;
    snprintf(certificate, sizeof certificate, "%s/cert.pem", argv[1]);
    snprintf(key, sizeof key, "%s/key.pem", argv[1]);
    check(tls_make_self_signed(argv[1], NULL, 0), "certificate");
    check(tls_context_new(&server.tls, &(struct tls_options){certificate, key, NULL}), "tls");
    server.worker_count = argv[3][0] == '2' ? 2 : 1;
    server.control = loop_new("control", INBOX);
    for (size_t i = 0; i < server.worker_count; i++) {
        server.workers[i] = loop_new("worker", INBOX);
    }
    start_http(argv[2], (uint32_t)ping_ms);
    start_tcp(&shared, &http_only);
    check(http_server_listen(server.stats, &stats, -1), "stats listener");
    struct event *on_input = event_new(loop_base(server.control), STDIN_FILENO, EV_READ | EV_PERSIST, on_stdin, NULL);
    event_add(on_input, NULL);
    for (size_t i = 0; i < server.worker_count; i++) {
        check(pthread_create(&server.threads[i], NULL, run_worker, server.workers[i]) ? -1 : 0, "thread");
    }
    printf("{\"shared\":%u,\"http\":%u,\"stats\":%u}\n", shared.port, http_only.port, stats.port);
    fflush(stdout);
    int rc = loop_run(server.control);
    event_free(on_input);
    stop();
    return rc < 0;
}
