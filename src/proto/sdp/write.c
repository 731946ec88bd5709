/* The answer as text. */
#include "base/text.h"
#include "proto/sdp/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FORMATTED_MAX = 512 };

static void put(struct writer *w, const char *text) { writer_bytes(w, text, strlen(text)); }

static void put_text(struct writer *w, struct sdp_text text) { writer_bytes(w, text.at, text.len); }

__attribute__((format(printf, 2, 3))) static void put_format(struct writer *w, const char *format, ...) {
    char text[FORMATTED_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text) {
        w->failed = true;
        return;
    }
    writer_bytes(w, text, (size_t)n);
}

static const char *direction_name(enum sdp_direction d) {
    static const char *const names[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
    return names[d];
}

/* ---- the session ---- */

static void put_session(struct writer *w, const struct sdp_answer *answer, const struct sdp_local *local) {
    put_format(w, "v=0\r\no=- %" PRIu64 " %u IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", local->session_id, local->version);
    put(w, "a=group:BUNDLE");
    bool mixed = false;
    for (uint8_t i = 0; i < answer->media_count; i++) {
        if (!answer->media[i].rejected) {
            put(w, " ");
            put_text(w, answer->media[i].offer->mid);
            mixed |= answer->media[i].offer->mixed;
        }
    }
    put(w, "\r\na=ice-lite\r\n");
    if (mixed) {
        put(w, "a=extmap-allow-mixed\r\n");
    }
    put(w, "a=msid-semantic: WMS *\r\n");
}

/* ---- the transport ---- */

static void put_candidates(struct writer *w, const struct sdp_local *local) {
    char ip[ADDR_TEXT_MAX];
    for (size_t i = 0; i < local->candidate_count; i++) {
        const struct sdp_candidate *c = &local->candidates[i];
        put_format(w, "a=candidate:%zu 1 %s %u %s %u typ host%s\r\n", i + 1, c->tcp ? "tcp" : "udp", c->priority,
                   addr_format_ip(&c->addr, ip), c->addr.port, c->tcp ? " tcptype passive" : "");
    }
    put(w, "a=end-of-candidates\r\n");
}

static void put_transport(struct writer *w, const struct sdp_local *local, bool first) {
    char hex[3];
    if (first) {
        put_candidates(w, local);
    }
    put_format(w, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s ", local->ufrag, local->pwd,
               local->fingerprint_hash);
    for (size_t i = 0; i < local->digest_len; i++) {
        snprintf(hex, sizeof hex, "%02X", local->digest[i]);
        put(w, i > 0 ? ":" : "");
        put(w, hex);
    }
    put(w, "\r\na=setup:passive\r\n");
}

/* ---- codecs ---- */

/* Feedback that we give or take: what was offered, and no FIR or REMB where there is transport-wide feedback. */
static uint8_t feedback_taken(const struct sdp_codec *codec) {
    uint8_t bits = codec->feedback;
    if (bits & SDP_FB_PLI) {
        bits &= (uint8_t)~SDP_FB_FIR;
    }
    return bits;
}

static void put_codec(struct writer *w, const struct sdp_codec *codec) {
    static const struct {
        uint8_t bit;
        const char *name;
    } feedback[] = {{SDP_FB_TRANSPORT_CC, "transport-cc"},
                    {SDP_FB_NACK, "nack"},
                    {SDP_FB_PLI, "nack pli"},
                    {SDP_FB_FIR, "ccm fir"},
                    {SDP_FB_REMB, "goog-remb"}};
    put_format(w, "a=rtpmap:%u ", codec->pt);
    put_text(w, codec->encoding);
    put_format(w, "/%u", codec->clock_hz);
    if (codec->channels > 1) {
        put_format(w, "/%u", codec->channels);
    }
    put(w, "\r\n");
    if (codec->fmtp.len > 0) {
        put_format(w, "a=fmtp:%u ", codec->pt);
        put_text(w, codec->fmtp);
        put(w, "\r\n");
    }
    for (size_t i = 0; i < sizeof feedback / sizeof feedback[0]; i++) {
        if (feedback_taken(codec) & feedback[i].bit) {
            put_format(w, "a=rtcp-fb:%u %s\r\n", codec->pt, feedback[i].name);
        }
    }
}

/* ---- sections ---- */

static void put_extensions(struct writer *w, const struct sdp_answer_media *m) {
    for (uint8_t i = 0; i < m->extension_count; i++) {
        const struct sdp_extension *e = &m->offer->extensions[m->extensions[i]];
        put_format(w, "a=extmap:%u", e->id);
        if (e->direction >= 0) {
            put_format(w, "/%s", direction_name(sdp_direction_reverse((enum sdp_direction)e->direction)));
        }
        put(w, " ");
        put_text(w, e->uri);
        put(w, "\r\n");
    }
}

static void put_rids(struct writer *w, const struct sdp_answer_media *m) {
    if (m->rid_count == 0) {
        return;
    }
    for (uint8_t i = 0; i < m->rid_count; i++) {
        put(w, "a=rid:");
        put_text(w, m->offer->rids[m->rids[i]].id);
        put(w, " recv\r\n");
    }
    put(w, "a=simulcast:recv ");
    for (uint8_t i = 0; i < m->rid_count; i++) {
        put(w, i > 0 ? ";" : "");
        put_text(w, m->offer->rids[m->rids[i]].id);
    }
    put(w, "\r\n");
}

static void put_sources(struct writer *w, const struct sdp_answer_media *m) {
    const struct sdp_sending *s = &m->sending;
    if (m->direction != SDP_SENDONLY && m->direction != SDP_SENDRECV) {
        return;
    }
    put_format(w, "a=msid:%s %s\r\n", s->stream, s->track);
    if (s->rtx_ssrc != 0) {
        put_format(w, "a=ssrc-group:FID %u %u\r\na=ssrc:%u cname:%s\r\n", s->ssrc, s->rtx_ssrc, s->rtx_ssrc, s->cname);
    }
    put_format(w, "a=ssrc:%u cname:%s\r\n", s->ssrc, s->cname);
}

static void put_rtp(struct writer *w, const struct sdp_answer_media *m) {
    put_format(w, "a=%s\r\na=rtcp-mux\r\n", direction_name(m->direction));
    if (m->offer->rtcp_rsize) {
        put(w, "a=rtcp-rsize\r\n");
    }
    for (uint8_t i = 0; i < m->codec_count; i++) {
        put_codec(w, &m->offer->codecs[m->codecs[i]]);
    }
    put_extensions(w, m);
    put_rids(w, m);
    put_sources(w, m);
}

static void put_data(struct writer *w, const struct sdp_answer_media *m, const struct sdp_local *local) {
    put_format(w, "a=sctp-port:%u\r\na=max-message-size:%u\r\n", m->offer->sctp_port ? m->offer->sctp_port : 5000,
               local->max_message_bytes);
}

static void put_m_line(struct writer *w, const struct sdp_answer_media *m) {
    put(w, "m=");
    put_text(w, m->offer->media);
    put(w, m->rejected ? " 0 " : " 9 ");
    put_text(w, m->offer->protocol);
    if (m->rejected || !m->offer->rtp) {
        put(w, " ");
        put_text(w, m->offer->formats);
    } else {
        for (uint8_t i = 0; i < m->codec_count; i++) {
            put_format(w, " %u", m->offer->codecs[m->codecs[i]].pt);
        }
    }
    put(w, "\r\nc=IN IP4 0.0.0.0\r\n");
    if (m->offer->mid.len > 0) {
        put(w, "a=mid:");
        put_text(w, m->offer->mid);
        put(w, "\r\n");
    }
}

int sdp_answer_write(struct writer *w, const struct sdp_answer *answer, const struct sdp_local *local) {
    bool first = true;
    put_session(w, answer, local);
    for (uint8_t i = 0; i < answer->media_count; i++) {
        const struct sdp_answer_media *m = &answer->media[i];
        put_m_line(w, m);
        if (m->rejected) {
            put(w, "a=inactive\r\n");
            continue;
        }
        put_transport(w, local, first);
        first = false;
        if (m->offer->rtp) {
            put_rtp(w, m);
        } else {
            put_data(w, m, local);
        }
    }
    return w->failed ? -ENOBUFS : 0;
}
