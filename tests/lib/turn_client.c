#include "lib/turn_world.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void client_init(struct client *c, struct world *w, unsigned n) {
    memset(c, 0, sizeof *c);
    c->world = w;
    c->tuple.remote = test_addr("198.51.100.1:40000");
    c->tuple.remote.ip[3] = (uint8_t)(1 + n % 200);
    c->tuple.remote.port = (uint16_t)(40000 + n / 200);
    c->tuple.local = test_addr("192.0.2.200:3478");
    c->tuple.transport = TRANSPORT_UDP;
    c->serial = n << 16;
    snprintf(c->user, sizeof c->user, "alice");
    snprintf(c->password, sizeof c->password, "wonder");
}

void client_set_ephemeral(struct client *c, const char *secret, uint64_t expiry_s, const char *name) {
    char password[STUN_PASSWORD_BYTES];
    snprintf(c->user, sizeof c->user, "%llu:%s", (unsigned long long)expiry_s, name);
    if (stun_derive_password(c->world->crypto, secret, c->user, strlen(c->user), password) < 0) {
        abort();
    }
    snprintf(c->password, sizeof c->password, "%s", password);
}

void client_begin(struct client *c, uint16_t method) {
    uint8_t txid[STUN_TXID_BYTES] = {0};
    store_be32(txid, ++c->serial);
    memcpy(txid + 4, &c->tuple.remote.port, 2);
    writer_init(&c->w, c->request, sizeof c->request);
    stun_write_header(&c->w, STUN_REQUEST, method, txid);
}

static struct stun_span client_key(const struct client *c, uint8_t key[STUN_KEY_BYTES_MAX]) {
    struct stun_credentials who = {c->user,          strlen(c->user), c->realm,
                                   strlen(c->realm), c->password,     strlen(c->password)};
    int len = stun_derive_key(c->world->crypto, c->sha256 ? STUN_HASH_SHA256 : STUN_HASH_SHA1, &who, key);
    return (struct stun_span){key, (size_t)len};
}

static void write_name(struct client *c) {
    struct stun_credentials who = {
        .user = c->user, .user_len = strlen(c->user), .realm = c->realm, .realm_len = strlen(c->realm)};
    uint8_t hash[STUN_SHA256_BYTES];
    if (!c->hashed) {
        stun_write_text(&c->w, STUN_ATTR_USERNAME, c->user);
    } else if (stun_derive_userhash(c->world->crypto, &who, hash) == 0) {
        stun_write_bytes(&c->w, STUN_ATTR_USERHASH, hash, sizeof hash);
    }
}

void client_sign(struct client *c) {
    static const uint8_t algorithms[] = {0, 2, 0, 0, 0, 1, 0, 0};
    uint8_t key[STUN_KEY_BYTES_MAX];
    if (c->origin) {
        stun_write_text(&c->w, STUN_ATTR_ORIGIN, c->origin);
    }
    if (c->nonce[0] != '\0') {
        write_name(c);
        stun_write_text(&c->w, STUN_ATTR_REALM, c->realm);
        stun_write_text(&c->w, STUN_ATTR_NONCE, c->nonce);
        if (c->sha256) {
            stun_write_bytes(&c->w, STUN_ATTR_PASSWORD_ALGORITHMS, algorithms, sizeof algorithms);
            stun_write_u32(&c->w, STUN_ATTR_PASSWORD_ALGORITHM, 2U << 16);
        }
        stun_write_integrity(&c->w, c->world->crypto, c->sha256 ? STUN_HASH_SHA256 : STUN_HASH_SHA1,
                             client_key(c, key));
    }
    if (c->fingerprint) {
        stun_write_fingerprint(&c->w);
    }
    if (stun_write_end(&c->w) < 0) {
        abort();
    }
}

/* Stale bytes of an earlier reply must not show in the padding. */
static bool padding_is_zero(const struct stun_msg *msg) {
    for (size_t i = 0; i < msg->attr_count; i++) {
        const uint8_t *value = stun_attr_value(msg, &msg->attrs[i]);
        for (size_t n = msg->attrs[i].len; n % 4; n++) {
            if (value[n] != 0) {
                return false;
            }
        }
    }
    return true;
}

