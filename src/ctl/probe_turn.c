/* A TURN allocation as a client makes it (RFC 8656 section 7). */
#include "ctl/probe.h"

#include "base/rng.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <string.h>

enum { REQUESTED_UDP = 17, UNAUTHENTICATED = 401, STALE_NONCE = 438 };

struct dialogue {
    struct probe *probe;
    struct stun_crypto *crypto;
    const struct probe_login *login;
    char realm[STUN_REALM_BYTES_MAX + 1];
    uint8_t nonce[STUN_NONCE_BYTES_MAX];
    size_t nonce_len;
    uint8_t key[STUN_KEY_BYTES_MAX];
    int key_len; /* 0: no realm yet */
    uint8_t reply[1500];
    struct stun_msg msg; /* of reply */
    int code;            /* the last error */
};

static void write_login(struct dialogue *d, struct writer *w) {
    stun_write_text(w, STUN_ATTR_USERNAME, d->login->username);
    stun_write_text(w, STUN_ATTR_REALM, d->realm);
    stun_write_bytes(w, STUN_ATTR_NONCE, d->nonce, d->nonce_len);
    stun_write_integrity(w, d->crypto, STUN_HASH_SHA1, (struct stun_span){d->key, (size_t)d->key_len});
}

/* Allocate, or a Refresh that ends the allocation. 0 on success; -EACCES and code for an error reply. */
static int transact(struct dialogue *d, enum stun_method method) {
    uint8_t request[2048], txid[STUN_TXID_BYTES];
    struct writer w;
    rng_bytes(txid, sizeof txid);
    writer_init(&w, request, sizeof request);
    stun_write_header(&w, STUN_REQUEST, (uint16_t)method, txid);
    if (method == STUN_ALLOCATE) {
        stun_write_u8(&w, STUN_ATTR_REQUESTED_TRANSPORT, REQUESTED_UDP);
    } else {
        stun_write_u32(&w, STUN_ATTR_LIFETIME, 0);
    }
    if (d->key_len > 0) {
        write_login(d, &w);
    }
    long len = stun_write_end(&w);
    if (len > 0) {
        len = probe_stun(d->probe, request, (size_t)len, d->reply, sizeof d->reply);
    }
    if (len < 0) {
        return (int)len;
    }
    if (stun_msg_parse(&d->msg, d->reply, (size_t)len) < 0 || d->msg.method != method) {
        return -EBADMSG;
    }
    const char *reason;
    size_t reason_len;
    if (d->msg.class == STUN_ERROR && stun_msg_error(&d->msg, &d->code, &reason, &reason_len) == 0) {
        return -EACCES;
    }
    return d->msg.class == STUN_SUCCESS ? 0 : -EBADMSG;
}

/* Realm and nonce of a 401 or 438. */
static int take_challenge(struct dialogue *d) {
    const uint8_t *realm, *nonce;
    size_t realm_len, nonce_len;
    if (stun_msg_bytes(&d->msg, STUN_ATTR_REALM, &realm, &realm_len) < 0 ||
        stun_msg_bytes(&d->msg, STUN_ATTR_NONCE, &nonce, &nonce_len) < 0 || realm_len >= sizeof d->realm ||
        nonce_len > sizeof d->nonce) {
        return -EBADMSG;
    }
    memcpy(d->realm, realm, realm_len);
    d->realm[realm_len] = '\0';
    memcpy(d->nonce, nonce, nonce_len);
    d->nonce_len = nonce_len;
    const struct stun_credentials who = {.user = d->login->username,
                                         .user_len = strlen(d->login->username),
                                         .realm = d->realm,
                                         .realm_len = realm_len,
                                         .password = d->login->password,
                                         .password_len = strlen(d->login->password)};
    d->key_len = stun_derive_key(d->crypto, STUN_HASH_SHA1, &who, d->key);
    return d->key_len > 0 ? 0 : -EIO;
}

static int allocate(struct dialogue *d, struct addr *relayed) {
    int rc = transact(d, STUN_ALLOCATE);
    for (int tries = 0; tries < 2 && rc == -EACCES; tries++) {
        bool again = d->code == STALE_NONCE || (d->code == UNAUTHENTICATED && d->key_len == 0);
        if (!again || take_challenge(d) < 0) {
            return rc;
        }
        rc = transact(d, STUN_ALLOCATE);
    }
    return rc < 0 ? rc : stun_msg_xor_addr(&d->msg, STUN_ATTR_XOR_RELAYED_ADDRESS, relayed);
}

int probe_allocation(const struct addr *to, enum probe_stream how, const struct probe_login *login,
                     struct addr *relayed, int *code) {
    struct dialogue d = {.login = login, .crypto = stun_crypto_new()};
    *code = 0;
    if (!d.crypto) {
        return -ENOMEM;
    }
    int rc = probe_open(&d.probe, to, how);
    if (rc == 0) {
        rc = allocate(&d, relayed);
        *code = rc == -EACCES ? d.code : 0;
    }
    if (rc == 0) {
        rc = transact(&d, STUN_REFRESH);
    }
    probe_close(d.probe);
    stun_crypto_free(d.crypto);
    return rc;
}
