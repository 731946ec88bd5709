/* The addresses the daemon listens on, worked out once from the configuration. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>

struct config;

enum listen_kind {
    LISTEN_UDP,
    LISTEN_NAT_DISCOVERY, /* like UDP: what [listen] nat-discovery needs beyond that */
    LISTEN_TCP,
    LISTEN_TLS,
    LISTEN_DTLS,
    LISTEN_HTTP,
    LISTEN_HTTPS,
    LISTEN_STATS,
    LISTEN_KIND_COUNT
};

enum { LISTEN_MAX = 64 };

struct listen_address {
    enum listen_kind kind;
    struct addr addr; /* port 0 until the first worker has bound it */
    bool open;
};

struct listen_list {
    size_t count;
    struct listen_address items[LISTEN_MAX];
};

/* "udp", "nat-discovery", "tcp", "tls", "dtls", "http", "https", "stats". */
const char *listen_kind_name(enum listen_kind kind);
bool listen_kind_is_udp(enum listen_kind kind);
/* TLS and DTLS listeners only when there is a certificate. -ENOBUFS beyond LISTEN_MAX. */
int listen_list_make(struct listen_list *out, const struct config *config);
/* Is somebody else there? The workers' sockets share their ports (SO_REUSEPORT), so the kernel would let a second
 * daemon of this user take half of the traffic without a word. Logs and returns -EADDRINUSE. */
int listen_list_probe(struct listen_list *list);
/* What to do with the result of opening: 0 when it is open, or is a wildcard of a family this machine has not;
 * otherwise logs and returns rc. */
int listen_result(struct listen_address *at, int rc);
