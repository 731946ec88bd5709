#include "proto/rtp/vp8.h"

#include "base/bytes.h"

#include <errno.h>

enum { X = 0x80, N = 0x20, S = 0x10, PARTITION = 0x07 };
enum { I = 0x80, L = 0x40, T = 0x20, K = 0x10 };
enum { M = 0x80, Y = 0x20, KEYIDX = 0x1f, KEYFRAME_HEADER_BYTES = 10 };

static void parse_extended(struct vp8_descriptor *out, struct reader *r, const uint8_t *payload) {
    uint8_t bits = reader_u8(r);
    if (bits & I) {
        out->picture_id_at = (uint8_t)(r->pos - payload);
        out->picture_id = reader_u8(r);
        if (out->picture_id & M) {
            out->picture_id_15 = true;
            out->picture_id = (uint16_t)((out->picture_id & 0x7f) << 8 | reader_u8(r));
        }
    }
    if (bits & L) {
        out->tl0_at = (uint8_t)(r->pos - payload);
        out->tl0 = reader_u8(r);
    }
    if (bits & (T | K)) {
        out->tid_at = (uint8_t)(r->pos - payload);
        uint8_t last = reader_u8(r);
        out->has_tid = bits & T;
        out->has_keyidx = bits & K;
        out->tid = out->has_tid ? last >> 6 : 0;
        out->layer_sync = out->has_tid && (last & Y);
        out->keyidx = out->has_keyidx ? last & KEYIDX : 0;
    }
}

/* RFC 7741 section 4.3, RFC 6386 section 9.1: the inverse key frame bit, then a start code and the size. */
static void look_at_frame(struct vp8_descriptor *out, const uint8_t *frame, size_t len) {
    if (!out->frame_start || frame[0] & 1) {
        return;
    }
    out->keyframe = true;
    if (len >= KEYFRAME_HEADER_BYTES && frame[3] == 0x9d && frame[4] == 0x01 && frame[5] == 0x2a) {
        out->width = (uint16_t)((frame[7] << 8 | frame[6]) & 0x3fff);
        out->height = (uint16_t)((frame[9] << 8 | frame[8]) & 0x3fff);
    }
}

int vp8_parse(struct vp8_descriptor *out, const uint8_t *payload, size_t len) {
    struct reader r;
    reader_init(&r, payload, len);
    *out = (struct vp8_descriptor){0};
    uint8_t first = reader_u8(&r);
    out->non_reference = first & N;
    out->frame_start = (first & S) && (first & PARTITION) == 0;
    if (first & X) {
        parse_extended(out, &r, payload);
    }
    if (r.failed || reader_left(&r) == 0) {
        return -EBADMSG;
    }
    out->size = (uint8_t)(r.pos - payload);
    look_at_frame(out, r.pos, reader_left(&r));
    return 0;
}
