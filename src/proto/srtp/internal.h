/* What the files of this folder share; tests look in too. */
#pragma once

#include "proto/srtp/streams.h"
#include "proto/srtp/srtp.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>

enum {
    SRTP_KEY_BYTES = 16,
    SRTP_SALT_BYTES = 14, /* GCM uses 12 */
    SRTP_AUTH_KEY_BYTES = 20,
    SRTP_MAC_BYTES = 20,
    SRTP_CM_TAG = 10,
    SRTP_GCM_TAG = 16,
    SRTCP_HEADER = 8,
    SRTCP_TRAILER = 4, /* E bit and index */
};

#define SRTP_INDEX_MAX  ((UINT64_C(1) << 48) - 1)
#define SRTCP_INDEX_MAX 0x7fffffffU
#define SRTCP_E_BIT     0x80000000U

enum { SRTP_PIECES_MAX = 3 };

struct srtp_piece {
    const uint8_t *data;
    size_t len;
};

struct srtp_ciphers {
    EVP_CIPHER *ctr;
    EVP_CIPHER *gcm;
};

/* HMAC-SHA1 with its key worked in. OpenSSL 3.0 allocates for every message when asked through EVP, so this stands on
 * its SHA-1 itself. */
struct srtp_hmac {
    SHA_CTX inner, outer;
};
void srtp_hmac_init(struct srtp_hmac *h, const uint8_t *key, size_t len); /* at most 64 bytes */
void srtp_hmac_run(const struct srtp_hmac *h, const struct srtp_piece *pieces, size_t count,
                   uint8_t out[SRTP_MAC_BYTES]);

/* The session keys of one direction of RTP or RTCP. */
struct srtp_key {
    EVP_CIPHER_CTX *cipher; /* keyed once; each packet sets its IV */
    uint8_t salt[SRTP_SALT_BYTES];
    struct srtp_hmac hmac; /* AES-CM only */
};

enum srtp_use { SRTP_USE_RTP, SRTP_USE_RTCP, SRTP_USES };

struct srtp_session {
    struct srtp_ciphers *ciphers;
    const struct srtp_transform *transform;
    struct srtp_key in[SRTP_USES], out[SRTP_USES];
    struct srtp_streams remote, local;
    uint64_t sent;       /* RTP packets of all SSRCs: they share one key */
    uint32_t rtcp_index; /* the last one sent */
};

/* One packet on its way through a transform. The plaintext is in up to three pieces, so that it is read once, from where
 * it lies; the ciphertext goes to packet + clear_len in one. */
struct srtp_work {
    uint8_t *packet;
    size_t clear_len; /* authenticated, not encrypted */
    struct srtp_piece pieces[SRTP_PIECES_MAX];
    size_t text_len; /* of all pieces */
    uint8_t *tag;
    uint32_t ssrc;
    uint64_t index;     /* RTP: rollover counter and sequence number; RTCP: SRTCP index */
    uint8_t trailer[4]; /* RTP: rollover counter; RTCP: E bit and index */
    enum srtp_use use;
};

/* seal encrypts and writes the tag; open checks the tag and decrypts pieces[0], which lies at packet + clear_len.
 * -ERR_INTEGRITY (open), -EIO. */
struct srtp_transform {
    enum srtp_profile profile;
    size_t tag_bytes;
    size_t salt_bytes;
    int (*seal)(struct srtp_session *s, struct srtp_work *work);
    int (*open)(struct srtp_session *s, struct srtp_work *work);
};

/* Runs the cipher, whose IV is set, over the pieces, to where the text stands in the packet. */
bool srtp_cipher_pieces(const struct srtp_key *key, const struct srtp_work *work);

extern const struct srtp_transform srtp_transform_cm, srtp_transform_gcm;

/* Derives the session keys from a master key (SRTP_KEY_BYTES) and its salt (SRTP_SALT_BYTES, zero-padded for GCM),
 * RFC 3711 section 4.3. -EIO, -ENOMEM. */
struct srtp_master {
    uint8_t key[SRTP_KEY_BYTES];
    uint8_t salt[SRTP_SALT_BYTES];
};
int srtp_derive(struct srtp_ciphers *c, const struct srtp_master *master, uint8_t label, uint8_t *out, size_t len);
/* Sets key[SRTP_USES] up for one direction. */
int srtp_keys_init(struct srtp_session *s, struct srtp_key *keys, const struct srtp_master *master, bool sealing);
void srtp_keys_deinit(struct srtp_key *keys);
