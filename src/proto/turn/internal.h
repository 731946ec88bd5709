/* What the files of this folder share. Not for others. */
#pragma once

#include "base/hash.h"
#include "base/source_rate.h"
#include "base/wheel.h"
#include "proto/stun/stun.h"
#include "proto/turn/allocation.h"
#include "proto/turn/peer_rules.h"
#include "proto/turn/peer_scopes.h"
#include "proto/turn/server.h"

#define US_PER_S 1000000ULL

enum {
    CONNECT_TIMEOUT_S = 30,      /* RFC 6062 section 5.2: at least */
    BIND_TIMEOUT_S = 30,         /* sections 5.2, 5.3 */
    OUTPUTS_MAX = 8,             /* of one call: a reply, an event, a question, relays to close */
    LIFETIME_DEFAULT_S = 600,    /* RFC 8656 section 3.2 */
    PERMISSION_LIFETIME_S = 300, /* section 9 */
    CHANNEL_LIFETIME_S = 600,    /* section 12 */
    RESERVATION_LIFETIME_S = 30, /* section 7.2 */
    PENDING_LIFETIME_S = 10,     /* a client gives up after 39.5 s; the answer comes in milliseconds or never */
    NONCE_TEXT_MAX = 48,
    UNKNOWN_MAX = 8,
    REQUEST_WAITS = 1, /* a handler's result: no reply yet */
};

/* A copy of the settings that owns its strings. */
struct settings {
    char realm[TURN_REALM_MAX + 1];
    char software[TURN_SOFTWARE_MAX + 1]; /* "": none */
    char *secrets[TURN_SECRETS_MAX];
    struct turn_realm *realms; /* the default one, then plain.realms */
    size_t realm_count;
    struct turn_settings plain; /* its pointers to strings are not used */
};

/* Something that may hold an open relay: first member of its owner, so that it can be freed as the owner. */
struct held {
    struct list node; /* in turn_server.dead when its time is over */
    struct turn_relay relay;
};

/* A reserved port (RFC 8656 section 7.2) waiting for its token. */
struct reservation {
    struct held held;
    struct wheel_timer timer;
    uint8_t token[8];
};

/* What an Allocate request asks for, checked. */
struct allocate_plan {
    uint8_t families[TURN_RELAYS_MAX]; /* AF_INET, AF_INET6 in the order they are opened */
    uint8_t family_count;
    uint8_t failed_family;
    uint16_t failed_code;
    bool tcp;
    bool even;
    bool pair;
    bool has_token;
    uint8_t token[8];
    bool mobile; /* with a ticket (RFC 8016) */
    uint32_t lifetime_s;
};

enum pending_stage { PENDING_KEY, PENDING_RELAY, PENDING_CONNECT, PENDING_BIND };

enum connection_state {
    CONNECTION_CONNECTING, /* to a peer, as a Connect request wants */
    CONNECTION_WAITING,    /* for its ConnectionBind */
    CONNECTION_BOUND,
};

/* A TCP connection with a peer (RFC 6062). */
struct turn_connection {
    struct list node; /* in the allocation's connections, or in turn_server.ended */
    struct turn_allocation *allocation;
    struct wheel_timer timer;
    struct addr peer;
    uint64_t request; /* the Connect that waits, or 0 */
    uint32_t id;      /* modulo the number of workers: the owner's number */
    enum connection_state state;
};

/* A request that waits for the caller's answer, with a copy of its message. */
struct pending {
    struct held held; /* the first of two relays, once open */
    struct wheel_timer timer;
    uint64_t id;
    uint64_t hash;
    struct five_tuple client;
    enum pending_stage stage;
    struct allocate_plan plan;
    uint8_t opened; /* families tried so far */
    bool has_quota;
    bool token;
    enum stun_hash key_hash;
    uint8_t key_len;
    uint8_t key[STUN_KEY_BYTES_MAX];
    uint64_t credential_expiry_s;
    size_t len;
    size_t user_len;   /* of a name that is not in the message (USERHASH, token): it stands after it */
    uint8_t message[]; /* len bytes, then user_len */
};

struct turn_server {
    struct settings *settings;
    struct stun_crypto *crypto;
    struct hash_key hash_key;
    struct hash_table allocations; /* by five-tuple */
    struct hash_table tickets;     /* struct turn_mobility by its name in tickets */
    struct hash_table moves;       /* the same by the five-tuple moved to */
    struct hash_table pendings;    /* by five-tuple and transaction id */
    struct hash_table requests;    /* the same by request id */
    struct hash_table connections; /* by id */
    struct wheel allocation_wheel, pending_wheel, reservation_wheel, connection_wheel;
    struct list reservations; /* struct held */
    struct list ended;        /* struct turn_connection to close and free */
    struct list dying;        /* allocations to report and free */
    struct list dead;         /* struct held to close and free */
    size_t reservation_count;
    size_t connect_count; /* pending requests that are Connects */
    uint64_t next_request;
    uint64_t now_us; /* of the call being served */

