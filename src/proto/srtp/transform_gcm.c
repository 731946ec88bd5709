/* AES-GCM (RFC 7714 sections 8 and 9). */
#include "proto/srtp/internal.h"

#include "base/bytes.h"
#include "base/error.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

enum { IV_BYTES = 12 };

/* RTP: SSRC, rollover counter, sequence number; RTCP: SSRC, two zero bytes, index. Both are the 48 bits of index. */
static bool begin(const struct srtp_key *key, const struct srtp_work *work) {
    uint8_t iv[IV_BYTES];
    int done;
    memcpy(iv, key->salt, sizeof iv);
    store_be32(iv + 2, load_be32(iv + 2) ^ work->ssrc);
    store_be16(iv + 6, (uint16_t)(load_be16(iv + 6) ^ (uint16_t)(work->index >> 32)));
    store_be32(iv + 8, load_be32(iv + 8) ^ (uint32_t)work->index);
    if (EVP_CipherInit_ex2(key->cipher, NULL, NULL, iv, -1, NULL) != 1 ||
        EVP_CipherUpdate(key->cipher, NULL, &done, work->packet, (int)work->clear_len) != 1) {
        return false;
    }
    return work->use == SRTP_USE_RTP ||
           EVP_CipherUpdate(key->cipher, NULL, &done, work->trailer, sizeof work->trailer) == 1;
}

static bool run(const struct srtp_key *key, const struct srtp_work *work) {
    return begin(key, work) && srtp_cipher_pieces(key, work);
}

static int seal(struct srtp_session *s, struct srtp_work *work) {
    const struct srtp_key *key = &s->out[work->use];
    int done;
    OSSL_PARAM tag[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, work->tag, SRTP_GCM_TAG),
                        OSSL_PARAM_construct_end()};
    bool ok = run(key, work) && EVP_EncryptFinal_ex(key->cipher, work->packet, &done) == 1 &&
              EVP_CIPHER_CTX_get_params(key->cipher, tag) == 1;
    return ok ? 0 : -EIO;
}

static int open_packet(struct srtp_session *s, struct srtp_work *work) {
    const struct srtp_key *key = &s->in[work->use];
    int done;
    OSSL_PARAM tag[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, work->tag, SRTP_GCM_TAG),
                        OSSL_PARAM_construct_end()};
    if (!run(key, work) || EVP_CIPHER_CTX_set_params(key->cipher, tag) != 1) {
        return -EIO;
    }
    return EVP_DecryptFinal_ex(key->cipher, work->packet, &done) == 1 ? 0 : -ERR_INTEGRITY;
}

const struct srtp_transform srtp_transform_gcm = {
    .profile = SRTP_AEAD_AES_128_GCM,
    .tag_bytes = SRTP_GCM_TAG,
    .salt_bytes = 12,
    .seal = seal,
    .open = open_packet,
};
