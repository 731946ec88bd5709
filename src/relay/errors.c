/* ICMP errors that packets to peers have caused: off the packet path, and few. */
#include "base/metrics.h"
#include "relay/internal.h"

enum { ERRORS_PER_SECOND = 10, BATCH = 64 };

static bool within_rate(struct relay_port *port) {
    uint32_t second = (uint32_t)(loop_now_us(port->relay->options.loop) / 1000000);
    if (port->error_second != second) {
        port->error_second = second;
        port->error_count = 0;
    }
    return port->error_count < ERRORS_PER_SECOND && port->error_count++ < ERRORS_PER_SECOND;
}

/* The permission counts that the packet's destination has; who sent the error does not matter (RFC 8656 section 11.5). */
static bool tell_client(struct relay_port *port, const struct udp_error *error) {
    const struct turn_allocation *a = port->allocation;
    struct turn_icmp icmp = {.peer = error->to, .type = error->type, .code = error->code, .mtu = error->mtu};
    uint8_t message[TURN_ICMP_BYTES_MAX];
    size_t len = turn_icmp_indication_write(message, &icmp);
    if (!a || len == 0 || turn_peer_to_client(a, &error->to) < 0 || !within_rate(port)) {
        return false;
    }
    if (port->path.udp) {
        udp_io_send_copy(port->relay->options.io, port->path.udp, message, len, &a->client.remote, &a->client.local);
    } else {
        relay_send_to_client(port, message, len);
    }
    return true;
}

void relay_port_errors(struct relay_port *port) {
    struct udp_error error;
    for (unsigned i = 0; i < BATCH && udp_socket_next_error(&port->socket, &error); i++) {
        metrics_inc(tell_client(port, &error) ? METRIC_RELAY_ICMP_RELAYED : METRIC_RELAY_ICMP_DROPPED);
    }
}
