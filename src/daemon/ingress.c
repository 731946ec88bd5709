/* The one switch every datagram passes. */
#include "base/metrics.h"
#include "base/ring.h"
#include "daemon/internal.h"
#include "daemon/steer.h"
#include "proto/demux/demux.h"
#include "relay/relay.h"

#include <errno.h>
#include <string.h>

static void dispatch(struct worker *w, const struct udp_packet *packet) {
    switch (demux_classify(packet->data, packet->len)) {
    case DEMUX_CHANNEL:
        relay_client_channel(w->relay, packet);
        break;
    case DEMUX_STUN:
        relay_client_stun(w->relay, packet);
        break;
    default:
        metrics_inc(METRIC_INGRESS_DROPPED_UNKNOWN);
        break;
    }
}

/* True when the packet went to the worker that owns its session. */
static bool steer_away(struct worker *w, const struct udp_packet *packet, uint64_t now_us) {
    struct five_tuple client = {.remote = packet->remote, .local = packet->local, .transport = TRANSPORT_UDP};
    int owner = steer_find(w->steer, &client, now_us);
    if (owner == STEER_NONE || (unsigned)owner == w->number) {
        return false;
    }
    worker_steer(w->shared->workers[owner], &client, packet->data, packet->len);
    return true;
}

void ingress_readable(evutil_socket_t fd, short events, void *arg) {
    struct worker_listener *listener = arg;
    struct worker *w = listener->worker;
    uint64_t now_us = loop_refresh_now(w->loop);
    struct udp_packet *packets;
    (void)fd;
    (void)events;
    unsigned count = udp_io_receive(w->io, &listener->socket, &packets);
    for (unsigned i = 0; i < count; i++) {
        if (!steer_away(w, &packets[i], now_us)) {
            dispatch(w, &packets[i]);
        }
    }
}

/* ---- between workers ---- */

static void wake_owner(void *data) {
    struct worker *w;
    memcpy(&w, data, sizeof w);
    ingress_take_steered(w);
}

int worker_steer(struct worker *owner, const struct five_tuple *client, const void *data, size_t len) {
    struct steered *slot = len <= UDP_DATAGRAM_MAX ? ring_claim(owner->steered) : NULL;
    if (!slot) {
        metrics_inc(METRIC_INGRESS_DROPPED_STEERING);
        return -ENOBUFS;
    }
    slot->client = *client;
    slot->len = len;
    memcpy(slot->data, data, len);
    ring_commit(owner->steered, slot);
    metrics_inc(METRIC_INGRESS_STEERED);
    if (atomic_exchange(&owner->steered_waiting, 1) == 0 &&
        loop_post(owner->loop, wake_owner, &owner, sizeof owner) < 0) {
        atomic_store(&owner->steered_waiting, 0); /* the next datagram tries again */
    }
    return 0;
}

void ingress_take_steered(struct worker *w) {
    struct steered *slot;
    atomic_store(&w->steered_waiting, 0);
    while ((slot = ring_peek(w->steered)) != NULL) {
        struct udp_packet packet = {
            .data = slot->data, .len = slot->len, .remote = slot->client.remote, .local = slot->client.local};
        dispatch(w, &packet);
        udp_io_flush(w->io); /* the payload leaves from this slot */
        ring_release(w->steered);
    }
}

void ingress_forward(struct worker *w, unsigned owner, const struct five_tuple *client, const void *data, size_t len) {
    if (owner >= w->shared->worker_count || client->transport != TRANSPORT_UDP) {
        return;
    }
    if (steer_learn(w->steer, client, owner, loop_now_us(w->loop)) == 0) {
        worker_steer(w->shared->workers[owner], client, data, len);
    }
}
