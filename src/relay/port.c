#include "base/cacheline.h"
#include "net/owners.h"
#include "relay/internal.h"
#include "relay/ports.h"
#include "relay/settings.h"

#include <errno.h>
#include <stdlib.h>

/* Makes a UDP port known for packets from our other relayed addresses. What does not fit in comes through the socket. */
static void register_port(struct relay_port *port) {
    const struct relay_options *options = &port->relay->options;
    struct owner owner = {.handle = port, .worker = (uint8_t)options->worker, .kind = OWNER_RELAY};
    owners_add(options->owners, &port->told, &owner, true);
    if (!addr_equal(&port->told, &port->socket.local)) {
        owners_add(options->owners, &port->socket.local, &owner, false);
    }
}

static void unregister_port(struct relay_port *port) {
    struct owners *owners = port->relay->options.owners;
    owners_remove(owners, &port->told);
    if (!addr_equal(&port->told, &port->socket.local)) {
        owners_remove(owners, &port->socket.local);
    }
}

static struct relay_port *port_new(struct relay *relay, const struct udp_socket *socket, bool stream) {
    struct relay_port *port = cacheline_alloc(sizeof *port);
    if (!port) {
        return NULL;
    }
    port->relay = relay;
    port->socket = *socket;
    list_init(&port->paused);
    port->event = event_new(loop_base(relay->options.loop), socket->fd, EV_READ | EV_PERSIST,
                            stream ? relay_port_acceptable : relay_port_readable, port);
    if (!port->event || event_add(port->event, NULL) < 0) {
        if (port->event) {
            event_free(port->event);
        }
        free(port);
        return NULL;
    }
    port->told = relay_addresses_told(relay_settings_addresses(relay->settings), &socket->local);
    port->stream = stream;
    if (!stream) {
        register_port(port);
    }
    return port;
}

void relay_port_close(struct relay_port *port) {
    struct relay *relay = port->relay;
    if (!port->stream) {
        unregister_port(port);
    }
    udp_io_flush(relay->options.io); /* what waits may leave through this socket */
    list_remove(&port->paused);
    event_free(port->event);
    relay_ports_close(relay->options.ports, &port->socket);
    free(port);
}

static int describe(struct relay *relay, const struct udp_socket *socket, bool stream, struct turn_relay *out) {
    struct relay_port *port = port_new(relay, socket, stream);
    if (!port) {
        return -ENOMEM;
    }
    out->handle = port;
    out->addr = port->told;
    return 0;
}

static enum relay_port_kind kind_of(const struct turn_output *wanted) {
    return wanted->open.reserve_pair ? RELAY_PORT_PAIR : wanted->open.even ? RELAY_PORT_EVEN : RELAY_PORT_ANY;
}

/* Makes handles of bound sockets; on failure all of them are closed. */
static int make_handles(struct relay *relay, struct udp_socket *sockets, const struct relay_ports_wanted *wanted,
                        struct turn_opened *opened) {
    bool pair = wanted->kind == RELAY_PORT_PAIR;
    int rc = describe(relay, &sockets[0], wanted->stream, &opened->relay);
    if (rc == 0 && pair) {
        rc = describe(relay, &sockets[1], wanted->stream, &opened->reserved);
    }
    if (rc == 0) {
        return 0;
    }
    if (opened->relay.handle) {
        relay_port_close(opened->relay.handle);
    } else {
        relay_ports_close(relay->options.ports, &sockets[0]);
    }
    if (pair) {
        relay_ports_close(relay->options.ports, &sockets[1]);
    }
    return rc;
}

/* Binds on the address that suits the client best and has room. */
static int open_sockets(struct relay *relay, const struct turn_output *out, struct relay_ports_wanted *wanted,
                        struct udp_socket sockets[2]) {
    const struct relay_addresses *addresses = relay_settings_addresses(relay->settings);
    int rc = -EADDRINUSE;
    for (size_t i = 0; rc == -EADDRINUSE || rc == -EADDRNOTAVAIL; i++) {
        int more = relay_addresses_bind(addresses, out->open.family, &out->client, i, &wanted->address);
        if (more < 0) {
            return i == 0 ? more : rc;
        }
        rc = relay_ports_open(relay->options.ports, wanted, sockets);
    }
    return rc;
}

int relay_port_open(struct relay *relay, const struct turn_output *out, struct turn_opened *opened) {
    struct relay_ports_wanted wanted = {.range = relay_settings_ports(relay->settings),
                                        .kind = kind_of(out),
                                        .worker = relay->options.worker,
                                        .stream = out->open.tcp};
    struct udp_socket sockets[2];
    *opened = (struct turn_opened){0};
    int rc = open_sockets(relay, out, &wanted, sockets);
    return rc < 0 ? rc : make_handles(relay, sockets, &wanted, opened);
}
