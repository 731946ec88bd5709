/* UDP in batches: recvmmsg in, grouped sendmmsg and GSO out. One udp_io per thread holds the buffers; the
 * packet path allocates nothing and takes no lock. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    UDP_HEADROOM = 64,       /* writable bytes before each received datagram */
    UDP_TAILROOM = 16,       /* and after it */
    UDP_DATAGRAM_MAX = 4016, /* larger datagrams are dropped and counted, never truncated */
    UDP_MERGED_MAX = 64,     /* datagrams that the kernel merges into one message, at most */
    UDP_BATCH = 1024,        /* datagrams per receive call, at most: 16 messages */
    UDP_HEAD_MAX = 4,
};

struct proxy_paths;

struct udp_socket {
    struct addr local; /* as bound; the IP is "any" for a wildcard socket */
    int fd;
    bool wildcard;             /* carries the local address of each datagram both ways */
    uint16_t queue_slot;       /* udp_io's own: where this socket's datagrams wait */
    bool reports_errors;       /* ICMP errors wait for udp_socket_next_error */
    bool errors_waiting;       /* some came up while sending */
    struct proxy_paths *paths; /* ways to clients behind proxies, borrowed; NULL: there are none */
};

struct udp_options {
    bool reuse_port;    /* one socket per worker on the same address */
    int receive_buffer; /* bytes; 0: system default */
    int send_buffer;
    bool waitable;      /* udp_io_wait will be called */
    bool merge;         /* let the kernel merge what comes in a row (UDP_GRO), where it can */
    bool report_errors; /* keep ICMP errors for udp_socket_next_error */
};

/* One received datagram, writable. Valid as udp_io_receive says. */
struct udp_packet {
    uint8_t *data;
    size_t len;
    struct addr remote;
    struct addr local; /* where it was sent to: never "any" */
    bool alone; /* UDP_HEADROOM bytes before it and UDP_TAILROOM after it are free; else its neighbours lie there */
};

/* What is sent: data, and before it up to UDP_HEAD_MAX bytes that are copied. */
struct udp_payload {
    const void *data;
    size_t len;
    uint8_t head[UDP_HEAD_MAX];
    uint8_t head_len;
};

struct udp_io;

/* Binds a non-blocking socket; port 0 lets the kernel pick; s->local is filled in. -errno (-EADDRINUSE). */
int udp_socket_open(struct udp_socket *s, const struct addr *bind_to, const struct udp_options *options);
/* Takes over a descriptor that is already bound (socket activation, upgrade). */
int udp_socket_adopt(struct udp_socket *s, int fd);
void udp_socket_close(struct udp_socket *s);

struct udp_io *udp_io_new(void);
void udp_io_free(struct udp_io *io);

/* Receives what is there, at most UDP_BATCH datagrams. *out is valid until the next call, and so are the bytes; those
 * that are queued by then stay until they are sent. Flushes first when the buffers are used up. Returns the count; 0 when
 * nothing was there or on errors of earlier sends (ICMP), which are counted. */
unsigned udp_io_receive(struct udp_io *io, struct udp_socket *s, struct udp_packet **out);

/* Waits until something comes, a few milliseconds at most: a tick or two of the kernel's. The socket was opened as waitable;
 * nothing may be queued. Otherwise as udp_io_receive. */
unsigned udp_io_wait(struct udp_io *io, struct udp_socket *s, struct udp_packet **out);

/* Queues one datagram. data is borrowed until udp_io_flush: it lies in a received packet or in memory that
 * lives as long. from (its IP and scope) picks the source address on a wildcard socket; NULL otherwise. */
void udp_io_send(struct udp_io *io, struct udp_socket *s, const void *data, size_t len, const struct addr *to,
                 const struct addr *from);
void udp_io_send_payload(struct udp_io *io, struct udp_socket *s, const struct udp_payload *payload,
                         const struct addr *to, const struct addr *from);
/* The same with a copy. */
void udp_io_send_copy(struct udp_io *io, struct udp_socket *s, const void *data, size_t len, const struct addr *to,
                      const struct addr *from);
/* Copies bytes to where they may be changed and queued: UDP_HEADROOM bytes before them are free and UDP_TAILROOM after.
 * len <= UDP_DATAGRAM_MAX. Valid until the next flush; the next datagram queued causes none. */
uint8_t *udp_io_hold(struct udp_io *io, const void *data, size_t len);
/* Sends one datagram now with the DF bit set (RFC 8656 DONT-FRAGMENT). -EMSGSIZE when it is over the path
 * MTU, or what the kernel says. A rare path: three system calls. */
int udp_socket_send_df(struct udp_socket *s, const void *data, size_t len, const struct addr *to);
/* An ICMP error that a datagram of this socket has caused. */
struct udp_error {
    struct addr to; /* where the datagram went */
    uint8_t type, code;
    uint32_t mtu; /* of the next hop when the error tells it, else 0 */
};
/* Takes the oldest error; false: none. Errors make the socket readable: take them when udp_io_receive returns 0 or
 * errors_waiting is set, or it stays so. */
bool udp_socket_next_error(struct udp_socket *s, struct udp_error *out);
/* Sends all that is queued, runs to one destination first with GSO. What the kernel does not take is
 * dropped and counted: relays never wait. Must be called before a socket with queued datagrams is closed. */
void udp_io_flush(struct udp_io *io);
