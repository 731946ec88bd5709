#include "proto/srtp/internal.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static const struct srtp_transform *transform_of(enum srtp_profile profile) {
    switch (profile) {
    case SRTP_AES128_CM_SHA1_80:
        return &srtp_transform_cm;
    case SRTP_AEAD_AES_128_GCM:
        return &srtp_transform_gcm;
    }
    return NULL;
}

size_t srtp_material_bytes(enum srtp_profile profile) {
    const struct srtp_transform *t = transform_of(profile);
    return t ? 2 * (SRTP_KEY_BYTES + t->salt_bytes) : 0;
}

/* RFC 5764 section 4.2: the client's and the server's key, then their salts. */
static struct srtp_master master_of(const struct srtp_keying *keying, size_t salt_bytes, enum srtp_role writer) {
    const size_t which = writer == SRTP_DTLS_SERVER;
    struct srtp_master master = {0};
    memcpy(master.key, keying->material + which * SRTP_KEY_BYTES, SRTP_KEY_BYTES);
    memcpy(master.salt, keying->material + (size_t)2 * SRTP_KEY_BYTES + which * salt_bytes, salt_bytes);
    return master;
}

struct srtp_session *srtp_session_new(struct srtp_ciphers *ciphers, const struct srtp_keying *keying) {
    const struct srtp_transform *transform = transform_of(keying->profile);
    struct srtp_session *s = transform ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        return NULL;
    }
    s->ciphers = ciphers;
    s->transform = transform;
    const bool server = keying->role == SRTP_DTLS_SERVER;
    struct srtp_master ours = master_of(keying, transform->salt_bytes, keying->role);
    struct srtp_master theirs = master_of(keying, transform->salt_bytes, server ? SRTP_DTLS_CLIENT : SRTP_DTLS_SERVER);
    int rc = srtp_keys_init(s, s->out, &ours, true);
    if (rc == 0) {
        rc = srtp_keys_init(s, s->in, &theirs, false);
    }
    OPENSSL_cleanse(&ours, sizeof ours);
    OPENSSL_cleanse(&theirs, sizeof theirs);
    if (rc < 0) {
        srtp_session_free(s);
        return NULL;
    }
    return s;
}

void srtp_session_free(struct srtp_session *s) {
    if (!s) {
        return;
    }
    srtp_keys_deinit(s->in);
    srtp_keys_deinit(s->out);
    srtp_streams_deinit(&s->remote);
    srtp_streams_deinit(&s->local);
    free(s);
}

enum srtp_profile srtp_session_profile(const struct srtp_session *s) { return s->transform->profile; }
size_t srtp_session_overhead(const struct srtp_session *s) { return s->transform->tag_bytes; }
size_t srtp_session_rtcp_overhead(const struct srtp_session *s) { return s->transform->tag_bytes + SRTCP_TRAILER; }
size_t srtp_session_remote_streams(const struct srtp_session *s) { return s->remote.count; }
void srtp_session_forget_remote(struct srtp_session *s, uint32_t ssrc) { srtp_streams_remove(&s->remote, ssrc); }
