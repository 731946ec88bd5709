/* Shared by worker.c and ingress.c: what one worker holds. */
#pragma once

#include "daemon/mail.h"
#include "daemon/worker.h"
#include "net/dtls.h"
#include "net/handshakes.h"
#include "net/loop.h"
#include "net/proxy.h"
#include "net/udp.h"
#include "relay/relay.h"

#include <event2/event.h>

enum { WORKER_LISTENERS_MAX = 64 };

struct worker_listener {
    struct worker *worker;
    struct udp_socket socket;
    struct event *event;
    bool only_dtls;
};

struct worker {
    unsigned number;
    char name[16];
    pthread_t thread;
    bool started;
    bool stopped; /* what ends now ends with the daemon */
    const struct worker_shared *shared;
    struct auth_quota *quota; /* these are shared and outlive what ends with the worker */
    struct usage *usage;
    struct loop *loop;
    struct udp_io *io;
    struct relay *relay;
    struct handshakes handshakes;
    struct tcp *tcp;
    struct dtls_server *dtls; /* NULL: no certificate */
    struct auth_users *users;
    struct steer *steer;
    struct mailbox *mail;        /* from other workers */
    int passing_on;              /* the worker from which came the message being served, or -1: from a client */
    const struct config *config; /* the one followed */
    struct proxy_sources proxies;
    struct proxy_paths *paths; /* NULL: no proxies */
    struct worker_listener listeners[WORKER_LISTENERS_MAX];
    unsigned listener_count;
    struct worker_listener *busiest; /* where to wait while the loop gathers */
    unsigned votes;
};

/* ingress.c */
void ingress_take_mail(void *worker, const struct mail *mail);
void ingress_mail_done(void *worker);
void ingress_readable(evutil_socket_t fd, short events, void *arg);
unsigned ingress_wait(void *worker); /* at the busiest listener */
/* The relay's hooks for sessions and connections of other workers. */
void ingress_forward(void *worker, unsigned owner, const struct five_tuple *client, const void *data, size_t len);
void ingress_deliver(void *worker, const struct five_tuple *client, const void *data, size_t len);
void ingress_close(void *worker, const struct five_tuple *client);
int ingress_post(void *worker, unsigned number, void (*run)(struct relay *relay, void *arg), void *arg);
void ingress_gone(void *worker, unsigned owner, const struct five_tuple *client);
int ingress_hand_off(void *worker, unsigned owner, const struct relay_handed *handed);
