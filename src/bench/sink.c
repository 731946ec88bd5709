#include "bench/sink.h"

#include "bench/cpu.h"
#include "bench/udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 65536, POLL_MS = 50 };

struct sink {
    int fd;
    struct addr local;
    uint64_t cpu;
    pthread_t thread;
    atomic_bool stop;
    _Atomic uint64_t packets;
    struct sockaddr_storage from;
    struct iovec iov;
    struct msghdr msg;
    uint8_t data[DATAGRAM_MAX];
    union {
        struct cmsghdr align;
        uint8_t bytes[64];
    } control;
};

/* The size of the parts of a merged run, 0 for a single datagram. */
static uint16_t merged_size(struct msghdr *msg) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            return (uint16_t)size;
        }
    }
    return 0;
}

/* Sends back what came in, cut as it came. */
static void echo(struct sink *s, size_t len) {
    uint16_t size = merged_size(&s->msg);
    s->iov.iov_len = len;
    s->msg.msg_control = NULL;
    s->msg.msg_controllen = 0;
    if (size > 0 && size < len) {
        s->msg.msg_control = s->control.bytes;
        s->msg.msg_controllen = CMSG_SPACE(sizeof size);
        struct cmsghdr *c = CMSG_FIRSTHDR(&s->msg);
        c->cmsg_level = SOL_UDP;
        c->cmsg_type = UDP_SEGMENT;
        c->cmsg_len = CMSG_LEN(sizeof size);
        memcpy(CMSG_DATA(c), &size, sizeof size);
    }
    if (sendmsg(s->fd, &s->msg, 0) >= 0) {
        s->packets += size > 0 ? (len + size - 1) / size : 1;
    }
}

static void *run(void *arg) {
    struct sink *s = arg;
    cpu_pin_other(s->cpu);
    struct pollfd pfd = {.fd = s->fd, .events = POLLIN};
    while (!s->stop) {
        s->iov = (struct iovec){s->data, sizeof s->data};
        s->msg = (struct msghdr){.msg_name = &s->from,
                                 .msg_namelen = sizeof s->from,
                                 .msg_iov = &s->iov,
                                 .msg_iovlen = 1,
                                 .msg_control = s->control.bytes,
                                 .msg_controllen = sizeof s->control.bytes};
        ssize_t n = recvmsg(s->fd, &s->msg, 0);
        if (n >= 0) {
            echo(s, (size_t)n);
        } else if (errno == EAGAIN) {
            poll(&pfd, 1, POLL_MS);
        }
    }
    return NULL;
}

int sink_start(struct sink **out, const struct addr *local, uint64_t cpu, bool merge) {
    struct sink *s = calloc(1, sizeof *s);
    if (!s) {
        return -ENOMEM;
    }
    s->cpu = cpu;
    s->fd = bench_udp_open(local, NULL, merge);
    int rc = s->fd < 0 ? s->fd : bench_udp_local(s->fd, &s->local);
    if (rc == 0) {
        rc = -pthread_create(&s->thread, NULL, run, s);
    }
    if (rc < 0) {
        if (s->fd >= 0) {
            close(s->fd);
        }
        free(s);
        return rc;
    }
    *out = s;
    return 0;
}

const struct addr *sink_addr(const struct sink *s) { return &s->local; }
uint64_t sink_packets(const struct sink *s) { return s->packets; }

void sink_stop(struct sink *s) {
    s->stop = true;
    pthread_join(s->thread, NULL);
    close(s->fd);
    free(s);
}
