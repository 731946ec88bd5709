/* A TURN server machine with everything around it played by a test: clocks, ports, users, and what came out. */
#pragma once

#include "proto/stun/stun.h"
#include "proto/turn/peer_rules.h"
#include "proto/turn/server.h"

#include <stdbool.h>

enum { WORLD_PEERS = 64, WORLD_USERS = 8, WORLD_LOG = 64, WORLD_USER_QUOTA_NAMES = 8, WORLD_PORTS = 512 };

struct world_user {
    const char *name;
    const char *password;
};

struct world {
    struct turn_server *server;
    struct stun_crypto *crypto;
    struct peer_rules *rules;
    struct turn_settings settings;
    const char *secrets[TURN_SECRETS_MAX];
    struct turn_time now;
    struct world_user users[WORLD_USERS];
    /* ports */
    bool port_taken[WORLD_PORTS]; /* of each family alike; handle = 1 + index */
    unsigned ports;               /* how many there are */
    unsigned open_relays;
    bool hold_connects, refuse_connects, hold_takes;
    bool hold_relays, hold_keys; /* leave the questions unanswered, in the fields below */
    struct turn_output held_relay, held_key, held_connect, held_take;
    char held_user[STUN_USERNAME_BYTES_MAX + 1]; /* its name, or his hash */
    char taking_user[STUN_USERNAME_BYTES_MAX + 1], taking_realm[TURN_REALM_MAX + 1];
    bool held_hash;
    char held_realm[TURN_REALM_MAX + 1];
    unsigned questions_relay, questions_key, questions_connect, questions_take;
    uint32_t peers[WORLD_PEERS]; /* ids of the TCP connections with peers that are open */
    unsigned open_peers;
    /* quotas */
    unsigned user_quota, total_quota; /* 0: none */
    unsigned total;
    struct {
        char name[64];
        unsigned count;
    } names[WORLD_USER_QUOTA_NAMES];
    /* what came out of the last call */
    uint8_t reply[TURN_MESSAGE_BYTES_MAX];
    size_t reply_len; /* 0: none */
    unsigned replies;
    int reply_code;
    struct five_tuple reply_to;
    int forwarded_to; /* -1: no */
    uint8_t indication[TURN_MESSAGE_BYTES_MAX];
    size_t indication_len; /* 0: none */
    struct five_tuple indication_to;
    struct {
        enum turn_event event;
        enum turn_reason reason;
        char user[TURN_USER_TEXT_MAX + 1];
        char id[TURN_SESSION_ID_CHARS + 1];
    } log[WORLD_LOG]; /* events of the last call */
    unsigned log_count;
};

/* A server with realm example.org, secret "north", user alice/wonder, 512 ports, both families, and peer rules that are
 * the built-in ones. Aborts without memory. */
void world_init(struct world *w);
void world_deinit(struct world *w);
/* Swaps in settings changed by the test. */
int world_configure(struct world *w);
/* Compiles rules: each text begins with '+' (allow) or '-' (deny). The old table is kept alive until deinit. */
void world_set_rules(struct world *w, const char *const *rules, size_t count);

/* Puts a message in and carries out what the server wants. */
int world_input(struct world *w, const struct five_tuple *client, const uint8_t *data, size_t len);
void world_drain(struct world *w);
/* Lets time pass, with timeouts at each deadline on the way. */
void world_sleep(struct world *w, double seconds);
/* Answers a held question. */
int world_answer_relay(struct world *w);
int world_answer_key(struct world *w);
int world_answer_connect(struct world *w, bool connected);
int world_answer_take(struct world *w);
/* A peer connects to a client's relayed address; its connection's id, or what turn_server_peer_connected said. */
int64_t world_peer_connects(struct world *w, struct turn_allocation *a, const char *peer);
/* Is that peer's connection open? */
bool world_has_peer(const struct world *w, uint32_t id);
bool world_saw(const struct world *w, enum turn_event event, enum turn_reason reason);

/* A client with long-term credentials. */
struct client {
    struct world *world;
    struct five_tuple tuple;
    char user[STUN_USERNAME_BYTES_MAX + 1];
    char password[64];
    char realm[128];
    char nonce[128];
    const char *origin; /* of the page, or NULL */
    bool hashed;        /* USERHASH in the place of USERNAME */
    bool sha256;        /* answer PASSWORD-ALGORITHMS with SHA-256 */
    bool fingerprint;   /* add FINGERPRINT */
    uint32_t serial;    /* of the next transaction */
    uint8_t request[2048];
    struct writer w;
    struct stun_msg reply; /* of the last call, when there was one */
    bool answered;
};

/* Number n chooses address and port. The user is alice. */
void client_init(struct client *c, struct world *w, unsigned n);
void client_set_ephemeral(struct client *c, const char *secret, uint64_t expiry_s, const char *name);
/* Begins a request with a new transaction id; add attributes to c->w, then send. */
void client_begin(struct client *c, uint16_t method);
/* Adds credentials (when a nonce is known) and sends. Returns 0 for success, an error code, or -1 without answer.
 * With an answer, integrity is checked whenever it is there. */
int client_send(struct client *c);
/* Sends the last request again, byte for byte. */
int client_resend(struct client *c);
/* Adds the credentials, without sending. */
void client_sign(struct client *c);
/* Takes realm and nonce from a challenge. */
void client_learn(struct client *c);

/* The usual requests, with one challenge answered on the way. */
int client_allocate(struct client *c);
int client_refresh(struct client *c, uint32_t lifetime);
int client_permit(struct client *c, const char *peer);
int client_bind(struct client *c, uint16_t number, const char *peer);
/* RFC 6062; the id of the last Connect's answer, or 0. */
int client_allocate_tcp(struct client *c);
int client_connect(struct client *c, const char *peer);
uint32_t client_connection_id(const struct client *c);
int client_bind_connection(struct client *c, uint32_t id);
int client_retry(struct client *c, int code, void (*add)(struct client *c, const void *arg), const void *arg,
                 uint16_t method);

struct turn_allocation *client_allocation(const struct client *c);
struct addr test_addr(const char *text);
