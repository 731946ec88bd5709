/* A STUN and TURN server without I/O (RFC 8489, RFC 8656, RFC 6062), one per worker thread.
 *
 * Whoever runs it passes in messages, answers and the time, and after every call of a function marked (poll)
 * drains turn_server_poll until it returns false. Channel data and Send indications do not pass through
 * here but through the functions of allocation.h.
 *
 * now_us is monotonic (base/clock.h), wall_s seconds since 1970. Nothing here blocks. */
#pragma once

#include "base/addr.h"
#include "proto/turn/allocation.h"
#include "proto/turn/token.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer_rules;
struct peer_scopes;
struct turn_server;

enum {
    TURN_SECRETS_MAX = 8,
    TURN_PENDING_MAX = 1024,         /* requests that wait for a key or a relay port */
    TURN_PENDING_MESSAGE_MAX = 1500, /* bytes of such a request; a longer one gets 400 */
    TURN_CONNECTS_MAX = 4096,        /* Connect requests that wait for their peer, besides */
    TURN_RESERVATIONS_MAX = 256,     /* reserved ports that wait for their token: 30 s each */
    TURN_MESSAGE_BYTES_MAX = 1792,   /* a reply; only one with PADDING is longer than 1280 */
    TURN_REALM_MAX = 127,
    TURN_SOFTWARE_MAX = 127,
    TURN_USER_TEXT_MAX = 128, /* of a user name in an event; a longer one is cut there */
};

/* The two clocks, read once by the caller. */
struct turn_time {
    uint64_t now_us;
    uint64_t wall_s;
};

/* Per-user and total quotas are counted by the caller, who knows all workers. */
struct turn_quota {
    /* Takes one allocation for a user (the part after ':' of an ephemeral name) of a realm. 0; -ERR_QUOTA: the user's
     * quota is used up (486); -ENOSPC: the realm's or the server's is (508). */
    int (*take)(void *ctx, const char *realm, const char *user);
    void (*give)(void *ctx, const char *realm, const char *user);
    void *ctx;
};

/* The part of a user name that quotas and limits count, within user: after the ':' of an ephemeral name, so that fresh
 * credentials of the same user do not evade them. */
const char *turn_quota_name(const char *user);
/* Two addresses and two ports of one family for NAT behaviour discovery (RFC 5780): listeners are at all four
 * combinations. The same seen from outside, when a NAT is between. */
struct turn_discovery {
    struct addr local[2]; /* A1:P1 and A2:P2, which differ in both */
    struct addr told[2];
};
enum { TURN_DISCOVERIES_MAX = 2 };

/* Another server for new clients (RFC 8489 section 10). */
struct turn_alternates {
    /* Shall this client, which asks for an allocation with good credentials, go to another server? Fills in out, an
     * address of the client's family, and returns true. full: it cannot be served here. NULL: nobody is sent away. */
    bool (*pick)(void *ctx, const struct five_tuple *client, bool full, struct addr *out);
    void *ctx;
};

/* Which addresses are relayed transport addresses of this process, of whatever worker: clients may reach each other there
 * although the built-in rules deny what is not public. */
struct turn_own {
    /* port 0: any port of that IP. NULL: none. */
    bool (*has)(void *ctx, const struct addr *peer);
    void *ctx;
};

/* A realm: whose users and secrets count. */
struct turn_realm {
    const char *name;           /* 1..TURN_REALM_MAX bytes */
    const char *const *secrets; /* shared secrets; all verify */
    size_t secret_count;
    bool anonymity; /* tell clients to send USERHASH (RFC 8489 section 9.2); it is taken in any case */
    const struct turn_oauth_key *oauth_keys; /* of authorization servers (RFC 7635); none: no tokens */
    size_t oauth_key_count;
    const char *oauth_name; /* the server's name as they know it, up to 127 bytes; needed with keys */
};

/* What leads a client to another realm than the default one. */
enum turn_way_kind { TURN_WAY_ORIGIN, TURN_WAY_SERVER_NAME, TURN_WAY_ADDRESS };
struct turn_realm_way {
    enum turn_way_kind kind;
    const char *text; /* of ORIGIN, or the TLS server name; case does not matter */
    struct addr addr; /* the local address that the client reached; port 0: any */
    unsigned realm;   /* index in turn_settings.realms */
};

/* The name that a client's TLS or DTLS handshake asked for. NULL: none. Borrowed until the machine's call returns. */
struct turn_server_name {
    const char *(*find)(void *ctx, const struct five_tuple *client);
    void *ctx;
};

/* Everything is copied but `peers`, `scopes`, `realms` and `ways`, which must live until the next configure has returned
 * (or free). */
