/* TCP sockets as plain descriptors: what listeners, relays and dialers have in common. All are non-blocking. */
#pragma once

#include "base/addr.h"

/* No delay, keep-alive, an end for peers that vanished. */
void tcp_socket_tune(int fd);
/* -errno. */
int tcp_socket_local(int fd, struct addr *out);

/* A socket that listens on an address alone, from which tcp_socket_connect can connect as well. Descriptor or -errno
 * (-EADDRINUSE, also when another socket of this program listens there). */
int tcp_socket_listen(const struct addr *at, int backlog);
/* Begins to connect, from an address on which a socket of tcp_socket_listen listens; tcp_socket_result tells how it
 * went once the descriptor is writable. Descriptor or -errno. */
int tcp_socket_connect(const struct addr *from, const struct addr *to);
/* 0 or -errno of a connect that has ended. */
int tcp_socket_result(int fd);
/* The peer sees a reset at once, and no state stays behind. */
void tcp_socket_reset(int fd);
