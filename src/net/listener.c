/* Listening sockets of one worker: SO_REUSEPORT, accepting in batches, a pause when descriptors run out. */
#include "net/tcp_internal.h"

#include "base/log.h"
#include "net/loop.h"
#include "net/tcp_socket.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    ACCEPT_BATCH = 64,
    PAUSE_US = 1000 * 1000, /* without descriptors, until the next try */
};

struct listener {
    struct list node;
    struct tcp *tcp;
    struct event *event;
    struct loop_timer pause;
    unsigned accept;
    int fd;
};

static struct log_limit descriptors_limit = {.burst = 1};

static void take_in(struct listener *l, int fd, const struct sockaddr_storage *sa, socklen_t len) {
    struct five_tuple tuple = {.transport = TRANSPORT_TCP};
    struct tcp_seat *seat = NULL;
    if (addr_from_sockaddr(&tuple.remote, (const struct sockaddr *)sa, len) == 0 &&
        tcp_socket_local(fd, &tuple.local) == 0) {
        seat = tcp_seat_take(l->tcp, &tuple.remote, proxy_sources_contain(&l->tcp->proxies, &tuple.remote));
    }
    if (!seat) {
        close(fd);
        return;
    }
    tcp_socket_tune(fd);
    tcp_intake_start(l->tcp, fd, seat, &tuple, l->accept);
}

static void pause_accepting(struct listener *l, int error) {
    metrics_inc(METRIC_TCP_ACCEPT_PAUSES);
    log_limited(&descriptors_limit, LOG_LEVEL_ERROR, "tcp", "cannot accept connections for now", LF_ERROR(-error));
    event_del(l->event);
    loop_timer_set(l->tcp->loop, &l->pause, PAUSE_US);
}

static void on_pause_over(void *ctx) {
    struct listener *l = ctx;
    event_add(l->event, NULL);
}

static bool is_exhausted(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_acceptable(evutil_socket_t fd, short events, void *arg) {
    struct listener *l = arg;
    (void)events;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage sa;
        socklen_t len = sizeof sa;
        int accepted = accept4(fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            take_in(l, accepted, &sa, len);
        } else if (is_exhausted(errno)) {
            pause_accepting(l, errno);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* else: that connection died in the queue */
    }
}

static int bind_socket(const struct addr *address) {
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(address, &sa);
    int fd = len ? socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    int one = 1;
    if (fd < 0) {
        return len ? -errno : -EAFNOSUPPORT;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0 ||
        (address->family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0) ||
        bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, BACKLOG) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

static void listener_free(struct listener *l) {
    list_remove(&l->node);
    loop_timer_cancel(l->tcp->loop, &l->pause);
    if (l->event) {
        event_free(l->event);
    }
    close(l->fd);
    free(l);
}

static int listener_start(struct tcp *tcp, int fd, unsigned accept) {
    struct listener *l = calloc(1, sizeof *l);
    if (!l) {
        close(fd);
        return -ENOMEM;
    }
    l->tcp = tcp;
    l->fd = fd;
    l->accept = accept;
    list_push_back(&tcp->listeners, &l->node);
    loop_timer_init(&l->pause, on_pause_over, l);
    l->event = event_new(loop_base(tcp->loop), fd, EV_READ | EV_PERSIST, on_acceptable, l);
    if (!l->event || event_add(l->event, NULL) < 0) {
        listener_free(l);
        return -ENOMEM;
    }
    return 0;
}

int tcp_listener_open(struct tcp *tcp, struct addr *address, int fd, unsigned accept) {
    if (fd < 0) {
        fd = bind_socket(address);
    } else if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    if (fd < 0) {
        return fd;
    }
    int rc = tcp_socket_local(fd, address);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return listener_start(tcp, fd, accept);
}

void tcp_listener_close_all(struct tcp *tcp) {
    LIST_FOREACH_SAFE(node, after, &tcp->listeners) { listener_free(LIST_ENTRY(node, struct listener, node)); }
}

void tcp_stop_accepting(struct tcp *tcp) { tcp_listener_close_all(tcp); }
