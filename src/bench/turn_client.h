/* A TURN client without I/O (RFC 8656): allocates with long-term credentials, binds one peer, keeps both
 * alive, releases. The caller moves the messages and passes the time; one transaction runs at a time. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stun_crypto;
struct turn_client;

enum turn_client_state {
    TURN_CLIENT_IDLE,
    TURN_CLIENT_ALLOCATING,
    TURN_CLIENT_ALLOCATED, /* there is a relayed address; give a peer with turn_client_bind */
    TURN_CLIENT_BINDING,
    TURN_CLIENT_READY, /* packets may flow */
    TURN_CLIENT_RELEASING,
    TURN_CLIENT_RELEASED,
    TURN_CLIENT_FAILED,
};

/* Borrowed for the client's life. */
struct turn_client_config {
    struct stun_crypto *crypto;
    const char *user;
    const char *password;
    const char *realm; /* the only one to accept, or "" */
    uint32_t lifetime_s;
    uint8_t relay_family; /* AF_INET or AF_INET6 */
    bool reliable;        /* TCP or TLS: nothing is sent twice */
    bool indications;     /* CreatePermission instead of ChannelBind */
    void (*random)(void *out, size_t n);
};

struct turn_client *turn_client_new(const struct turn_client_config *config); /* NULL: no memory */
void turn_client_free(struct turn_client *c);

/* Starts the Allocate. Call once. */
void turn_client_allocate(struct turn_client *c, uint64_t now_us);
/* Binds the channel (a number of 0x4000-0x4fff) to the peer, or asks for a permission. When ALLOCATED. */
void turn_client_bind(struct turn_client *c, const struct addr *peer, uint16_t channel, uint64_t now_us);
/* Refresh with lifetime zero. When ALLOCATED or READY. */
void turn_client_release(struct turn_client *c, uint64_t now_us);

/* A datagram or frame that is no ChannelData. 0: it was the awaited reply; -EBADMSG, -ENOENT, -ERR_INTEGRITY:
 * ignored (malformed, not awaited, not signed as it must be). */
int turn_client_input(struct turn_client *c, const void *data, size_t len, uint64_t now_us);

/* The next message to send, valid until the next call of any function here; NULL when there is none. */
const uint8_t *turn_client_poll(struct turn_client *c, size_t *len_out);

/* When to call turn_client_timeout; UINT64_MAX: never. */
uint64_t turn_client_deadline(const struct turn_client *c);
void turn_client_timeout(struct turn_client *c, uint64_t now_us);

enum turn_client_state turn_client_state(const struct turn_client *c);
const struct addr *turn_client_relayed(const struct turn_client *c);
/* Why FAILED: a STUN error code, 0 for no answer, -1 for a reply that makes no sense. */
int turn_client_error(const struct turn_client *c);
