/* AES in counter mode with HMAC-SHA1, cut to 80 bits (RFC 3711 sections 4.1.1 and 4.2.1). */
#include "proto/srtp/internal.h"

#include "base/bytes.h"
#include "base/error.h"

#include <errno.h>

/* The salt, SSRC and index, each at its place in the counter block. */
static bool set_iv(const struct srtp_key *key, const struct srtp_work *work) {
    uint8_t iv[16] = {0};
    memcpy(iv, key->salt, SRTP_SALT_BYTES);
    store_be32(iv + 4, load_be32(iv + 4) ^ work->ssrc);
    store_be64(iv + 6, load_be64(iv + 6) ^ work->index);
    return EVP_CipherInit_ex2(key->cipher, NULL, NULL, iv, -1, NULL) == 1;
}

static bool encrypt(const struct srtp_key *key, const struct srtp_work *work) {
    return set_iv(key, work) && srtp_cipher_pieces(key, work);
}

static void authenticate(const struct srtp_key *key, const struct srtp_work *work, uint8_t out[SRTP_MAC_BYTES]) {
    const struct srtp_piece pieces[] = {{work->packet, work->clear_len + work->text_len},
                                        {work->trailer, sizeof work->trailer}};
    srtp_hmac_run(&key->hmac, pieces, 2, out);
}

static int seal(struct srtp_session *s, struct srtp_work *work) {
    const struct srtp_key *key = &s->out[work->use];
    uint8_t mac[SRTP_MAC_BYTES];
    if (!encrypt(key, work)) {
        return -EIO;
    }
    authenticate(key, work, mac);
    memcpy(work->tag, mac, SRTP_CM_TAG);
    return 0;
}

static int open_packet(struct srtp_session *s, struct srtp_work *work) {
    const struct srtp_key *key = &s->in[work->use];
    uint8_t mac[SRTP_MAC_BYTES];
    authenticate(key, work, mac);
    if (!bytes_equal_ct(mac, work->tag, SRTP_CM_TAG)) {
        return -ERR_INTEGRITY;
    }
    return encrypt(key, work) ? 0 : -EIO;
}

const struct srtp_transform srtp_transform_cm = {
    .profile = SRTP_AES128_CM_SHA1_80,
    .tag_bytes = SRTP_CM_TAG,
    .salt_bytes = 14,
    .seal = seal,
    .open = open_packet,
};
