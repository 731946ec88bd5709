/* Shared by the files of DTLS in src/net: the server's tables and one client's session. */
#pragma once

#include "base/hash.h"
#include "net/dtls.h"
#include "net/loop.h"
#include "proto/dtls/fragments.h"
#include "proto/dtls/hello.h"
#include "proto/dtls/session.h"

struct dtls_peer {
    struct dtls_server *server;
    struct dtls_session *session;
    struct udp_socket *socket;
    struct five_tuple tuple;
    uint64_t hash;
    struct loop_timer timer;
    uint64_t started_us;
    uint64_t used_us; /* the last datagram either way */
    uint8_t random[DTLS_RANDOM_BYTES];
    bool open;
    bool closing;
    bool trimmed;
    void *user;
};

struct dtls_server {
    struct dtls_options options;
    struct hash_table peers;
    struct hash_key key;
    uint8_t cookie_key[DTLS_COOKIE_KEY_BYTES];
    struct dtls_fragments *fragments;
    struct loop_timer fragments_timer;
    bool fragments_watched; /* the timer is set: hellos wait for their pieces */
    bool draining;
    uint8_t hello[DTLS_HELLO_BYTES_MAX];
    uint8_t plain[UDP_DATAGRAM_MAX];
};

/* dtls_hello.c: an unprotected datagram that begins with a ClientHello. peer: the session on that five-tuple or NULL;
 * it is replaced when a client has begun anew. */
void dtls_server_hello(struct dtls_server *server, struct udp_socket *socket, const struct udp_packet *packet,
                       struct dtls_peer *peer);

/* dtls_hello.c: the timer of hellos whose pieces did not come. */
void dtls_server_forget_waiting(void *server);

/* dtls.c: begins a session whose client has proven its address; hello is one record. */
void dtls_peer_begin(struct dtls_server *server, struct udp_socket *socket, const struct five_tuple *tuple,
                     const struct dtls_hello *hello);
/* Ends it now. */
void dtls_peer_end(struct dtls_peer *peer);