/* A reply must be to us, to this transaction, with integrity that verifies when it has any. */
static void read_reply(struct client *c) {
    struct world *w = c->world;
    uint8_t key[STUN_KEY_BYTES_MAX];
    struct stun_msg request;
    c->answered = w->reply_len > 0;
    if (!c->answered) {
        return;
    }
    enum stun_hash hash = c->sha256 ? STUN_HASH_SHA256 : STUN_HASH_SHA1;
    uint16_t type = c->sha256 ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY;
    if (w->replies != 1 || stun_msg_parse(&request, c->request, c->w.len) < 0 ||
        stun_msg_parse(&c->reply, w->reply, w->reply_len) < 0 || !padding_is_zero(&c->reply) ||
        memcmp(c->reply.txid, c->request + 8, STUN_TXID_BYTES) != 0 || !five_tuple_equal(&w->reply_to, &c->tuple) ||
        (stun_msg_has(&c->reply, type) && stun_verify_integrity(&c->reply, w->crypto, hash, client_key(c, key)) != 0) ||
        stun_msg_has(&c->reply, STUN_ATTR_FINGERPRINT) != stun_msg_has(&request, STUN_ATTR_FINGERPRINT)) {
        fprintf(stderr, "turn_world: a reply that is no reply\n");
        abort();
    }
}

int client_resend(struct client *c) {
    world_input(c->world, &c->tuple, c->request, c->w.len);
    read_reply(c);
    return c->answered ? c->world->reply_code : -1;
}

int client_send(struct client *c) {
    client_sign(c);
    return client_resend(c);
}

void client_learn(struct client *c) {
    const uint8_t *value;
    size_t len;
    if (stun_msg_bytes(&c->reply, STUN_ATTR_REALM, &value, &len) == 0) {
        text_copy(c->realm, sizeof c->realm, (const char *)value, len);
    }
    if (stun_msg_bytes(&c->reply, STUN_ATTR_NONCE, &value, &len) == 0) {
        text_copy(c->nonce, sizeof c->nonce, (const char *)value, len);
    }
}

int client_retry(struct client *c, int code, void (*add)(struct client *c, const void *arg), const void *arg,
                 uint16_t method) {
    if ((code != 401 && code != 438) || !c->answered) {
        return code;
    }
    client_learn(c);
    client_begin(c, method);
    add(c, arg);
    return client_send(c);
}

static int ask(struct client *c, uint16_t method, void (*add)(struct client *c, const void *arg), const void *arg) {
    bool known = c->nonce[0] != '\0';
    client_begin(c, method);
    add(c, arg);
    int code = client_send(c);
    return code == 438 || !known ? client_retry(c, code, add, arg, method) : code;
}

static void add_udp(struct client *c, const void *arg) {
    (void)arg;
    stun_write_u8(&c->w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
}

int client_allocate(struct client *c) { return ask(c, STUN_ALLOCATE, add_udp, NULL); }

static void add_lifetime(struct client *c, const void *arg) {
    stun_write_u32(&c->w, STUN_ATTR_LIFETIME, *(const uint32_t *)arg);
}

int client_refresh(struct client *c, uint32_t lifetime) { return ask(c, STUN_REFRESH, add_lifetime, &lifetime); }

static void add_peer(struct client *c, const void *arg) {
    struct addr peer = test_addr(arg);
    stun_write_xor_addr(&c->w, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
}

int client_permit(struct client *c, const char *peer) { return ask(c, STUN_CREATE_PERMISSION, add_peer, peer); }

struct binding {
    uint16_t number;
    const char *peer;
};

static void add_binding(struct client *c, const void *arg) {
    const struct binding *b = arg;
    stun_write_u32(&c->w, STUN_ATTR_CHANNEL_NUMBER, (uint32_t)b->number << 16);
    add_peer(c, b->peer);
}

int client_bind(struct client *c, uint16_t number, const char *peer) {
    struct binding b = {number, peer};
    return ask(c, STUN_CHANNEL_BIND, add_binding, &b);
}

static void add_tcp(struct client *c, const void *arg) {
    (void)arg;
    stun_write_u8(&c->w, STUN_ATTR_REQUESTED_TRANSPORT, 6);
}

int client_allocate_tcp(struct client *c) { return ask(c, STUN_ALLOCATE, add_tcp, NULL); }

int client_connect(struct client *c, const char *peer) { return ask(c, STUN_CONNECT, add_peer, peer); }

uint32_t client_connection_id(const struct client *c) {
    uint32_t id = 0;
    return c->answered && stun_msg_u32(&c->reply, STUN_ATTR_CONNECTION_ID, &id) == 0 ? id : 0;
}

static void add_connection(struct client *c, const void *arg) {
    stun_write_u32(&c->w, STUN_ATTR_CONNECTION_ID, *(const uint32_t *)arg);
}

int client_bind_connection(struct client *c, uint32_t id) { return ask(c, STUN_CONNECTION_BIND, add_connection, &id); }

struct turn_allocation *client_allocation(const struct client *c) {
    return turn_client_find(c->world->server, &c->tuple);
}
