/* The packet path: channel header, lookup, permission, queue; and back: prepend into headroom, queue. No
 * lock, no allocation, no log line. */
#include "base/metrics.h"
#include "relay/internal.h"

void relay_count_from_client(struct turn_allocation *a, size_t len) {
    unsigned transport = a->client.transport;
    a->from_client.packets++;
    a->from_client.bytes += len;
    metrics_inc(METRIC_RELAY_PACKETS_FROM_CLIENT_UDP + transport);
    metrics_add(METRIC_RELAY_BYTES_FROM_CLIENT_UDP + transport, (int64_t)len);
}

void relay_count_to_client(struct turn_allocation *a, unsigned packets, size_t bytes) {
    unsigned transport = a->client.transport;
    a->to_client.packets += packets;
    a->to_client.bytes += bytes;
    metrics_add(METRIC_RELAY_PACKETS_TO_CLIENT_UDP + transport, packets);
    metrics_add(METRIC_RELAY_BYTES_TO_CLIENT_UDP + transport, (int64_t)bytes);
}

void relay_drop(struct turn_allocation *a, enum metric_id reason) {
    if (a) {
        a->dropped++;
    }
    metrics_inc(reason);
}

/* Out of the relayed address of the peer's family. */
static void send_to_peer(struct relay *relay, struct turn_allocation *a, const struct relay_outgoing *out) {
    struct turn_relay *from = turn_relay_for(a, out->peer);
    if (!from) {
        relay_drop(a, METRIC_RELAY_DROPPED_FAMILY);
        return;
    }
    if (relay_hand_off(relay, a, from, out)) {
        return;
    }
    if (out->route != TURN_ROUTE_ANY) {
        relay_drop(a, METRIC_RELAY_DROPPED_PERMISSION);
        return;
    }
    if (!relay_may_pass(relay, a, out->len)) {
        return;
    }
    struct relay_port *port = from->handle;
    relay_count_from_client(a, out->len);
    if (out->dont_fragment) {
        if (udp_socket_send_df(&port->socket, out->data, out->len, out->peer) < 0) {
            relay_drop(a, METRIC_RELAY_DROPPED_TOO_BIG);
        }
    } else if (out->hold == RELAY_COPY) {
        udp_io_send_copy(relay->options.io, &port->socket, out->data, out->len, out->peer, NULL);
    } else {
        udp_io_send(relay->options.io, &port->socket, out->data, out->len, out->peer, NULL);
    }
}

/* The client's allocation. Data from where it moves to ends the move. */
static struct turn_allocation *find_allocation(struct relay *relay, const struct five_tuple *client) {
    struct turn_allocation *a = turn_client_find(relay->server, client);
    if (a && turn_ends_move(a, client)) {
        turn_server_confirm_move(relay->server, a);
        relay_drain(relay);
    }
    return a;
}

void relay_channel_data(struct relay *relay, const struct five_tuple *client, const uint8_t *data, size_t len,
                        enum relay_hold hold) {
    struct relay_outgoing out = {.data = data + TURN_CHANNEL_HEADER_BYTES, .hold = hold};
    uint16_t number;
    if (turn_channel_data_parse(data, len, &number, &out.len) < 0) {
        relay_drop(NULL, METRIC_RELAY_DROPPED_MALFORMED);
        return;
    }
    struct turn_allocation *a = find_allocation(relay, client);
    const struct turn_channel *channel = a ? turn_channel_to_peer(a, number) : NULL;
    if (!channel) {
        relay_drop(a, a ? METRIC_RELAY_DROPPED_CHANNEL : METRIC_RELAY_DROPPED_ALLOCATION);
        return;
    }
    out.peer = &channel->peer;
    out.route = channel->own ? TURN_ROUTE_OWN : TURN_ROUTE_ANY;
    send_to_peer(relay, a, &out);
}

void relay_send_indication(struct relay *relay, const struct five_tuple *client, const uint8_t *data, size_t len,
                           enum relay_hold hold) {
    struct turn_send send;
    if (turn_send_indication_parse(&send, data, len) < 0) {
        relay_drop(NULL, METRIC_RELAY_DROPPED_MALFORMED);
        return;
    }
    struct turn_allocation *a = find_allocation(relay, client);
    struct relay_outgoing out = {.peer = &send.peer,
                                 .data = send.data,
                                 .len = send.len,
                                 .route = a ? turn_server_route(relay->server, a, &send.peer) : TURN_ROUTE_NONE,
                                 .hold = hold,
                                 .dont_fragment = send.dont_fragment};
    if (out.route == TURN_ROUTE_NONE) {
        relay_drop(a, a ? METRIC_RELAY_DROPPED_PERMISSION : METRIC_RELAY_DROPPED_ALLOCATION);
        return;
    }
    send_to_peer(relay, a, &out);
}

