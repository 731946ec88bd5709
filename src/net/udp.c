#include "net/udp.h"

#include "base/metrics.h"
#include "net/proxy.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Received datagrams stay in the arena until nothing is queued, so that what goes out is sent from where it came
 * in; only the next receive reuses their places, as a flush may come in the middle of a batch. Sends are grouped: socket -> destination -> datagrams in order. */
enum {
    ARENA_SLOTS = 256,
    SLOT_BYTES = UDP_HEADROOM + UDP_DATAGRAM_MAX + UDP_TAILROOM,
    SENDS_MAX = 512,
    COPY_BYTES = 64 * 1024,
    GSO_SEGMENTS_MAX = 64,
    GSO_BYTES_MAX = 63 * 1024,
    CONTROL_BYTES = CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t)),
    NONE = 0xffff,
    LONE_READS_MIN = 8,
    LONE_READS_PROBE = 8,
};

struct send {
    struct iovec iov;
    uint16_t next; /* in the group, or NONE */
};

/* Datagrams of one socket to one destination. */
struct group {
    struct addr to;
    struct addr from;
    uint16_t first, last;
    uint16_t next; /* group of the same socket, or NONE */
};

struct queue {
    struct udp_socket *socket;
    uint16_t first, last; /* groups */
};

union control {
    char bytes[CONTROL_BYTES];
    struct cmsghdr align;
};

struct udp_io {
    struct mmsghdr in[ARENA_SLOTS];
    struct iovec in_iov[ARENA_SLOTS];
    struct sockaddr_storage in_name[ARENA_SLOTS];
    union control in_control[ARENA_SLOTS];
    struct udp_packet packets[UDP_BATCH];
    unsigned arena_used;

    unsigned sends_used, groups_used, queues_used;
    size_t copy_used;
    struct send sends[SENDS_MAX];
    struct group groups[SENDS_MAX];
    struct queue queues[SENDS_MAX];

    struct mmsghdr out[SENDS_MAX];
    struct iovec out_iov[SENDS_MAX];
    struct sockaddr_storage out_name[SENDS_MAX];
    union control out_control[SENDS_MAX];

    uint8_t *arena;
    uint8_t *copies;
};

/* The kernel writes the lengths it used over the room we gave. */
static void reset_headers(struct udp_io *io, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        io->in[i].msg_hdr.msg_namelen = sizeof io->in_name[0];
        io->in[i].msg_hdr.msg_controllen = sizeof io->in_control[0];
    }
}

struct udp_io *udp_io_new(void) {
    struct udp_io *io = calloc(1, sizeof *io);
    if (!io) {
        return NULL;
    }
    io->arena = aligned_alloc(64, (size_t)ARENA_SLOTS * SLOT_BYTES);
    io->copies = malloc(COPY_BYTES);
    if (!io->arena || !io->copies) {
        udp_io_free(io);
        return NULL;
    }
    for (unsigned i = 0; i < ARENA_SLOTS; i++) {
        io->in_iov[i].iov_base = io->arena + (size_t)i * SLOT_BYTES + UDP_HEADROOM;
        io->in_iov[i].iov_len = UDP_DATAGRAM_MAX;
        io->in[i].msg_hdr.msg_iov = &io->in_iov[i];
        io->in[i].msg_hdr.msg_iovlen = 1;
        io->in[i].msg_hdr.msg_name = &io->in_name[i];
        io->in[i].msg_hdr.msg_control = &io->in_control[i];
    }
    reset_headers(io, ARENA_SLOTS);
    return io;
}

void udp_io_free(struct udp_io *io) {
    if (io) {
        free(io->arena);
        free(io->copies);
        free(io);
    }
}

/* ---- receiving ---- */

/* The address a datagram was sent to, on a wildcard socket. */
static void read_pktinfo(struct msghdr *msg, uint16_t port, struct addr *local) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            addr_from_bytes(local, &info.ipi_addr, 4, port);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            addr_from_bytes(local, &info.ipi6_addr, 16, port);
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) {
                local->scope = info.ipi6_ifindex;
            }
        }
    }
}

