/* TCP connections with peers (RFC 6062) while the worker that owns the allocation has them: those that are being made,
 * and those that wait for their ConnectionBind. Nothing is read from them here: what a peer sends meanwhile waits in
 * the kernel. Then the descriptor goes to the worker that has the client's data connection (join.c). */
#include "relay/internal.h"

#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "net/tcp_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ACCEPT_BATCH = 16 };

struct relay_peer {
    struct list node; /* in unclosed */
    struct relay *relay;
    struct event *event; /* while connecting */
    uint32_t id;
    unsigned worker; /* where the connection is, once it is not here */
    int fd;          /* -1: not here */
};

/* ---- the table */

static uint64_t id_hash(const struct relay *relay, uint32_t id) { return hash_bytes(&relay->key, &id, sizeof id); }

static bool same_id(const void *item, const void *wanted) {
    return ((const struct relay_peer *)item)->id == *(const uint32_t *)wanted;
}

static struct relay_peer *find(const struct relay *relay, uint32_t id) {
    return hash_table_find(&relay->peers, id_hash(relay, id), same_id, &id);
}

/* Takes the descriptor. NULL: no room or no memory, the peer was turned away. */
static struct relay_peer *peer_new(struct relay *relay, int fd) {
    struct relay_peer *p = relay->peers.count < RELAY_PEERS_MAX ? calloc(1, sizeof *p) : NULL;
    if (!p) {
        tcp_socket_reset(fd);
        return NULL;
    }
    list_init(&p->node);
    p->relay = relay;
    p->fd = fd;
    metrics_add(METRIC_TURN_CONNECTIONS_WAITING, 1);
    tcp_socket_tune(fd);
    return p;
}

static void leave_here(struct relay_peer *p) {
    p->fd = -1;
    metrics_add(METRIC_TURN_CONNECTIONS_WAITING, -1);
}

static void peer_free(struct relay_peer *p) {
    if (p->event) {
        event_free(p->event);
    }
    if (p->fd >= 0) {
        tcp_socket_reset(p->fd);
        leave_here(p);
    }
    list_remove(&p->node);
    free(p);
}

static int enter(struct relay_peer *p, uint32_t id) {
    p->id = id;
    return hash_table_insert(&p->relay->peers, id_hash(p->relay, id), p);
}

static void remove_peer(struct relay_peer *p) {
    hash_table_remove(&p->relay->peers, id_hash(p->relay, p->id), p);
    peer_free(p);
}

/* ---- to a peer */

static void on_connected(evutil_socket_t fd, short events, void *arg) {
    struct relay_peer *p = arg;
    struct relay *relay = p->relay;
    struct turn_time now = relay_time_now(relay);
    uint32_t id = p->id;
    (void)events;
    int rc = tcp_socket_result(fd);
    event_free(p->event);
    p->event = NULL;
    if (rc < 0) {
        log_debug("turn", "peer does not take the connection", LF_ERROR(rc));
        remove_peer(p);
        turn_server_connect_failed(relay->server, id, &now);
    } else if (turn_server_connected(relay->server, id, &now) < 0) {
        remove_peer(p);
    }
    relay_drain(relay);
}

static int begin(struct relay *relay, uint32_t id, const struct addr *from, const struct addr *to) {
    int fd = tcp_socket_connect(from, to);
    struct relay_peer *p = fd < 0 ? NULL : peer_new(relay, fd);
    if (!p) {
        return fd < 0 ? fd : -ENOBUFS;
    }
    p->event = event_new(loop_base(relay->options.loop), fd, EV_WRITE, on_connected, p);
    if (!p->event || event_add(p->event, NULL) < 0 || enter(p, id) < 0) {
        peer_free(p);
        return -ENOMEM;
    }
    return 0;
}

void relay_peer_connect(struct relay *relay, const struct turn_output *out) {
    const struct relay_port *port = out->connection.from;
    struct turn_time now = relay_time_now(relay);
    uint32_t id = out->connection.id;
    int rc = begin(relay, id, &port->socket.local, &out->connection.peer);
    if (rc < 0) {
        log_debug("turn", "cannot connect", LF_TEXT("session", out->allocation->id),
                  LF_ADDR("peer", &out->connection.peer), LF_ERROR(rc));
        turn_server_connect_failed(relay->server, id, &now);
    }
}

/* ---- from a peer */

