/* The one switch every datagram passes, and the way between workers. */
#include "base/metrics.h"
#include "base/ring.h"
#include "daemon/internal.h"
#include "daemon/steer.h"
#include "net/proxy.h"
#include "proto/demux/demux.h"
#include "proto/proxy/proxy.h"
#include "relay/relay.h"

#include <errno.h>
#include <string.h>

static void dispatch(struct worker *w, const struct five_tuple *client, const uint8_t *data, size_t len) {
    switch (demux_classify(data, len)) {
    case DEMUX_CHANNEL:
        relay_client_channel(w->relay, client, data, len);
        break;
    case DEMUX_STUN:
        relay_client_stun(w->relay, client, data, len);
        break;
    default:
        metrics_inc(METRIC_INGRESS_DROPPED_UNKNOWN);
        break;
    }
}

/* ---- between workers ---- */

static void take_steered(struct worker *w, const struct steered *message) {
    switch (message->kind) {
    case STEERED_FROM_CLIENT:
        if (w->paths && message->via.family != AF_UNSPEC) {
            proxy_paths_learn(w->paths, &message->client, &message->via, true, loop_now_us(w->loop));
        }
        if (message->client.transport != TRANSPORT_UDP) {
            /* Where to send what the client shall get; its connection is not ours. */
            steer_learn(w->steer, &message->client, message->from, loop_now_us(w->loop));
        }
        dispatch(w, &message->client, message->data, message->len);
        break;
    case STEERED_TO_CLIENT:
        relay_deliver(w->relay, &message->client, message->data, message->len);
        break;
    case STEERED_GONE:
        relay_client_gone(w->relay, &message->client);
        break;
    }
}

static void take_all_steered(void *data) {
    struct worker *w;
    struct steered *message;
    memcpy(&w, data, sizeof w);
    atomic_store(&w->steered_waiting, 0);
    while ((message = ring_peek(w->steered)) != NULL) {
        take_steered(w, message);
        udp_io_flush(w->io); /* payloads leave from the slot */
        ring_release(w->steered);
    }
}

struct envelope {
    enum steered_kind kind;
    unsigned from;
    const struct five_tuple *client;
    const void *data;
    size_t len;
    struct addr via;
};

/* The proxy that the client's datagram came through: its owner answers that way, too. */
static struct addr via_of(struct worker *from, const struct five_tuple *client) {
    static const struct addr nobody;
    const struct addr *via = from->paths && client->transport == TRANSPORT_UDP
                                 ? proxy_paths_find(from->paths, &client->remote, &client->local)
                                 : NULL;
    return via ? *via : nobody;
}

static void steer(struct worker *to, const struct envelope *e) {
    struct steered *message = e->len <= UDP_DATAGRAM_MAX ? ring_claim(to->steered) : NULL;
    if (!message) {
        metrics_inc(METRIC_INGRESS_DROPPED_STEERING);
        return;
    }
    message->kind = e->kind;
    message->from = e->from;
    message->client = *e->client;
    message->via = e->via;
    message->len = e->len;
    if (e->len > 0) {
        memcpy(message->data, e->data, e->len);
    }
    ring_commit(to->steered, message);
    metrics_inc(METRIC_INGRESS_STEERED);
    if (atomic_exchange(&to->steered_waiting, 1) == 0 && loop_post(to->loop, take_all_steered, &to, sizeof to) < 0) {
        atomic_store(&to->steered_waiting, 0); /* the next message tries again */
    }
}

static struct worker *other_worker(struct worker *w, int number) {
    bool valid = number >= 0 && (unsigned)number < w->shared->worker_count && (unsigned)number != w->number;
    return valid ? w->shared->workers[number] : NULL;
}

void ingress_forward(void *worker, unsigned owner, const struct five_tuple *client, const void *data, size_t len) {
    struct worker *w = worker;
    struct worker *to = other_worker(w, (int)owner);
    struct envelope e = {STEERED_FROM_CLIENT, w->number, client, data, len, via_of(w, client)};
    if (!to || (client->transport == TRANSPORT_UDP && steer_learn(w->steer, client, owner, loop_now_us(w->loop)) < 0)) {
        metrics_inc(METRIC_INGRESS_DROPPED_STEERING);
        return;
    }
    steer(to, &e);
}