struct turn_settings {
    const char *realm;          /* the default one: 1..TURN_REALM_MAX bytes */
    const char *software;       /* NULL: replies carry no SOFTWARE */
    const char *const *secrets; /* shared secrets; all verify */
    size_t secret_count;
    bool has_users;              /* names that are not "<expiry>:<user>" are looked up (TURN_OUTPUT_LOOKUP_KEY) */
    bool strict_expiry;          /* an ephemeral credential is checked at every request, not only at Allocate */
    bool dont_fragment;          /* DONT-FRAGMENT is supported; otherwise it gets 420 */
    bool tcp;                    /* relayed TCP connections are offered (RFC 6062); otherwise 442 */
    bool relay_ipv4, relay_ipv6; /* families that have a relay address; others get 440 */
    bool mobility;               /* allocations may move to another five-tuple (RFC 8016) */
    bool sha256;                 /* offer PASSWORD-ALGORITHMS (RFC 8489 section 9.2.4) */
    bool anonymity;              /* of the default realm */
    const struct turn_oauth_key *oauth_keys; /* of the default realm; borrowed like `realms` */
    size_t oauth_key_count;
    const char *oauth_name;
    uint8_t worker; /* this server's number, carried by its reservation tokens and connection ids */
    uint8_t worker_count;
    uint32_t nonce_lifetime_s; /* 0: 3600 */
    uint32_t max_lifetime_s;   /* 0: 3600; never below 600 */
    uint32_t challenge_rate;   /* errors (401, 438 ...) per second to one UDP source (IPv6: /64) without credentials, */
    uint32_t binding_rate;     /* and Binding responses; beyond: silence; 0: no cap */
    uint8_t nonce_key[32];     /* the same in all workers and over reloads; from base/rng.h */
    struct turn_discovery discovery[TURN_DISCOVERIES_MAX];
    size_t discovery_count;          /* 0: CHANGE-REQUEST, RESPONSE-PORT and PADDING get 420 */
    const struct turn_realm *realms; /* beside the default one */
    size_t realm_count;
    const struct turn_realm_way *ways; /* the first that fits decides */
    size_t way_count;
    struct turn_server_name server_name; /* find may be NULL: nobody asks for a name */
    const struct peer_rules *peers;
    const struct peer_scopes *scopes; /* rules of realms and users (by turn_quota_name); NULL: none */
    struct turn_alternates alternates;
    struct turn_own own;
    struct turn_quota quota; /* take may be NULL: no quota */
};

/* NULL: no memory, or settings that turn_server_configure would refuse. */
struct turn_server *turn_server_new(const struct turn_settings *settings, uint64_t now_us);
/* Frees all allocations without a word: relay handles are the caller's to close before (turn_server_next). */
void turn_server_free(struct turn_server *s);
/* Swaps the settings; permissions that the new peer rules deny end at once. -EINVAL (realm, secrets or
 * software too long, no peers), -ENOMEM: the old settings stay. */
int turn_server_configure(struct turn_server *s, const struct turn_settings *settings);

/* ---- input */

/* A STUN message from a client: the whole datagram or frame. (poll) 0; -EBADMSG: not a well-formed message; -EPROTO: a
 * message that a server does not answer; -ENOBUFS: dropped, a bound was reached; -EDQUOT: the source has had enough. */
int turn_server_input(struct turn_server *s, const struct five_tuple *client, const uint8_t *data, size_t len,
                      const struct turn_time *now);
/* The client's TCP, TLS or DTLS connection is gone: its requests end, and its allocation unless that may move. (poll) */
void turn_server_client_gone(struct turn_server *s, const struct five_tuple *client);

/* A user's key, borrowed: 16 bytes of MD5(user:realm:password), or 32 of SHA-256 when that was asked. */
struct turn_key {
    const uint8_t *bytes;
    size_t len;
    const char *user; /* his name; only a lookup by hash needs it */
};
/* Answers TURN_OUTPUT_LOOKUP_KEY; key NULL, or without a name where it was asked by hash: there is no such user. (poll)
 * -ENOENT: the request waits no longer; -EINVAL: another length, too long a name. */
int turn_server_key(struct turn_server *s, uint64_t request, const struct turn_key *key, const struct turn_time *now);

struct turn_opened {
    struct turn_relay relay;
    struct turn_relay reserved; /* the next port, when reserve_pair was asked; handle NULL otherwise */
};
/* Answers TURN_OUTPUT_OPEN_RELAY. (poll) -ENOENT: the request waits no longer; the caller keeps the handles. */
int turn_server_relay_opened(struct turn_server *s, uint64_t request, const struct turn_opened *opened,
                             const struct turn_time *now);
/* No port could be opened: 508 goes to the client. (poll) -ENOENT. */
int turn_server_relay_failed(struct turn_server *s, uint64_t request, const struct turn_time *now);

