#include "proto/rtp/h264.h"

#include "base/bytes.h"

#include <errno.h>

enum { TYPE_BITS = 0x1f, REF_BITS = 0x60, FORBIDDEN_BIT = 0x80, SINGLE_MAX = 23 };
enum { FU_HEADER_BYTES = 2, FU_START = 0x80, FU_END = 0x40 };

static void note_unit(struct h264_payload *out, uint8_t type) {
    out->has_idr |= type == H264_NAL_IDR;
    out->has_sps |= type == H264_NAL_SPS;
    out->has_pps |= type == H264_NAL_PPS;
}

static int parse_stap(struct h264_payload *out, struct reader *r) {
    if (reader_left(r) == 0) {
        return -EBADMSG;
    }
    while (reader_left(r) > 0) {
        size_t len = reader_u16(r);
        const uint8_t *unit = reader_bytes(r, len);
        if (!unit || len == 0 || (unit[0] & TYPE_BITS) > SINGLE_MAX) {
            return -EBADMSG;
        }
        note_unit(out, unit[0] & TYPE_BITS);
        out->non_reference = out->non_reference && !(unit[0] & REF_BITS);
    }
    return 0;
}

static int parse_fragment(struct h264_payload *out, struct reader *r) {
    uint8_t header = reader_u8(r);
    out->fragment = true;
    out->fragment_start = header & FU_START;
    out->fragment_end = header & FU_END;
    out->nal_type = header & TYPE_BITS;
    if (r->failed || reader_left(r) == 0 || (out->fragment_start && out->fragment_end) || out->nal_type == 0 ||
        out->nal_type > SINGLE_MAX) {
        return -EBADMSG;
    }
    if (out->fragment_start) {
        note_unit(out, out->nal_type);
    }
    return 0;
}

int h264_parse(struct h264_payload *out, const uint8_t *payload, size_t len) {
    struct reader r;
    int rc = 0;
    reader_init(&r, payload, len);
    *out = (struct h264_payload){0};
    uint8_t first = reader_u8(&r);
    if (r.failed || first & FORBIDDEN_BIT) {
        return -EBADMSG;
    }
    out->nal_type = first & TYPE_BITS;
    out->non_reference = !(first & REF_BITS);
    if (out->nal_type == H264_NAL_STAP_A) {
        rc = parse_stap(out, &r);
    } else if (out->nal_type == H264_NAL_FU_A) {
        rc = parse_fragment(out, &r);
    } else if (out->nal_type == 0 || out->nal_type > SINGLE_MAX) {
        rc = -EBADMSG;
    } else {
        note_unit(out, out->nal_type);
    }
    out->keyframe = out->has_sps || out->has_idr;
    return rc;
}
