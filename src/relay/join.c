/* ConnectionBind (RFC 6062 section 5.4): a client's data connection, which stays at the worker that accepted it, TLS or
 * not, is joined with the peer's connection, a plain socket of which nothing has been read and which comes over from
 * the worker that owns the allocation. That one hears what was carried once a second, and of the end. */
#include "relay/internal.h"

#include "base/log.h"
#include "base/metrics.h"
#include "net/splice.h"
#include "net/stream.h"
#include "net/tcp_socket.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_US = 1000000,
    STUCK_US = 300 * 1000000, /* half closed or not read, without a byte: then it ends */
};

/* What the owner of the allocation is told. */
struct report {
    struct turn_counter from_client, to_client;
    uint32_t id;
    bool ended;
};

struct relay_join {
    struct list node;
    struct relay *relay;
    struct splice *splice; /* NULL: over, the owner is still to be told */
    struct report unreported;
    uint64_t moved_us;
    unsigned owner;
    uint32_t transport;        /* the client's */
    struct relay_meter *meter; /* NULL: no limit on bandwidth */
    char *realm, *user;        /* whose; one block */
};

/* A connection on its way to the client's worker: asked for with a name, given with a descriptor. */
struct take {
    struct five_tuple client;
    uint64_t request;
    uint32_t id;
    unsigned owner, from;
    int code;
    int fd; /* -1: refused */
    char user[STUN_USERNAME_BYTES_MAX + 1];
    char realm[TURN_REALM_MAX + 1];
};

static int post(struct relay *relay, unsigned worker, void (*run)(struct relay *relay, void *arg), void *arg) {
    const struct relay_hooks *hooks = &relay->options.hooks;
    return hooks->post(hooks->ctx, worker, run, arg);
}

static uint64_t id_hash(const struct relay *relay, uint32_t id) { return hash_bytes(&relay->key, &id, sizeof id); }

static bool same_id(const void *item, const void *wanted) {
    return ((const struct relay_join *)item)->unreported.id == *(const uint32_t *)wanted;
}

static void join_free(struct relay_join *j) {
    if (j->meter) {
        relay_meter_leave(&j->relay->bandwidth, j->meter);
    }
    free(j->realm);
    hash_table_remove(&j->relay->joins, id_hash(j->relay, j->unreported.id), j);
    list_remove(&j->node);
    free(j);
}

/* ---- what was carried */

static void add(struct turn_counter *sum, const struct turn_counter *more) {
    sum->packets += more->packets;
    sum->bytes += more->bytes;
}

static void count(struct turn_allocation *a, const struct report *r) {
    if (a) {
        add(&a->from_client, &r->from_client);
        add(&a->to_client, &r->to_client);
    }
}

/* At the owner. */
static void take_report(struct relay *relay, void *arg) {
    struct report *r = arg;
    count(turn_server_connection_find(relay->server, r->id), r);
    if (r->ended) {
        relay_peer_gone(relay, r->id);
    }
    free(r);
}

/* True when the owner knows all. */
static bool report(struct relay_join *j) {
    struct report *r = &j->unreported;
    if (!r->ended && r->from_client.packets == 0 && r->to_client.packets == 0) {
        return true;
    }
    struct report *copy = malloc(sizeof *copy);
    if (!copy) {
        return false;
    }
    *copy = *r;
    if (post(j->relay, j->owner, take_report, copy) < 0) {
        free(copy);
        return false;
    }
    r->from_client = r->to_client = (struct turn_counter){0};
    return true;
}

/* Frees the join as soon as the owner has been told. */
static void join_over(struct relay_join *j) {
    j->splice = NULL;
    j->unreported.ended = true;
    metrics_add(METRIC_TURN_CONNECTIONS_JOINED, -1);
    if (report(j)) {
        join_free(j);
    }
}

void relay_tick_soon(struct relay *relay) {
    if (!relay->ticking) {
        relay->ticking = true;
        loop_timer_set(relay->options.loop, &relay->tick, TICK_US);
    }
}

