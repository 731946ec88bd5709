/* A whole WebSocket session on one loop: whatever bytes come, it ends with exactly one closed(), every text is valid
 * UTF-8 within the bound, and nothing is left. The first byte of the input says whether deflate is on and how many
 * of the bytes were read too far during the upgrade.
 * covers: src/net/ws_conn.c src/net/ws_deflate.c src/net/ws_worker.c src/net/ws.c src/net/stream.c */
#include "base/log.h"
#include "base/text.h"
#include "net/stream.h"
#include "net/ws_internal.h"

#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TURNS_MAX = 10000, INPUT_MAX = 64 * 1024 };

struct session {
    int opened;
    int closed;
    unsigned code;
};

static struct loop *loop;
static struct ws_worker *worker;

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static void on_opened(void *ctx, struct ws *ws) {
    struct session *s = ctx;
    (void)ws;
    check(s->opened++ == 0 && s->closed == 0);
}

static void on_text(void *ctx, struct ws *ws, const char *data, size_t len) {
    struct session *s = ctx;
    check(s->opened == 1 && s->closed == 0 && len <= WS_MESSAGE_BYTES_MAX && text_is_utf8(data, len));
    if (len > 0 && data[0] == 'c') {
        ws_close(ws, 4000, "asked");
    } else {
        ws_send(ws, data, len);
    }
}

static void on_closed(void *ctx, struct ws *ws, unsigned code) {
    struct session *s = ctx;
    (void)ws;
    check(s->opened == 1 && s->closed++ == 0 && code >= 1000 && code < 5000);
    s->code = code;
}

static void turn(int fd) {
    uint8_t scrap[4096];
    event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
    while (recv(fd, scrap, sizeof scrap, MSG_DONTWAIT) > 0) {
    }
}

/* Sends all, gives the server some turns, hangs up, and waits for the end. */
static void run(const struct session *s, int fd, const uint8_t *data, size_t size) {
    size_t sent = 0;
    for (int i = 0; i < TURNS_MAX && s->closed == 0; i++) {
        ssize_t n = sent < size ? send(fd, data + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        sent += n > 0 ? (size_t)n : 0;
        if (sent == size && i > 3) {
            shutdown(fd, SHUT_WR);
        }
        turn(fd);
    }
    check(s->closed == 1);
}

static void set_up(void) {
    static const struct log_options quiet = {.level = LOG_LEVEL_ERROR, .path = "/dev/null"};
    if (!loop) {
        log_configure(&quiet);
        loop = loop_new("fuzz", 4096);
        worker = loop ? ws_worker_new(loop, 20 * 1000 * 1000) : NULL;
        check(worker != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct ws_handlers handlers = {.opened = on_opened, .text = on_text, .closed = on_closed};
    struct session s = {0};
    struct list group;
    uint32_t live = 0;
    int pair[2];
    if (size == 0 || size > INPUT_MAX) {
        return 0;
    }
    set_up();
    list_init(&group);
    size_t extra = (data[0] >> 1) < size - 1 ? data[0] >> 1 : size - 1;
    struct ws_plan plan = {.control = loop,
                           .worker = worker,
                           .handlers = &handlers,
                           .ctx = &s,
                           .deflate = {.on = data[0] & 1, .server_bits = 15},
                           .group = &group,
                           .live_count = &live};
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    struct ws *ws = ws_new(&plan);
    check(ws != NULL);
    ws_attach(ws, &(struct ws_source){.fd = pair[1], .extra = data + 1, .extra_len = extra});
    run(&s, pair[0], data + 1 + extra, size - 1 - extra);
    check(live == 0 && list_empty(&group));
    close(pair[0]);
    for (int i = 0; i < 4; i++) {
        event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
    }
    return 0;
}