static bool read_packet(struct udp_socket *s, struct mmsghdr *m, struct udp_packet *p) {
    struct msghdr *msg = &m->msg_hdr;
    if (msg->msg_flags & MSG_TRUNC) {
        metrics_inc(METRIC_UDP_DROPPED_OVERSIZE);
        return false;
    }
    if (addr_from_sockaddr(&p->remote, msg->msg_name, msg->msg_namelen) < 0) {
        return false;
    }
    p->data = msg->msg_iov->iov_base;
    p->len = m->msg_len;
    p->local = s->local;
    if (s->wildcard) {
        read_pktinfo(msg, s->local.port, &p->local);
    }
    return true;
}

/* One datagram: a system call less dear than recvmmsg, which looks for a second one. */
static int receive_one(struct udp_socket *s, struct mmsghdr *m) {
    struct msghdr *msg = &m->msg_hdr;
    ssize_t n = recvmsg(s->fd, msg, MSG_DONTWAIT);
    m->msg_len = n > 0 ? (unsigned)n : 0;
    return n < 0 ? -1 : 1;
}

/* Where datagrams come one at a time they are read so, but for every eighth time, which would find a burst. */
static int receive_some(struct udp_socket *s, struct mmsghdr *first) {
    bool lone = s->lone_reads >= LONE_READS_MIN && s->lone_reads % LONE_READS_PROBE != 0;
    int got = lone ? receive_one(s, first) : recvmmsg(s->fd, first, UDP_BATCH, MSG_DONTWAIT, NULL);
    s->lone_reads = got > 1 ? 0 : s->lone_reads == UINT8_MAX ? LONE_READS_PROBE : (uint8_t)(s->lone_reads + 1);
    return got;
}

/* Whoever receives is done with the last batch; what is queued is not. */
static void reuse_arena(struct udp_io *io) {
    if (ARENA_SLOTS - io->arena_used < UDP_BATCH) {
        udp_io_flush(io);
    }
    if (io->sends_used == 0) {
        reset_headers(io, io->arena_used);
        io->arena_used = 0;
    }
}

unsigned udp_io_receive(struct udp_io *io, struct udp_socket *s, struct udp_packet **out) {
    reuse_arena(io);
    struct mmsghdr *first = &io->in[io->arena_used];
    int got = receive_some(s, first);
    if (got <= 0) {
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            metrics_inc(METRIC_UDP_RECEIVE_ERRORS);
        }
        return 0;
    }
    metrics_inc(METRIC_UDP_RECEIVE_CALLS);
    io->arena_used += (unsigned)got;
    unsigned count = 0;
    for (int i = 0; i < got; i++) {
        count += read_packet(s, &first[i], &io->packets[count]);
    }
    *out = io->packets;
    return count;
}

/* ---- sending ---- */

static struct queue *queue_of(struct udp_io *io, struct udp_socket *s) {
    if (s->queue_slot < io->queues_used && io->queues[s->queue_slot].socket == s) {
        return &io->queues[s->queue_slot];
    }
    struct queue *q = &io->queues[io->queues_used];
    s->queue_slot = (uint16_t)io->queues_used++;
    *q = (struct queue){.socket = s, .first = NONE, .last = NONE};
    return q;
}

static bool group_matches(const struct group *g, const struct addr *to, const struct addr *from) {
    return addr_equal(&g->to, to) && addr_equal_ip(&g->from, from);
}

static struct group *group_of(struct udp_io *io, struct queue *q, const struct addr *to, const struct addr *from) {
    if (q->last != NONE && group_matches(&io->groups[q->last], to, from)) {
        return &io->groups[q->last];
    }
    for (uint16_t i = q->first; i != NONE; i = io->groups[i].next) {
        if (group_matches(&io->groups[i], to, from)) {
            return &io->groups[i];
        }
    }
    uint16_t index = (uint16_t)io->groups_used++;
    io->groups[index] = (struct group){.to = *to, .from = *from, .first = NONE, .last = NONE, .next = NONE};
    if (q->first == NONE) {
        q->first = index;
    } else {
        io->groups[q->last].next = index;
    }
    q->last = index;
    return &io->groups[index];
}

