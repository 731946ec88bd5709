#include "net/tcp_socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    UNACKED_TIMEOUT_MS = 30000, /* a peer that vanished: RFC 5482 */
    KEEPALIVE_IDLE_S = 60,
    KEEPALIVE_INTERVAL_S = 10,
    KEEPALIVE_PROBES = 3,
};

static void set_option(int fd, int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof value); /* without it the connection still works */
}

void tcp_socket_tune(int fd) {
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_TIMEOUT_MS);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

int tcp_socket_local(int fd, struct addr *out) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    return getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ? -errno
                                                             : addr_from_sockaddr(out, (struct sockaddr *)&sa, len);
}

/* Bound, with SO_REUSEADDR, so that connections long closed do not occupy the port. */
static int open_bound(const struct addr *at, int reuse_port) {
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(at, &sa);
    int one = 1;
    int fd = len ? socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0) {
        return len ? -errno : -EAFNOSUPPORT;
    }
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd, SOL_SOCKET, SO_REUSEPORT, reuse_port);
    if ((at->family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0) ||
        bind(fd, (struct sockaddr *)&sa, len) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

/* SO_REUSEPORT comes after bind and listen: two listeners exclude each other, sockets that connect do not. */
int tcp_socket_listen(const struct addr *at, int backlog) {
    int fd = open_bound(at, 0);
    int one = 1;
    if (fd >= 0 && (listen(fd, backlog) < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0)) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

int tcp_socket_connect(const struct addr *from, const struct addr *to) {
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(to, &sa);
    int fd = open_bound(from, 1);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

int tcp_socket_result(int fd) {
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? -errno : -error;
}

void tcp_socket_reset(int fd) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}
