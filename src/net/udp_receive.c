/* Receiving: what is there, in one call, and what the kernel has merged cut up again. */
#include "base/metrics.h"
#include "net/udp_internal.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

enum {
    MESSAGES = UDP_BATCH / UDP_MERGED_MAX, /* per call */
};

/* The kernel writes the lengths it used over the room we gave. */
static void reset_headers(struct udp_io *io, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        io->in[i].msg_hdr.msg_namelen = sizeof io->in_name[0];
        io->in[i].msg_hdr.msg_controllen = sizeof io->in_control[0];
    }
}

void udp_arena_init(struct udp_io *io) {
    for (unsigned i = 0; i < ARENA_SLOTS; i++) {
        io->in_iov[i].iov_base = io->arena + (size_t)i * SLOT_BYTES + UDP_HEADROOM;
        io->in_iov[i].iov_len = SLOT_BYTES - UDP_HEADROOM - UDP_TAILROOM;
        io->in[i].msg_hdr.msg_iov = &io->in_iov[i];
        io->in[i].msg_hdr.msg_iovlen = 1;
        io->in[i].msg_hdr.msg_name = &io->in_name[i];
        io->in[i].msg_hdr.msg_control = &io->in_control[i];
    }
    reset_headers(io, ARENA_SLOTS);
}

/* What the kernel says of a message beside its bytes. */
struct ancillary {
    struct addr local; /* where it was sent to */
    size_t segment;    /* bytes of each datagram that was merged into it, or 0 */
};

static void read_ancillary(struct msghdr *msg, uint16_t port, struct ancillary *out) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            addr_from_bytes(&out->local, &info.ipi_addr, 4, port);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            addr_from_bytes(&out->local, &info.ipi6_addr, 16, port);
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) {
                out->local.scope = info.ipi6_ifindex;
            }
        } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int segment;
            memcpy(&segment, CMSG_DATA(c), sizeof segment);
            out->segment = segment > 0 ? (size_t)segment : 0;
        }
    }
}

/* Cuts a message into its datagrams. Returns their number. */
static unsigned read_message(struct udp_socket *s, struct mmsghdr *m, struct udp_packet *out) {
    struct msghdr *msg = &m->msg_hdr;
    struct udp_packet p = {.data = msg->msg_iov->iov_base};
    struct ancillary more = {.local = s->local};
    unsigned count = 0;
    size_t left = m->msg_len;
    if (msg->msg_controllen > 0) {
        read_ancillary(msg, s->local.port, &more);
    }
    size_t segment = more.segment > 0 ? more.segment : left;
    if (segment > UDP_DATAGRAM_MAX || (msg->msg_flags & MSG_TRUNC)) {
        metrics_inc(METRIC_UDP_DROPPED_OVERSIZE);
        return 0;
    }
    if (addr_from_sockaddr(&p.remote, msg->msg_name, msg->msg_namelen) < 0) {
        return 0;
    }
    p.local = more.local;
    p.alone = segment >= left;
    do {
        p.len = left < segment ? left : segment;
        out[count++] = p;
        p.data += p.len;
        left -= p.len;
    } while (left > 0 && count < UDP_MERGED_MAX);
    return count;
}

/* Whoever receives is done with the last batch; what is queued is not. */
static void reuse_arena(struct udp_io *io) {
    if (ARENA_SLOTS - io->arena_used < MESSAGES) {
        udp_io_flush(io);
    }
    if (io->sends_used == 0) {
        reset_headers(io, io->arena_used);
        io->arena_used = 0;
    }
}

static unsigned receive(struct udp_io *io, struct udp_socket *s, struct udp_packet **out, int flags) {
    reuse_arena(io);
    struct mmsghdr *first = &io->in[io->arena_used];
    int got = recvmmsg(s->fd, first, MESSAGES, flags, NULL);
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
        count += read_message(s, &first[i], &io->packets[count]);
    }
    *out = io->packets;
    return count;
}

unsigned udp_io_receive(struct udp_io *io, struct udp_socket *s, struct udp_packet **out) {
    return receive(io, s, out, MSG_DONTWAIT);
}

unsigned udp_io_wait(struct udp_io *io, struct udp_socket *s, struct udp_packet **out) {
    return receive(io, s, out, MSG_WAITFORONE);
}
