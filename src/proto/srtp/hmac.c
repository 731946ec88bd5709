/* The functions used here are deprecated in favour of EVP, which allocates for each message. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "proto/srtp/internal.h"

#include <openssl/crypto.h>

void srtp_hmac_init(struct srtp_hmac *h, const uint8_t *key, size_t len) {
    uint8_t inner[SHA_CBLOCK], outer[SHA_CBLOCK];
    for (size_t i = 0; i < SHA_CBLOCK; i++) {
        uint8_t k = i < len ? key[i] : 0;
        inner[i] = k ^ 0x36;
        outer[i] = k ^ 0x5c;
    }
    SHA1_Init(&h->inner);
    SHA1_Update(&h->inner, inner, sizeof inner);
    SHA1_Init(&h->outer);
    SHA1_Update(&h->outer, outer, sizeof outer);
    OPENSSL_cleanse(inner, sizeof inner);
    OPENSSL_cleanse(outer, sizeof outer);
}

void srtp_hmac_run(const struct srtp_hmac *h, const struct srtp_piece *pieces, size_t count,
                   uint8_t out[SRTP_MAC_BYTES]) {
    SHA_CTX hash = h->inner;
    for (size_t i = 0; i < count; i++) {
        SHA1_Update(&hash, pieces[i].data, pieces[i].len);
    }
    SHA1_Final(out, &hash);
    hash = h->outer;
    SHA1_Update(&hash, out, SRTP_MAC_BYTES);
    SHA1_Final(out, &hash);
}
