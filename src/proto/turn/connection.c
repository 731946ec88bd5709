/* The TCP connections of peers (RFC 6062): what is known of each, their ids, their time limits. The sockets are the
 * caller's, who knows them by id. */
#include "proto/turn/internal.h"

#include "base/rng.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t id_hash(const struct turn_server *s, uint32_t id) { return hash_bytes(&s->hash_key, &id, sizeof id); }

static bool same_id(const void *item, const void *wanted) {
    return ((const struct turn_connection *)item)->id == *(const uint32_t *)wanted;
}

struct turn_connection *connection_find(const struct turn_server *s, uint32_t id) {
    return hash_table_find(&s->connections, id_hash(s, id), same_id, &id);
}

struct turn_connection *connection_find_peer(const struct turn_allocation *a, const struct addr *peer) {
    LIST_FOREACH(node, &a->connections) {
        struct turn_connection *c = LIST_ENTRY(node, struct turn_connection, node);
        if (addr_equal(&c->peer, peer)) {
            return c;
        }
    }
    return NULL;
}

/* Random, and modulo the number of workers this worker's own. */
static uint32_t make_id(const struct turn_server *s) {
    uint32_t count = s->settings->plain.worker_count ? s->settings->plain.worker_count : 1;
    uint32_t last = UINT32_MAX - UINT32_MAX % count - count; /* begins the last whole run of worker numbers */
    for (;;) {
        uint32_t v;
        rng_bytes(&v, sizeof v);
        uint32_t id = v - v % count + s->settings->plain.worker;
        if (v - v % count <= last && !connection_find(s, id)) {
            return id;
        }
    }
}

int connection_new(struct turn_connection **out, struct turn_server *s, struct turn_allocation *a,
                   const struct addr *peer) {
    if (a->connection_count == TURN_CONNECTIONS_MAX || a->connections_waiting == TURN_CONNECTIONS_WAITING_MAX) {
        return -ENOSPC;
    }
    struct turn_connection *c = calloc(1, sizeof *c);
    if (!c) {
        return -ENOMEM;
    }
    c->id = make_id(s);
    if (hash_table_insert(&s->connections, id_hash(s, c->id), c) < 0) {
        free(c);
        return -ENOMEM;
    }
    c->allocation = a;
    c->peer = *peer;
    c->state = CONNECTION_CONNECTING;
    wheel_timer_init(&c->timer);
    wheel_set(&s->connection_wheel, &c->timer, s->now_us + CONNECT_TIMEOUT_S * US_PER_S);
    list_push_back(&a->connections, &c->node);
    a->connection_count++;
    a->connections_waiting++;
    *out = c;
    return 0;
}

void connection_await_bind(struct turn_server *s, struct turn_connection *c) {
    c->state = CONNECTION_WAITING;
    wheel_set(&s->connection_wheel, &c->timer, s->now_us + BIND_TIMEOUT_S * US_PER_S);
}

void connection_end(struct turn_server *s, struct turn_connection *c) {
    struct turn_allocation *a = c->allocation;
    hash_table_remove(&s->connections, id_hash(s, c->id), c);
    wheel_cancel(&s->connection_wheel, &c->timer);
    a->connection_count--;
    if (c->state != CONNECTION_BOUND) {
        a->connections_waiting--;
    }
    list_remove(&c->node);
    list_push_back(&s->ended, &c->node);
}

void connection_end_all(struct turn_server *s, struct turn_allocation *a) {
    while (!list_empty(&a->connections)) {
        connection_end(s, LIST_ENTRY(a->connections.next, struct turn_connection, node));
    }
}

void connection_judge_again(struct turn_server *s, struct turn_allocation *a) {
    struct peer_scope scope = permission_scope(s, a);
    LIST_FOREACH_SAFE(node, after, &a->connections) {
        struct turn_connection *c = LIST_ENTRY(node, struct turn_connection, node);
        if (!turn_relay_for(a, &c->peer) || !peer_scope_allow(&scope, &c->peer)) {
            connection_end(s, c);
        }
    }
}

void connection_conclude(struct turn_server *s, struct turn_connection *c) {
    struct turn_output *out = output_push(s, TURN_OUTPUT_CLOSE_CONNECTION, &c->allocation->client);
    out->allocation = c->allocation;
    out->connection.id = c->id;
    connect_answer(s, c, 447, &(struct turn_time){.now_us = s->now_us});
    free(c);
}

/* A Connect that takes too long, or a connection that nobody binds. */
void connection_fired(struct wheel_timer *timer, void *ctx) {
    connection_end(ctx, LIST_ENTRY(timer, struct turn_connection, timer));
}

int turn_server_connection_closed(struct turn_server *s, uint32_t id) {
    struct turn_connection *c = connection_find(s, id);
    if (!c) {
        return -ENOENT;
    }
    connection_end(s, c);
    return 0;
}

struct turn_allocation *turn_server_connection_find(const struct turn_server *s, uint32_t id) {
    const struct turn_connection *c = connection_find(s, id);
    return c ? c->allocation : NULL;
}

int turn_server_connection_take(struct turn_server *s, uint32_t id, const char *user, const char *realm) {
    struct turn_connection *c = connection_find(s, id);
    if (!c || c->state != CONNECTION_WAITING) {
        return 400;
    }
    if (strcmp(c->allocation->user, user) != 0 || strcmp(c->allocation->realm, realm) != 0) {
        return 441;
    }
    c->state = CONNECTION_BOUND;
    c->allocation->connections_waiting--;
    wheel_cancel(&s->connection_wheel, &c->timer);
    return 0;
}
