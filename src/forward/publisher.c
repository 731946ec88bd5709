#include "forward/publisher.h"

#include "proto/rtp/rtx.h"

#include <errno.h>
#include <string.h>

void publisher_init(struct publisher *p, uint32_t ssrc) {
    memset(p, 0, sizeof *p);
    list_init(&p->publications);
    p->ssrc = ssrc;
    p->rtt_us = PUBLISHER_RTT_US;
}

static struct publisher_source *find_source(struct publisher *p, uint32_t ssrc) {
    for (unsigned i = 0; i < p->source_count; i++) {
        if (p->sources[i].ssrc == ssrc) {
            return &p->sources[i];
        }
    }
    return NULL;
}

static void forget_source(struct publisher *p, uint32_t ssrc) {
    struct publisher_source *s = find_source(p, ssrc);
    if (s) {
        *s = p->sources[--p->source_count];
    }
}

static struct publisher_source *add_source(struct publisher *p, struct encoding *e, uint32_t ssrc, bool rtx) {
    if (p->source_count == PUBLISHER_SSRCS_MAX) {
        return NULL;
    }
    struct publisher_source *s = &p->sources[p->source_count++];
    *s = (struct publisher_source){.encoding = e, .ssrc = ssrc, .rtx = rtx};
    return s;
}

int publisher_add(struct publisher *p, struct publication *publication) {
    publication->clock = &p->clock;
    publication->ext = &p->ext;
    publication->payloads = p->payloads;
    list_push_back(&p->publications, &publication->in_publisher);
    for (unsigned i = 0; i < publication->encoding_count; i++) {
        struct encoding *e = &publication->encodings[i];
        if ((e->ssrc != 0 && !add_source(p, e, e->ssrc, false)) ||
            (e->rtx_ssrc != 0 && !add_source(p, e, e->rtx_ssrc, true))) {
            publisher_remove(p, publication);
            return -ENOBUFS;
        }
    }
    return 0;
}

void publisher_remove(struct publisher *p, struct publication *publication) {
    list_remove(&publication->in_publisher);
    for (unsigned i = 0; i < publication->encoding_count; i++) {
        forget_source(p, publication->encodings[i].ssrc);
        forget_source(p, publication->encodings[i].rtx_ssrc);
    }
}

static bool text_is(const struct rtp_ext_value *v, const char *text) {
    return v->data && strlen(text) == v->len && memcmp(v->data, text, v->len) == 0;
}

static struct publication *find_mid(struct publisher *p, const struct rtp_ext_value *mid) {
    LIST_FOREACH(node, &p->publications) {
        struct publication *publication = LIST_ENTRY(node, struct publication, in_publisher);
        if (text_is(mid, publication->mid)) {
            return publication;
        }
    }
    return NULL;
}

static struct encoding *find_encoding(struct publisher *p, const struct rtp_ext_values *ext, bool rtx) {
    struct publication *publication = find_mid(p, &ext->of[RTP_EXT_MID]);
    const struct rtp_ext_value *rid = &ext->of[rtx ? RTP_EXT_REPAIRED_RID : RTP_EXT_RID];
    for (unsigned i = 0; publication && i < publication->encoding_count; i++) {
        struct encoding *e = &publication->encodings[i];
        if (text_is(rid, e->rid) || (publication->encoding_count == 1 && !rid->data)) {
            return e;
        }
    }
    return NULL;
}

/* Binds an SSRC that was not signalled. An encoding's earlier one is forgotten: the sender has begun anew. */
static struct publisher_source *learn(struct publisher *p, const struct media_packet *m, bool rtx) {
    struct encoding *e = find_encoding(p, &m->ext, rtx);
    if (!e) {
        return NULL;
    }
    forget_source(p, rtx ? e->rtx_ssrc : e->ssrc);
    if (rtx) {
        e->rtx_ssrc = m->rtp.ssrc;
    } else {
        encoding_begin(e, m->rtp.ssrc);
    }
    return add_source(p, e, m->rtp.ssrc, rtx);
}

/* A repetition becomes the packet it repeats. */
static int unwrap(struct media_packet *m, uint8_t *data, const struct encoding *e, uint8_t payload_type) {
    int rc = rtp_rtx_unwrap(data, m->len, &(struct rtp_rtx_original){.ssrc = e->ssrc, .payload_type = payload_type});
    if (rc < 0) {
        return rc;
    }
    m->data = data + RTP_RTX_OSN_BYTES;
    m->len -= RTP_RTX_OSN_BYTES;
    return rtp_packet_parse(&m->rtp, m->data, m->len);
}

int publisher_input(struct publisher *p, uint8_t *data, size_t len, uint64_t now_us, struct media_packet *out) {
    out->data = data;
    out->len = len;
    if (rtp_packet_parse(&out->rtp, data, len) < 0 || rtp_ext_collect(&out->ext, &p->ext, &out->rtp) < 0) {
        return -EBADMSG;
    }
    const struct publication_payload *payload = &p->payloads[out->rtp.payload_type];
    if (!payload->known) {
        return -ENOENT;
    }
    struct publisher_source *source = find_source(p, out->rtp.ssrc);
    if (!source && !(source = learn(p, out, payload->rtx))) {
        return p->source_count == PUBLISHER_SSRCS_MAX ? -ENOBUFS : -ENOENT;
    }
    struct encoding *e = source->encoding;
    if (source->rtx != payload->rtx) {
        return -EBADMSG;
    }
    if (payload->rtx) {
        uint8_t original = payload->rtx_of;
        payload = &p->payloads[original];
        int rc = payload->known && !payload->rtx && e->ssrc != 0 ? unwrap(out, data, e, original) : -ENOENT;
        if (rc < 0 || rtp_ext_collect(&out->ext, &p->ext, &out->rtp) < 0) {
            return rc < 0 ? rc : -EBADMSG;
        }
    }
    if ((payload->codec != MEDIA_OPUS) != e->publication->video) {
        return -EBADMSG;
    }
    out->codec = payload->codec;
    out->red = payload->red;
    int rc = encoding_input(e, out, source->rtx, now_us);
    out->capture_us = encoding_time_of(e, out->rtp.timestamp, &p->clock, now_us);
    e->publication->codec = rc == 0 ? payload->codec : e->publication->codec;
    e->publication->started |= rc == 0;
    return rc;
}
