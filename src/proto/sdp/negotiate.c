/* What of an offer is taken. */
#include "proto/sdp/answer.h"

#include "proto/sdp/scan.h"

#include <errno.h>
#include <stdlib.h>

enum { OPUS_CLOCK = 48000, OPUS_CHANNELS = 2 };

#define BIT(kind) (UINT32_C(1) << (kind))

void sdp_policy_init(struct sdp_policy *policy) {
    static const uint8_t video[] = {SDP_VP8, SDP_VP9, SDP_H264, SDP_AV1};
    const uint32_t both =
        BIT(RTP_EXT_MID) | BIT(RTP_EXT_TRANSPORT_SEQ) | BIT(RTP_EXT_ABS_SEND_TIME) | BIT(RTP_EXT_ABS_CAPTURE_TIME);
    *policy = (struct sdp_policy){.receive = true, .send = true, .data = true, .red = true};
    policy->rids_max = 3;
    policy->video_count = sizeof video;
    memcpy(policy->video, video, sizeof video);
    policy->audio_extensions = both | BIT(RTP_EXT_AUDIO_LEVEL);
    policy->video_extensions = both | BIT(RTP_EXT_RID) | BIT(RTP_EXT_REPAIRED_RID) | BIT(RTP_EXT_VIDEO_ORIENTATION) |
                               BIT(RTP_EXT_PLAYOUT_DELAY) | BIT(RTP_EXT_CONTENT_TYPE) | BIT(RTP_EXT_DEPENDENCY);
}

/* ---- the offer as a whole ---- */

static bool hash_known(struct sdp_text hash, size_t digest_len) {
    return (sdp_text_is_nocase(hash, "sha-256") && digest_len == 32) ||
           (sdp_text_is_nocase(hash, "sha-384") && digest_len == 48) ||
           (sdp_text_is_nocase(hash, "sha-512") && digest_len == 64);
}

static bool has_fingerprint(const struct sdp_transport *t) {
    for (uint8_t i = 0; i < t->fingerprint_count; i++) {
        if (hash_known(t->fingerprints[i].hash, t->fingerprints[i].digest_len)) {
            return true;
        }
    }
    return false;
}

/* NULL: fits. */
static const char *transport_misfit(const struct sdp_session *offer, const struct sdp_transport *t) {
    if (offer->ice_lite) {
        return "both sides are ICE-lite";
    }
    if (t->ufrag.len == 0 || t->pwd.len == 0) {
        return "no ice-ufrag and ice-pwd";
    }
    if (!has_fingerprint(t)) {
        return "no fingerprint of SHA-256, SHA-384 or SHA-512";
    }
    if (t->setup != SDP_ACTPASS && t->setup != SDP_ACTIVE) {
        return "setup must be actpass or active";
    }
    return NULL;
}

/* ---- codecs ---- */

static void take_codec(struct sdp_answer_media *out, size_t index) {
    if (out->codec_count < SDP_ANSWER_CODECS_MAX) {
        out->codecs[out->codec_count++] = (uint8_t)index;
    }
}

/* RTX of that payload type, if it is offered. */
static void take_rtx(struct sdp_answer_media *out, uint8_t pt) {
    const struct sdp_media *m = out->offer;
    for (size_t i = 0; i < m->codec_count; i++) {
        if (m->codecs[i].name == SDP_RTX && m->codecs[i].apt == pt) {
            take_codec(out, i);
            return;
        }
    }
}

/* Of the video codecs, the forms that are forwarded: whole frames of 8 bits, H.264 in packets of mode 1. */
static bool form_taken(const struct sdp_codec *codec) {
    struct sdp_text profile;
    switch (codec->name) {
    case SDP_H264:
        return sdp_text_is(sdp_fmtp_value(codec, "packetization-mode"), "1");
    case SDP_VP9:
        profile = sdp_fmtp_value(codec, "profile-id");
        return profile.len == 0 || sdp_text_is(profile, "0");
    case SDP_AV1:
        profile = sdp_fmtp_value(codec, "profile");
        return profile.len == 0 || sdp_text_is(profile, "0");
    default:
        return true;
    }
}

static void choose_video(struct sdp_answer_media *out, const struct sdp_policy *policy) {
    const struct sdp_media *m = out->offer;
    for (uint8_t p = 0; p < policy->video_count; p++) {
        for (size_t i = 0; i < m->codec_count; i++) {
            if (m->codecs[i].name == policy->video[p] && form_taken(&m->codecs[i])) {
                take_codec(out, i);
                take_rtx(out, m->codecs[i].pt);
            }
        }
    }
}

static void choose_audio(struct sdp_answer_media *out, const struct sdp_policy *policy) {
    const struct sdp_media *m = out->offer;
    for (size_t i = 0; i < m->codec_count; i++) {
        const struct sdp_codec *c = &m->codecs[i];
        if (c->name == SDP_OPUS && c->clock_hz == OPUS_CLOCK && c->channels == OPUS_CHANNELS) {
            take_codec(out, i);
            for (size_t k = 0; policy->red && k < m->codec_count; k++) {
                if (m->codecs[k].name == SDP_RED && m->codecs[k].apt == c->pt) {
                    take_codec(out, k);
                }
            }
        }
    }
}

/* ---- extensions and encodings ---- */