void relay_tick(void *ctx) {
    struct relay *relay = ctx;
    uint64_t now = loop_refresh_now(relay->options.loop);
    relay->ticking = false;
    relay_peers_tick(relay);
    LIST_FOREACH_SAFE(node, after, &relay->open_joins) {
        struct relay_join *j = LIST_ENTRY(node, struct relay_join, node);
        if (!j->splice) {
            if (report(j)) {
                join_free(j);
            }
        } else if (splice_is_stuck(j->splice) && j->moved_us + STUCK_US < now) {
            splice_close(j->splice);
            join_over(j);
        } else {
            report(j);
        }
    }
    if (!list_empty(&relay->open_joins) || !list_empty(&relay->unclosed)) {
        relay_tick_soon(relay);
    }
}

/* ---- bandwidth: counted where the bytes pass, on this worker's part of the user's limit */

static void limit(struct relay_join *j) {
    struct relay_bandwidth *bandwidth = &j->relay->bandwidth;
    bool limited = relay_bandwidth_limits(bandwidth);
    if (limited && !j->meter) {
        j->meter = relay_meter_join(bandwidth, j->realm, turn_quota_name(j->user));
    } else if (!limited && j->meter) {
        relay_meter_leave(bandwidth, j->meter);
        j->meter = NULL;
    }
}

void relay_joins_limit(struct relay *relay) {
    LIST_FOREACH(node, &relay->open_joins) { limit(LIST_ENTRY(node, struct relay_join, node)); }
}

static size_t room(void *ctx, size_t want, uint64_t *wait_us) {
    struct relay_join *j = ctx;
    struct relay *relay = j->relay;
    return j->meter
               ? relay_meter_room(&relay->bandwidth, j->meter, want, loop_refresh_now(relay->options.loop), wait_us)
               : want;
}

static void on_moved(void *ctx, bool from_first, size_t bytes) {
    struct relay_join *j = ctx;
    if (j->meter) { /* not more than there was room for */
        relay_meter_take(&j->relay->bandwidth, j->meter, bytes, loop_now_us(j->relay->options.loop));
    }
    struct turn_counter *counter = from_first ? &j->unreported.from_client : &j->unreported.to_client;
    counter->packets++;
    counter->bytes += bytes;
    j->moved_us = loop_now_us(j->relay->options.loop);
    metrics_inc((from_first ? METRIC_RELAY_PACKETS_FROM_CLIENT_UDP : METRIC_RELAY_PACKETS_TO_CLIENT_UDP) +
                j->transport);
    metrics_add((from_first ? METRIC_RELAY_BYTES_FROM_CLIENT_UDP : METRIC_RELAY_BYTES_TO_CLIENT_UDP) + j->transport,
                (int64_t)bytes);
}

static void on_ended(void *ctx) { join_over(ctx); }

/* ---- joining */

static int copy_names(struct relay_join *j, const struct take *take) {
    size_t realm_bytes = strlen(take->realm) + 1, user_bytes = strlen(take->user) + 1;
    j->realm = malloc(realm_bytes + user_bytes);
    if (!j->realm) {
        return -ENOMEM;
    }
    j->user = j->realm + realm_bytes;
    memcpy(j->realm, take->realm, realm_bytes);
    memcpy(j->user, take->user, user_bytes);
    return 0;
}

static struct relay_join *join_new(struct relay *relay, const struct take *take) {
    struct relay_join *j = calloc(1, sizeof *j);
    if (!j || copy_names(j, take) < 0) {
        free(j);
        return NULL;
    }
    j->relay = relay;
    j->owner = take->owner;
    j->unreported.id = take->id;
    j->transport = take->client.transport;
    j->moved_us = loop_now_us(relay->options.loop);
    if (hash_table_insert(&relay->joins, id_hash(relay, take->id), j) < 0) {
        free(j->realm);
        free(j);
        return NULL;
    }
    list_push_back(&relay->open_joins, &j->node);
    limit(j);
    return j;
}

/* The client's stream, out of its framing. NULL: it is going, and takes the rest with it. */
static struct stream *client_stream(struct relay *relay, const struct five_tuple *client) {
    struct relay_stream *stream = relay_stream_find(relay, client);
    struct stream *detached = stream && stream->conn ? conn_detach(stream->conn) : NULL;
    if (detached) {
        relay_stream_forget(stream);
        stream_regroup(detached, &relay->joined_streams);
    }
    return detached;
}

