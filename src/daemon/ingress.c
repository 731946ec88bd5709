/* The one switch every datagram passes, and the way between workers. */
#include "base/metrics.h"
#include "daemon/internal.h"
#include "daemon/steer.h"
#include "net/proxy.h"
#include "proto/demux/demux.h"
#include "proto/proxy/proxy.h"
#include "relay/relay.h"

#include <errno.h>
#include <string.h>

static void dispatch(struct worker *w, const struct five_tuple *client, const struct udp_packet *packet) {
    switch (demux_classify(packet->data, packet->len)) {
    case DEMUX_CHANNEL:
        relay_client_channel(w->relay, client, packet);
        break;
    case DEMUX_STUN:
        relay_client_stun(w->relay, client, packet);
        break;
    default:
        metrics_inc(METRIC_INGRESS_DROPPED_UNKNOWN);
        break;
    }
}

/* ---- between workers ---- */

/* What a message holds lies in its slot, with room around. */
static uint8_t *writable(const struct mail *mail) { return (uint8_t *)(uintptr_t)mail->data; }

/* The proxy that the client's datagram came through: its owner answers that way, too. */
static struct addr via_of(struct worker *from, const struct five_tuple *client) {
    static const struct addr nobody;
    const struct addr *via = from->paths && client->transport == TRANSPORT_UDP
                                 ? proxy_paths_find(from->paths, &client->remote, &client->local)
                                 : NULL;
    return via ? *via : nobody;
}

static struct mailbox *other_worker(struct worker *w, int number) {
    bool valid = number >= 0 && (unsigned)number < w->shared->worker_count && (unsigned)number != w->number;
    return valid ? w->shared->workers[number]->mail : NULL;
}

static void take_from_client(struct worker *w, const struct mail *mail) {
    if (w->paths && mail->via.family != AF_UNSPEC) {
        proxy_paths_learn(w->paths, &mail->client, &mail->via, true, loop_now_us(w->loop));
    }
    if (mail->client.transport != TRANSPORT_UDP && mail->from != w->number) {
        /* Where to send what the client shall get; its connection is not ours. */
        steer_learn(w->steer, &mail->client, mail->from, loop_now_us(w->loop));
    }
    w->passing_on = (int)mail->from;
    struct udp_packet packet = {.data = writable(mail), .len = mail->len, .alone = true};
    dispatch(w, &mail->client, &packet);
    w->passing_on = -1;
}

/* A flow that arrives here belongs to another worker than we thought. */
static void take_owner(struct worker *w, const struct mail *mail) {
    if (mail->client.transport != TRANSPORT_UDP) {
        relay_set_owner(w->relay, &mail->client, mail->owner);
    } else if (mail->owner == w->number) {
        steer_forget(w->steer, &mail->client);
    } else {
        steer_learn(w->steer, &mail->client, mail->owner, loop_now_us(w->loop));
    }
}

static void take_handed(struct worker *w, const struct mail *mail) {
    struct relay_handed handed = {.to = mail->way.to,
                                  .from = mail->way.from,
                                  .bound = mail->way.bound,
                                  .data = writable(mail),
                                  .len = mail->len,
                                  .alone = true};
    relay_take(w->relay, &handed);
}

void ingress_take_mail(void *worker, const struct mail *mail) {
    struct worker *w = worker;
    struct relay_delivery delivery = {&mail->client, mail->from, mail->data, mail->len};
    switch (mail->kind) {
    case MAIL_FROM_CLIENT:
        take_from_client(w, mail);
        break;
    case MAIL_TO_CLIENT:
        relay_deliver(w->relay, &delivery);
        break;
    case MAIL_GONE:
        steer_forget(w->steer, &mail->client);
        relay_client_gone(w->relay, &mail->client);
        break;
    case MAIL_CLOSE:
        relay_close(w->relay, &mail->client, mail->from);
        break;
    case MAIL_OWNER:
        take_owner(w, mail);
        break;
    case MAIL_HANDED:
        take_handed(w, mail);
        break;
    }
}

void ingress_mail_done(void *worker) {
    struct worker *w = worker;
    udp_io_flush(w->io); /* payloads leave from the slots */
}

/* What came by way of us goes on to a third worker: from now on it shall go there at once. */
static void pass_on(struct worker *w, struct mail *mail, struct mailbox *to) {
    struct mail owner = {.kind = MAIL_OWNER, .from = w->number, .owner = mail->owner, .client = mail->client};
    struct mailbox *back = other_worker(w, w->passing_on);
    if (back) {
        mail_owe(w->mail, back, &owner);
    }
    steer_forget(w->steer, &mail->client);
    mail->from = (unsigned)w->passing_on;
    mail_send(to, mail);
}

void ingress_forward(void *worker, unsigned owner, const struct five_tuple *client, const void *data, size_t len) {
    struct worker *w = worker;
    struct mailbox *to = other_worker(w, (int)owner);
    struct mail mail = {.kind = MAIL_FROM_CLIENT,
                        .from = w->number,
                        .owner = owner,
                        .client = *client,
                        .data = data,
                        .len = len,
                        .via = via_of(w, client)};
    if (to && w->passing_on >= 0) {
        pass_on(w, &mail, to);
    } else if (!to ||
               (client->transport == TRANSPORT_UDP && steer_learn(w->steer, client, owner, loop_now_us(w->loop)) < 0)) {
        metrics_inc(METRIC_INGRESS_DROPPED_STEERING);
    } else {
        mail_send(to, &mail);
    }
}

