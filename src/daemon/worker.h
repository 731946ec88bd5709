/* A media worker: one thread with its own loop, sockets, timers and tables. */
#pragma once

#include "base/addr.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct auth_quota;
struct auth_users;
struct config;
struct http_server;
struct listen_list;
struct loop;
struct owners;
struct relay;
struct relay_ports;
struct relay_settings;
struct store;
struct tcp;
struct tls_context;
struct usage;
struct worker;

/* What all workers share. Borrowed for the worker's life. */
struct worker_shared {
    struct worker *const *workers; /* all of them, by number */
    unsigned worker_count;
    struct relay_ports *ports;
    struct owners *owners;
    struct http_server *http;
    struct tls_context *tls; /* NULL: no TLS */
    struct auth_quota *quota;
    struct usage *usage;
};

/* The loop and the tables; no socket yet. -ENOMEM. */
int worker_new(struct worker **out, unsigned number);
/* The relay and the connections. -ENOMEM, -EINVAL. */
int worker_prepare(struct worker *w, const struct worker_shared *shared, const struct relay_settings *settings);
/* The cache of long-term users in front of the store; before start. */
int worker_use_store(struct worker *w, struct store *store);
/* Opens this worker's sockets, all but the stats listener's; logs what cannot be bound. The first worker puts
 * the real port in the place of port 0, so that the others bind the same. Before start. */
int worker_open_listeners(struct worker *w, struct listen_list *list);
int worker_start(struct worker *w);
/* Ends the thread; sockets and tables stay until worker_free. */
void worker_stop(struct worker *w);
void worker_free(struct worker *w);

struct loop *worker_loop(struct worker *w);
unsigned worker_number(const struct worker *w);
/* CPU time its thread has used; 0: not known. Any thread. */
uint64_t worker_cpu_us(const struct worker *w);
/* Only on the worker's thread (loop_post there). */
struct relay *worker_relay(struct worker *w);
struct tcp *worker_tcp(struct worker *w);

/* Swaps the relay's settings on the worker's thread; takes its own reference. -ENOBUFS. */
int worker_configure(struct worker *w, const struct relay_settings *settings);
/* Takes what the workers read of the configuration themselves (the proxies, limits of sources); a reference of its own. -ENOBUFS. */
int worker_follow(struct worker *w, const struct config *config);
/* Stops taking new connections (drain). */
int worker_drain(struct worker *w);