/* ---- from peers ---- */

/* On a stream ChannelData is padded to four bytes (RFC 8656 section 12.5). */
static size_t pad_for_stream(uint8_t *message, size_t len) {
    while (len % 4 != 0) {
        message[len++] = 0;
    }
    return len;
}

void relay_send_to_client(struct relay_port *port, uint8_t *message, size_t len) {
    struct turn_allocation *a = port->allocation;
    const struct relay_hooks *hooks = &port->relay->options.hooks;
    if (port->path.udp) {
        udp_io_send(port->relay->options.io, port->path.udp, message, len, &a->client.remote, &a->client.local);
    } else if (port->path.dtls) {
        if (dtls_peer_send(port->path.dtls, message, len) < 0) {
            relay_drop(a, METRIC_RELAY_DROPPED_CLIENT_QUEUE);
        }
    } else if (port->path.steered) {
        hooks->deliver(hooks->ctx, &a->client, message, pad_for_stream(message, len));
    } else if (!port->path.conn || conn_send(port->path.conn, message, pad_for_stream(message, len)) < 0) {
        relay_drop(a, METRIC_RELAY_DROPPED_CLIENT_QUEUE);
    }
}

/* Between neighbours there is no room for the header: it goes beside. */
static void send_headed(struct relay_port *port, const struct udp_packet *packet, uint16_t channel) {
    const struct turn_allocation *a = port->allocation;
    struct udp_payload payload = {.data = packet->data, .len = packet->len, .head_len = TURN_CHANNEL_HEADER_BYTES};
    turn_channel_header_write(payload.head, channel, packet->len);
    udp_io_send_payload(port->relay->options.io, port->path.udp, &payload, &a->client.remote, &a->client.local);
}

/* Wraps the payload where it lies, or where it is copied to. False: too long. */
static bool send_wrapped(struct relay_port *port, const struct udp_packet *packet, int how) {
    uint8_t *data = packet->alone ? packet->data : udp_io_hold(port->relay->options.io, packet->data, packet->len);
    uint8_t *message = data - TURN_CHANNEL_HEADER_BYTES;
    size_t len = packet->len + TURN_CHANNEL_HEADER_BYTES;
    if (how == TURN_AS_DATA_INDICATION) {
        message = turn_data_indication_wrap(data, packet->len, &packet->remote, &len);
    } else {
        turn_channel_header_write(message, (uint16_t)how, packet->len);
    }
    if (message) {
        relay_send_to_client(port, message, len);
    }
    return message != NULL;
}

bool relay_to_client(struct relay_port *port, const struct udp_packet *packet, int how) {
    if (how < 0) {
        relay_drop(port->allocation, METRIC_RELAY_DROPPED_PERMISSION);
        return false;
    }
    if (!relay_may_pass(port->relay, port->allocation, packet->len)) {
        return false;
    }
    if (!packet->alone && how != TURN_AS_DATA_INDICATION && port->path.udp) {
        send_headed(port, packet, (uint16_t)how);
    } else if (!send_wrapped(port, packet, how)) {
        relay_drop(port->allocation, METRIC_RELAY_DROPPED_TOO_BIG);
        return false;
    }
    return true;
}

void relay_port_readable(evutil_socket_t fd, short events, void *arg) {
    struct relay_port *port = arg;
    struct udp_packet *packets;
    unsigned relayed = 0;
    size_t bytes = 0;
    (void)fd;
    (void)events;
    loop_refresh_now(port->relay->options.loop);
    unsigned count = udp_io_receive(port->relay->options.io, &port->socket, &packets);
    if (count == 0 || port->socket.errors_waiting) {
        relay_port_errors(port);
    }
    if (!port->allocation) {
        return; /* reserved, not yet in use: nobody to send to */
    }
    for (unsigned i = 0; i < count; i++) {
        int how = turn_server_from_peer(port->relay->server, port->allocation, &packets[i].remote);
        if (relay_to_client(port, &packets[i], how)) {
            relayed++;
            bytes += packets[i].len;
        }
    }
    relay_count_to_client(port->allocation, relayed, bytes);
    if (loop_took_datagrams(port->relay->options.loop, count, false)) {
        udp_io_flush(port->relay->options.io);
    }
}