/* Takes the descriptor on success. */
static int join(struct relay *relay, const struct take *take) {
    struct relay_join *j = join_new(relay, take);
    struct stream *client = j ? client_stream(relay, &take->client) : NULL;
    struct stream *peer = client ? stream_new(relay->options.loop, take->fd, NULL, &relay->joined_streams) : NULL;
    struct splice_handlers handlers = {.room = room, .moved = on_moved, .ended = on_ended, .ctx = j};
    if (!peer) {
        if (client) {
            stream_free(client);
        }
        if (j) {
            join_free(j);
        }
        return -ENOMEM;
    }
    metrics_add(METRIC_TURN_CONNECTIONS_JOINED, 1);
    j->splice = splice_new(relay->options.loop, client, peer, &handlers);
    if (!j->splice) {
        join_over(j);
    }
    relay_tick_soon(relay);
    return 0;
}

/* ---- asking for a connection, at the client's worker */

static void hold(struct relay *relay, const struct five_tuple *client, bool on) {
    struct relay_stream *stream = relay_stream_find(relay, client);
    if (stream && stream->conn) {
        (on ? conn_pause : conn_resume)(stream->conn);
    }
}

static void give_back(struct relay *relay, const struct take *take) {
    struct report *r = calloc(1, sizeof *r);
    tcp_socket_reset(take->fd);
    if (r) {
        r->id = take->id;
        r->ended = true;
    }
    if (r && post(relay, take->owner, take_report, r) < 0) {
        free(r);
    }
}

static void answered(struct relay *relay, void *arg) {
    struct take *take = arg;
    struct turn_time now = relay_time_now(relay);
    int rc = turn_server_taken(relay->server, take->request, take->code, &now);
    relay_drain(relay);
    if (rc == 0 && take->code == 0) {
        rc = join(relay, take);
    } else {
        hold(relay, &take->client, false);
    }
    if (take->fd >= 0 && rc < 0) {
        give_back(relay, take);
    }
    free(take);
}

/* ---- giving it, at the owner */

static void asked(struct relay *relay, void *arg) {
    struct take *take = arg;
    take->code = turn_server_connection_take(relay->server, take->id, take->user, take->realm);
    if (take->code == 0) {
        take->fd = relay_peer_give(relay, take->id, take->from);
        take->code = take->fd < 0 ? 400 : 0;
    }
    if (post(relay, take->from, answered, take) < 0) {
        if (take->fd >= 0) {
            tcp_socket_reset(take->fd);
            relay_peer_gone(relay, take->id);
        }
        free(take);
    }
}

static int ask(struct relay *relay, const struct turn_output *out) {
    const struct relay_stream *stream = relay_stream_find(relay, &out->client);
    if (!stream || !stream->conn) {
        return 400; /* its messages come by another worker: there is no connection here to join */
    }
    struct take *take = calloc(1, sizeof *take);
    if (!take) {
        return 500;
    }
    *take = (struct take){.client = out->client,
                          .request = out->request,
                          .id = out->connection.id,
                          .owner = out->connection.worker,
                          .from = relay->options.worker,
                          .fd = -1};
    memcpy(take->user, out->connection.user, strlen(out->connection.user) + 1);
    memcpy(take->realm, out->connection.realm, strlen(out->connection.realm) + 1);
    hold(relay, &take->client, true);
    if (post(relay, take->owner, asked, take) < 0) {
        hold(relay, &take->client, false);
        free(take);
        return 508;
    }
    return 0;
}

void relay_ask_connection(struct relay *relay, const struct turn_output *out) {
    struct turn_time now = relay_time_now(relay);
    uint64_t request = out->request;
    int code = ask(relay, out);
    if (code != 0) {
        turn_server_taken(relay->server, request, code, &now);
    }
}

/* ---- the end */

void relay_join_close(struct relay *relay, uint32_t id, struct turn_allocation *a) {
    struct relay_join *j = hash_table_find(&relay->joins, id_hash(relay, id), same_id, &id);
    if (!j) {
        return;
    }
    count(a, &j->unreported);
    if (j->splice) {
        splice_close(j->splice);
        metrics_add(METRIC_TURN_CONNECTIONS_JOINED, -1);
    }
    join_free(j);
}

void relay_close_joins(struct relay *relay) {
    if (!relay) {
        return;
    }
    LIST_FOREACH_SAFE(node, after, &relay->open_joins) {
        relay_join_close(relay, LIST_ENTRY(node, struct relay_join, node)->unreported.id, NULL);
    }
    stream_free_group(&relay->joined_streams); /* those that still said goodbye */
}
