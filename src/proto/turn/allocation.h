/* An allocation as the packet path sees it (RFC 8656 section 2.2 and 3). Fields under "read" belong to the machine; those
 * under "the caller's" are never touched by it. Valid until its TURN_EVENT_DELETED has been polled. */
#pragma once

#include "base/addr.h"
#include "base/wheel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TURN_PERMISSIONS_MAX = 64,         /* per allocation; beyond: 508 */
    TURN_CHANNELS_MAX = 64,            /* per allocation; beyond: 508 */
    TURN_CONNECTIONS_MAX = 64,         /* TCP connections with peers per allocation (RFC 6062), */
    TURN_CONNECTIONS_WAITING_MAX = 16, /* those of them not yet bound; beyond: 508, or the peer is turned away */
    TURN_RELAYS_MAX = 2,               /* relayed addresses: one, or one per family (ADDITIONAL-ADDRESS-FAMILY) */
    TURN_SESSION_ID_CHARS = 12,
    TURN_CHANNEL_FIRST = 0x4000,
    TURN_CHANNEL_LAST = 0x7fff, /* RFC 8656 ends at 0x4fff; clients of RFC 5766, such as coturn's, go on to here */
    TURN_CHANNEL_HEADER_BYTES = 4,
    /* What turn_data_indication_wrap needs before the payload, and after it for padding. */
    TURN_DATA_HEADROOM_V4 = 20 + 12 + 4,
    TURN_DATA_HEADROOM_V6 = 20 + 24 + 4,
    TURN_DATA_TAILROOM = 3,
};

struct turn_mobility;

struct turn_relay {
    struct addr addr; /* the relayed transport address as told to the client */
    void *handle;     /* what turn_server_relay_opened gave */
};

struct turn_counter {
    uint64_t packets;
    uint64_t bytes;
};

struct turn_permission {
    struct addr ip; /* port 0 */
    uint64_t expiry_us;
    bool by_port; /* the peer rules do not allow every port, or it is one of our own addresses: each packet is asked */
};

struct turn_channel {
    struct addr peer;
    uint64_t expiry_us;
    uint16_t number;
    bool permitted; /* a permission for the peer is in force */
    bool own;       /* the rules allow it as one of our own relayed addresses only: TURN_ROUTE_OWN */
};

struct turn_allocation {
    /* ---- read */
    struct five_tuple client;
    struct turn_relay relays[TURN_RELAYS_MAX];
    struct turn_permission *permissions; /* points to first_permission or to the heap */
    struct turn_channel *channels;
    uint8_t relay_count;
    uint8_t permission_count, permission_room;
    uint8_t channel_count, channel_room;
    uint8_t connection_count, connections_waiting; /* of tcp: all; those not yet bound */
    bool tcp;                                      /* relays TCP connections (RFC 6062), no datagrams */
    bool dying;
    bool by_port;                       /* of some permission here, or was */
    bool moving;                        /* to another five-tuple: turn_server_confirm_move when data comes from there */
    char id[TURN_SESSION_ID_CHARS + 1]; /* session id for logs and management */
    char *user;                         /* user name as authenticated */
    char *realm;
    uint64_t created_us;
    uint64_t expiry_us;
    uint64_t credential_expiry_s; /* wall clock; 0: does not expire */
    /* ---- the caller's: plain fields, written by the packet path of one worker */
    struct turn_counter from_client, to_client; /* payload relayed */
    uint64_t dropped;
    void *user_data;
    void *bandwidth; /* NULL: not limited */
    void *sample;    /* NULL: nobody looks */
    /* ---- the machine's own */
    struct wheel_timer timer;
    uint8_t key_len; /* 16: MD5, 32: SHA-256; of a token: 16 to 32 */
    bool token;      /* begun with an access token (RFC 7635), whose end it does not outlive */
    uint8_t key[32];
    uint8_t allocate_txid[12];
    bool has_reservation;
    bool has_quota;
    uint8_t reservation_token[8];
    uint8_t failed_family;          /* ADDRESS-ERROR-CODE: the family that was also asked and not had, or 0, */
    uint16_t failed_code;           /* and why: 440 or 508 */
    uint8_t end_reason;             /* enum turn_reason, once dying */
    uint8_t closing;                /* relays told to close already */
    struct turn_mobility *mobility; /* NULL: no ticket was asked for */
    struct turn_permission first_permission;
    struct turn_channel first_channel;
    struct list dying_node;
    struct list connections; /* struct turn_connection */
};