    struct turn_output outputs[OUTPUTS_MAX];
    unsigned output_first, output_count;
    void *free_next; /* what the last output lent, freed by the next poll */
    uint8_t reply[TURN_MESSAGE_BYTES_MAX];
    char event_user[TURN_USER_TEXT_MAX + 1];
    char lookup_realm[TURN_REALM_MAX + 1];
    char lookup_user[STUN_USERNAME_BYTES_MAX + 1];
    struct addr event_peer;
    struct five_tuple event_former;
    struct source_rate error_rate, binding_rate;
};

enum lookup_state { LOOKUP_NOT_ASKED, LOOKUP_FOUND, LOOKUP_NONE };

/* One request being served. */
struct request {
    struct turn_server *server;
    const struct five_tuple *client;
    const struct stun_msg *msg;
    struct turn_time now;
    struct turn_allocation *allocation; /* of this client, or NULL */
    bool by_ticket;                     /* it comes from another five-tuple and shall move here */
    bool repeats;                       /* a Refresh that has moved it here already */
    struct writer reply;                /* a success response, to which handlers add attributes */
    enum turn_reason reason;
    const struct addr *peer; /* for the event */
    struct addr alternate;   /* of a 300 */
    uint16_t channel;
    const struct turn_realm *in;    /* the realm; NULL: not configured any more */
    char realm[TURN_REALM_MAX + 1]; /* its name */
    /* credentials */
    const char *user; /* in the message; of a USERHASH once it is known, else empty */
    size_t user_len;
    bool token; /* of third-party authorization: r->user is made of it */
    char token_user[TURN_OAUTH_KID_MAX + 1 + 16 + 1];
    const uint8_t *userhash; /* in the message, when it names the user so; else NULL */
    enum stun_hash hash;     /* of the key: SHA1 stands for MD5 and MESSAGE-INTEGRITY */
    bool nonce_expired;
    bool ephemeral; /* the credential ends at credential_expiry_s */
    bool has_quota;
    bool silenced;      /* the source has had enough: no reply */
    bool authenticated; /* the key below has verified the request and signs the reply */
    enum lookup_state lookup;
    uint8_t key_len;
    uint8_t key[STUN_KEY_BYTES_MAX];
    uint64_t credential_expiry_s;
    uint16_t unknown[UNKNOWN_MAX];
    size_t unknown_count;
    /* NAT behaviour discovery */
    const struct turn_discovery *discovery; /* the addresses the request came to, or NULL */
    const struct five_tuple *reply_path;    /* of a success response, when it is not the client's */
    struct five_tuple changed_path;
    bool bare; /* the reply carries no SOFTWARE */
};

/* attrs.c */
bool turn_attr_known(uint16_t type);

/* request.c: serves a message; allocation and reply are filled in here. */
int request_serve(struct request *r);
/* The allocation that the request is about: of its five-tuple, or of its mobility ticket. */
void request_find_allocation(struct request *r);
/* Reads the stored message of a pending request into r and msg. */
void request_resume(struct request *r, struct stun_msg *msg, const struct pending *p, const struct turn_time *now);
void request_user_text(const struct request *r, char out[STUN_USERNAME_BYTES_MAX + 1]);
/* Sends the reply for a handler's result: 0 or an error code. */
void request_answer(struct request *r, int code);

/* nonce.c */
enum nonce_state { NONCE_VALID, NONCE_EXPIRED, NONCE_FOREIGN };
/* anonymity: with the bit that tells the client to send USERHASH. */
void nonce_make(const struct request *r, bool anonymity, char out[NONCE_TEXT_MAX]);
enum nonce_state nonce_check(const struct request *r, const uint8_t *nonce, size_t len);

/* What authenticates the tokens and tickets that name a worker: purpose and body are short (27 bytes). False when OpenSSL
 * fails. */
bool token_mac(struct turn_server *s, const char *purpose, struct stun_span body, uint8_t out[STUN_SHA1_BYTES]);