/* ---- TCP connections of peers (RFC 6062). Each has an id that is unique in this server. */

/* Answers TURN_OUTPUT_CONNECT: the connection stands; the client has 30 s to bind it. (poll) -ENOENT: it is wanted no
 * longer, the caller closes it. */
int turn_server_connected(struct turn_server *s, uint32_t id, const struct turn_time *now);
/* It could not be made: 447 goes to the client. The 30 s that it may take are this server's to watch. (poll) -ENOENT. */
int turn_server_connect_failed(struct turn_server *s, uint32_t id, const struct turn_time *now);
/* A peer has connected to a relayed address of that allocation: the client is told and has 30 s to bind it. (poll)
 * -ERR_FORBIDDEN: no permission; -EEXIST: that peer is connected already; -ENOSPC, -ENOMEM. The caller closes it then. */
int turn_server_peer_connected(struct turn_server *s, struct turn_allocation *a, const struct addr *peer, uint32_t *id,
                               const struct turn_time *now);
/* The connection is gone, or could not be handed on after turn_server_connection_take. (poll) -ENOENT. */
int turn_server_connection_closed(struct turn_server *s, uint32_t id);
/* Whose connection it is; NULL: there is none. For counters. */
struct turn_allocation *turn_server_connection_find(const struct turn_server *s, uint32_t id);

/* Another server's TURN_OUTPUT_TAKE_CONNECTION, put to the one that owns the connection: may that user of that realm have it? 0: it
 * is bound from now on; else the error code for turn_server_taken: 400 no such connection waits, 441 another user's. */
int turn_server_connection_take(struct turn_server *s, uint32_t id, const char *user, const char *realm);
/* Answers TURN_OUTPUT_TAKE_CONNECTION with that result. After 0 the success response is the last STUN message on the
 * client's connection, which is joined with the peer's. (poll) -ENOENT: the request waits no longer. */
int turn_server_taken(struct turn_server *s, uint64_t request, int code, const struct turn_time *now);

/* ---- time */

/* When to call turn_server_timeout; UINT64_MAX: never. */
uint64_t turn_server_deadline(const struct turn_server *s);
void turn_server_timeout(struct turn_server *s, uint64_t now_us); /* (poll) */

/* ---- output */

enum turn_output_type {
    TURN_OUTPUT_REPLY,       /* send bytes to client, whose local address may be another than the request's */
    TURN_OUTPUT_INDICATION,  /* the same for what is no answer: ConnectionAttempt */
    TURN_OUTPUT_OPEN_RELAY,  /* open a relay port, answer with turn_server_relay_opened or _failed */
    TURN_OUTPUT_CLOSE_RELAY, /* close this handle */
    TURN_OUTPUT_CONNECT, /* connect to a peer from a relayed address, answer with turn_server_connected or _failed */
    TURN_OUTPUT_TAKE_CONNECTION,  /* ask the owner with turn_server_connection_take, answer with turn_server_taken */
    TURN_OUTPUT_CLOSE_CONNECTION, /* close the peer's connection of this id, in whatever state, if it is there */
    TURN_OUTPUT_LOOKUP_KEY,       /* look up a user's key, answer with turn_server_key */
    TURN_OUTPUT_FORWARD,          /* the message just put in belongs to another worker: pass it there */
    TURN_OUTPUT_EVENT,            /* for log line and metric */
};

enum turn_event {
    TURN_EVENT_CREATED, /* relay handles are set; link them to the allocation now */
    TURN_EVENT_REFRESHED,
    TURN_EVENT_MOVED,   /* to another five-tuple, the output's client: link its handles anew */
    TURN_EVENT_ADRIFT,  /* its connection is gone; its ticket may bring it to another one */
    TURN_EVENT_DELETED, /* the last chance to read the allocation's counters */
    TURN_EVENT_PERMISSION,
    TURN_EVENT_CHANNEL,
    TURN_EVENT_DENIED, /* a request got an error */
};