/* What is for a client goes to the proxy it comes through, if any. */
static const struct addr *way_to(struct udp_socket *s, const struct addr *to, const struct addr *from) {
    const struct addr *via = s->paths && from ? proxy_paths_find(s->paths, to, from) : NULL;
    return via ? via : to;
}

void udp_io_send(struct udp_io *io, struct udp_socket *s, const void *data, size_t len, const struct addr *to,
                 const struct addr *from) {
    static const struct addr anywhere;
    to = way_to(s, to, from);
    if (io->sends_used == SENDS_MAX) {
        udp_io_flush(io);
    }
    struct group *g = group_of(io, queue_of(io, s), to, from && s->wildcard ? from : &anywhere);
    uint16_t index = (uint16_t)io->sends_used++;
    io->sends[index] = (struct send){.iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len}, .next = NONE};
    if (g->first == NONE) {
        g->first = index;
    } else {
        io->sends[g->last].next = index;
    }
    g->last = index;
}

/* n <= COPY_BYTES. There is room for a datagram in the queue as well. */
static uint8_t *take_copy_room(struct udp_io *io, size_t n) {
    if (io->sends_used == SENDS_MAX || n > COPY_BYTES - io->copy_used) {
        udp_io_flush(io);
    }
    uint8_t *room = io->copies + io->copy_used;
    size_t whole = (n + 15) / 16 * 16;
    io->copy_used += whole <= COPY_BYTES - io->copy_used ? whole : n;
    return room;
}

void udp_io_send_copy(struct udp_io *io, struct udp_socket *s, const void *data, size_t len, const struct addr *to,
                      const struct addr *from) {
    uint8_t *copy = take_copy_room(io, len);
    memcpy(copy, data, len);
    udp_io_send(io, s, copy, len, to, from);
}

uint8_t *udp_io_hold(struct udp_io *io, const void *data, size_t len) {
    uint8_t *copy = take_copy_room(io, UDP_HEADROOM + len + UDP_TAILROOM) + UDP_HEADROOM;
    memcpy(copy, data, len);
    return copy;
}

static void put_control(struct msghdr *msg, int level, int type, const void *data, size_t n) {
    struct cmsghdr *c = (struct cmsghdr *)(void *)((char *)msg->msg_control + msg->msg_controllen);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), data, n);
    msg->msg_controllen += CMSG_SPACE(n);
}

