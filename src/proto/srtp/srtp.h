/* SRTP and SRTCP (RFC 3711) with the two profiles browsers speak: AES-CM with HMAC-SHA1-80, and AEAD_AES_128_GCM
 * (RFC 7714), keyed by DTLS (RFC 5764).
 *
 *   RTP:   | header, CSRCs, extension | payload, padding (encrypted) | tag |
 *   RTCP:  | header, SSRC | rest (encrypted) | E, index | tag |      AES-CM
 *          | header, SSRC | rest (encrypted) | tag | E, index |      GCM
 *
 * Nothing is allocated for a packet. State for an SSRC of the peer is made after a packet of it was authenticated, and
 * there is a bound on it. One thread at a time uses a struct srtp_ciphers and the sessions made with it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum srtp_profile { /* the numbers of RFC 5764 section 4.1.2 and RFC 7714 section 14.2 */
                    SRTP_AES128_CM_SHA1_80 = 0x0001,
                    SRTP_AEAD_AES_128_GCM = 0x0007,
};

enum {
    SRTP_MATERIAL_BYTES_MAX = 60, /* what DTLS exports, of either profile */
    SRTP_OVERHEAD_MAX = 16,       /* bytes an RTP packet grows by */
    SRTCP_OVERHEAD_MAX = 20,      /* bytes an RTCP packet grows by */
    SRTP_STREAMS_MAX = 1024,      /* SSRCs of a session, in each direction */
    SRTP_WINDOW_PACKETS = 512,    /* older packets are taken for replays */
};

/* Fetched algorithms, for all sessions of a thread. NULL: no memory or no such algorithm. */
struct srtp_ciphers;
struct srtp_ciphers *srtp_ciphers_new(void);
void srtp_ciphers_free(struct srtp_ciphers *c); /* after its sessions; NULL is ignored */

/* The keys of both directions as DTLS exports them under "EXTRACTOR-dtls_srtp" (RFC 5764 section 4.2):
 * client key, server key, client salt, server salt. */
enum srtp_role { SRTP_DTLS_CLIENT, SRTP_DTLS_SERVER };
struct srtp_keying {
    enum srtp_profile profile;
    enum srtp_role role;     /* ours */
    const uint8_t *material; /* srtp_material_bytes(profile), borrowed until return; the caller wipes it */
};

/* 60, 56, or 0 for a profile that is neither. */
size_t srtp_material_bytes(enum srtp_profile profile);

/* Borrows ciphers for its life. NULL: no memory, or an unknown profile. */
struct srtp_session;
struct srtp_session *srtp_session_new(struct srtp_ciphers *ciphers, const struct srtp_keying *keying);
void srtp_session_free(struct srtp_session *s); /* wipes the keys; NULL is ignored */
enum srtp_profile srtp_session_profile(const struct srtp_session *s);
/* Bytes by which srtp_session_protect and srtp_session_protect_rtcp lengthen a packet. */
size_t srtp_session_overhead(const struct srtp_session *s);
size_t srtp_session_rtcp_overhead(const struct srtp_session *s);
/* SSRCs of the peer that have state. */
size_t srtp_session_remote_streams(const struct srtp_session *s);
/* Drops the state of a peer's SSRC that is no longer expected, to make room for others. Its old packets would pass
 * again: whoever calls this routes nothing from that SSRC. (Our own SSRCs stay: a used nonce must be remembered.) */
void srtp_session_forget_remote(struct srtp_session *s, uint32_t ssrc);

/* Decrypts in place and returns the new length. On failure the packet's bytes are void and no state has changed.
 * -EBADMSG: no RTP (RTCP) packet with room for a tag, or SRTCP that is not encrypted; -ERR_INTEGRITY: not from the
 * peer; -ERR_REPLAY: seen before or older than the window; -ENOBUFS: genuine, but SRTP_STREAMS_MAX SSRCs are known;
 * -EKEYEXPIRED: beyond 2^48 packets; -ENOMEM; -EIO: OpenSSL failed. */
long srtp_session_unprotect(struct srtp_session *s, uint8_t *packet, size_t len);
long srtp_session_unprotect_rtcp(struct srtp_session *s, uint8_t *packet, size_t len);

/* A packet to be encrypted where it will be sent from. The caller has written the RTP header and perhaps the start of
 * the payload (an RTX sequence number, a descriptor) into packet; the rest of the payload comes from elsewhere. */
struct srtp_slot {
    uint8_t *packet;
    size_t cap;          /* of packet: written_len + rest_len + padding + srtp_session_overhead() at least */
    size_t header_len;   /* stays readable: fixed header, CSRCs, extension block */
    size_t written_len;  /* header_len and the bytes of payload that stand behind it */
    const uint8_t *rest; /* plaintext that follows; borrowed, outside of packet; NULL when rest_len is 0 */
    size_t rest_len;
    uint8_t padding; /* bytes of RTP padding to append; not 0 only if the header has its P bit set */
};

/* Encrypts and returns the packet's length. -EBADMSG: the header is not header_len long, or the parts do not add up;
 * -ENOBUFS: cap is too small, or SRTP_STREAMS_MAX SSRCs are in use; -ERR_REPLAY: this sequence number was sent, or may
 * have been: the same nonce twice would break the encryption; -EKEYEXPIRED: 2^48 packets were sent; -ENOMEM; -EIO.
 * A stream's first sequence number should be below 2^15 (RFC 3711 section 3.3.1). */
long srtp_session_protect_slot(struct srtp_session *s, const struct srtp_slot *slot);

struct srtp_buffer {
    uint8_t *data;
    size_t len; /* the plaintext packet */
    size_t cap;
};

/* Encrypts a whole packet in place and returns its new length. (errors as above) */
long srtp_session_protect(struct srtp_session *s, const struct srtp_buffer *packet);
/* The same for an RTCP packet, compound or not. -EKEYEXPIRED: 2^31 packets were sent. */
long srtp_session_protect_rtcp(struct srtp_session *s, const struct srtp_buffer *packet);
