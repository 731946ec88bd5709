/* Relay ports of all workers: who has which port. The answer to "is this port ours, and whose" is one load. */
#pragma once

#include "base/addr.h"
#include "net/udp.h"

#include <stdbool.h>
#include <stdint.h>

struct relay_ports;

enum { RELAY_PORT_FREE = -1 };

struct relay_ports_range {
    uint16_t first;
    uint16_t last; /* inclusive */
};

/* What is wanted. A pair is an even port and the next one (EVEN-PORT with the R bit, RFC 8656 section 18.7). */
enum relay_port_kind { RELAY_PORT_ANY, RELAY_PORT_EVEN, RELAY_PORT_PAIR };

struct relay_ports *relay_ports_new(void);
void relay_ports_free(struct relay_ports *ports);

struct relay_ports_wanted {
    struct relay_ports_range range;
    enum relay_port_kind kind;
    struct addr address; /* to bind on; the port does not matter */
    unsigned worker;     /* whose it will be */
    bool stream;         /* a listening TCP socket; its descriptor and address come in the same struct */
};

/* Binds a random free port; for a pair, sockets[1] too. -EADDRINUSE: none free, -errno of the socket otherwise
 * (-EMFILE). Any thread; lock-free. */
int relay_ports_open(struct relay_ports *ports, const struct relay_ports_wanted *wanted, struct udp_socket sockets[2]);
/* Closes the socket and frees its port. */
void relay_ports_close(struct relay_ports *ports, struct udp_socket *socket);
/* The worker that owns the port, or RELAY_PORT_FREE. */
int relay_ports_owner(const struct relay_ports *ports, int family, uint16_t port);
