#include "bench/turn_client.h"

#include "base/error.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* RFC 8489 section 6.2.1: first after RTO, doubling, Rc sends in all, then Rm RTOs. */
    RTO_US = 500000,
    SENDS_MAX = 7,
    LAST_WAIT_US = 16 * RTO_US,
    RELIABLE_WAIT_US = 39500000, /* Ti */
    AUTH_TRIES = 4,              /* a challenge, and some stale nonces */
    REBIND_US = 240 * 1000000,   /* permissions live 300 s (RFC 8656 section 9) */
    MESSAGE_MAX = 2048,
    UDP_PROTOCOL = 17,
};

struct turn_client {
    struct turn_client_config config;
    enum turn_client_state state;
    int error;
    struct addr relayed, peer;
    uint16_t channel;
    uint64_t refresh_us, rebind_us; /* when READY: the next upkeep */

    char realm[STUN_REALM_BYTES_MAX];
    uint8_t nonce[STUN_NONCE_BYTES_MAX];
    size_t realm_len, nonce_len;
    uint8_t key[STUN_KEY_BYTES_MAX];
    size_t key_len; /* 0: not challenged yet */

    /* The transaction. */
    uint16_t method; /* 0: none runs */
    uint8_t tries;   /* challenges answered */
    uint8_t sends;
    bool unsent;
    uint64_t retry_us;
    uint32_t lifetime_s; /* what Refresh asks for */
    uint8_t txid[STUN_TXID_BYTES];
    size_t len;
    uint8_t message[MESSAGE_MAX];
};

struct turn_client *turn_client_new(const struct turn_client_config *config) {
    struct turn_client *c = calloc(1, sizeof *c);
    if (c) {
        c->config = *config;
        c->state = TURN_CLIENT_IDLE;
    }
    return c;
}

void turn_client_free(struct turn_client *c) { free(c); }

static void fail(struct turn_client *c, int error) {
    c->state = TURN_CLIENT_FAILED;
    c->error = error;
    c->method = 0;
    c->unsent = false;
}

static void write_body(struct turn_client *c, struct writer *w) {
    switch (c->method) {
    case STUN_ALLOCATE:
        stun_write_u8(w, STUN_ATTR_REQUESTED_TRANSPORT, UDP_PROTOCOL);
        stun_write_u32(w, STUN_ATTR_LIFETIME, c->config.lifetime_s);
        if (c->config.relay_family == AF_INET6) {
            stun_write_u8(w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 2);
        }
        break;
    case STUN_REFRESH:
        stun_write_u32(w, STUN_ATTR_LIFETIME, c->lifetime_s);
        break;
    case STUN_CHANNEL_BIND:
        stun_write_u32(w, STUN_ATTR_CHANNEL_NUMBER, (uint32_t)c->channel << 16);
        stun_write_xor_addr(w, STUN_ATTR_XOR_PEER_ADDRESS, &c->peer);
        break;
    default: /* CreatePermission */
        stun_write_xor_addr(w, STUN_ATTR_XOR_PEER_ADDRESS, &c->peer);
    }
}

/* Writes the running method's request anew, with a fresh transaction id. */
static void write_request(struct turn_client *c, uint64_t now_us) {
    c->config.random(c->txid, sizeof c->txid);
    struct writer w;
    writer_init(&w, c->message, sizeof c->message);
    stun_write_header(&w, STUN_REQUEST, c->method, c->txid);
    write_body(c, &w);
    if (c->key_len) {
        stun_write_text(&w, STUN_ATTR_USERNAME, c->config.user);
        stun_write_bytes(&w, STUN_ATTR_REALM, c->realm, c->realm_len);
        stun_write_bytes(&w, STUN_ATTR_NONCE, c->nonce, c->nonce_len);
        stun_write_integrity(&w, c->config.crypto, STUN_HASH_SHA1, (struct stun_span){c->key, c->key_len});
    }
    long len = stun_write_end(&w);
    if (len < 0) {
        fail(c, -1);
        return;
    }
    c->len = (size_t)len;
    c->unsent = true;
    c->sends = 1;
    c->retry_us = now_us + (c->config.reliable ? RELIABLE_WAIT_US : RTO_US);
}

static void start(struct turn_client *c, uint16_t method, uint64_t now_us) {
    c->method = method;
    c->tries = 0;
    write_request(c, now_us);
}

void turn_client_allocate(struct turn_client *c, uint64_t now_us) {
    c->state = TURN_CLIENT_ALLOCATING;
    start(c, STUN_ALLOCATE, now_us);
}

static void start_bind(struct turn_client *c, uint64_t now_us) {
    start(c, c->config.indications ? STUN_CREATE_PERMISSION : STUN_CHANNEL_BIND, now_us);
}

void turn_client_bind(struct turn_client *c, const struct addr *peer, uint16_t channel, uint64_t now_us) {
    c->peer = *peer;
    c->channel = channel;
    c->state = TURN_CLIENT_BINDING;
    start_bind(c, now_us);
}

void turn_client_release(struct turn_client *c, uint64_t now_us) {
    c->state = TURN_CLIENT_RELEASING;
    c->lifetime_s = 0;
    start(c, STUN_REFRESH, now_us);
}

static void plan_refresh(struct turn_client *c, uint32_t lifetime_s, uint64_t now_us) {
    uint32_t margin = lifetime_s > 120 ? 60 : lifetime_s / 2;
    c->refresh_us = now_us + (uint64_t)(lifetime_s - margin) * 1000000;
}