void ingress_deliver(void *worker, const struct five_tuple *client, const void *data, size_t len) {
    struct worker *w = worker;
    struct worker *to = other_worker(w, steer_find(w->steer, client, loop_now_us(w->loop)));
    struct envelope e = {.kind = STEERED_TO_CLIENT, .from = w->number, .client = client, .data = data, .len = len};
    if (to) {
        steer(to, &e);
    } else {
        metrics_inc(METRIC_INGRESS_DROPPED_STEERING);
    }
}

void ingress_gone(void *worker, unsigned owner, const struct five_tuple *client) {
    struct worker *w = worker;
    struct worker *to = other_worker(w, (int)owner);
    struct envelope e = {.kind = STEERED_GONE, .from = w->number, .client = client};
    if (to) {
        steer(to, &e);
    }
}

/* ---- from the sockets ---- */

/* True when the datagram went to the worker that owns its session. */
static bool steer_away(struct worker *w, const struct five_tuple *client, const struct udp_packet *packet,
                       uint64_t now_us) {
    struct worker *to = other_worker(w, steer_find(w->steer, client, now_us));
    if (!to) {
        return false;
    }
    struct envelope e = {STEERED_FROM_CLIENT, w->number, client, packet->data, packet->len, via_of(w, client)};
    steer(to, &e);
    return true;
}

/* ---- behind proxies ---- */

static bool is_known(struct worker *w, const struct five_tuple *client, uint64_t now_us) {
    return relay_has_client(w->relay, client) ||
           (w->dtls && dtls_server_has(w->dtls, &client->remote, &client->local)) ||
           steer_find(w->steer, client, now_us) != STEER_NONE;
}

static void learn_path(struct worker *w, const struct five_tuple *client, const struct addr *via, uint64_t now_us) {
    if (w->paths && !proxy_paths_touch(w->paths, client, via, now_us)) {
        proxy_paths_learn(w->paths, client, via, is_known(w, client, now_us), now_us);
    }
}

/* Takes the PROXY header off a load balancer's datagram: from here on it is the client's. False: dropped. */
static bool take_proxy_header(struct worker *w, struct udp_packet *packet, struct five_tuple *client, uint64_t now_us) {
    struct proxy_header header;
    size_t wanted;
    if (!proxy_sources_contain(&w->proxies, &packet->remote)) {
        if (w->paths) {
            proxy_paths_forget(w->paths, client);
        }
        return true;
    }
    if (proxy_header_parse(&header, packet->data, packet->len, &wanted) < 0 || !header.binary ||
        (header.source.family != AF_UNSPEC && !header.datagram)) {
        metrics_inc(METRIC_INGRESS_DROPPED_PROXY);
        return false;
    }
    metrics_inc(METRIC_PROXY_HEADERS_UDP);
    packet->data += header.len;
    packet->len -= header.len;
    if (header.source.family != AF_UNSPEC) {
        client->remote = header.source;
        learn_path(w, client, &packet->remote, now_us);
        packet->remote = header.source;
    }
    return true;
}

/* DTLS has sessions of its own, on whatever worker its datagrams come to: what is inside is steered, if need be. */
static bool take_dtls(struct worker_listener *listener, const struct udp_packet *packet) {
    struct dtls_server *dtls = listener->worker->dtls;
    if (dtls && demux_classify(packet->data, packet->len) == DEMUX_DTLS) {
        dtls_server_input(dtls, &listener->socket, packet);
        return true;
    }
    if (listener->only_dtls) {
        metrics_inc(METRIC_INGRESS_DROPPED_UNKNOWN);
    }
    return listener->only_dtls;
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
        struct five_tuple client = {.remote = packets[i].remote, .local = packets[i].local, .transport = TRANSPORT_UDP};
        if (w->proxies.count > 0 && !take_proxy_header(w, &packets[i], &client, now_us)) {
            continue;
        }
        if (!take_dtls(listener, &packets[i]) && !steer_away(w, &client, &packets[i], now_us)) {
            dispatch(w, &client, packets[i].data, packets[i].len);
        }
    }
}