static void put_source(struct msghdr *msg, const struct addr *from) {
    if (from->family == AF_INET) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, from->ip, 4);
        put_control(msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else if (from->family == AF_INET6) {
        struct in6_pktinfo info = {.ipi6_ifindex = from->scope};
        memcpy(&info.ipi6_addr, from->ip, 16);
        put_control(msg, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

/* Starts one message of the batch for a group. */
static struct msghdr *begin_message(struct udp_io *io, unsigned m, const struct group *g) {
    struct msghdr *msg = &io->out[m].msg_hdr;
    *msg = (struct msghdr){.msg_name = &io->out_name[m], .msg_control = &io->out_control[m]};
    msg->msg_namelen = addr_to_sockaddr(&g->to, &io->out_name[m]);
    put_source(msg, &g->from);
    return msg;
}

/* Takes a run of datagrams that GSO can carry: equal lengths, the last one may be shorter. Fills iov and
 * returns the index of the next datagram. */
static uint16_t take_run(struct udp_io *io, uint16_t index, struct msghdr *msg, unsigned iov_at) {
    size_t segment = io->sends[index].iov.iov_len;
    size_t total = 0;
    size_t last = segment;
    msg->msg_iov = &io->out_iov[iov_at];
    while (index != NONE && last == segment && msg->msg_iovlen < GSO_SEGMENTS_MAX) {
        const struct send *send = &io->sends[index];
        if (send->iov.iov_len > segment || total + send->iov.iov_len > GSO_BYTES_MAX ||
            (msg->msg_iovlen > 0 && send->iov.iov_len == 0)) {
            break;
        }
        msg->msg_iov[msg->msg_iovlen++] = send->iov;
        last = send->iov.iov_len;
        total += last;
        index = send->next;
    }
    if (msg->msg_iovlen > 1) {
        uint16_t size = (uint16_t)segment;
        put_control(msg, SOL_UDP, UDP_SEGMENT, &size, sizeof size);
        metrics_inc(METRIC_UDP_GSO_SENDS);
    }
    if (msg->msg_controllen == 0) {
        msg->msg_control = NULL;
    }
    return index;
}

static void count_send_error(int error) {
    metrics_inc(error == EAGAIN || error == ENOBUFS ? METRIC_UDP_DROPPED_BUFFER : METRIC_UDP_DROPPED_ERROR);
}

/* A GSO message the kernel refused (segments over the device's MTU, no GSO there): one by one. */
static void send_singly(int fd, struct msghdr *msg) {
    struct iovec *segments = msg->msg_iov;
    size_t count = msg->msg_iovlen;
    msg->msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
    msg->msg_iovlen = 1;
    for (size_t i = 0; i < count; i++) {
        msg->msg_iov = &segments[i];
        if (sendmsg(fd, msg, MSG_DONTWAIT) < 0) {
            count_send_error(errno);
        }
    }
}

/* By the cheapest call that can do it. Returns 1, or -1 with errno. */
static int send_one(int fd, const struct msghdr *msg) {
    ssize_t n = msg->msg_iovlen == 1 && !msg->msg_control ? sendto(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len,
                                                                   MSG_DONTWAIT, msg->msg_name, msg->msg_namelen)
                                                          : sendmsg(fd, msg, MSG_DONTWAIT);
    return n < 0 ? -1 : 1;
}

/* An ICMP error of an earlier datagram makes the next send fail, and no other. */
static bool fails_for_another(struct udp_socket *s, int error) {
    if (!s->reports_errors || error == EAGAIN || error == ENOBUFS || error == EINVAL) {
        return false;
    }
    s->errors_waiting = true;
    return true;
}

static void send_messages(struct udp_io *io, struct udp_socket *s, unsigned count) {
    int fd = s->fd;
    unsigned sent = 0;
    bool again = false;
    while (sent < count) {
        int n = count - sent == 1 ? send_one(fd, &io->out[sent].msg_hdr)
                                  : sendmmsg(fd, io->out + sent, count - sent, MSG_DONTWAIT);
        metrics_inc(METRIC_UDP_SEND_CALLS);
        if (n > 0) {
            sent += (unsigned)n;
            again = false;
            continue;
        }
        again = !again && fails_for_another(s, errno);
        if (again) {
            continue;
        }
        struct msghdr *failed = &io->out[sent++].msg_hdr;
        if (failed->msg_iovlen > 1 && (errno == EINVAL || errno == EIO || errno == EMSGSIZE || errno == EOPNOTSUPP)) {
            send_singly(fd, failed);
        } else {
            count_send_error(errno);
        }
    }
}

static void flush_queue(struct udp_io *io, const struct queue *q) {
    unsigned messages = 0;
    unsigned iovs = 0;
    for (uint16_t g = q->first; g != NONE; g = io->groups[g].next) {
        uint16_t index = io->groups[g].first;
        while (index != NONE) {
            struct msghdr *msg = begin_message(io, messages++, &io->groups[g]);
            index = take_run(io, index, msg, iovs);
            iovs += (unsigned)msg->msg_iovlen;
        }
    }
    send_messages(io, q->socket, messages);
}

void udp_io_flush(struct udp_io *io) {
    for (unsigned i = 0; i < io->queues_used; i++) {
        flush_queue(io, &io->queues[i]);
    }
    io->sends_used = io->groups_used = io->queues_used = 0;
    io->copy_used = 0;
}
