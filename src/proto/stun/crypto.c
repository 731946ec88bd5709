#include "proto/stun/stun.h"

#include "base/text.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

enum { HASHES = 2 };

struct stun_crypto {
    EVP_MAC_CTX *hmac[HASHES]; /* by enum stun_hash */
    EVP_MD *md[HASHES];        /* what hashes a password: MD5, SHA-256 */
    EVP_MD_CTX *md_ctx;
    EVP_MAC_CTX *running;
    size_t running_bytes;
    bool failed;
};

static EVP_MAC_CTX *new_hmac(EVP_MAC *mac, const char *digest) {
    char name[16];
    if (text_copy(name, sizeof name, digest, strlen(digest)) < 0) {
        return NULL;
    }
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    if (ctx && EVP_MAC_CTX_set_params(ctx, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

struct stun_crypto *stun_crypto_new(void) {
    struct stun_crypto *c = calloc(1, sizeof *c);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!c || !mac) {
        EVP_MAC_free(mac);
        free(c);
        return NULL;
    }
    c->hmac[STUN_HASH_SHA1] = new_hmac(mac, "SHA1");
    c->hmac[STUN_HASH_SHA256] = new_hmac(mac, "SHA256");
    c->md[STUN_HASH_SHA1] = EVP_MD_fetch(NULL, "MD5", NULL);
    c->md[STUN_HASH_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
    c->md_ctx = EVP_MD_CTX_new();
    EVP_MAC_free(mac);
    if (!c->hmac[0] || !c->hmac[1] || !c->md[0] || !c->md[1] || !c->md_ctx) {
        stun_crypto_free(c);
        return NULL;
    }
    return c;
}

void stun_crypto_free(struct stun_crypto *c) {
    if (!c) {
        return;
    }
    for (int i = 0; i < HASHES; i++) {
        EVP_MAC_CTX_free(c->hmac[i]);
        EVP_MD_free(c->md[i]);
    }
    EVP_MD_CTX_free(c->md_ctx);
    free(c);
}

void stun_hmac_begin(struct stun_crypto *c, enum stun_hash hash, struct stun_span key) {
    /* OpenSSL takes a missing key for "the last one again": an empty key must be a pointer all the same. */
    const void *bytes = key.len > 0 ? key.bytes : "";
    c->running = c->hmac[hash];
    c->running_bytes = stun_hash_bytes(hash);
    c->failed = EVP_MAC_init(c->running, bytes, key.len, NULL) != 1;
}

void stun_hmac_add(struct stun_crypto *c, struct stun_span data) {
    if (!c->failed && data.len > 0) {
        c->failed = EVP_MAC_update(c->running, data.bytes, data.len) != 1;
    }
}

int stun_hmac_end(struct stun_crypto *c, uint8_t *out) {
    size_t len = 0;
    if (c->failed || EVP_MAC_final(c->running, out, &len, c->running_bytes) != 1 || len != c->running_bytes) {
        return -EIO;
    }
    return 0;
}

int stun_derive_key(struct stun_crypto *c, enum stun_hash hash, const struct stun_credentials *who,
                    uint8_t out[STUN_KEY_BYTES_MAX]) {
    unsigned len = 0;
    bool ok = EVP_DigestInit_ex2(c->md_ctx, c->md[hash], NULL) == 1 &&
              EVP_DigestUpdate(c->md_ctx, who->user, who->user_len) == 1 && EVP_DigestUpdate(c->md_ctx, ":", 1) == 1 &&
              EVP_DigestUpdate(c->md_ctx, who->realm, who->realm_len) == 1 &&
              EVP_DigestUpdate(c->md_ctx, ":", 1) == 1 &&
              EVP_DigestUpdate(c->md_ctx, who->password, who->password_len) == 1 &&
              EVP_DigestFinal_ex(c->md_ctx, out, &len) == 1;
    return ok ? (int)len : -EIO;
}

int stun_derive_userhash(struct stun_crypto *c, const struct stun_credentials *who, uint8_t out[STUN_SHA256_BYTES]) {
    bool ok = EVP_DigestInit_ex2(c->md_ctx, c->md[STUN_HASH_SHA256], NULL) == 1 &&
              EVP_DigestUpdate(c->md_ctx, who->user, who->user_len) == 1 && EVP_DigestUpdate(c->md_ctx, ":", 1) == 1 &&
              EVP_DigestUpdate(c->md_ctx, who->realm, who->realm_len) == 1 &&
              EVP_DigestFinal_ex(c->md_ctx, out, NULL) == 1;
    return ok ? 0 : -EIO;
}

int stun_derive_password(struct stun_crypto *c, const char *secret, const char *user, size_t user_len,
                         char out[STUN_PASSWORD_BYTES]) {
    uint8_t mac[STUN_SHA1_BYTES];
    stun_hmac_begin(c, STUN_HASH_SHA1, (struct stun_span){secret, strlen(secret)});
    stun_hmac_add(c, (struct stun_span){user, user_len});
    int rc = stun_hmac_end(c, mac);
    if (rc == 0) {
        base64_encode(out, mac, sizeof mac);
        OPENSSL_cleanse(mac, sizeof mac);
    }
    return rc;
}

int stun_ephemeral_parse(struct stun_ephemeral *out, const char *name, size_t len) {
    const char *colon = memchr(name, ':', len);
    if (!colon || text_parse_u64(&out->expiry_s, name, (size_t)(colon - name)) < 0) {
        return -EBADMSG;
    }
    out->user = colon + 1;
    out->user_len = len - (size_t)(colon - name) - 1;
    return 0;
}