static void turn_away(struct relay_peer *p, const struct addr *remote, int rc) {
    static struct log_limit limit = {.burst = 5};
    metrics_inc(rc == -ERR_FORBIDDEN ? METRIC_TURN_CONNECTION_ATTEMPTS_PERMISSION
                                     : METRIC_TURN_CONNECTION_ATTEMPTS_LIMIT);
    log_limited(&limit, LOG_LEVEL_INFO, "turn", "peer turned away", LF_ADDR("peer", remote), LF_ERROR(rc));
    peer_free(p);
}

static void take_in(struct relay_port *port, int fd, const struct addr *remote) {
    struct relay *relay = port->relay;
    struct turn_time now = relay_time_now(relay);
    struct relay_peer *p = peer_new(relay, fd);
    uint32_t id = 0;
    if (!p) {
        metrics_inc(METRIC_TURN_CONNECTION_ATTEMPTS_LIMIT);
        return;
    }
    int rc = port->allocation ? turn_server_peer_connected(relay->server, port->allocation, remote, &id, &now)
                              : -ERR_FORBIDDEN;
    if (rc < 0) {
        turn_away(p, remote, rc);
        return;
    }
    if (enter(p, id) < 0) {
        peer_free(p);
        turn_server_connection_closed(relay->server, id);
    } else {
        metrics_inc(METRIC_TURN_CONNECTION_ATTEMPTS_OK);
    }
    relay_drain(relay);
}

static bool is_exhausted(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* A client's messages wait for no flood of connections: a batch, then others have their turn. */
void relay_port_acceptable(evutil_socket_t fd, short events, void *arg) {
    struct relay_port *port = arg;
    (void)events;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage sa;
        struct addr remote;
        socklen_t len = sizeof sa;
        int accepted = accept4(fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0 && is_exhausted(errno)) {
            event_del(port->event);
            list_push_back(&port->relay->paused_ports, &port->paused);
            relay_tick_soon(port->relay);
        }
        if (accepted < 0) {
            return;
        }
        if (addr_from_sockaddr(&remote, (struct sockaddr *)&sa, len) == 0) {
            take_in(port, accepted, &remote);
        } else {
            close(accepted);
        }
    }
}

/* ---- the end, here or elsewhere */

int relay_peer_give(struct relay *relay, uint32_t id, unsigned worker) {
    struct relay_peer *p = find(relay, id);
    if (!p || p->fd < 0 || p->event) {
        return -ENOENT;
    }
    int fd = p->fd;
    leave_here(p);
    p->worker = worker;
    return fd;
}

void relay_peer_gone(struct relay *relay, uint32_t id) {
    struct relay_peer *p = find(relay, id);
    if (p) {
        remove_peer(p);
    }
    turn_server_connection_closed(relay->server, id);
    relay_drain(relay);
}

static void close_elsewhere(struct relay *relay, void *arg) { relay_join_close(relay, (uint32_t)(uintptr_t)arg, NULL); }

/* True when the other worker knows. */
static bool tell(const struct relay_peer *p) {
    const struct relay_hooks *hooks = &p->relay->options.hooks;
    return hooks->post(hooks->ctx, p->worker, close_elsewhere, (void *)(uintptr_t)p->id) >= 0;
}

void relay_peer_close(struct relay *relay, const struct turn_output *out) {
    struct relay_peer *p = find(relay, out->connection.id);
    if (!p) {
        return;
    }
    hash_table_remove(&relay->peers, id_hash(relay, p->id), p);
    if (p->fd >= 0) {
        peer_free(p);
    } else if (p->worker == relay->options.worker) {
        relay_join_close(relay, p->id, out->allocation);
        peer_free(p);
    } else if (tell(p)) {
        peer_free(p);
    } else {
        list_push_back(&relay->unclosed, &p->node);
        relay_tick_soon(relay);
    }
}

void relay_peers_tick(struct relay *relay) {
    LIST_FOREACH_SAFE(node, after, &relay->unclosed) {
        struct relay_peer *p = LIST_ENTRY(node, struct relay_peer, node);
        if (tell(p)) {
            peer_free(p);
        }
    }
    LIST_FOREACH_SAFE(port_node, next, &relay->paused_ports) {
        struct relay_port *port = LIST_ENTRY(port_node, struct relay_port, paused);
        list_remove(&port->paused);
        event_add(port->event, NULL);
    }
}

void relay_peers_free(struct relay *relay) {
    LIST_FOREACH_SAFE(node, after, &relay->unclosed) { peer_free(LIST_ENTRY(node, struct relay_peer, node)); }
}
