#include "proto/dtls/media.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/rng.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <strings.h>

/* Nobody looks at the dates of a self-signed certificate, but they have to be there. */
enum { DAY_S = 86400, VALID_DAYS = 3650 };

/* The longest message of a peer: a chain of certificates, though browsers send one of 300 bytes. */
enum { PEER_MESSAGE_BYTES_MAX = 8192 };

/* ---- our certificate ---- */

static int fill(X509 *cert, EVP_PKEY *key) {
    X509_NAME *name = X509_get_subject_name(cert);
    int ok = X509_set_version(cert, X509_VERSION_3) &&
             ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), rng_u64() >> 1) &&
             X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S) &&
             X509_time_adj_ex(X509_getm_notAfter(cert), VALID_DAYS, 0, NULL) &&
             X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"turnout", -1, -1, 0) &&
             X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256()) > 0;
    return ok ? 0 : -EIO;
}

static int give_certificate(SSL_CTX *ctx, uint8_t digest[DTLS_DIGEST_BYTES]) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    int rc = key && cert ? fill(cert, key) : -ENOMEM;
    if (rc == 0 && (SSL_CTX_use_certificate(ctx, cert) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
                    X509_digest(cert, EVP_sha256(), digest, NULL) != 1)) {
        rc = -EIO;
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}

/* Whose certificate it is, its fingerprint tells, after the handshake. */
static int take_any_certificate(int ok, X509_STORE_CTX *store) {
    (void)ok;
    (void)store;
    return 1;
}

SSL_CTX *dtls_media_context_new(uint8_t digest[DTLS_DIGEST_BYTES]) {
    SSL_CTX *ctx = dtls_context_new();
    if (!ctx) {
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, take_any_certificate);
    SSL_CTX_set_max_cert_list(ctx, PEER_MESSAGE_BYTES_MAX);
    /* 0: success. GCM costs half of what CM and SHA-1 do. */
    if (give_certificate(ctx, digest) < 0 ||
        SSL_CTX_set_tlsext_use_srtp(ctx, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") != 0) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* ---- the peer's, and the keys ---- */

static const EVP_MD *hash_of(const struct dtls_fingerprint *f) {
    static const struct {
        const char *name;
        const EVP_MD *(*md)(void);
    } hashes[] = {{"sha-256", EVP_sha256}, {"sha-384", EVP_sha384}, {"sha-512", EVP_sha512}};
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        if (f->hash_len == strlen(hashes[i].name) && strncasecmp(f->hash, hashes[i].name, f->hash_len) == 0) {
            return hashes[i].md();
        }
    }
    return NULL;
}

/* A description may list several; one has to match, whatever its hash (RFC 8122 section 5.1). */
static bool certificate_matches(X509 *cert, const struct dtls_fingerprint *f) {
    uint8_t digest[DTLS_DIGEST_BYTES_MAX];
    unsigned len = 0;
    const EVP_MD *md = hash_of(f);
    return md && X509_digest(cert, md, digest, &len) == 1 && len == f->digest_len &&
           bytes_equal_ct(digest, f->digest, len);
}

static int check_peer(const SSL *ssl, const struct dtls_fingerprint *fingerprints, size_t count) {
    X509 *cert = SSL_get1_peer_certificate(ssl);
    int rc = -ERR_INTEGRITY;
    for (size_t i = 0; cert && i < count && rc < 0; i++) {
        rc = certificate_matches(cert, &fingerprints[i]) ? 0 : rc;
    }
    X509_free(cert);
    return rc;
}

int dtls_media_keys(struct dtls_session *s, const struct dtls_fingerprint *fingerprints, size_t count,
                    struct dtls_srtp_keys *out) {
    enum { GCM_MATERIAL = 56, CM_MATERIAL = 60 };
    static const char label[] = "EXTRACTOR-dtls_srtp";
    SSL *ssl = dtls_session_ssl(s);
    if (dtls_session_state(s) != DTLS_OPEN) {
        return -EPROTO;
    }
    int rc = check_peer(ssl, fingerprints, count);
    if (rc < 0) {
        return rc;
    }
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(ssl);
    if (!profile) {
        return -ENOTSUP;
    }
    out->profile = (uint16_t)profile->id;
    out->len = profile->id == SRTP_AEAD_AES_128_GCM ? GCM_MATERIAL : CM_MATERIAL;
    return SSL_export_keying_material(ssl, out->material, out->len, label, sizeof label - 1, NULL, 0, 0) == 1 ? 0
                                                                                                              : -EIO;
}
