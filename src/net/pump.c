#include "net/pump.h"

#include "base/log.h"
#include "net/event_struct.h"
#include "net/http_link.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tcp_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CHUNK = 16 * 1024,
    TO_CLIENT_BOUND = 64 * 1024, /* decrypted bytes waiting for a slow client */
    PAIR_BUFFER = 64 * 1024,
};

struct pump {
    struct list node;
    struct tcp *tcp;
    struct stream *stream;
    struct http_link *link;
    struct event on_answer; /* the server wrote */
    struct event on_room;   /* the server can take more */
    uint8_t *held;          /* what the server did not take yet; NULL: nothing */
    size_t held_len;
    int fd;
};

/* Forgets everything save the stream. */
static void pump_free(struct pump *p) {
    list_remove(&p->node);
    event_del(&p->on_answer);
    event_del(&p->on_room);
    close(p->fd);
    free(p->held);
    p->link->pump = NULL;
    http_link_unref(p->link);
    free(p);
}

static void pump_break(struct pump *p) {
    struct stream *stream = p->stream;
    pump_free(p);
    stream_free(stream);
}

static void pump_finish(struct pump *p) {
    struct stream *stream = p->stream;
    pump_free(p);
    stream_finish(stream);
}

/* ---- client to server */

static int hold(struct pump *p, const uint8_t *data, size_t len) {
    p->held = malloc(len);
    if (!p->held) {
        return -ENOMEM;
    }
    memcpy(p->held, data, len);
    p->held_len = len;
    stream_pause(p->stream);
    event_add(&p->on_room, NULL);
    return 0;
}

static int to_server(struct pump *p, const uint8_t *data, size_t len) {
    ssize_t n = send(p->fd, data, len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        return -errno;
    }
    size_t taken = n < 0 ? 0 : (size_t)n;
    return taken < len ? hold(p, data + taken, len - taken) : 0;
}

static void client_ended(struct pump *p) {
    stream_pause(p->stream);
    shutdown(p->fd, SHUT_WR);
}

static void on_client(void *ctx) {
    struct pump *p = ctx;
    size_t budget = TCP_READ_BUDGET;
    while (!p->held) {
        long n = stream_read(p->stream, p->tcp->scratch, CHUNK);
        if (n == -EAGAIN) {
            return;
        }
        if (n == 0) {
            client_ended(p);
            return;
        }
        if (n < 0) {
            pump_break(p);
            return;
        }
        if (to_server(p, p->tcp->scratch, (size_t)n) < 0) {
            stream_pause(p->stream); /* the server closed; its last words come by on_answer */
            return;
        }
        budget -= (size_t)n < budget ? (size_t)n : budget;
        if (budget == 0) {
            stream_again(p->stream);
            return;
        }
    }
}

static void on_room(evutil_socket_t fd, short events, void *arg) {
    struct pump *p = arg;
    uint8_t *held = p->held;
    size_t len = p->held_len;
    (void)fd;
    (void)events;
    p->held = NULL;
    int rc = to_server(p, held, len);
    free(held);
    if (rc == 0 && !p->held) {
        stream_resume(p->stream);
    }
}

/* ---- server to client */

static void on_answer(evutil_socket_t fd, short events, void *arg) {
    struct pump *p = arg;
    (void)events;
    ssize_t n = recv(fd, p->tcp->scratch, CHUNK, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        pump_finish(p);
        return;
    }
    if (stream_write(p->stream, p->tcp->scratch, (size_t)n) < 0) {
        pump_break(p);
        return;
    }
    if (stream_queued(p->stream) >= TO_CLIENT_BOUND) {
        event_del(&p->on_answer);
    }
}

static void on_drained(void *ctx) {
    struct pump *p = ctx;
    event_add(&p->on_answer, NULL);
}

static void on_broken(void *ctx, int rc) {
    (void)rc;
    pump_break(ctx);
}

static const struct stream_owner pumping = {.readable = on_client, .drained = on_drained, .broken = on_broken};

/* ---- life */

static int open_pair(int pair[2]) {
    int size = PAIR_BUFFER;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
        return -errno;
    }
    for (int i = 0; i < 2; i++) {
        setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size); /* the kernel's default works too */
    }
    return 0;
}

/* Gives the server its end. On failure nothing of the pair is left. */
static int connect_server(struct pump *p, const struct addr *remote) {
    int pair[2];
    int rc = open_pair(pair);
    if (rc < 0) {
        return rc;
    }
    p->link = http_link_new(p->tcp->loop, p);
    if (p->link) {
        http_link_ref(p->link);
    }
    rc = http_adopt(p->tcp->options.http, pair[1], remote, p->link, true);
    if (rc < 0) {
        http_link_unref(p->link);
        close(pair[0]);
        close(pair[1]);
        return rc;
    }
    p->fd = pair[0];
    return 0;
}

void pump_start(struct tcp *tcp, struct stream *stream, const struct addr *remote) {
    struct pump *p = calloc(1, sizeof *p);
    if (!p) {
        stream_free(stream);
        return;
    }
    p->tcp = tcp;
    p->stream = stream;
    if (connect_server(p, remote) < 0) {
        tcp_refuse(METRIC_TCP_REFUSED_LIMIT, "cannot reach the HTTP server", remote);
        free(p);
        stream_free(stream);
        return;
    }
    list_push_back(&tcp->pumps, &p->node);
    event_assign(&p->on_answer, loop_base(tcp->loop), p->fd, EV_READ | EV_PERSIST, on_answer, p);
    event_assign(&p->on_room, loop_base(tcp->loop), p->fd, EV_WRITE, on_room, p);
    event_add(&p->on_answer, NULL);
    stream_set_owner(stream, &pumping, p);
    stream_resume(stream);
    stream_again(stream);
}

void pump_close_all(struct list *pumps) {
    LIST_FOREACH_SAFE(node, after, pumps) { pump_break(LIST_ENTRY(node, struct pump, node)); }
}

/* Puts back in reverse order. What lies in the pair is at most its buffer. */
static int put_back(struct pump *p, int server_end, const void *extra, size_t extra_len) {
    uint8_t *scratch = p->tcp->scratch;
    size_t len = 0;
    ssize_t n = 1;
    while (n > 0 && len < TCP_SCRATCH_BYTES) {
        n = recv(server_end, scratch + len, TCP_SCRATCH_BYTES - len, MSG_DONTWAIT);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n > 0) {
        return -ENOBUFS;
    }
    int rc = p->held ? stream_unread(p->stream, p->held, p->held_len) : 0;
    if (rc == 0) {
        rc = stream_unread(p->stream, scratch, len);
    }
    return rc == 0 ? stream_unread(p->stream, extra, extra_len) : rc;
}

static int pass_answer(struct pump *p) {
    for (;;) {
        ssize_t n = recv(p->fd, p->tcp->scratch, CHUNK, 0);
        if (n <= 0) {
            return 0;
        }
        int rc = stream_write(p->stream, p->tcp->scratch, (size_t)n);
        if (rc < 0) {
            return rc;
        }
    }
}

struct stream *pump_detach(struct pump *p, int server_end, const void *extra, size_t extra_len) {
    struct stream *stream = p->stream;
    stream_pause(stream);
    if (pass_answer(p) < 0 || put_back(p, server_end, extra, extra_len) < 0) {
        pump_break(p);
        return NULL;
    }
    pump_free(p);
    return stream;
}
