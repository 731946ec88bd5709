/* Shared by worker.c and ingress.c: what one worker holds. */
#pragma once

#include "daemon/worker.h"
#include "net/loop.h"
#include "net/udp.h"

#include <event2/event.h>
#include <stdatomic.h>

enum { WORKER_LISTENERS_MAX = 64 };

struct worker_listener {
    struct worker *worker;
    struct udp_socket socket;
    struct event *event;
};

/* A datagram on its way to the worker that owns its session. */
struct steered {
    struct five_tuple client;
    size_t len;
    uint8_t headroom[UDP_HEADROOM];
    uint8_t data[UDP_DATAGRAM_MAX];
};

struct worker {
    unsigned number;
    char name[16];
    pthread_t thread;
    bool started;
    const struct worker_shared *shared;
    struct loop *loop;
    struct udp_io *io;
    struct relay *relay;
    struct tcp *tcp;
    struct auth_users *users;
    struct steer *steer;
    struct ring *steered; /* from other workers */
    _Atomic int steered_waiting;
    struct worker_listener listeners[WORKER_LISTENERS_MAX];
    unsigned listener_count;
};

/* ingress.c */
void ingress_readable(evutil_socket_t fd, short events, void *arg);
void ingress_take_steered(struct worker *w);
void ingress_forward(struct worker *w, unsigned owner, const struct five_tuple *client, const void *data, size_t len);
