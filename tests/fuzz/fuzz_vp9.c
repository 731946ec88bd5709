/* VP9 descriptors: bounded, inside the payload; picture numbers rewritten in place read as what was written.
 * covers: src/proto/rtp/vp9.c */
#include "proto/rtp/continuity.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COPY_BYTES = 2048 };

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t copy[COPY_BYTES];
    struct rtp_continuity c = {.started = true, .last_id = 0x7fff, .last_tl0 = 255};
    struct vp9_descriptor d, again;
    if (size > COPY_BYTES || vp9_parse(&d, data, size) < 0) {
        return 0;
    }
    check(d.size < size && d.picture_id_at < d.size && d.tl0_at < d.size);
    check(d.reference_count <= VP9_REFERENCES_MAX && d.spatial_layers <= VP9_SPATIAL_LAYERS_MAX);
    memcpy(copy, data, size);
    rtp_continuity_switch(&c);
    rtp_continuity_vp9(&c, &d, copy);
    check(vp9_parse(&again, copy, size) == 0);
    check(again.size == d.size && again.picture_id == 0 && again.tl0 == 0 && again.keyframe == d.keyframe);
    check(memcmp(copy + d.size, data + d.size, size - d.size) == 0);
    return 0;
}
