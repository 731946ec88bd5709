/* Clients for the self-test: each speaks to one listener and waits at most three seconds for an answer. Blocking. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_stream { PROBE_UDP, PROBE_TCP, PROBE_TLS, PROBE_DTLS };

/* One conversation with a listener. */
struct probe;

/* Connects and, for TLS and DTLS, shakes hands (any certificate will do: see certificate.h for that). A wildcard address is
 * reached by loopback. -ETIMEDOUT, -ECONNREFUSED, -EPROTO the handshake failed, other -errno. */
int probe_open(struct probe **out, const struct addr *to, enum probe_stream how);
void probe_close(struct probe *p); /* NULL is allowed */

int probe_send(struct probe *p, const void *data, size_t len);
/* What comes next: a datagram, or some bytes of the stream. Returns the number, 0 at the end; -ETIMEDOUT. */
long probe_receive(struct probe *p, void *out, size_t cap);
/* Sends a STUN request and waits for the message that answers it (same transaction id); UDP sends again
 * after 0.5 and 1 s. Returns its length; -ETIMEDOUT, -EBADMSG something else came. */
long probe_stun(struct probe *p, const void *request, size_t len, uint8_t *out, size_t cap);

/* A Binding transaction; *seen is our address as the server sees it. -EBADMSG: another answer than success. */
int probe_binding(const struct addr *to, enum probe_stream how, struct addr *seen);

/* The same over UDP from a local address ("any" lets the system choose; the port does not matter). -EADDRNOTAVAIL: it is
 * not this machine's. */
int probe_mapping(const struct addr *from, const struct addr *to, struct addr *seen);

/* GET path. Returns the status code; -EBADMSG no HTTP came back. */
int probe_http(const struct addr *to, enum probe_stream how, const char *path);

struct probe_login {
    const char *username;
    const char *password;
};
/* A whole allocation by long-term credentials, ended again. *relayed is its address. -EACCES the server refused
 * the credentials, -EBADMSG an answer that makes no sense; *code is the STUN error if there was one. */
int probe_allocation(const struct addr *to, enum probe_stream how, const struct probe_login *login,
                     struct addr *relayed, int *code);
