#include "forward/media.h"

#include "proto/rtp/av1.h"
#include "proto/rtp/h264.h"

#include <errno.h>

static int read_vp8(struct media_frame *out, const struct rtp_packet *p) {
    if (vp8_parse(&out->vp8, p->payload, p->payload_len) < 0) {
        return -EBADMSG;
    }
    out->tid = out->vp8.tid;
    out->switch_up = out->vp8.layer_sync;
    out->keyframe = out->vp8.keyframe;
    out->layer_end = p->marker;
    out->width = out->vp8.width;
    out->height = out->vp8.height;
    return 0;
}

static int read_vp9(struct media_frame *out, const struct rtp_packet *p) {
    const struct vp9_descriptor *d = &out->vp9;
    if (vp9_parse(&out->vp9, p->payload, p->payload_len) < 0) {
        return -EBADMSG;
    }
    out->sid = d->sid;
    out->tid = d->tid;
    out->switch_up = d->switching_up;
    out->keyframe = d->keyframe;
    out->layer_end = d->frame_end;
    out->spatial_layers = d->spatial_layers;
    if (d->has_sizes && d->spatial_layers > 0) {
        out->width = d->sizes[d->spatial_layers - 1].width;
        out->height = d->sizes[d->spatial_layers - 1].height;
    }
    return 0;
}

static int read_h264(struct media_frame *out, const struct rtp_packet *p) {
    struct h264_payload h264;
    if (h264_parse(&h264, p->payload, p->payload_len) < 0) {
        return -EBADMSG;
    }
    out->keyframe = h264.keyframe;
    out->layer_end = p->marker;
    return 0;
}

static int read_av1(struct media_frame *out, const struct rtp_packet *p) {
    struct av1_payload av1;
    if (av1_parse(&av1, p->payload, p->payload_len) < 0) {
        return -EBADMSG;
    }
    out->keyframe = av1.keyframe;
    out->sid = av1.has_layer ? av1.sid : 0;
    out->tid = av1.has_layer ? av1.tid : 0;
    out->layer_end = p->marker;
    return 0;
}

/* Everything of the highest target can be decoded from here on. */
static bool all_switch(const struct dependency_structure *s, uint64_t needs, uint8_t tid) {
    for (unsigned i = 0; i < s->target_count; i++) {
        if (s->targets[i].tid == tid && dependency_need_of(needs, i) == DEPENDENCY_SWITCH) {
            return true;
        }
    }
    return false;
}

static int read_dependency(struct media_frame *out, const struct rtp_packet *p, const struct media_dependency *d) {
    struct dependency_frame frame;
    if (dependency_parse(&frame, d->structure, d->value->data, d->value->len) < 0) {
        return -EBADMSG;
    }
    out->sid = frame.sid;
    out->tid = frame.tid;
    out->keyframe = frame.keyframe && frame.packet_first && frame.sid == 0;
    out->layer_end = frame.packet_last || p->marker;
    out->switch_up = frame.packet_first && all_switch(d->structure, frame.needs, frame.tid);
    if (frame.has_structure) {
        const struct dependency_size *top = &d->structure->sizes[d->structure->spatial_count - 1];
        out->spatial_layers = d->structure->spatial_count;
        out->width = top->width;
        out->height = top->height;
    }
    return 0;
}

int media_frame_read(struct media_frame *out, enum media_codec codec, const struct rtp_packet *p,
                     const struct media_dependency *d) {
    static int (*const readers[MEDIA_CODECS])(struct media_frame *, const struct rtp_packet *) = {
        [MEDIA_VP8] = read_vp8, [MEDIA_VP9] = read_vp9, [MEDIA_H264] = read_h264, [MEDIA_AV1] = read_av1};
    *out = (struct media_frame){0};
    if (codec == MEDIA_OPUS) {
        out->keyframe = out->layer_end = true;
        return 0;
    }
    /* VP8 and VP9 are rewritten by what stands in their payloads, and it says all of their layers. */
    bool rewritten = codec == MEDIA_VP8 || codec == MEDIA_VP9;
    int rc = -EBADMSG;
    if (d->value->data && (!rewritten || d->opaque)) {
        rc = read_dependency(out, p, d);
    } else if (!d->opaque) {
        rc = readers[codec](out, p);
    }
    return rc == 0 && out->sid < MEDIA_SPATIAL_MAX && out->tid < MEDIA_TEMPORAL_MAX ? 0 : -EBADMSG;
}
