/* From what DTLS exported to keyed contexts. */
#include "proto/srtp/internal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_ENCRYPTION, LABEL_AUTHENTICATION, LABEL_SALT, LABELS };

struct srtp_ciphers *srtp_ciphers_new(void) {
    struct srtp_ciphers *c = calloc(1, sizeof *c);
    if (!c) {
        return NULL;
    }
    c->ctr = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
    c->gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    if (!c->ctr || !c->gcm) {
        srtp_ciphers_free(c);
        return NULL;
    }
    return c;
}

void srtp_ciphers_free(struct srtp_ciphers *c) {
    if (!c) {
        return;
    }
    EVP_CIPHER_free(c->ctr);
    EVP_CIPHER_free(c->gcm);
    free(c);
}

/* The label is XORed into the eighth octet of the salt: the key derivation rate is 0, so the rest of key_id is. */
int srtp_derive(struct srtp_ciphers *c, const struct srtp_master *master, uint8_t label, uint8_t *out, size_t len) {
    uint8_t iv[16] = {0};
    int done;
    memcpy(iv, master->salt, SRTP_SALT_BYTES);
    iv[7] ^= label;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx) {
        return -ENOMEM;
    }
    memset(out, 0, len);
    bool ok = EVP_EncryptInit_ex2(ctx, c->ctr, master->key, iv, NULL) == 1 &&
              EVP_EncryptUpdate(ctx, out, &done, out, (int)len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? 0 : -EIO;
}

static int init_cipher(struct srtp_session *s, struct srtp_key *key, const uint8_t *bytes, bool sealing) {
    const bool gcm = s->transform == &srtp_transform_gcm;
    const bool encrypt = sealing || !gcm; /* counter mode runs forward both ways */
    key->cipher = EVP_CIPHER_CTX_new();
    if (!key->cipher) {
        return -ENOMEM;
    }
    const EVP_CIPHER *cipher = gcm ? s->ciphers->gcm : s->ciphers->ctr;
    int rc = encrypt ? EVP_EncryptInit_ex2(key->cipher, cipher, bytes, NULL, NULL)
                     : EVP_DecryptInit_ex2(key->cipher, cipher, bytes, NULL, NULL);
    return rc == 1 ? 0 : -EIO;
}

static int init_key(struct srtp_session *s, struct srtp_key *key, const struct srtp_master *master, uint8_t first_label,
                    bool sealing) {
    uint8_t bytes[SRTP_KEY_BYTES], auth[SRTP_AUTH_KEY_BYTES] = {0};
    int rc = srtp_derive(s->ciphers, master, first_label + LABEL_ENCRYPTION, bytes, sizeof bytes);
    if (rc == 0) {
        rc = srtp_derive(s->ciphers, master, first_label + LABEL_AUTHENTICATION, auth, sizeof auth);
    }
    if (rc == 0) {
        rc = srtp_derive(s->ciphers, master, first_label + LABEL_SALT, key->salt, s->transform->salt_bytes);
    }
    if (rc == 0) {
        rc = init_cipher(s, key, bytes, sealing);
    }
    srtp_hmac_init(&key->hmac, auth, sizeof auth);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(auth, sizeof auth);
    return rc;
}

int srtp_keys_init(struct srtp_session *s, struct srtp_key *keys, const struct srtp_master *master, bool sealing) {
    int rc = init_key(s, &keys[SRTP_USE_RTP], master, 0, sealing);
    return rc < 0 ? rc : init_key(s, &keys[SRTP_USE_RTCP], master, LABELS, sealing);
}

void srtp_keys_deinit(struct srtp_key *keys) {
    for (int use = 0; use < SRTP_USES; use++) {
        EVP_CIPHER_CTX_free(keys[use].cipher);
        OPENSSL_cleanse(&keys[use], sizeof keys[use]);
    }
}
