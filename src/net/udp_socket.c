#include "net/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int set_int(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/* A relay sets DF only when asked (RFC 8656 section 15): without path MTU discovery nobody can shrink our
 * packets by forged ICMP either. */
static int set_fragmentation(int fd, int family, bool dont_fragment) {
    if (family == AF_INET6) {
        return set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, dont_fragment ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT);
    }
    /* As DONT, but that an error which tells an MTU is reported where errors are. */
    return set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, dont_fragment ? IP_PMTUDISC_DO : IP_PMTUDISC_OMIT);
}

/* All our calls say that they do not block, but for udp_io_wait. Its bound is a timer of ticks, not a precise one: that
 * costs nothing, where a precise one would cost as much as a datagram. */
static int set_waitable(int fd) {
    struct timeval tick = {.tv_usec = 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick) < 0 || fcntl(fd, F_SETFL, 0) < 0) {
        return -errno;
    }
    return 0;
}

static int set_options(int fd, const struct addr *bind_to, const struct udp_options *options) {
    int rc = 0;
    if (bind_to->family == AF_INET6) {
        rc = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    if (rc == 0 && options->reuse_port) {
        rc = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (rc == 0 && addr_is_any(bind_to)) {
        rc = bind_to->family == AF_INET6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                                         : set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
    }
    if (rc == 0 && options->report_errors) {
        rc = bind_to->family == AF_INET6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1)
                                         : set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
    }
    if (rc == 0 && options->receive_buffer > 0) {
        rc = set_int(fd, SOL_SOCKET, SO_RCVBUF, options->receive_buffer);
    }
    if (rc == 0 && options->send_buffer > 0) {
        rc = set_int(fd, SOL_SOCKET, SO_SNDBUF, options->send_buffer);
    }
    if (rc == 0 && options->waitable) {
        rc = set_waitable(fd);
    }
    if (options->merge) {
        (void)set_int(fd, SOL_UDP, UDP_GRO, 1); /* an older kernel has no such option */
    }
    return rc == 0 ? set_fragmentation(fd, bind_to->family, false) : rc;
}

static int read_local(struct udp_socket *s) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    if (getsockname(s->fd, (struct sockaddr *)&sa, &len) < 0) {
        return -errno;
    }
    int rc = addr_from_sockaddr(&s->local, (struct sockaddr *)&sa, len);
    s->wildcard = rc == 0 && addr_is_any(&s->local);
    return rc;
}

int udp_socket_open(struct udp_socket *s, const struct addr *bind_to, const struct udp_options *options) {
    struct sockaddr_storage sa;
    memset(s, 0, sizeof *s);
    s->fd = socket(bind_to->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0) {
        return -errno;
    }
    s->reports_errors = options->report_errors;
    socklen_t len = addr_to_sockaddr(bind_to, &sa);
    int rc = set_options(s->fd, bind_to, options);
    if (rc == 0 && bind(s->fd, (struct sockaddr *)&sa, len) < 0) {
        rc = -errno;
    }
    if (rc == 0) {
        rc = read_local(s);
    }
    if (rc < 0) {
        udp_socket_close(s);
    }
    return rc;
}

int udp_socket_adopt(struct udp_socket *s, int fd) {
    memset(s, 0, sizeof *s);
    s->fd = fd;
    int rc = read_local(s);
    if (rc == 0) {
        rc = set_options(fd, &s->local, &(struct udp_options){0});
    }
    return rc;
}

void udp_socket_close(struct udp_socket *s) {
    if (s->fd >= 0) {
        close(s->fd);
    }
    s->fd = -1;
}

int udp_socket_send_df(struct udp_socket *s, const void *data, size_t len, const struct addr *to) {
    struct sockaddr_storage sa;
    socklen_t sa_len = addr_to_sockaddr(to, &sa);
    int rc = set_fragmentation(s->fd, to->family, true);
    if (rc < 0) {
        return rc;
    }
    for (int tries = s->reports_errors ? 2 : 1; tries > 0; tries--) { /* the first may fail for an earlier datagram */
        rc = sendto(s->fd, data, len, MSG_DONTWAIT, (struct sockaddr *)&sa, sa_len) < 0 ? -errno : 0;
        if (rc == 0) {
            break;
        }
        s->errors_waiting = s->reports_errors;
    }
    set_fragmentation(s->fd, to->family, false);
    return rc;
}

/* Errors of our own host (a datagram over the MTU) are in the same queue: the caller of send knows of them. */
static bool read_error(struct msghdr *msg, struct udp_error *out) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
            struct sock_extended_err e;
            memcpy(&e, CMSG_DATA(c), sizeof e);
            *out = (struct udp_error){.to = out->to, .type = e.ee_type, .code = e.ee_code, .mtu = e.ee_info};
            return e.ee_origin == SO_EE_ORIGIN_ICMP || e.ee_origin == SO_EE_ORIGIN_ICMP6;
        }
    }
    return false;
}

bool udp_socket_next_error(struct udp_socket *s, struct udp_error *out) {
    union {
        char bytes[CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6)) +
                   CMSG_SPACE(sizeof(struct in6_pktinfo))];
        struct cmsghdr align;
    } control;
    struct sockaddr_storage sa;
    uint8_t quoted;
    struct iovec iov = {&quoted, sizeof quoted};
    for (;;) {
        struct msghdr msg = {.msg_name = &sa,
                             .msg_namelen = sizeof sa,
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
        if (recvmsg(s->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
            s->errors_waiting = false;
            return false;
        }
        *out = (struct udp_error){.type = 0};
        if (addr_from_sockaddr(&out->to, (struct sockaddr *)&sa, msg.msg_namelen) == 0 && read_error(&msg, out)) {
            return true;
        }
    }
}
