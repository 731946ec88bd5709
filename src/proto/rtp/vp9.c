#include "proto/rtp/vp9.h"

#include "base/bytes.h"

#include <errno.h>

enum { I = 0x80, P = 0x40, L = 0x20, F = 0x10, B = 0x08, E = 0x04, V = 0x02, Z = 0x01 };
enum { M = 0x80, MORE = 0x01, SS_SIZES = 0x10, SS_PICTURES = 0x08 };

static void parse_picture_id(struct vp9_descriptor *out, struct reader *r, const uint8_t *payload) {
    out->picture_id_at = (uint8_t)(r->pos - payload);
    out->picture_id = reader_u8(r);
    if (out->picture_id & M) {
        out->picture_id_15 = true;
        out->picture_id = (uint16_t)((out->picture_id & 0x7f) << 8 | reader_u8(r));
    }
}

static void parse_layers(struct vp9_descriptor *out, struct reader *r, const uint8_t *payload) {
    uint8_t layers = reader_u8(r);
    out->has_layers = true;
    out->tid = layers >> 5;
    out->switching_up = layers & 0x10;
    out->sid = layers >> 1 & 7;
    out->inter_layer = layers & 1;
    if (!out->flexible) {
        out->tl0_at = (uint8_t)(r->pos - payload);
        out->tl0 = reader_u8(r);
    }
}

static int parse_references(struct vp9_descriptor *out, struct reader *r) {
    uint8_t reference;
    do {
        if (out->reference_count == VP9_REFERENCES_MAX) {
            return -EBADMSG;
        }
        reference = reader_u8(r);
        out->references[out->reference_count++] = reference >> 1;
    } while (reference & MORE);
    return 0;
}

/* N_S, Y, G; sizes of each spatial layer; the pictures of a group, which are passed over. */
static void parse_structure(struct vp9_descriptor *out, struct reader *r) {
    uint8_t bits = reader_u8(r);
    out->spatial_layers = (uint8_t)((bits >> 5) + 1);
    out->has_sizes = bits & SS_SIZES;
    for (size_t i = 0; out->has_sizes && i < out->spatial_layers; i++) {
        out->sizes[i].width = reader_u16(r);
        out->sizes[i].height = reader_u16(r);
    }
    uint8_t pictures = bits & SS_PICTURES ? reader_u8(r) : 0;
    for (size_t i = 0; i < pictures && !r->failed; i++) {
        reader_bytes(r, reader_u8(r) >> 2 & 3); /* R says how many differences follow */
    }
}

int vp9_parse(struct vp9_descriptor *out, const uint8_t *payload, size_t len) {
    struct reader r;
    reader_init(&r, payload, len);
    *out = (struct vp9_descriptor){0};
    uint8_t first = reader_u8(&r);
    out->inter_picture = first & P;
    out->flexible = first & F;
    out->frame_start = first & B;
    out->frame_end = first & E;
    out->not_for_upper = first & Z;
    if (first & I) {
        parse_picture_id(out, &r, payload);
    }
    if (first & L) {
        parse_layers(out, &r, payload);
    }
    if (out->flexible && out->inter_picture && parse_references(out, &r) < 0) {
        return -EBADMSG;
    }
    if (first & V) {
        parse_structure(out, &r);
    }
    if (r.failed || reader_left(&r) == 0) {
        return -EBADMSG;
    }
    out->size = (uint16_t)(r.pos - payload);
    out->keyframe = out->frame_start && !out->inter_picture && out->sid == 0;
    return 0;
}
