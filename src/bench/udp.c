#include "bench/udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
    BATCH = 16,
    DATAGRAM_MAX = 65536,
    SOCKET_BUFFER = 4 << 20,
    GSO_BYTES_MAX = 65507 - 8, /* one UDP payload for the kernel before it is cut */
};

struct bench_udp_reader {
    int count, at; /* messages read, the one being taken apart */
    size_t offset; /* in that message */
    struct mmsghdr msgs[BATCH];
    struct iovec iov[BATCH];
    uint8_t control[BATCH][CMSG_SPACE(sizeof(int))];
    size_t segment[BATCH];
    uint8_t data[BATCH][DATAGRAM_MAX];
};

int bench_udp_open(const struct addr *local, const struct addr *remote, bool gro) {
    struct sockaddr_storage ss;
    int family = local && local->family ? local->family : remote ? remote->family : AF_INET;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int size = SOCKET_BUFFER, on = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (gro) {
        setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on);
    }
    if ((local && local->family && bind(fd, (void *)&ss, addr_to_sockaddr(local, &ss)) < 0) ||
        (remote && remote->family && connect(fd, (void *)&ss, addr_to_sockaddr(remote, &ss)) < 0)) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

int bench_udp_local(int fd, struct addr *out) {
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    if (getsockname(fd, (void *)&ss, &len) < 0) {
        return -errno;
    }
    return addr_from_sockaddr(out, (void *)&ss, len);
}

static bool send_run(int fd, const uint8_t *data, size_t segment, size_t count) {
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = segment * count};
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control;
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (count > 1) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_UDP;
        c->cmsg_type = UDP_SEGMENT;
        c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        uint16_t size = (uint16_t)segment;
        memcpy(CMSG_DATA(c), &size, sizeof size);
    }
    return sendmsg(fd, &msg, 0) >= 0;
}

size_t bench_udp_send(int fd, const uint8_t *data, size_t segment, size_t count, bool gso) {
    size_t most = gso ? GSO_BYTES_MAX / segment : 1;
    most = most > 64 ? 64 : most; /* UDP_MAX_SEGMENTS of older kernels */
    size_t sent = 0;
    while (sent < count) {
        size_t n = count - sent < most ? count - sent : most;
        /* A pending ICMP error of an earlier datagram is reported once and taken away by that. */
        if (!send_run(fd, data + sent * segment, segment, n) &&
            (errno != ECONNREFUSED || !send_run(fd, data + sent * segment, segment, n))) {
            break;
        }
        sent += n;
    }
    return sent;
}

struct bench_udp_reader *bench_udp_reader_new(void) {
    struct bench_udp_reader *r = calloc(1, sizeof *r);
    for (int i = 0; r && i < BATCH; i++) {
        r->iov[i] = (struct iovec){.iov_base = r->data[i], .iov_len = DATAGRAM_MAX};
        r->msgs[i].msg_hdr = (struct msghdr){.msg_iov = &r->iov[i], .msg_iovlen = 1, .msg_control = r->control[i]};
    }
    return r;
}

void bench_udp_reader_free(struct bench_udp_reader *r) { free(r); }

/* The size the kernel cut the run into, or its whole length when it is a single datagram. */
static size_t run_segment(struct msghdr *msg, size_t len) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        int size;
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            memcpy(&size, CMSG_DATA(c), sizeof size);
            return size > 0 ? (size_t)size : len;
        }
    }
    return len;
}

int bench_udp_receive(struct bench_udp_reader *r, int fd) {
    for (int i = 0; i < BATCH; i++) {
        r->msgs[i].msg_hdr.msg_controllen = sizeof r->control[i];
    }
    int n = recvmmsg(fd, r->msgs, BATCH, MSG_DONTWAIT, NULL);
    int rc = n < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
    r->count = n > 0 ? n : 0;
    r->at = 0;
    r->offset = 0;
    for (int i = 0; i < r->count; i++) {
        r->segment[i] = run_segment(&r->msgs[i].msg_hdr, r->msgs[i].msg_len);
    }
    return rc < 0 ? rc : r->count;
}

const uint8_t *bench_udp_next(struct bench_udp_reader *r, size_t *len_out) {
    while (r->at < r->count && r->offset >= r->msgs[r->at].msg_len) {
        r->at++;
        r->offset = 0;
    }
    if (r->at >= r->count) {
        return NULL;
    }
    size_t left = r->msgs[r->at].msg_len - r->offset;
    const uint8_t *p = r->data[r->at] + r->offset;
    *len_out = left < r->segment[r->at] ? left : r->segment[r->at];
    r->offset += *len_out;
    return p;
}