/* realm.c */
const struct turn_realm *realm_find(const struct settings *settings, const void *name, size_t len);
/* Sets r->realm and r->in: the allocation's, or by the way the client came. */
void realm_choose(struct request *r);
/* The same for a stored request that has been verified. */
void realm_resume(struct request *r);
/* Does the nonce hold in the realm that the request names, or in the one chosen? Sets r->realm accordingly. */
enum nonce_state realm_check_nonce(struct request *r, struct stun_span realm, struct stun_span nonce);
/* -1: a name or an index that cannot be. */
int realm_settings_check(const struct turn_settings *in);

/* settings.c */
void settings_drop(struct turn_server *s);

/* What 401 and 438 offer as PASSWORD-ALGORITHMS: SHA-256 first, so that a client that knows both takes it. */
extern const uint8_t auth_password_algorithms[8];

/* auth.c: 0, or an error code with r->reason set; auth_verify also REQUEST_WAITS. */
int auth_check_form(struct request *r);
int auth_verify(struct request *r);
bool auth_user_equals(const struct request *r, const char *name);

/* third_party.c */
/* The request carries a token and its realm takes them. */
bool third_party_has(const struct request *r);
/* Opens the token: key, name and end of the credential. 0; 401, 500. */
int third_party_open(struct request *r);
/* A name as a later request without a token has it, as the allocation has it. */
bool third_party_is_owner(const struct request *r, const struct turn_allocation *a);
/* What a challenge offers. */
void third_party_write(struct request *r);

/* limit.c: may this client have another error without having authenticated (or what costs as much), another binding? */
bool limit_error(struct turn_server *s, const struct five_tuple *client);
bool limit_binding(struct turn_server *s, const struct five_tuple *client);

/* reply.c */
void reply_begin(struct request *r);
void reply_send_success(struct request *r);
void reply_send_error(struct request *r, int code);

/* output.c */
struct turn_output *output_push(struct turn_server *s, enum turn_output_type type, const struct five_tuple *client);
void output_event(struct request *r, enum turn_event event, struct turn_allocation *a);
void output_denied(struct request *r, int code);
void output_close(struct turn_server *s, void *handle);

/* pending.c */
/* Stores the request; NULL: no room or no memory. Nothing is asked yet. */
struct pending *pending_new(struct request *r, enum pending_stage stage);
bool pending_exists(const struct turn_server *s, const struct five_tuple *client, const uint8_t *txid);
/* Another Allocate of this client that waits for a relay. */
bool pending_allocates(const struct turn_server *s, const struct five_tuple *client);
struct pending *pending_find(const struct turn_server *s, uint64_t id, enum pending_stage stage);
/* Takes it out of all tables; the caller frees or drops it. */
void pending_unlink(struct turn_server *s, struct pending *p);
/* Gives back its quota; closes its relay at the next poll and frees it. */
void pending_drop(struct turn_server *s, struct pending *p);
void pending_fired(struct wheel_timer *timer, void *ctx);
void pending_drop_client(struct turn_server *s, const struct five_tuple *client);

/* reservation.c */
/* Keeps a relay for 30 s under a new token. -ENOSPC, -ENOMEM. */
int reservation_add(struct turn_server *s, const struct turn_relay *relay, uint8_t token[8]);
/* Hands out the relay of a token and forgets it. -ENOENT. */
int reservation_take(struct turn_server *s, const uint8_t token[8], struct turn_relay *out);
/* The worker that a token names; -1: none of us has made it. */
int reservation_owner(struct turn_server *s, const uint8_t token[8]);
void reservation_fired(struct wheel_timer *timer, void *ctx);

/* allocation.c */
struct turn_allocation *allocation_new(struct request *r, const struct allocate_plan *plan);
void allocation_end(struct turn_server *s, struct turn_allocation *a, enum turn_reason reason);
void allocation_free(struct turn_server *s, struct turn_allocation *a);
void allocation_set_timer(struct turn_server *s, struct turn_allocation *a);
void allocation_fired(struct wheel_timer *timer, void *ctx);
void allocation_set_client(struct turn_server *s, struct turn_allocation *a, const struct five_tuple *client);

/* mobility.c */
/* Gives an allocation its ticket. -ENOMEM. */
int mobility_new(struct turn_server *s, struct turn_allocation *a);
void mobility_end(struct turn_server *s, struct turn_allocation *a);
/* Adds MOBILITY-TICKET when the allocation has one. */
void mobility_write_ticket(struct request *r, const struct turn_allocation *a);
/* The worker that a request's ticket names; -1: no ticket, or none of ours. */
int mobility_owner(const struct request *r);
/* The allocation that a Refresh names by its ticket, or that moves to that flow; NULL: none. */
struct turn_allocation *mobility_find(const struct request *r);
struct turn_allocation *mobility_find_moving(const struct turn_server *s, const struct five_tuple *flow);
/* What is wrong with a Refresh's ticket: 0, 400, 405 or 437. */
int mobility_check(struct request *r);
/* The part of a Refresh that moves: 0, 437 or 500. */
int mobility_refresh(struct request *r);
/* A connection is gone; true when the allocation lives on without it. */
bool mobility_keep(struct turn_server *s, struct turn_allocation *a, const struct five_tuple *gone);

