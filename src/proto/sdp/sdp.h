/* Session descriptions (RFC 8866) as browsers make them (RFC 8829): a parser, and the description it gives.
 *
 * A description borrows the text it was made from, which must outlive it. Attributes of the session that stand for all
 * media sections (ICE, fingerprints, setup, direction) have been copied into those that lack them. */
#pragma once

#include "proto/rtp/extension.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SDP_BYTES_MAX = 256 * 1024,
    SDP_LINE_BYTES_MAX = 4096,
    SDP_MEDIA_MAX = 96,
    SDP_CODECS_MAX = 64, /* payload types of one section; more are left out */
    SDP_EXTENSIONS_MAX = 32,
    SDP_FINGERPRINTS_MAX = 4,
    SDP_RIDS_MAX = 8,
    SDP_SSRCS_MAX = 16,
    SDP_PAIRS_MAX = 8,
    SDP_DIGEST_BYTES_MAX = 64, /* SHA-512 */
};

struct sdp_text {
    const char *at; /* borrowed, not terminated */
    size_t len;
};

enum sdp_kind { SDP_AUDIO, SDP_VIDEO, SDP_DATA, SDP_OTHER_KIND };
enum sdp_direction { SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };
enum sdp_setup { SDP_SETUP_NONE, SDP_ACTPASS, SDP_ACTIVE, SDP_PASSIVE };

enum sdp_codec_name {
    SDP_OPUS,
    SDP_RED,
    SDP_VP8,
    SDP_VP9,
    SDP_H264,
    SDP_AV1,
    SDP_RTX,
    SDP_OTHER_CODEC, /* anything else: telephone-event, G722, ulpfec ... */
};

/* Bits of sdp_codec.feedback (a=rtcp-fb). */
enum {
    SDP_FB_NACK = 1,
    SDP_FB_PLI = 2,
    SDP_FB_FIR = 4,
    SDP_FB_REMB = 8,
    SDP_FB_TRANSPORT_CC = 16,
};

enum { SDP_NO_PT = 255 };

struct sdp_codec {
    struct sdp_text encoding; /* as in a=rtpmap; empty without one */
    struct sdp_text fmtp;
    uint32_t clock_hz;
    uint8_t pt;
    uint8_t name;     /* enum sdp_codec_name */
    uint8_t channels; /* 1 unless told */
    uint8_t apt;      /* RTX: the payload type it repeats; RED: its first; else SDP_NO_PT */
    uint8_t feedback;
};

struct sdp_extension {
    struct sdp_text uri;
    uint16_t id;
    int8_t kind;      /* enum rtp_ext_kind, or -1 */
    int8_t direction; /* enum sdp_direction, or -1 when none was told */
};

struct sdp_rid {
    struct sdp_text id;
    bool send;   /* the sender of the description sends it */
    bool paused; /* in a=simulcast, with a tilde */
    bool listed; /* in a=simulcast */
};

struct sdp_ssrc {
    uint32_t ssrc;
    struct sdp_text cname;
};

struct sdp_pair {
    uint32_t media, rtx; /* a=ssrc-group:FID */
};

struct sdp_fingerprint {
    struct sdp_text hash; /* "sha-256" */
    uint8_t digest_len;
    uint8_t digest[SDP_DIGEST_BYTES_MAX];
};

/* What a transport needs; one for all bundled sections. */
struct sdp_transport {
    struct sdp_text ufrag, pwd;
    uint8_t setup; /* enum sdp_setup */
    uint8_t fingerprint_count;
    struct sdp_fingerprint fingerprints[SDP_FINGERPRINTS_MAX];
};

struct sdp_media {
    struct sdp_text media;    /* "audio" */
    struct sdp_text protocol; /* "UDP/TLS/RTP/SAVPF" */
    struct sdp_text formats;  /* the rest of the m-line */
    struct sdp_text mid;
    struct sdp_text stream, track; /* a=msid; empty without */
    struct sdp_text simulcast;     /* the value of a=simulcast */
    struct sdp_transport transport;
    uint32_t max_message_bytes; /* data; 0: not told (then 65536, RFC 8841) */
    uint16_t port;
    uint16_t sctp_port; /* data; 0: not told */
    uint8_t kind;       /* enum sdp_kind */
    uint8_t direction;  /* enum sdp_direction */
    bool rtp;           /* RTP with feedback over DTLS-SRTP */
    bool sctp;          /* SCTP over DTLS */
    bool bundle_only, bundled, rtcp_mux, rtcp_rsize, mixed /* extmap-allow-mixed */;
    uint8_t codec_count, extension_count, rid_count, ssrc_count, pair_count;
    struct sdp_codec codecs[SDP_CODECS_MAX];
    struct sdp_extension extensions[SDP_EXTENSIONS_MAX];
    struct sdp_rid rids[SDP_RIDS_MAX]; /* those of a=simulcast in its order come first */
    struct sdp_ssrc ssrcs[SDP_SSRCS_MAX];
    struct sdp_pair pairs[SDP_PAIRS_MAX];
};

struct sdp_session {
    struct sdp_text bundle; /* the mids of a=group:BUNDLE; empty without */
    bool ice_lite;
    uint8_t media_count;
    struct sdp_media media[];
};

/* What is wrong, for the one who sent it. */
struct sdp_error {
    unsigned line; /* from 1; 0: the whole */
    const char *text;
};

/* Reads a whole description; free with free(). -EBADMSG: malformed; -E2BIG: over a limit; -ENOMEM. error is set but for
 * -ENOMEM. What is not understood is passed over, as RFC 8866 wants. */
int sdp_parse(struct sdp_session **out, const char *text, size_t len, struct sdp_error *error);

/* Reads ufrag and password of an application/trickle-ice-sdpfrag body (RFC 8840); candidates are passed over: a lite
 * agent needs none. -EBADMSG, -E2BIG; -ENOENT: it has none. */
int sdp_parse_fragment(struct sdp_transport *out, const char *text, size_t len, struct sdp_error *error);

bool sdp_text_is(struct sdp_text text, const char *word);
/* A section that its sender has switched off: port 0, and not because it is bundled. */
static inline bool sdp_media_rejected(const struct sdp_media *m) { return m->port == 0 && !m->bundle_only; }
/* The codec with that payload type, or NULL. */
const struct sdp_codec *sdp_media_codec(const struct sdp_media *m, uint8_t pt);
/* The value of a fmtp parameter ("profile-id"), case ignored; empty when it is not there. */
struct sdp_text sdp_fmtp_value(const struct sdp_codec *codec, const char *name);
/* What the other side calls it. */
enum sdp_direction sdp_direction_reverse(enum sdp_direction d);
