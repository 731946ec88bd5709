#include "relay/ports.h"

#include "base/rng.h"
#include "net/tcp_socket.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Ports that others on this machine hold are met by trying: after this many the range counts as full. */
enum { BIND_TRIES = 64, BACKLOG = 16 };

struct relay_ports {
    _Atomic uint8_t owners[2][65536]; /* [IPv6][port]: worker + 1, or 0 */
};

static _Atomic uint8_t *cell(struct relay_ports *ports, int family, uint16_t port) {
    return &ports->owners[family == AF_INET6][port];
}

struct relay_ports *relay_ports_new(void) {
    return calloc(1, sizeof(struct relay_ports));
}

void relay_ports_free(struct relay_ports *ports) { free(ports); }

static bool claim(struct relay_ports *ports, int family, uint16_t port, unsigned worker) {
    uint8_t none = 0;
    return atomic_compare_exchange_strong(cell(ports, family, port), &none, (uint8_t)(worker + 1));
}

static void release(struct relay_ports *ports, int family, uint16_t port) {
    atomic_store(cell(ports, family, port), 0);
}

static int open_stream(struct udp_socket *s, const struct addr *address) {
    int fd = tcp_socket_listen(address, BACKLOG);
    if (fd >= 0) {
        *s = (struct udp_socket){.fd = fd, .local = *address};
    }
    return fd < 0 ? fd : 0;
}

/* Claims and binds one port. -EAGAIN when it is ours already. */
static int open_one(struct relay_ports *ports, const struct relay_ports_wanted *wanted, uint16_t port,
                    struct udp_socket *s) {
    struct addr address = wanted->address;
    address.port = port;
    if (!claim(ports, address.family, address.port, wanted->worker)) {
        return -EAGAIN;
    }
    int rc = wanted->stream ? open_stream(s, &address)
                            : udp_socket_open(s, &address, &(struct udp_options){.report_errors = true, .merge = true});
    if (rc < 0) {
        release(ports, address.family, address.port);
    }
    return rc;
}

static int open_at(struct relay_ports *ports, const struct relay_ports_wanted *wanted, uint16_t port,
                   struct udp_socket sockets[2]) {
    int rc = open_one(ports, wanted, port, &sockets[0]);
    if (rc == 0 && wanted->kind == RELAY_PORT_PAIR) {
        rc = open_one(ports, wanted, (uint16_t)(port + 1), &sockets[1]);
        if (rc < 0) {
            relay_ports_close(ports, &sockets[0]);
        }
    }
    return rc;
}

/* A pair must not reach beyond the range. */
static bool port_fits(const struct relay_ports_wanted *wanted, uint16_t port) {
    return wanted->kind == RELAY_PORT_ANY ||
           (port % 2 == 0 && (wanted->kind == RELAY_PORT_EVEN || port != wanted->range.last));
}

int relay_ports_open(struct relay_ports *ports, const struct relay_ports_wanted *wanted, struct udp_socket sockets[2]) {
    uint32_t count = (uint32_t)wanted->range.last - wanted->range.first + 1;
    uint32_t start = rng_below(count);
    int tries = 0;

    for (uint32_t i = 0; i < count && tries < BIND_TRIES; i++) {
        uint16_t port = (uint16_t)(wanted->range.first + (start + i) % count);
        int rc = port_fits(wanted, port) ? open_at(ports, wanted, port, sockets) : -EAGAIN;
        if (rc == 0 || (rc != -EAGAIN && rc != -EADDRINUSE)) {
            return rc;
        }
        tries += rc == -EADDRINUSE;
    }
    return -EADDRINUSE;
}

void relay_ports_close(struct relay_ports *ports, struct udp_socket *socket) {
    struct addr local = socket->local;
    udp_socket_close(socket);
    release(ports, local.family, local.port);
}

int relay_ports_owner(const struct relay_ports *ports, int family, uint16_t port) {
    return (int)atomic_load_explicit(cell((struct relay_ports *)(uintptr_t)ports, family, port), memory_order_relaxed) -
           1;
}