void ingress_deliver(void *worker, const struct five_tuple *client, const void *data, size_t len) {
    struct worker *w = worker;
    struct mailbox *to = other_worker(w, steer_find(w->steer, client, loop_now_us(w->loop)));
    struct mail mail = {.kind = MAIL_TO_CLIENT, .from = w->number, .client = *client, .data = data, .len = len};
    if (to) {
        mail_send(to, &mail);
    } else {
        metrics_inc(METRIC_INGRESS_DROPPED_STEERING);
    }
}

int ingress_hand_off(void *worker, unsigned owner, const struct relay_handed *handed) {
    struct worker *w = worker;
    struct mailbox *to = other_worker(w, (int)owner);
    struct mail mail = {.kind = MAIL_HANDED,
                        .from = w->number,
                        .way = {.to = handed->to, .from = handed->from, .bound = handed->bound},
                        .data = handed->data,
                        .len = handed->len};
    return to && mail_send_batched(w->mail, to, &mail) ? 0 : -ENOBUFS;
}

void ingress_close(void *worker, const struct five_tuple *client) {
    struct worker *w = worker;
    struct mailbox *to = other_worker(w, steer_find(w->steer, client, loop_now_us(w->loop)));
    struct mail mail = {.kind = MAIL_CLOSE, .from = w->number, .client = *client};
    if (to) {
        mail_owe(w->mail, to, &mail);
    }
}

void ingress_gone(void *worker, unsigned owner, const struct five_tuple *client) {
    struct worker *w = worker;
    struct mailbox *to = other_worker(w, (int)owner);
    struct mail mail = {.kind = MAIL_GONE, .from = w->number, .client = *client};
    if (to) {
        mail_owe(w->mail, to, &mail);
    }
}

struct relay_errand {
    struct worker *worker;
    void (*run)(struct relay *relay, void *arg);
    void *arg;
};

static void run_errand(void *data) {
    struct relay_errand e;
    memcpy(&e, data, sizeof e);
    e.run(e.worker->relay, e.arg);
}

int ingress_post(void *worker, unsigned number, void (*run)(struct relay *relay, void *arg), void *arg) {
    struct worker *w = worker;
    if (number >= w->shared->worker_count) {
        return -EINVAL;
    }
    struct relay_errand e = {w->shared->workers[number], run, arg};
    return loop_post(e.worker->loop, run_errand, &e, sizeof e);
}

/* ---- from the sockets ---- */

/* True when the datagram went to the worker that owns its session. */
static bool steer_away(struct worker *w, const struct five_tuple *client, const struct udp_packet *packet,
                       uint64_t now_us) {
    struct mailbox *to = other_worker(w, steer_find(w->steer, client, now_us));
    if (!to) {
        return false;
    }
    struct mail mail = {.kind = MAIL_FROM_CLIENT,
                        .from = w->number,
                        .client = *client,
                        .data = packet->data,
                        .len = packet->len,
                        .via = via_of(w, client)};
    if (!mail_send_batched(w->mail, to, &mail)) {
        metrics_inc(METRIC_INGRESS_DROPPED_STEERING);
    }
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

/* Which listener most datagrams come through (the majority vote of Boyer and Moore). */
static bool vote(struct worker *w, struct worker_listener *listener, unsigned count) {
    if (w->busiest == listener) {
        w->votes += count;
    } else if (w->votes > count) {
        w->votes -= count;
    } else {
        w->busiest = listener;
        w->votes = count;
    }
    return w->busiest == listener;
}

static void take(struct worker_listener *listener, struct udp_packet *packets, unsigned count) {
    struct worker *w = listener->worker;
    uint64_t now_us = loop_refresh_now(w->loop);
    for (unsigned i = 0; i < count; i++) {
        struct five_tuple client = {.remote = packets[i].remote, .local = packets[i].local, .transport = TRANSPORT_UDP};
        if (w->proxies.count > 0 && !take_proxy_header(w, &packets[i], &client, now_us)) {
            continue;
        }
        if (!take_dtls(listener, &packets[i]) && !steer_away(w, &client, &packets[i], now_us)) {
            dispatch(w, &client, &packets[i]);
        }
    }
    if (loop_took_datagrams(w->loop, count, vote(w, listener, count))) {
        udp_io_flush(w->io);
    }
}

void ingress_readable(evutil_socket_t fd, short events, void *arg) {
    struct worker_listener *listener = arg;
    struct udp_packet *packets;
    (void)fd;
    (void)events;
    unsigned count = udp_io_receive(listener->worker->io, &listener->socket, &packets);
    take(listener, packets, count);
}

unsigned ingress_wait(void *worker) {
    struct worker *w = worker;
    struct udp_packet *packets;
    unsigned count = w->busiest ? udp_io_wait(w->io, &w->busiest->socket, &packets) : 0;
    if (count > 0) {
        metrics_inc(METRIC_LOOP_GATHERED);
        take(w->busiest, packets, count);
    }
    return count;
}
