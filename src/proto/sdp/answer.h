/* The answer to an offer: what of it a policy takes, and its text. The server always answers: ICE-lite, BUNDLE, rtcp-mux,
 * setup:passive. One negotiation serves every dialect (WebSocket, WHIP, WHEP). */
#pragma once

#include "base/addr.h"
#include "base/bytes.h"
#include "proto/sdp/sdp.h"

enum { SDP_ANSWER_CODECS_MAX = 24, SDP_ANSWER_RIDS_MAX = 4, SDP_PREFERENCES_MAX = 4 };

/* What the server can do for this client. */
struct sdp_policy {
    bool receive; /* the client may publish */
    bool send;    /* it may receive */
    bool data;    /* data channels */
    bool red;     /* RED for Opus (RFC 2198) */
    uint8_t video_count;
    uint8_t video[SDP_PREFERENCES_MAX]; /* enum sdp_codec_name: those taken, the best first */
    uint32_t audio_extensions;          /* bit per enum rtp_ext_kind */
    uint32_t video_extensions;
    uint8_t rids_max; /* encodings of one publication, at most SDP_ANSWER_RIDS_MAX */
};

/* VP8 first, then all that can be forwarded; every extension that is read, forwarded or made. */
void sdp_policy_init(struct sdp_policy *policy);

/* What is sent in a section: a slot's fixed sources. */
struct sdp_sending {
    uint32_t ssrc, rtx_ssrc; /* rtx_ssrc 0: none */
    const char *cname;       /* borrowed, as all */
    const char *stream;
    const char *track;
};

struct sdp_answer_media {
    const struct sdp_media *offer;
    const char *rejected;         /* why, or NULL: taken */
    enum sdp_direction direction; /* ours */
    uint8_t codec_count, extension_count, rid_count;
    uint8_t codecs[SDP_ANSWER_CODECS_MAX];  /* indices into the offer's, the best first, RTX after what it repeats */
    uint8_t extensions[SDP_EXTENSIONS_MAX]; /* indices */
    uint8_t rids[SDP_ANSWER_RIDS_MAX];      /* indices of the encodings that we receive; none: a single one */
    struct sdp_sending sending;             /* for the caller to fill in where we send, before the answer is written */
};

struct sdp_answer {
    const struct sdp_session *offer;    /* borrowed, as its text */
    const struct sdp_transport *remote; /* the offer's transport, of the first section taken; NULL: none was */
    uint8_t media_count;
    struct sdp_answer_media media[];
};

/* Sections that cannot be taken are rejected in the answer, each with a reason; the offer as a whole is refused when it
 * does not fit our transport: -EPROTO and error (no BUNDLE, no fingerprint that we can check, setup:passive, ICE-lite on
 * both sides). -ENOMEM. Free with free(); the offer must live as long. */
int sdp_negotiate(struct sdp_answer **out, const struct sdp_session *offer, const struct sdp_policy *policy,
                  struct sdp_error *error);

struct sdp_candidate {
    struct addr addr;
    bool tcp; /* passive (RFC 6544) */
    uint32_t priority;
};

/* Our side of the transport. */
struct sdp_local {
    uint64_t session_id;
    uint32_t version; /* grows with each answer of the session */
    const char *ufrag, *pwd;
    const char *fingerprint_hash; /* "sha-256" */
    const uint8_t *digest;
    size_t digest_len;
    const struct sdp_candidate *candidates;
    size_t candidate_count;
    uint32_t max_message_bytes; /* of data channels */
};

/* Writes the answer as text. -ENOBUFS: w is too small (16 kB and 2 kB per section are enough). */
int sdp_answer_write(struct writer *w, const struct sdp_answer *answer, const struct sdp_local *local);
