/* Shared by udp.c and udp_receive.c: the buffers of one thread. */
#pragma once

#include "net/udp.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* Received datagrams stay in the arena until nothing is queued, so that what goes out is sent from where it came in; only
 * the next receive reuses their places, as a flush may come in the middle of a batch. Each place takes what the kernel
 * may have merged (UDP_GRO), though nearly always the first page or two are touched. */
enum {
    ARENA_SLOTS = 64,
    SLOT_BYTES =
        UDP_HEADROOM + 65536 + UDP_TAILROOM, /* not a multiple of a page: places fall into different cache sets */
    SENDS_MAX = 512,
    COPY_BYTES = 64 * 1024,
    GSO_SEGMENTS_MAX = 64,
    GSO_BYTES_MAX = 63 * 1024,
    CONTROL_BYTES = CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)),
};

struct send {
    struct udp_payload payload;
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

/* A message being sent: one datagram, or a run of them for GSO. */
struct run {
    uint16_t first;
    uint16_t count;
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
    struct run runs[SENDS_MAX];
    struct iovec out_iov[2 * SENDS_MAX];
    struct sockaddr_storage out_name[SENDS_MAX];
    union control out_control[SENDS_MAX];

    uint8_t *arena;
    uint8_t *copies;
};

/* udp_receive.c: points each message at its place. */
void udp_arena_init(struct udp_io *io);
