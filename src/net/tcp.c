#include "net/tcp.h"

#include "base/log.h"
#include "net/loop.h"
#include "net/pump.h"
#include "net/stream.h"
#include "net/tcp_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_CONNECTIONS = 10000 };

/* All connections of one source; freed with the last. */
struct tcp_seat {
    struct tcp *tcp;
    struct addr ip;
    uint32_t count;
};

static struct log_limit refuse_limit = {.burst = 5};

void tcp_refuse(enum metric_id reason, const char *why, const struct addr *remote) {
    metrics_inc(reason);
    log_limited(&refuse_limit, LOG_LEVEL_INFO, "tcp", "connection refused", LF_TEXT("reason", why),
                LF_ADDR("peer", remote));
}

/* A subscriber has a whole IPv6 /64. */
static size_t source_len(const struct addr *ip) { return ip->family == AF_INET6 ? 8 : 4; }

static bool same_source(const void *item, const void *wanted) {
    const struct tcp_seat *seat = item;
    const struct addr *ip = wanted;
    return seat->ip.family == ip->family && memcmp(seat->ip.ip, ip->ip, source_len(ip)) == 0;
}

static uint64_t source_hash(const struct tcp *tcp, const struct addr *ip) {
    return hash_bytes(&tcp->key, ip->ip, source_len(ip));
}

static struct tcp_seat *new_source(struct tcp *tcp, const struct addr *remote, uint64_t hash) {
    struct tcp_seat *seat = calloc(1, sizeof *seat);
    if (seat) {
        seat->tcp = tcp;
        seat->ip = *remote;
        if (hash_table_insert(&tcp->sources, hash, seat) < 0) {
            free(seat);
            seat = NULL;
        }
    }
    return seat;
}

struct tcp_seat *tcp_seat_take(struct tcp *tcp, const struct addr *remote, bool proxy) {
    uint64_t hash = source_hash(tcp, remote);
    struct tcp_seat *seat = hash_table_find(&tcp->sources, hash, same_source, remote);
    if (tcp->count >= tcp->options.max_connections) {
        tcp_refuse(METRIC_TCP_REFUSED_LIMIT, "connection limit", remote);
        return NULL;
    }
    uint64_t per_source = tcp->options.max_per_source;
    if (!proxy && seat && per_source > 0 && seat->count >= per_source) {
        tcp_refuse(METRIC_TCP_REFUSED_SOURCE_LIMIT, "connection limit of the source", remote);
        return NULL;
    }
    if (!seat) {
        seat = new_source(tcp, remote, hash);
    }
    if (seat) {
        seat->count++;
        tcp->count++;
        metrics_add(METRIC_TCP_OPEN, 1);
    }
    return seat;
}

void tcp_seat_leave(void *arg) {
    struct tcp_seat *seat = arg;
    struct tcp *tcp = seat->tcp;
    tcp->count--;
    metrics_add(METRIC_TCP_OPEN, -1);
    if (--seat->count == 0) {
        hash_table_remove(&tcp->sources, source_hash(tcp, &seat->ip), seat);
        free(seat);
    }
}

static void set_defaults(struct tcp_options *options) {
    if (options->max_connections == 0) {
        options->max_connections = DEFAULT_CONNECTIONS;
    }
}

struct tcp *tcp_new(struct loop *loop, const struct tcp_options *options) {
    struct tcp *tcp = calloc(1, sizeof *tcp);
    if (!tcp) {
        return NULL;
    }
    tcp->scratch = malloc(TCP_SCRATCH_BYTES);
    if (!tcp->scratch) {
        free(tcp);
        return NULL;
    }
    tcp->loop = loop;
    tcp->options = *options;
    set_defaults(&tcp->options);
    list_init(&tcp->listeners);
    list_init(&tcp->intakes);
    list_init(&tcp->conns);
    list_init(&tcp->pumps);
    list_init(&tcp->streams);
    hash_table_init(&tcp->sources);
    hash_key_random(&tcp->key);
    signal(SIGPIPE, SIG_IGN); /* libevent and OpenSSL write without MSG_NOSIGNAL */
    return tcp;
}

void tcp_free(struct tcp *tcp) {
    if (!tcp) {
        return;
    }
    tcp_listener_close_all(tcp);
    tcp_intake_close_all(tcp);
    conn_close_all(tcp);
    pump_close_all(&tcp->pumps);
    stream_free_group(&tcp->streams);
    hash_table_deinit(&tcp->sources);
    free(tcp->scratch);
    free(tcp);
}

void tcp_set_proxies(struct tcp *tcp, const struct prefix *items, size_t count) {
    proxy_sources_set(&tcp->proxies, items, count);
}

void tcp_set_max_per_source(struct tcp *tcp, uint64_t max_per_source) { tcp->options.max_per_source = max_per_source; }

uint32_t tcp_connection_count(const struct tcp *tcp) { return tcp->count; }