/* The relay for that peer's family, or NULL. */
static inline struct turn_relay *turn_relay_for(struct turn_allocation *a, const struct addr *peer) {
    for (uint8_t i = 0; i < a->relay_count; i++) {
        if (a->relays[i].addr.family == peer->family) {
            return &a->relays[i];
        }
    }
    return NULL;
}

/* Does a message of this client, for whom turn_client_find gave the allocation, end its move? (RFC 8016 section 3.2.2) */
static inline bool turn_ends_move(const struct turn_allocation *a, const struct five_tuple *client) {
    return a->moving && !five_tuple_equal(&a->client, client);
}

/* ---- the packet path (data.c): no allocation, no lock, no time: what has expired is gone from the tables */

/* Reads the header of a ChannelData message; the payload follows at data + 4. UDP may carry padding after
 * it. -EBADMSG: a number outside the range or a length beyond the message. */
int turn_channel_data_parse(const uint8_t *data, size_t len, uint16_t *number, size_t *payload_len);
/* Writes the four bytes before the payload. */
void turn_channel_header_write(uint8_t *header, uint16_t number, size_t payload_len);

/* A bound channel whose permission is in force, or NULL. */
const struct turn_channel *turn_channel_to_peer(const struct turn_allocation *a, uint16_t number);

enum { TURN_AS_DATA_INDICATION = 0 };
/* How a packet from that peer goes to the client: a channel number, TURN_AS_DATA_INDICATION, or
 * -ERR_FORBIDDEN without permission. */
int turn_peer_to_client(const struct turn_allocation *a, const struct addr *peer);

struct turn_send {
    struct addr peer;
    const uint8_t *data; /* borrowed; len may be 0 */
    size_t len;
    bool dont_fragment;
};
/* True for the first bytes of a Send indication. */
static inline bool turn_is_send_indication(const uint8_t *data, size_t len) {
    return len >= 2 && data[0] == 0x00 && data[1] == 0x16;
}
/* Reads a Send indication (RFC 8656 section 11.2). -EBADMSG: malformed, without peer or data, or with an
 * unknown comprehension-required attribute: drop it. Permission is turn_server_send_allowed's matter. */
int turn_send_indication_parse(struct turn_send *out, const uint8_t *data, size_t len);

/* Makes a Data indication around a payload that has room before (TURN_DATA_HEADROOM_*) and after it
 * (TURN_DATA_TAILROOM). Returns where the message begins and its length in *total; NULL when the payload is
 * too long for a message (about 65,500 bytes). */
uint8_t *turn_data_indication_wrap(uint8_t *payload, size_t len, const struct addr *peer, size_t *total);

/* An ICMP error that a packet to that peer has caused. */
struct turn_icmp {
    struct addr peer; /* where the packet went */
    uint8_t type, code;
    uint32_t mtu; /* of the next hop, when the error tells it */
};
enum { TURN_ICMP_BYTES_MAX = 20 + 24 + 12 };
/* Writes a Data indication with the ICMP attribute (RFC 8656 section 11.5). Returns its length; 0: an error of which
 * clients are not told. Whether the peer has a permission is for the caller to ask (turn_peer_to_client). */
size_t turn_icmp_indication_write(uint8_t out[TURN_ICMP_BYTES_MAX], const struct turn_icmp *icmp);
