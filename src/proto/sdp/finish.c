/* What follows from several lines together, when all have been read; and looking things up. */
#include "proto/sdp/parser.h"

#include <string.h>

/* ---- looking ---- */

const struct sdp_codec *sdp_media_codec(const struct sdp_media *m, uint8_t pt) {
    for (uint8_t i = 0; i < m->codec_count; i++) {
        if (m->codecs[i].pt == pt) {
            return &m->codecs[i];
        }
    }
    return NULL;
}

struct sdp_text sdp_fmtp_value(const struct sdp_codec *codec, const char *name) {
    struct sdp_scan s = sdp_scan_of(codec->fmtp);
    while (s.at < s.end) {
        struct sdp_scan one = sdp_scan_of(sdp_scan_until(&s, ';'));
        while (one.at < one.end && *one.at == ' ') {
            one.at++;
        }
        if (sdp_text_is_nocase(sdp_scan_until(&one, '='), name)) {
            return sdp_scan_rest(&one);
        }
    }
    return (struct sdp_text){"", 0};
}

enum sdp_direction sdp_direction_reverse(enum sdp_direction d) {
    return d == SDP_SENDONLY ? SDP_RECVONLY : d == SDP_RECVONLY ? SDP_SENDONLY : d;
}

struct sdp_rid *sdp_media_rid(struct sdp_media *m, struct sdp_text id) {
    for (uint8_t i = 0; i < m->rid_count; i++) {
        if (sdp_text_equal(m->rids[i].id, id)) {
            return &m->rids[i];
        }
    }
    return NULL;
}

/* ---- after the last line ---- */

/* Moves a rid to the place `to`, those between go one further. */
static void put_rid(struct sdp_media *m, struct sdp_rid *rid, uint8_t to) {
    struct sdp_rid moved = *rid;
    memmove(&m->rids[to + 1], &m->rids[to], (size_t)(rid - &m->rids[to]) * sizeof *rid);
    m->rids[to] = moved;
}

static void inherit(struct sdp_media *m, const struct sdp_media *defaults) {
    struct sdp_transport *t = &m->transport;
    const struct sdp_transport *d = &defaults->transport;
    if (t->ufrag.len == 0) {
        t->ufrag = d->ufrag;
        t->pwd = d->pwd;
    }
    if (t->fingerprint_count == 0) {
        t->fingerprint_count = d->fingerprint_count;
        memcpy(t->fingerprints, d->fingerprints, sizeof t->fingerprints);
    }
    if (t->setup == SDP_SETUP_NONE) {
        t->setup = d->setup;
    }
    if (m->direction == UINT8_MAX) {
        m->direction = defaults->direction;
    }
    m->mixed |= defaults->mixed;
}

static void list_rids(struct sdp_media *m, struct sdp_text streams) {
    struct sdp_scan list = sdp_scan_of(streams);
    uint8_t place = 0;
    while (list.at < list.end) {
        struct sdp_scan one = sdp_scan_of(sdp_scan_until(&list, ';'));
        bool paused = one.at < one.end && *one.at == '~';
        one.at += paused;
        struct sdp_rid *rid = sdp_media_rid(m, sdp_scan_until(&one, ','));
        if (rid && rid->send && !rid->listed) {
            rid->listed = true;
            rid->paused = paused;
            put_rid(m, rid, place++);
        }
    }
}

/* "send q;h,h2;~f recv ..." (RFC 8853): of alternatives the first one counts. */
static void resolve_simulcast(struct sdp_media *m) {
    struct sdp_scan s = sdp_scan_of(m->simulcast);
    for (struct sdp_text word; (word = sdp_scan_word(&s)).len > 0;) {
        struct sdp_text streams = sdp_scan_word(&s);
        if (sdp_text_is(word, "send")) {
            list_rids(m, streams);
            return;
        }
    }
}

/* What RTX repeats and RED holds. */
static void resolve_apt(struct sdp_media *m, struct sdp_codec *codec) {
    struct sdp_scan red = sdp_scan_of(codec->fmtp);
    uint32_t pt;
    struct sdp_text text = codec->name == SDP_RTX ? sdp_fmtp_value(codec, "apt") : sdp_scan_until(&red, '/');
    if ((codec->name == SDP_RTX || codec->name == SDP_RED) && sdp_text_u32(text, 127, &pt) == 0 &&
        sdp_media_codec(m, (uint8_t)pt)) {
        codec->apt = (uint8_t)pt;
    }
}

static bool in_bundle(const struct sdp_session *session, struct sdp_text mid) {
    struct sdp_scan s = sdp_scan_of(session->bundle);
    for (struct sdp_text word; (word = sdp_scan_word(&s)).len > 0;) {
        if (sdp_text_equal(word, mid)) {
            return true;
        }
    }
    return false;
}

void sdp_finish(struct sdp_session *session, const struct sdp_media *defaults) {
    for (uint8_t i = 0; i < session->media_count; i++) {
        struct sdp_media *m = &session->media[i];
        inherit(m, defaults);
        resolve_simulcast(m);
        m->bundled = m->mid.len > 0 && in_bundle(session, m->mid);
        for (uint8_t k = 0; k < m->codec_count; k++) {
            resolve_apt(m, &m->codecs[k]);
        }
    }
}
