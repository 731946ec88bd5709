/* The life of a thread's buffers, and sending. Sends are grouped: socket -> destination -> datagrams in order. */
#include "net/udp.h"

#include "base/metrics.h"
#include "net/proxy.h"
#include "net/udp_internal.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { NONE = 0xffff };

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
    udp_arena_init(io);
    return io;
}

void udp_io_free(struct udp_io *io) {
    if (io) {
        free(io->arena);
        free(io->copies);
        free(io);
    }
}

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

void udp_io_send_payload(struct udp_io *io, struct udp_socket *s, const struct udp_payload *payload,
                         const struct addr *to, const struct addr *from) {
    static const struct addr anywhere;
    to = way_to(s, to, from);
    if (io->sends_used == SENDS_MAX) {
        udp_io_flush(io);
    }
    struct group *g = group_of(io, queue_of(io, s), to, from && s->wildcard ? from : &anywhere);
    uint16_t index = (uint16_t)io->sends_used++;
    io->sends[index] = (struct send){.payload = *payload, .next = NONE};
    if (g->first == NONE) {
        g->first = index;
    } else {
        io->sends[g->last].next = index;
    }
    g->last = index;
}

void udp_io_send(struct udp_io *io, struct udp_socket *s, const void *data, size_t len, const struct addr *to,
                 const struct addr *from) {
    udp_io_send_payload(io, s, &(struct udp_payload){.data = data, .len = len}, to, from);
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

static size_t whole_len(const struct udp_payload *p) { return p->head_len + p->len; }

static void add_iov(struct msghdr *msg, const void *data, size_t len) {
    msg->msg_iov[msg->msg_iovlen++] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = len};
}

static void add_payload(struct msghdr *msg, const struct udp_payload *p) {
    if (p->head_len > 0) {
        add_iov(msg, p->head, p->head_len);
    }
    add_iov(msg, p->data, p->len);
}

/* Takes a run of datagrams that GSO can carry: equal lengths, the last one may be shorter. Fills in the run and the
 * message's parts and returns the index of the next datagram. */
static uint16_t take_run(struct udp_io *io, struct run *run, struct msghdr *msg) {
    uint16_t index = run->first;
    size_t segment = whole_len(&io->sends[index].payload);
    size_t total = 0;
    size_t last = segment;
    while (index != NONE && last == segment && run->count < GSO_SEGMENTS_MAX) {
        const struct send *send = &io->sends[index];
        size_t len = whole_len(&send->payload);
        if (len > segment || total + len > GSO_BYTES_MAX || (run->count > 0 && len == 0)) {
            break;
        }
        add_payload(msg, &send->payload);
        run->count++;
        last = len;
        total += len;
        index = send->next;
    }
    if (run->count > 1) {
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
static void send_singly(const struct udp_io *io, int fd, const struct run *run, struct msghdr *msg) {
    uint16_t index = run->first;
    msg->msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
    for (unsigned i = 0; i < run->count; i++) {
        msg->msg_iovlen = 0;
        add_payload(msg, &io->sends[index].payload);
        if (sendmsg(fd, msg, MSG_DONTWAIT) < 0) {
            count_send_error(errno);
        }
        index = io->sends[index].next;
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
        const struct run *failed = &io->runs[sent];
        if (failed->count > 1 && (errno == EINVAL || errno == EIO || errno == EMSGSIZE || errno == EOPNOTSUPP)) {
            send_singly(io, fd, failed, &io->out[sent].msg_hdr);
        } else {
            count_send_error(errno);
        }
        sent++;
    }
}

static void flush_queue(struct udp_io *io, const struct queue *q) {
    unsigned messages = 0;
    size_t iovs = 0;
    for (uint16_t g = q->first; g != NONE; g = io->groups[g].next) {
        uint16_t index = io->groups[g].first;
        while (index != NONE) {
            struct msghdr *msg = begin_message(io, messages, &io->groups[g]);
            msg->msg_iov = &io->out_iov[iovs];
            io->runs[messages] = (struct run){.first = index};
            index = take_run(io, &io->runs[messages++], msg);
            iovs += msg->msg_iovlen;
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
