#include "forward/encoding.h"

#include "proto/rtcp/ntp.h"

#include <errno.h>
#include <string.h>

void encoding_begin(struct encoding *e, uint32_t ssrc) {
    e->ssrc = ssrc;
    e->receipt = (struct receipt){0};
    e->missing.count = 0;
    e->dependency.template_count = 0;
    e->has_report = false;
}

static void note_layers(struct encoding *e, const struct media_packet *p, uint64_t now_us) {
    const struct media_frame *f = &p->frame;
    if (f->keyframe) {
        e->want_key = false;
    }
    if (f->width > 0) {
        e->width = f->width;
        e->height = f->height;
    }
    if (f->spatial_layers > 0) {
        e->spatial_layers = f->spatial_layers < MEDIA_SPATIAL_MAX ? f->spatial_layers : MEDIA_SPATIAL_MAX;
    }
    e->spatial_layers = f->sid + 1 > e->spatial_layers ? (uint8_t)(f->sid + 1) : e->spatial_layers;
    e->temporal_layers = f->tid + 1 > e->temporal_layers ? (uint8_t)(f->tid + 1) : e->temporal_layers;
    rate_add(&e->rates[f->sid][f->tid], (uint32_t)p->len, now_us);
}

static void note_gap(struct encoding *e, uint16_t seq, struct receipt_result result, uint64_t now_us) {
    if (result.kind == RECEIPT_LATE) {
        missing_found(&e->missing, seq);
    } else if (result.kind == RECEIPT_RESTART) {
        e->missing.count = 0;
    } else if (result.gap > 0 && !missing_note(&e->missing, (uint16_t)(seq - result.gap), result.gap, now_us)) {
        e->want_key = e->wanted > 0;
    }
}

int encoding_input(struct encoding *e, struct media_packet *out, bool repeated, uint64_t now_us) {
    const struct rtp_packet *rtp = &out->rtp;
    e->receipt.clock_hz = media_clock_hz(out->codec);
    struct receipt_result result =
        receipt_note(&e->receipt, &(struct receipt_packet){rtp->timestamp, rtp->seq, repeated}, now_us);
    if (result.kind == RECEIPT_DUPLICATE) {
        return -EALREADY;
    }
    note_gap(e, rtp->seq, result, now_us);
    e->last_us = now_us;
    out->encoding = e;
    out->late = result.kind == RECEIPT_LATE;
    out->restart = result.kind == RECEIPT_RESTART;
    out->frame = (struct media_frame){0};
    if (rtp->payload_len == 0) {
        return 0;
    }
    struct media_dependency dependency = {&e->dependency, &out->ext.of[RTP_EXT_DEPENDENCY], e->opaque};
    int rc = media_frame_read(&out->frame, out->codec, rtp, &dependency);
    if (rc == 0) {
        note_layers(e, out, now_us);
        cache_put(e->cache, rtp->seq, &(struct cache_packet){out->data, out->len}, now_us);
    }
    return rc;
}

void encoding_note_report(struct encoding *e, uint64_t ntp, uint32_t timestamp, uint64_t now_us) {
    receipt_note_sr(&e->receipt, ntp, now_us);
    e->report_us = rtcp_ntp_to_unix_us(ntp);
    e->report_timestamp = timestamp;
    e->has_report = true;
}

uint64_t encoding_time_of(const struct encoding *e, uint32_t timestamp, const struct encoding_clock *clock,
                          uint64_t fallback_us) {
    if (!clock->known || !e->has_report || e->receipt.clock_hz == 0) {
        return fallback_us;
    }
    int64_t ahead = (int32_t)(timestamp - e->report_timestamp);
    int64_t at = (int64_t)e->report_us + clock->offset_us + ahead * 1000000 / (int64_t)e->receipt.clock_hz;
    return at > 0 ? (uint64_t)at : fallback_us;
}
