#include "proto/rtp/av1.h"

#include "base/bytes.h"

#include <errno.h>

enum { Z = 0x80, Y = 0x40, W_SHIFT = 4, W_BITS = 3, N = 0x08 };
enum { OBU_SEQUENCE_HEADER = 1, OBU_FRAME_HEADER = 3, OBU_FRAME = 6 };
enum { FORBIDDEN_BIT = 0x80, EXTENSION_BIT = 0x04, SIZE_BIT = 0x02, SHOW_EXISTING = 0x80, LEB128_BYTES_MAX = 8 };

static size_t read_leb128(struct reader *r) {
    uint64_t value = 0;
    for (unsigned i = 0; i < LEB128_BYTES_MAX; i++) {
        uint8_t byte = reader_u8(r);
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            return (size_t)value;
        }
    }
    r->failed = true;
    return 0;
}

/* The start of an OBU, as much of it as is there. */
static void look_at_obu(struct av1_payload *out, const uint8_t *obu, size_t len) {
    struct reader r;
    reader_init(&r, obu, len);
    uint8_t header = reader_u8(&r);
    uint8_t type = header >> 3 & 15;
    if (r.failed || header & FORBIDDEN_BIT) {
        return;
    }
    if (header & EXTENSION_BIT) {
        uint8_t layer = reader_u8(&r);
        if (!r.failed && !out->has_layer) {
            out->has_layer = true;
            out->tid = layer >> 5;
            out->sid = layer >> 3 & 3;
        }
    }
    if (header & SIZE_BIT) {
        read_leb128(&r);
    }
    out->has_sequence_header |= type == OBU_SEQUENCE_HEADER;
    if (type == OBU_FRAME || type == OBU_FRAME_HEADER) {
        uint8_t first = reader_u8(&r);
        bool key = !r.failed && !(first & SHOW_EXISTING) && (first >> 5 & 3) == 0;
        out->has_frame = true;
        out->keyframe |= key && (out->has_sequence_header || out->sequence_start);
    }
}

static int parse_elements(struct av1_payload *out, struct reader *r, unsigned count) {
    while (reader_left(r) > 0) {
        bool last = count > 0 && out->elements + 1U == count;
        size_t len = last ? reader_left(r) : read_leb128(r);
        const uint8_t *element = reader_bytes(r, len);
        if (r->failed || out->elements == AV1_ELEMENTS_MAX) {
            return -EBADMSG;
        }
        if (out->elements > 0 || !out->continues) {
            look_at_obu(out, element, len);
        }
        out->elements++;
    }
    return out->elements == 0 || (count > 0 && out->elements != count) ? -EBADMSG : 0;
}

int av1_parse(struct av1_payload *out, const uint8_t *payload, size_t len) {
    struct reader r;
    reader_init(&r, payload, len);
    *out = (struct av1_payload){0};
    uint8_t first = reader_u8(&r);
    out->continues = first & Z;
    out->unfinished = first & Y;
    out->sequence_start = first & N;
    return r.failed ? -EBADMSG : parse_elements(out, &r, first >> W_SHIFT & W_BITS);
}
