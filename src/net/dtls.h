/* DTLS on the UDP sockets of one worker (RFC 7350): strangers' hellos are answered without keeping anything, a client
 * that proves its address gets a session, and what comes out of sessions goes to the handlers. */
#pragma once

#include "base/addr.h"
#include "net/udp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dtls_peer;
struct dtls_server;
struct handshakes;
struct loop;
struct tls_context;

enum { DTLS_PEERS_MAX = 10000 };

/* What the owner of the protocol inside is told. All on the worker's thread. */
struct dtls_handlers {
    /* The handshake has been made. The returned pointer comes back as `user` below; NULL refuses and closes. tuple:
     * remote and local address, TRANSPORT_DTLS. */
    void *(*opened)(void *ctx, struct dtls_peer *peer, const struct five_tuple *tuple);
    /* The plaintext of one datagram, borrowed until return. */
    void (*datagram)(void *user, const uint8_t *data, size_t len);
    /* Is an idle session still of use? */
    bool (*needed)(void *user);
    /* The session is gone; peer must not be used again. */
    void (*closed)(void *user);
    void *ctx;
};

struct dtls_options {
    struct loop *loop;
    struct udp_io *io;
    struct tls_context *tls;
    struct handshakes *handshakes; /* their cap, borrowed; NULL: none */
    struct dtls_handlers handlers;
};

/* NULL: no memory. */
struct dtls_server *dtls_server_new(const struct dtls_options *options);
/* Closes all sessions (close_notify). NULL is ignored. */
void dtls_server_free(struct dtls_server *server);
/* From now on hellos are dropped; sessions live on. */
void dtls_server_stop_accepting(struct dtls_server *server);

/* A datagram that is DTLS by its first byte. The socket is borrowed for the session's life. */
void dtls_server_input(struct dtls_server *server, struct udp_socket *socket, const struct udp_packet *packet);

/* Is there a session with that client? */
bool dtls_server_has(const struct dtls_server *server, const struct addr *remote, const struct addr *local);

/* The name that the client's handshake asked for (SNI); NULL: none. Valid as long as the session. */
const char *dtls_peer_server_name(const struct dtls_peer *peer);
/* Encrypts and queues one datagram. Copies. -EPIPE when the session is ending, -EMSGSIZE. */
int dtls_peer_send(struct dtls_peer *peer, const void *data, size_t len);
/* Ends the session; closed() follows from the loop, never before return. */
void dtls_peer_close(struct dtls_peer *peer);
