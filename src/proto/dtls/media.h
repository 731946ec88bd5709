/* DTLS as media transports use it (RFC 5763, RFC 5764): both sides show self-signed certificates that are known by the
 * fingerprints in the session descriptions, and the handshake gives the keys of SRTP. We are always the server, so that
 * our order of SRTP profiles counts. ICE has shown that the address is the peer's: there are no cookies.
 *
 * Sessions are those of session.h, made of a context of this file and begun by the first dtls_session_input. */
#pragma once

#include "proto/dtls/session.h"

enum {
    DTLS_DIGEST_BYTES = 32,     /* SHA-256 */
    DTLS_DIGEST_BYTES_MAX = 64, /* SHA-512 */
    DTLS_SRTP_MATERIAL_BYTES_MAX = 60,
};

/* A context with a new P-256 certificate, whose SHA-256 goes into digest, for a=fingerprint. NULL: no memory, or OpenSSL
 * cannot. Any number of sessions, of one thread at a time. */
struct ssl_ctx_st *dtls_media_context_new(uint8_t digest[DTLS_DIGEST_BYTES]);

/* One of a description; all borrowed. */
struct dtls_fingerprint {
    const char *hash; /* "sha-256", in any case; not terminated */
    size_t hash_len;
    const uint8_t *digest;
    size_t digest_len;
};

struct dtls_srtp_keys {
    uint16_t profile; /* RFC 5764 section 4.1.2: 0x0001 AES-CM with SHA1-80, 0x0007 AEAD AES-128-GCM */
    uint8_t len;
    uint8_t material[DTLS_SRTP_MATERIAL_BYTES_MAX]; /* the caller wipes it */
};

/* The keys of an open session whose peer has the certificate of one of the fingerprints; the only way to them. -EPROTO:
 * the handshake has not ended; -ERR_INTEGRITY: another certificate; -ENOTSUP: no SRTP profile was agreed on; -EIO. */
int dtls_media_keys(struct dtls_session *s, const struct dtls_fingerprint *fingerprints, size_t count,
                    struct dtls_srtp_keys *out);