/* quota.c: 0, 486 or 508. */
int quota_take(struct request *r);
void quota_give(struct turn_server *s, const char *realm, const char *user);

/* permission.c */
/* The peer rules in force for an allocation. */
struct peer_scope permission_scope(const struct turn_server *s, const struct turn_allocation *a);
struct turn_permission *permission_find(const struct turn_allocation *a, const struct addr *ip);
/* A permission, and by rules that differ by port this port too. */
bool permission_holds(const struct turn_server *s, const struct turn_allocation *a, const struct addr *peer);
/* Room for n more. -ENOSPC, -ENOMEM. */
int permission_reserve(struct turn_allocation *a, size_t n);
/* Makes or refreshes; there must be room. */
void permission_refresh(struct turn_server *s, struct turn_allocation *a, const struct addr *peer);
void permission_drop_expired(struct turn_allocation *a, uint64_t now_us);
/* After a change of the peer rules. */
void permission_judge_again(struct turn_server *s, struct turn_allocation *a);
int handle_create_permission(struct request *r);
/* Is it one of our own relayed addresses (port 0: an IP of one) that no added rule denies? */
bool permission_is_own(const struct turn_server *s, const struct peer_scope *scope, const struct addr *peer);
/* 0, 403 or 443 for a peer that gets datagrams; port 0: whatever the port. *own: the rules alone would deny it. */
int permission_check_data_peer(const struct request *r, const struct addr *peer, bool *own);
/* 0, 403 or 443 for a peer of this allocation, by the rules alone. */
int permission_check_peer(const struct request *r, const struct addr *peer, bool with_port);

/* server.c: the time of the call being served. */
void server_set_now(struct turn_server *s, uint64_t now_us);

/* connection.c */
/* -ENOSPC, -ENOMEM. */
int connection_new(struct turn_connection **out, struct turn_server *s, struct turn_allocation *a,
                   const struct addr *peer);
struct turn_connection *connection_find(const struct turn_server *s, uint32_t id);
struct turn_connection *connection_find_peer(const struct turn_allocation *a, const struct addr *peer);
/* Waits for a ConnectionBind from now on. */
void connection_await_bind(struct turn_server *s, struct turn_connection *c);
/* Out of all tables; closed and freed by the next poll, a waiting Connect answered with 447. */
void connection_end(struct turn_server *s, struct turn_connection *c);
void connection_end_all(struct turn_server *s, struct turn_allocation *a);
/* Those that the allocation no longer has a relay for, or whose peer is denied by new rules. */
void connection_judge_again(struct turn_server *s, struct turn_allocation *a);
/* Pushes what the end of a connection wants done, and frees it. */
void connection_conclude(struct turn_server *s, struct turn_connection *c);
void connection_fired(struct wheel_timer *timer, void *ctx);

/* connect.c */
int handle_connect(struct request *r);
int handle_connection_bind(struct request *r);
/* Answers a Connect that waits, if it still does. */
void connect_answer(struct turn_server *s, struct turn_connection *c, int code, const struct turn_time *now);

/* channel.c */
int handle_channel_bind(struct request *r);
void channel_drop_expired(struct turn_allocation *a, uint64_t now_us);
/* Sets each channel's `permitted` after the permissions changed. */
void channel_sync(struct turn_allocation *a);
void channel_judge_again(struct turn_server *s, struct turn_allocation *a);

/* discovery.c: NAT behaviour discovery (RFC 5780). NULL: this request did not come to one of its addresses. */
const struct turn_discovery *discovery_find(const struct request *r);
bool discovery_attr_known(uint16_t type);
/* Makes the reply to a Binding request; r->discovery is set. */
int discovery_answer(struct request *r);

/* allocate.c, refresh.c, binding.c */
int handle_allocate(struct request *r);
int handle_refresh(struct request *r);
int handle_binding(struct request *r);
/* Goes on with an Allocate: the next family to open, or the end. */
void allocate_next(struct turn_server *s, struct pending *p, const struct turn_opened *opened,
                   const struct turn_time *now);
uint32_t lifetime_of(const struct request *r, uint32_t wanted_s);