/* Why a request was denied or an allocation ended. */
enum turn_reason {
    TURN_REASON_NONE,
    TURN_REASON_CHALLENGE,      /* 401 to a request without credentials: the normal first step */
    TURN_REASON_UNKNOWN_USER,   /* 401 */
    TURN_REASON_BAD_INTEGRITY,  /* 401 */
    TURN_REASON_STALE_NONCE,    /* 438 */
    TURN_REASON_EXPIRED,        /* 401: an ephemeral credential past its time; or an allocation's end */
    TURN_REASON_QUOTA,          /* 486, or 508 for the total quota */
    TURN_REASON_FORBIDDEN_PEER, /* 403 */
    TURN_REASON_MALFORMED,      /* 400 */
    TURN_REASON_UNSUPPORTED,    /* 405, 420, 440, 442, 443 */
    TURN_REASON_MISMATCH,       /* 437, 446 */
    TURN_REASON_WRONG_USER,     /* 441 */
    TURN_REASON_CAPACITY,       /* 508: no port, or a table is full */
    TURN_REASON_INTERNAL,       /* 500: no memory */
    TURN_REASON_REDIRECTED,     /* 300 */
    TURN_REASON_UNREACHABLE,    /* 447: the peer does not take the connection */
    TURN_REASON_CLIENT,         /* deleted by a Refresh with lifetime 0 */
    TURN_REASON_DISCONNECTED,   /* deleted because the connection went */
    TURN_REASON_KILLED,         /* deleted by turn_server_kill */
    TURN_REASON_COUNT,
};
/* "challenge", "unknown-user", "bad-integrity" and so on: for logs and metric labels. */
const char *turn_reason_name(enum turn_reason reason);

struct turn_output {
    enum turn_output_type type;
    struct five_tuple client;           /* all but CLOSE_RELAY */
    uint64_t request;                   /* OPEN_RELAY, LOOKUP_KEY, TAKE_CONNECTION */
    struct turn_allocation *allocation; /* EVENT (NULL for DENIED without one), CLOSE_RELAY (may be NULL), CONNECT,
                                           CLOSE_CONNECTION */
    union {
        struct {
            const uint8_t *bytes; /* the machine's, valid until the next call of it */
            size_t len;
            uint16_t method; /* enum stun_method */
            int code;        /* 0 success, else the error code sent */
        } reply;
        struct {
            uint8_t family;    /* AF_INET or AF_INET6 */
            bool even;         /* an even port */
            bool reserve_pair; /* and the next one too */
            bool tcp;          /* a port that takes TCP connections of peers */
        } open;
        void *close; /* the handle */
        struct {
            const char *realm;       /* the machine's, valid until the next call of it */
            const char *user;        /* NULL: */
            const uint8_t *userhash; /* 32 bytes of USERHASH, else NULL */
            bool sha256;             /* the key wanted is SHA-256 (32 bytes), not MD5 (16) */
        } lookup;
        struct {
            uint32_t id;
            struct addr peer; /* CONNECT */
            void *from;       /* CONNECT: the handle of the relayed address to connect from */
            unsigned worker;  /* TAKE_CONNECTION: whose it is */
            const char *user; /* TAKE_CONNECTION: with realm the machine's, valid until the next call of it */
            const char *realm;
        } connection;
        struct {
            unsigned worker;
        } forward;
        struct {
            enum turn_event event;
            enum turn_reason reason;
            uint16_t method;
            int code;
            const char *user;        /* what the request claimed, or ""; bytes of a stranger */
            const struct addr *peer; /* PERMISSION, CHANNEL, and DENIED with forbidden-peer; else NULL */
            uint16_t channel;
            const struct five_tuple *former; /* MOVED, ADRIFT: the five-tuple that was */
        } event;
    };
};

/* The next thing to do; false: nothing. Pointers inside are valid until the next call. After TURN_EVENT_DELETED come
 * the CLOSE_RELAYs of that allocation, then the allocation is gone; its CLOSE_CONNECTIONs come before. */
bool turn_server_poll(struct turn_server *s, struct turn_output *out);

/* ---- packet path */

struct turn_allocation *turn_client_find(const struct turn_server *s, const struct five_tuple *client);
/* How a client's data may go to a peer: permission, and the peer rules where they differ by port. */
enum turn_route {
    TURN_ROUTE_NONE,
    TURN_ROUTE_OWN, /* only when it is one of our own relayed addresses, and then through no socket */
    TURN_ROUTE_ANY,
};
enum turn_route turn_server_route(const struct turn_server *s, const struct turn_allocation *a,
                                  const struct addr *peer);
/* turn_peer_to_client for what came through a socket: where the peer rules differ by port they are asked too. */
int turn_server_from_peer(const struct turn_server *s, const struct turn_allocation *a, const struct addr *peer);

/* Data came from the five-tuple that the allocation moves to: data goes there, too, from now on. (poll) */
void turn_server_confirm_move(struct turn_server *s, struct turn_allocation *a);

/* ---- management */

size_t turn_server_count(const struct turn_server *s);
/* Iteration: *cursor starts at 0; NULL at the end. Make no other call of this server meanwhile. */
struct turn_allocation *turn_server_next(const struct turn_server *s, uint32_t *cursor);
struct turn_allocation *turn_server_find_id(const struct turn_server *s, const char *id);
void turn_server_kill(struct turn_server *s, struct turn_allocation *a); /* (poll) */
