/* TCP on one worker: listeners, accepting, the connection table, and the decision by the first bytes what a
 * connection carries (TLS, HTTP or STUN/TURN). A connection stays with the worker that accepted it; only
 * plain HTTP passes on to the control thread, before its first byte is consumed. */
#pragma once

#include "base/addr.h"
#include "net/conn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct handshakes;
struct http_server;
struct loop;
struct tcp;
struct tls_context;

/* What a listener lets in. TLS is accepted wherever a tls context exists. */
enum { TCP_ACCEPT_TURN = 1, TCP_ACCEPT_HTTP = 2 };

struct tcp_options {
    struct conn_handlers turn;     /* turn.opened NULL: STUN/TURN is refused */
    struct http_server *http;      /* NULL: HTTP is refused. Must outlive the worker's loop */
    struct tls_context *tls;       /* NULL: TLS is refused */
    uint32_t max_connections;      /* of this worker, all kinds; 0: 10000 */
    uint64_t max_per_source;       /* connections of one IPv4 address or IPv6 /64 on this worker; 0: no limit */
    struct handshakes *handshakes; /* the cap of TLS handshakes, borrowed; NULL: none */
};

/* One per worker. Call before or on the loop's thread. NULL: no memory. */
struct tcp *tcp_new(struct loop *loop, const struct tcp_options *options);
/* Closes listeners and connections; closed() of each stream is called before return. After the loop's thread has
 * been joined, and after http_server_free. */
void tcp_free(struct tcp *tcp);

/* Binds this worker's own SO_REUSEPORT socket to *address (port 0: the kernel picks, *address then holds the
 * port, so that the next workers bind the same) and accepts what `accept` allows. fd: a listening socket to
 * use instead (taken over, also on failure), or -1. -errno of the failing call. */
int tcp_listener_open(struct tcp *tcp, struct addr *address, int fd, unsigned accept);

/* Another limit from now on; connections that are there stay. 0: no limit. On the loop's thread. */
void tcp_set_max_per_source(struct tcp *tcp, uint64_t max_per_source);

/* Stops accepting on all listeners (drain); connections stay. On the loop's thread. */
void tcp_stop_accepting(struct tcp *tcp);

/* Whose connections must begin with a PROXY header; nobody else's may. The items are borrowed until the next call. On
 * the loop's thread or before it runs. */
void tcp_set_proxies(struct tcp *tcp, const struct prefix *items, size_t count);

/* Connections held now. On the loop's thread. */
uint32_t tcp_connection_count(const struct tcp *tcp);
