/* STUN and TURN over TCP, TLS and DTLS: frames in, bytes out, the allocation dies with its connection unless it can move. */
#include "base/metrics.h"
#include "proto/demux/demux.h"
#include "relay/internal.h"

#include <errno.h>
#include <stdlib.h>

/* A connection that has made no allocation within this time is closed. */
enum { IDLE_US = 60 * 1000000 };

static bool same_tuple(const void *item, const void *wanted) {
    return five_tuple_equal(&((const struct relay_stream *)item)->tuple, wanted);
}

struct relay_stream *relay_stream_find(const struct relay *relay, const struct five_tuple *tuple) {
    return hash_table_find(&relay->streams, hash_bytes(&relay->key, tuple, sizeof *tuple), same_tuple, tuple);
}

static struct relay_stream *stream_new(struct relay *relay, const struct five_tuple *tuple) {
    struct relay_stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        return NULL;
    }
    stream->relay = relay;
    stream->tuple = *tuple;
    stream->hash = hash_bytes(&relay->key, tuple, sizeof *tuple);
    stream->owner = RELAY_OWN;
    stream->opened_us = loop_refresh_now(relay->options.loop);
    if (hash_table_insert(&relay->streams, stream->hash, stream) < 0) {
        free(stream);
        return NULL;
    }
    list_push_back(&relay->idle_streams, &stream->node);
    return stream;
}

static void *stream_opened(void *ctx, struct conn *conn, const struct five_tuple *tuple) {
    struct relay_stream *stream = stream_new(ctx, tuple);
    if (stream) {
        stream->conn = conn;
    }
    return stream;
}

static void *dtls_opened(void *ctx, struct dtls_peer *peer, const struct five_tuple *tuple) {
    struct relay_stream *stream = stream_new(ctx, tuple);
    if (stream) {
        stream->dtls = peer;
    }
    return stream;
}

static void stream_frame(void *ctx, const uint8_t *frame, size_t len) {
    struct relay_stream *stream = ctx;
    struct relay *relay = stream->relay;
    const struct relay_hooks *hooks = &relay->options.hooks;
    if (stream->owner != RELAY_OWN) {
        hooks->forward(hooks->ctx, (unsigned)stream->owner, &stream->tuple, frame, len);
        return;
    }
    switch (demux_classify(frame, len)) {
    case DEMUX_CHANNEL:
        relay_channel_data(relay, &stream->tuple, frame, len, RELAY_COPY);
        break;
    case DEMUX_STUN:
        if (turn_is_send_indication(frame, len)) {
            relay_send_indication(relay, &stream->tuple, frame, len, RELAY_COPY);
        } else {
            relay_input(relay, &stream->tuple, frame, len);
        }
        break;
    default:
        metrics_inc(METRIC_RELAY_DROPPED_MALFORMED);
        break;
    }
}

/* Packets that still come for the client must not find the connection. */
static void unlink_ports(struct relay *relay, const struct five_tuple *tuple) {
    struct turn_allocation *a = turn_client_find(relay->server, tuple);
    bool linked = a && five_tuple_equal(&a->client, tuple); /* and not only about to move there */
    for (int i = 0; linked && i < a->relay_count; i++) {
        struct relay_port *port = a->relays[i].handle;
        port->path = (struct relay_path){0};
    }
}

void relay_stream_forget(struct relay_stream *stream) {
    hash_table_remove(&stream->relay->streams, stream->hash, stream);
    list_remove(&stream->node);
    free(stream);
}

static void stream_closed(void *ctx) {
    struct relay_stream *stream = ctx;
    struct relay *relay = stream->relay;
    const struct relay_hooks *hooks = &relay->options.hooks;
    struct five_tuple tuple = stream->tuple;
    int owner = stream->owner;
    relay_stream_forget(stream);
    if (owner == RELAY_OWN) {
        relay_client_gone(relay, &tuple);
    } else {
        hooks->gone(hooks->ctx, (unsigned)owner, &tuple);
    }
}

void relay_client_gone(struct relay *relay, const struct five_tuple *client) {
    unlink_ports(relay, client);
    turn_server_client_gone(relay->server, client);
    relay_drain(relay);
}

void relay_set_owner(struct relay *relay, const struct five_tuple *client, unsigned worker) {
    struct relay_stream *stream = relay_stream_find(relay, client);
    if (stream) {
        stream->owner = worker == relay->options.worker ? RELAY_OWN : (int)worker;
    }
}

void relay_deliver(struct relay *relay, const struct relay_delivery *d) {
    struct relay_stream *stream = relay_stream_find(relay, d->client);
    const void *data = d->data;
    size_t len = d->len;
    /* Another connection may have the address by now: it is not that worker's. */
    int rc = !stream || stream->owner != (int)d->from ? -ENOENT
             : stream->dtls                           ? dtls_peer_send(stream->dtls, data, len)
                                                      : conn_send(stream->conn, data, len);
    if (rc < 0) {
        metrics_inc(METRIC_RELAY_DROPPED_CLIENT_QUEUE);
    }
}

static void stream_close(struct relay_stream *stream) {
    if (stream->dtls) {
        dtls_peer_close(stream->dtls);
    } else {
        conn_close(stream->conn, 0);
    }
}

void relay_close(struct relay *relay, const struct five_tuple *client, unsigned from) {
    struct relay_stream *stream = relay_stream_find(relay, client);
    if (stream && stream->owner == (int)from) {
        stream_close(stream);
    }
}

void relay_stream_end(struct relay *relay, const struct five_tuple *client) {
    const struct relay_hooks *hooks = &relay->options.hooks;
    struct relay_stream *stream = relay_stream_find(relay, client);
    if (stream && stream->owner == RELAY_OWN) {
        stream_close(stream);
    } else if (!stream && client->transport != TRANSPORT_UDP && hooks->close) {
        hooks->close(hooks->ctx, client);
    }
}

void relay_streams_expire(struct relay *relay, uint64_t now_us) {
    LIST_FOREACH_SAFE(node, after, &relay->idle_streams) {
        struct relay_stream *stream = LIST_ENTRY(node, struct relay_stream, node);
        if (stream->opened_us + IDLE_US > now_us) {
            return;
        }
        list_remove(node);
        if (stream->owner == RELAY_OWN && !turn_client_find(relay->server, &stream->tuple)) {
            stream_close(stream);
        }
    }
}

struct conn_handlers relay_stream_handlers(struct relay *relay) {
    return (struct conn_handlers){
        .opened = stream_opened, .frame = stream_frame, .closed = stream_closed, .ctx = relay};
}

/* Another worker's session is taken to be of use: its relay says when the client is gone. */
static bool dtls_needed(void *user) {
    const struct relay_stream *stream = user;
    return stream->owner != RELAY_OWN || turn_client_find(stream->relay->server, &stream->tuple);
}

struct dtls_handlers relay_dtls_handlers(struct relay *relay) {
    return (struct dtls_handlers){
        .opened = dtls_opened, .datagram = stream_frame, .needed = dtls_needed, .closed = stream_closed, .ctx = relay};
}