static int accept_allocation(struct turn_client *c, const struct stun_msg *msg, uint64_t now_us) {
    uint32_t lifetime;
    if (stun_msg_xor_addr(msg, STUN_ATTR_XOR_RELAYED_ADDRESS, &c->relayed) < 0 ||
        stun_msg_u32(msg, STUN_ATTR_LIFETIME, &lifetime) < 0) {
        fail(c, -1);
        return -EBADMSG;
    }
    plan_refresh(c, lifetime, now_us);
    c->state = TURN_CLIENT_ALLOCATED;
    return 0;
}

static int handle_success(struct turn_client *c, const struct stun_msg *msg, uint64_t now_us) {
    struct stun_span key = {c->key, c->key_len};
    /* A server without authentication signs nothing. */
    int rc = c->key_len ? stun_verify_integrity(msg, c->config.crypto, STUN_HASH_SHA1, key) : 0;
    if (rc < 0) {
        return rc;
    }
    uint16_t method = c->method;
    uint32_t lifetime = c->config.lifetime_s;
    c->method = 0;
    switch (method) {
    case STUN_ALLOCATE:
        return accept_allocation(c, msg, now_us);
    case STUN_REFRESH:
        stun_msg_u32(msg, STUN_ATTR_LIFETIME, &lifetime);
        if (c->state == TURN_CLIENT_RELEASING) {
            c->state = TURN_CLIENT_RELEASED;
        }
        plan_refresh(c, lifetime, now_us);
        return 0;
    default:
        c->rebind_us = now_us + REBIND_US;
        c->state = TURN_CLIENT_READY;
        return 0;
    }
}

/* Takes realm and nonce of a 401 or 438 and asks again. */
static int answer_challenge(struct turn_client *c, const struct stun_msg *msg, uint64_t now_us) {
    const uint8_t *realm = NULL, *nonce = NULL;
    size_t realm_len = 0, nonce_len = 0;
    if (stun_msg_bytes(msg, STUN_ATTR_REALM, &realm, &realm_len) < 0 ||
        stun_msg_bytes(msg, STUN_ATTR_NONCE, &nonce, &nonce_len) < 0 || realm_len > sizeof c->realm ||
        nonce_len > sizeof c->nonce) {
        fail(c, -1);
        return -EBADMSG;
    }
    size_t wanted = strlen(c->config.realm);
    if (wanted > 0 && (wanted != realm_len || memcmp(realm, c->config.realm, wanted) != 0)) {
        fail(c, -1);
        return 0;
    }
    memcpy(c->realm, realm, realm_len);
    memcpy(c->nonce, nonce, nonce_len);
    c->realm_len = realm_len;
    c->nonce_len = nonce_len;
    struct stun_credentials who = {c->config.user, strlen(c->config.user), c->realm,
                                   c->realm_len,   c->config.password,     strlen(c->config.password)};
    int n = stun_derive_key(c->config.crypto, STUN_HASH_SHA1, &who, c->key);
    if (n < 0) {
        fail(c, -1);
        return n;
    }
    c->key_len = (size_t)n;
    write_request(c, now_us);
    return 0;
}

static int handle_error(struct turn_client *c, const struct stun_msg *msg, uint64_t now_us) {
    int code;
    if (stun_msg_error(msg, &code, NULL, NULL) < 0) {
        return -EBADMSG;
    }
    bool challenge = (code == 401 && c->key_len == 0) || code == 438;
    if (challenge && c->tries++ < AUTH_TRIES) {
        return answer_challenge(c, msg, now_us);
    }
    fail(c, code);
    return 0;
}

int turn_client_input(struct turn_client *c, const void *data, size_t len, uint64_t now_us) {
    struct stun_msg msg;
    int rc = stun_msg_parse(&msg, data, len);
    if (rc < 0) {
        return rc;
    }
    if (c->method == 0 || msg.method != c->method || memcmp(msg.txid, c->txid, sizeof c->txid) != 0 ||
        (msg.class != STUN_SUCCESS && msg.class != STUN_ERROR)) {
        return -ENOENT;
    }
    return msg.class == STUN_SUCCESS ? handle_success(c, &msg, now_us) : handle_error(c, &msg, now_us);
}

const uint8_t *turn_client_poll(struct turn_client *c, size_t *len_out) {
    if (!c->unsent) {
        return NULL;
    }
    c->unsent = false;
    *len_out = c->len;
    return c->message;
}

uint64_t turn_client_deadline(const struct turn_client *c) {
    if (c->method) {
        return c->retry_us;
    }
    if (c->state != TURN_CLIENT_READY) {
        return UINT64_MAX;
    }
    return c->refresh_us < c->rebind_us ? c->refresh_us : c->rebind_us;
}

static void retransmit(struct turn_client *c, uint64_t now_us) {
    if (c->config.reliable || c->sends >= SENDS_MAX) {
        fail(c, 0);
        return;
    }
    c->unsent = true;
    c->retry_us = now_us + (++c->sends == SENDS_MAX ? LAST_WAIT_US : (uint64_t)RTO_US << (c->sends - 1));
}

void turn_client_timeout(struct turn_client *c, uint64_t now_us) {
    if (now_us < turn_client_deadline(c)) {
        return;
    }
    if (c->method) {
        retransmit(c, now_us);
    } else if (now_us >= c->refresh_us) {
        c->lifetime_s = c->config.lifetime_s;
        start(c, STUN_REFRESH, now_us);
    } else {
        start_bind(c, now_us);
    }
}

enum turn_client_state turn_client_state(const struct turn_client *c) { return c->state; }
const struct addr *turn_client_relayed(const struct turn_client *c) { return &c->relayed; }
int turn_client_error(const struct turn_client *c) { return c->error; }
