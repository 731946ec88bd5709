#include "net/tls_tickets.h"

#include "base/clock.h"
#include "base/rng.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 16, KEY_BYTES = 32 };

struct ticket_key {
    uint8_t name[NAME_BYTES];
    uint8_t cipher[KEY_BYTES];
    uint8_t mac[KEY_BYTES];
    uint64_t made_s; /* 0: there is none */
};

struct tls_tickets {
    atomic_uint references;
    pthread_mutex_t lock;
    struct ticket_key current, previous;
};

/* ---- keys ---- */

static void make_key(struct ticket_key *key, uint64_t now_s) {
    rng_bytes(key->name, sizeof key->name);
    rng_bytes(key->cipher, sizeof key->cipher);
    rng_bytes(key->mac, sizeof key->mac);
    key->made_s = now_s ? now_s : 1;
}

void tls_tickets_rotate(struct tls_tickets *tickets, uint64_t now_s) {
    pthread_mutex_lock(&tickets->lock);
    if (tickets->current.made_s == 0 || now_s >= tickets->current.made_s + TLS_TICKET_LIFETIME_S) {
        tickets->previous = tickets->current;
        make_key(&tickets->current, now_s);
    }
    if (tickets->previous.made_s != 0 && now_s >= tickets->previous.made_s + 2 * TLS_TICKET_LIFETIME_S) {
        explicit_bzero(&tickets->previous, sizeof tickets->previous); /* nobody's ticket can be that old */
    }
    pthread_mutex_unlock(&tickets->lock);
}

struct tls_tickets *tls_tickets_new(void) {
    struct tls_tickets *tickets = calloc(1, sizeof *tickets);
    if (tickets) {
        atomic_init(&tickets->references, 1);
        pthread_mutex_init(&tickets->lock, NULL);
    }
    return tickets;
}

struct tls_tickets *tls_tickets_ref(struct tls_tickets *tickets) {
    atomic_fetch_add(&tickets->references, 1);
    return tickets;
}

void tls_tickets_unref(struct tls_tickets *tickets) {
    if (tickets && atomic_fetch_sub(&tickets->references, 1) == 1) {
        pthread_mutex_destroy(&tickets->lock);
        explicit_bzero(tickets, sizeof *tickets);
        free(tickets);
    }
}

/* The key to make a ticket with, or the one that a ticket names. *old: the ticket should be made anew. */
static bool find_key(struct tls_tickets *tickets, const uint8_t *name, struct ticket_key *out, bool *old) {
    tls_tickets_rotate(tickets, clock_now_us() / 1000000);
    pthread_mutex_lock(&tickets->lock);
    const struct ticket_key *key = &tickets->current;
    if (name && memcmp(name, key->name, NAME_BYTES) != 0) {
        key = &tickets->previous;
    }
    bool found = key->made_s != 0 && (!name || memcmp(name, key->name, NAME_BYTES) == 0);
    *old = key == &tickets->previous;
    *out = *key;
    pthread_mutex_unlock(&tickets->lock);
    return found;
}

/* ---- OpenSSL ---- */

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int ex_index = -1;

/* OpenSSL's signature: a context is freed, and its reference with it. */
static void context_freed(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp) {
    (void)parent;
    (void)ad;
    (void)index;
    (void)argl;
    (void)argp;
    tls_tickets_unref(ptr);
}

static void make_index(void) { ex_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, context_freed); }

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *key) {
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
                           OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* OpenSSL's signature. 1: good, 2: good but make a new ticket, 0: not ours, do a full handshake, -1: error.
 * Clients use a ticket of TLS 1.3 once. */
static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                      int making) {
    struct tls_tickets *tickets = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ex_index);
    struct ticket_key key;
    bool old = false;
    int rc = 0;
    if (tickets && find_key(tickets, making ? NULL : name, &key, &old)) {
        if (making) {
            memcpy(name, key.name, NAME_BYTES);
            rng_bytes(iv, (size_t)EVP_CIPHER_get_iv_length(EVP_aes_256_cbc()));
        }
        bool ok = set_mac(mac, &key) && EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv, making) == 1;
        rc = !ok ? -1 : old || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
    }
    explicit_bzero(&key, sizeof key);
    return rc;
}

int tls_tickets_use(SSL_CTX *ctx, struct tls_tickets *tickets) {
    pthread_once(&index_once, make_index);
    if (ex_index < 0 || SSL_CTX_set_ex_data(ctx, ex_index, tickets) != 1) {
        return -ENOMEM;
    }
    (void)tls_tickets_ref(tickets);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key);
    SSL_CTX_set_timeout(ctx, TLS_TICKET_LIFETIME_S);
    return 0;
}