/* Whether both the offer's direction of the extension and ours of the section leave somebody to send it. */
static bool extension_used(const struct sdp_extension *e, enum sdp_direction ours) {
    enum sdp_direction theirs = sdp_direction_reverse(ours);
    return e->direction < 0 || e->direction == SDP_SENDRECV || theirs == SDP_SENDRECV || e->direction == (int8_t)theirs;
}

static void choose_extensions(struct sdp_answer_media *out, const struct sdp_policy *policy) {
    const struct sdp_media *m = out->offer;
    uint32_t wanted = m->kind == SDP_AUDIO ? policy->audio_extensions : policy->video_extensions;
    uint32_t taken = 0;
    for (size_t i = 0; i < m->extension_count; i++) {
        const struct sdp_extension *e = &m->extensions[i];
        bool fits = e->kind >= 0 && (wanted & BIT(e->kind)) && !(taken & BIT(e->kind));
        if (fits && e->id >= 1 && e->id <= (m->mixed ? 255 : 14) && e->id != 15 && extension_used(e, out->direction) &&
            (e->kind != RTP_EXT_DEPENDENCY || m->mixed)) {
            taken |= BIT(e->kind);
            out->extensions[out->extension_count++] = (uint8_t)i;
        }
    }
}

static void choose_rids(struct sdp_answer_media *out, const struct sdp_policy *policy) {
    const struct sdp_media *m = out->offer;
    uint8_t max = policy->rids_max < SDP_ANSWER_RIDS_MAX ? policy->rids_max : SDP_ANSWER_RIDS_MAX;
    bool receives = out->direction == SDP_RECVONLY || out->direction == SDP_SENDRECV;
    for (size_t i = 0; receives && i < m->rid_count && out->rid_count < max; i++) {
        if (m->rids[i].listed) {
            out->rids[out->rid_count++] = (uint8_t)i;
        }
    }
}

/* ---- sections ---- */

static enum sdp_direction choose_direction(const struct sdp_media *m, const struct sdp_policy *policy) {
    bool receive = policy->receive && (m->direction == SDP_SENDRECV || m->direction == SDP_SENDONLY);
    bool send = policy->send && (m->direction == SDP_SENDRECV || m->direction == SDP_RECVONLY);
    return receive && send ? SDP_SENDRECV : receive ? SDP_RECVONLY : send ? SDP_SENDONLY : SDP_INACTIVE;
}

static const char *choose_rtp(struct sdp_answer_media *out, const struct sdp_policy *policy) {
    const struct sdp_media *m = out->offer;
    if (!m->rtcp_mux) {
        return "no rtcp-mux";
    }
    out->direction = choose_direction(m, policy);
    if (m->kind == SDP_AUDIO) {
        choose_audio(out, policy);
    } else {
        choose_video(out, policy);
    }
    if (out->codec_count == 0) {
        return "no codec in common";
    }
    choose_extensions(out, policy);
    choose_rids(out, policy);
    return NULL;
}

/* Why the section is rejected, or NULL. */
static const char *choose(struct sdp_answer_media *out, const struct sdp_policy *policy) {
    const struct sdp_media *m = out->offer;
    if (sdp_media_rejected(m)) {
        return "switched off by the offer";
    }
    if (!m->bundled) {
        return "not in the BUNDLE group";
    }
    if (m->sctp) {
        return policy->data ? NULL : "no data channels here";
    }
    return m->rtp ? choose_rtp(out, policy) : "unknown kind of media or protocol";
}

/* mids are the names by which sections are known: two alike cannot be told apart. */
static bool mids_differ(const struct sdp_session *offer) {
    for (size_t i = 0; i < offer->media_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (offer->media[i].mid.len > 0 && sdp_text_equal(offer->media[i].mid, offer->media[k].mid)) {
                return false;
            }
        }
    }
    return true;
}

static int refuse(struct sdp_answer *answer, struct sdp_error *error, const char *text) {
    free(answer);
    *error = (struct sdp_error){0, text};
    return -EPROTO;
}

int sdp_negotiate(struct sdp_answer **out, const struct sdp_session *offer, const struct sdp_policy *policy,
                  struct sdp_error *error) {
    *out = NULL;
    if (offer->media_count == 0 || offer->bundle.len == 0 || !mids_differ(offer)) {
        return refuse(NULL, error, "an offer has m-lines with different mids, and a=group:BUNDLE");
    }
    struct sdp_answer *answer = calloc(1, sizeof *answer + offer->media_count * sizeof answer->media[0]);
    if (!answer) {
        return -ENOMEM;
    }
    answer->offer = offer;
    answer->media_count = offer->media_count;
    for (uint8_t i = 0; i < offer->media_count; i++) {
        struct sdp_answer_media *m = &answer->media[i];
        m->offer = &offer->media[i];
        m->rejected = choose(m, policy);
        /* The first section taken is the tagged one (RFC 9143 section 7.3): all others use its transport, whatever they
         * offered for the case that nothing is bundled. */
        if (!m->rejected && !answer->remote) {
            answer->remote = &m->offer->transport;
            const char *misfit = transport_misfit(offer, answer->remote);
            if (misfit) {
                return refuse(answer, error, misfit);
            }
        }
    }
    *out = answer;
    return 0;
}
