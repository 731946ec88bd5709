/* UDP for a load generator: one system call sends a burst (GSO), one reads many datagrams (recvmmsg,
 * GRO). Sockets are connected and non-blocking. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens a socket; local and remote may be NULL or AF_UNSPEC. Returns the descriptor or -errno. */
int bench_udp_open(const struct addr *local, const struct addr *remote, bool gro);

/* The local address of any socket. -errno. */
int bench_udp_local(int fd, struct addr *out);

/* Sends count datagrams of segment bytes each, laid out one after the other, to the connected peer; with
 * gso in one call. Returns how many the kernel took. */
size_t bench_udp_send(int fd, const uint8_t *data, size_t segment, size_t count, bool gso);

struct bench_udp_reader;

struct bench_udp_reader *bench_udp_reader_new(void); /* NULL: no memory */
void bench_udp_reader_free(struct bench_udp_reader *r);

/* Reads what is there, up to the reader's capacity. Returns the number of kernel messages (a merged run is
 * one), 0 when nothing was there; -errno, as -ECONNREFUSED when the other side has no such port. What
 * bench_udp_next gave before becomes invalid. */
int bench_udp_receive(struct bench_udp_reader *r, int fd);

/* The next datagram of the last bench_udp_receive: NULL at the end. */
const uint8_t *bench_udp_next(struct bench_udp_reader *r, size_t *len_out);
