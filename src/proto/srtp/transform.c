/* What both transforms do. */
#include "proto/srtp/internal.h"

bool srtp_cipher_pieces(const struct srtp_key *key, const struct srtp_work *work) {
    uint8_t *out = work->packet + work->clear_len;
    bool ok = true;
    for (size_t i = 0; ok && i < SRTP_PIECES_MAX; i++) {
        int done = 0;
        if (work->pieces[i].len > 0) {
            ok = EVP_CipherUpdate(key->cipher, out, &done, work->pieces[i].data, (int)work->pieces[i].len) == 1;
            out += work->pieces[i].len;
        }
    }
    return ok;
}
