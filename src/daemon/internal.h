/* Shared by worker.c and ingress.c: what one worker holds. */
#pragma once

#include "daemon/worker.h"
#include "net/dtls.h"
#include "net/handshakes.h"
#include "net/loop.h"
#include "net/proxy.h"
#include "net/udp.h"

#include <event2/event.h>
#include <stdatomic.h>

enum { WORKER_LISTENERS_MAX = 64 };

struct worker_listener {
    struct worker *worker;
    struct udp_socket socket;
    struct event *event;
    bool only_dtls;
};

enum steered_kind {
    STEERED_FROM_CLIENT, /* to the worker that owns the session */
    STEERED_TO_CLIENT,   /* to the worker that has the client's connection */
    STEERED_GONE,        /* that connection has ended */
};

/* A message on its way between the worker a flow arrives at and the one that owns its session. */
struct steered {
    enum steered_kind kind;
    unsigned from; /* worker */
    struct five_tuple client;
    struct addr via; /* the proxy a datagram came through, or AF_UNSPEC */
    size_t len;
    uint8_t data[UDP_DATAGRAM_MAX];
};

struct worker {
    unsigned number;
    char name[16];
    pthread_t thread;
    bool started;
    const struct worker_shared *shared;
    struct auth_quota *quota; /* the shared one: outlives what ends with the worker */
    struct loop *loop;
    struct udp_io *io;
    struct relay *relay;
    struct handshakes handshakes;
    struct tcp *tcp;
    struct dtls_server *dtls; /* NULL: no certificate */
    struct auth_users *users;
    struct steer *steer;
    struct ring *steered; /* from other workers */
    _Atomic int steered_waiting;
    const struct config *config; /* the one followed */
    struct proxy_sources proxies;
    struct proxy_paths *paths; /* NULL: no proxies */
    struct worker_listener listeners[WORKER_LISTENERS_MAX];
    unsigned listener_count;
};

/* ingress.c */
void ingress_readable(evutil_socket_t fd, short events, void *arg);
/* The relay's hooks for sessions and connections of other workers. */
void ingress_forward(void *worker, unsigned owner, const struct five_tuple *client, const void *data, size_t len);
void ingress_deliver(void *worker, const struct five_tuple *client, const void *data, size_t len);
void ingress_gone(void *worker, unsigned owner, const struct five_tuple *client);
