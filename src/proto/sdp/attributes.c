/* One function per attribute, found by a table. */
#include "proto/sdp/parser.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int wrong(struct sdp_parser *p, const char *text) {
    p->wrong = text;
    return -EBADMSG;
}

/* ---- transport ---- */

static int read_ufrag(struct sdp_parser *p, struct sdp_text value) {
    p->media->transport.ufrag = value;
    return value.len >= 4 && value.len <= 256 ? 0 : wrong(p, "ice-ufrag has 4 to 256 characters");
}

static int read_pwd(struct sdp_parser *p, struct sdp_text value) {
    p->media->transport.pwd = value;
    return value.len >= 22 && value.len <= 256 ? 0 : wrong(p, "ice-pwd has 22 to 256 characters");
}

static int read_setup(struct sdp_parser *p, struct sdp_text value) {
    p->media->transport.setup = sdp_text_is(value, "actpass")   ? SDP_ACTPASS
                                : sdp_text_is(value, "active")  ? SDP_ACTIVE
                                : sdp_text_is(value, "passive") ? SDP_PASSIVE
                                                                : SDP_SETUP_NONE;
    return 0;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* "sha-256 12:DF:..." (RFC 8122 section 5). */
static int read_fingerprint(struct sdp_parser *p, struct sdp_text value) {
    struct sdp_transport *t = &p->media->transport;
    struct sdp_fingerprint f = {0};
    struct sdp_scan s = sdp_scan_of(value);
    f.hash = sdp_scan_word(&s);
    while (s.at < s.end) {
        struct sdp_text pair = sdp_scan_until(&s, ':');
        int high = pair.len == 2 ? hex_digit(pair.at[0]) : -1;
        int low = pair.len == 2 ? hex_digit(pair.at[1]) : -1;
        if (high < 0 || low < 0 || f.digest_len == SDP_DIGEST_BYTES_MAX) {
            return wrong(p, "a fingerprint is a hash and pairs of hex digits with colons between");
        }
        f.digest[f.digest_len++] = (uint8_t)(high * 16 + low);
    }
    if (f.digest_len == 0) {
        return wrong(p, "the fingerprint is empty");
    }
    if (t->fingerprint_count < SDP_FINGERPRINTS_MAX) {
        t->fingerprints[t->fingerprint_count++] = f;
    }
    return 0;
}

/* ---- the session ---- */

static int read_group(struct sdp_parser *p, struct sdp_text value) {
    struct sdp_scan s = sdp_scan_of(value);
    if (sdp_text_is(sdp_scan_word(&s), "BUNDLE") && p->session->bundle.len == 0) {
        p->session->bundle = sdp_scan_rest(&s);
    }
    return 0;
}

static int read_ice_lite(struct sdp_parser *p, struct sdp_text value) {
    (void)value;
    p->session->ice_lite = true;
    return 0;
}

/* ---- flags ---- */

static int read_mixed(struct sdp_parser *p, struct sdp_text value) {
    (void)value;
    p->media->mixed = true;
    return 0;
}

static int read_bundle_only(struct sdp_parser *p, struct sdp_text value) {
    (void)value;
    p->media->bundle_only = true;
    return 0;
}

static int read_rtcp_mux(struct sdp_parser *p, struct sdp_text value) {
    (void)value;
    p->media->rtcp_mux = true;
    return 0;
}

static int read_rtcp_rsize(struct sdp_parser *p, struct sdp_text value) {
    (void)value;
    p->media->rtcp_rsize = true;
    return 0;
}

static int read_sendrecv(struct sdp_parser *p, struct sdp_text value) {
    (void)value;
    p->media->direction = SDP_SENDRECV;
    return 0;
}

static int read_sendonly(struct sdp_parser *p, struct sdp_text value) {
    (void)value;
    p->media->direction = SDP_SENDONLY;
    return 0;
}

static int read_recvonly(struct sdp_parser *p, struct sdp_text value) {
    (void)value;
    p->media->direction = SDP_RECVONLY;
    return 0;
}

static int read_inactive(struct sdp_parser *p, struct sdp_text value) {
    (void)value;
    p->media->direction = SDP_INACTIVE;
    return 0;
}

/* ---- names ---- */

static int read_mid(struct sdp_parser *p, struct sdp_text value) {
    p->media->mid = value;
    return value.len > 0 && !memchr(value.at, ' ', value.len) ? 0 : wrong(p, "a mid is one word");
}

static int read_msid(struct sdp_parser *p, struct sdp_text value) {
    struct sdp_scan s = sdp_scan_of(value);
    p->media->stream = sdp_scan_word(&s);
    p->media->track = sdp_scan_word(&s);
    return 0;
}

static int read_sctp_port(struct sdp_parser *p, struct sdp_text value) {
    uint32_t port;
    if (sdp_text_u32(value, 65535, &port) < 0) {
        return wrong(p, "sctp-port is a number");
    }
    p->media->sctp_port = (uint16_t)port;
    return 0;
}

/* The form before RFC 8841: a=sctpmap:5000 webrtc-datachannel 65535. */
static int read_sctpmap(struct sdp_parser *p, struct sdp_text value) {
    struct sdp_scan s = sdp_scan_of(value);
    return read_sctp_port(p, sdp_scan_word(&s));
}

static int read_max_message(struct sdp_parser *p, struct sdp_text value) {
    return sdp_text_u32(value, UINT32_MAX, &p->media->max_message_bytes) < 0 ? wrong(p, "max-message-size is a number")
                                                                             : 0;
}

/* ---- codecs ---- */

static struct sdp_codec *codec_of(struct sdp_media *m, struct sdp_text pt) {
    uint32_t number;
    if (sdp_text_u32(pt, 127, &number) < 0) {
        return NULL;
    }
    return (struct sdp_codec *)(uintptr_t)sdp_media_codec(m, (uint8_t)number);
}

static uint8_t codec_name(struct sdp_text encoding) {
    static const char *const names[] = {
        [SDP_OPUS] = "opus", [SDP_RED] = "red", [SDP_VP8] = "VP8", [SDP_VP9] = "VP9",
        [SDP_H264] = "H264", [SDP_AV1] = "AV1", [SDP_RTX] = "rtx",
    };
    for (uint8_t i = 0; i < SDP_OTHER_CODEC; i++) {
        if (sdp_text_is_nocase(encoding, names[i])) {
            return i;
        }
    }
    return SDP_OTHER_CODEC;
}

/* "111 opus/48000/2"; a payload type that the m-line does not list is passed over. */
static int read_rtpmap(struct sdp_parser *p, struct sdp_text value) {
    struct sdp_scan s = sdp_scan_of(value);
    struct sdp_codec *codec = codec_of(p->media, sdp_scan_word(&s));
    struct sdp_scan map = sdp_scan_of(sdp_scan_word(&s));
    struct sdp_text encoding = sdp_scan_until(&map, '/');
    struct sdp_text clock = sdp_scan_until(&map, '/');
    uint32_t channels = 1;
    uint32_t clock_hz;
    if (encoding.len == 0 || sdp_text_u32(clock, UINT32_MAX, &clock_hz) < 0 ||
        (map.at < map.end && sdp_text_u32(sdp_scan_rest(&map), 255, &channels) < 0)) {
        return wrong(p, "rtpmap is a payload type and name/clock rate");
    }
    if (codec) {
        codec->encoding = encoding;
        codec->clock_hz = clock_hz;
        codec->channels = (uint8_t)channels;
        codec->name = codec_name(encoding);
    }
    return 0;
}

static int read_fmtp(struct sdp_parser *p, struct sdp_text value) {
    struct sdp_scan s = sdp_scan_of(value);
    struct sdp_codec *codec = codec_of(p->media, sdp_scan_word(&s));
    if (codec) {
        codec->fmtp = sdp_scan_rest(&s);
    }
    return 0;
}

static uint8_t feedback_of(struct sdp_text value) {
    return sdp_text_is(value, "nack")           ? SDP_FB_NACK
           : sdp_text_is(value, "nack pli")     ? SDP_FB_PLI
           : sdp_text_is(value, "ccm fir")      ? SDP_FB_FIR
           : sdp_text_is(value, "goog-remb")    ? SDP_FB_REMB
           : sdp_text_is(value, "transport-cc") ? SDP_FB_TRANSPORT_CC
                                                : 0;
}

/* "96 nack pli", or "* nack" for all. */
static int read_feedback(struct sdp_parser *p, struct sdp_text value) {
    struct sdp_scan s = sdp_scan_of(value);
    struct sdp_text pt = sdp_scan_word(&s);
    uint8_t bits = feedback_of(sdp_scan_rest(&s));
    struct sdp_codec *codec = codec_of(p->media, pt);
    for (uint8_t i = 0; sdp_text_is(pt, "*") && i < p->media->codec_count; i++) {
        p->media->codecs[i].feedback |= bits;
    }
    if (codec) {
        codec->feedback |= bits;
    }
    return 0;
}

/* ---- header extensions ---- */

static int direction_of(struct sdp_text text) {
    return sdp_text_is(text, "sendrecv")   ? SDP_SENDRECV
           : sdp_text_is(text, "sendonly") ? SDP_SENDONLY
           : sdp_text_is(text, "recvonly") ? SDP_RECVONLY
           : sdp_text_is(text, "inactive") ? SDP_INACTIVE
                                           : -1;
}

/* "4 urn:..." or "8/sendonly urn:..." (RFC 8285 section 5). */
static int read_extmap(struct sdp_parser *p, struct sdp_text value) {
    struct sdp_media *m = p->media;
    struct sdp_scan s = sdp_scan_of(value);
    struct sdp_scan number = sdp_scan_of(sdp_scan_word(&s));
    struct sdp_text uri = sdp_scan_word(&s);
    struct sdp_text id_text = sdp_scan_until(&number, '/');
    uint32_t id;
    if (sdp_text_u32(id_text, 65535, &id) < 0 || uri.len == 0) {
        return wrong(p, "extmap is a number and a URI");
    }
    if (m->extension_count < SDP_EXTENSIONS_MAX) {
        m->extensions[m->extension_count++] = (struct sdp_extension){
            .id = (uint16_t)id,
            .uri = uri,
            .direction = (int8_t)direction_of(sdp_scan_rest(&number)),
            .kind = (int8_t)(rtp_ext_kind_of(uri.at, uri.len) < 0 ? -1 : rtp_ext_kind_of(uri.at, uri.len))};
    }
    return 0;
}

/* ---- encodings and sources ---- */

/* "h send pt=96;max-width=640" (RFC 8851); the restrictions are the sender's matter. */
static int read_rid(struct sdp_parser *p, struct sdp_text value) {
    struct sdp_media *m = p->media;
    struct sdp_scan s = sdp_scan_of(value);
    struct sdp_text id = sdp_scan_word(&s);
    struct sdp_text direction = sdp_scan_word(&s);
    bool send = sdp_text_is(direction, "send");
    if (id.len == 0 || id.len > 255 || (!send && !sdp_text_is(direction, "recv"))) {
        return wrong(p, "rid is a name and send or recv");
    }
    if (m->rid_count < SDP_RIDS_MAX && !sdp_media_rid(m, id)) {
        m->rids[m->rid_count++] = (struct sdp_rid){.id = id, .send = send};
    }
    return 0;
}

static int read_simulcast(struct sdp_parser *p, struct sdp_text value) {
    p->media->simulcast = value;
    return 0;
}

/* "1234 cname:abc"; other attributes of a source repeat what is known. */
static int read_ssrc(struct sdp_parser *p, struct sdp_text value) {
    struct sdp_media *m = p->media;
    struct sdp_scan s = sdp_scan_of(value);
    uint32_t ssrc;
    if (sdp_text_u32(sdp_scan_word(&s), UINT32_MAX, &ssrc) < 0) {
        return wrong(p, "ssrc is a number");
    }
    struct sdp_text what = sdp_scan_until(&s, ':');
    struct sdp_ssrc *known = NULL;
    for (uint8_t i = 0; i < m->ssrc_count; i++) {
        known = m->ssrcs[i].ssrc == ssrc ? &m->ssrcs[i] : known;
    }
    if (!known && m->ssrc_count < SDP_SSRCS_MAX) {
        known = &m->ssrcs[m->ssrc_count++];
        known->ssrc = ssrc;
    }
    if (known && sdp_text_is(what, "cname")) {
        known->cname = sdp_scan_rest(&s);
    }
    return 0;
}

static int read_ssrc_group(struct sdp_parser *p, struct sdp_text value) {
    struct sdp_media *m = p->media;
    struct sdp_scan s = sdp_scan_of(value);
    struct sdp_pair pair;
    if (!sdp_text_is(sdp_scan_word(&s), "FID")) {
        return 0;
    }
    if (sdp_text_u32(sdp_scan_word(&s), UINT32_MAX, &pair.media) < 0 ||
        sdp_text_u32(sdp_scan_word(&s), UINT32_MAX, &pair.rtx) < 0) {
        return wrong(p, "an FID group has two sources");
    }
    if (m->pair_count < SDP_PAIRS_MAX) {
        m->pairs[m->pair_count++] = pair;
    }
    return 0;
}

/* ---- the table ---- */

enum place { ANYWHERE, IN_MEDIA };

static const struct attribute {
    const char *name;
    enum place place; /* IN_MEDIA: passed over at session level */
    int (*read)(struct sdp_parser *p, struct sdp_text value);
} attributes[] = {
    {"bundle-only", IN_MEDIA, read_bundle_only},
    {"extmap", IN_MEDIA, read_extmap},
    {"extmap-allow-mixed", ANYWHERE, read_mixed},
    {"fingerprint", ANYWHERE, read_fingerprint},
    {"fmtp", IN_MEDIA, read_fmtp},
    {"group", ANYWHERE, read_group},
    {"ice-lite", ANYWHERE, read_ice_lite},
    {"ice-pwd", ANYWHERE, read_pwd},
    {"ice-ufrag", ANYWHERE, read_ufrag},
    {"inactive", ANYWHERE, read_inactive},
    {"max-message-size", IN_MEDIA, read_max_message},
    {"mid", IN_MEDIA, read_mid},
    {"msid", IN_MEDIA, read_msid},
    {"recvonly", ANYWHERE, read_recvonly},
    {"rid", IN_MEDIA, read_rid},
    {"rtcp-fb", IN_MEDIA, read_feedback},
    {"rtcp-mux", IN_MEDIA, read_rtcp_mux},
    {"rtcp-rsize", IN_MEDIA, read_rtcp_rsize},
    {"rtpmap", IN_MEDIA, read_rtpmap},
    {"sctp-port", IN_MEDIA, read_sctp_port},
    {"sctpmap", IN_MEDIA, read_sctpmap},
    {"sendonly", ANYWHERE, read_sendonly},
    {"sendrecv", ANYWHERE, read_sendrecv},
    {"setup", ANYWHERE, read_setup},
    {"simulcast", IN_MEDIA, read_simulcast},
    {"ssrc", IN_MEDIA, read_ssrc},
    {"ssrc-group", IN_MEDIA, read_ssrc_group},
};

int sdp_attribute(struct sdp_parser *p, struct sdp_text name, struct sdp_text value) {
    bool in_media = p->session->media_count > 0;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        if (sdp_text_is(name, attributes[i].name)) {
            return in_media || attributes[i].place == ANYWHERE ? attributes[i].read(p, value) : 0;
        }
    }
    return 0;
}
