/* VP8 descriptors: fields lie inside the descriptor, and picture numbers rewritten in place read as what was written.
 * covers: src/proto/rtp/vp8.c src/proto/rtp/continuity.c */
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
    struct rtp_continuity c = {.started = true, .last_id = 0x7fff, .last_tl0 = 255, .last_keyidx = 31};
    struct vp8_descriptor d, again;
    if (size > COPY_BYTES || vp8_parse(&d, data, size) < 0) {
        return 0;
    }
    check(d.size < size && d.picture_id_at < d.size && d.tl0_at < d.size && d.tid_at < d.size);
    check(!d.keyframe || d.frame_start);
    memcpy(copy, data, size);
    rtp_continuity_switch(&c);
    rtp_continuity_vp8(&c, &d, copy);
    check(vp8_parse(&again, copy, size) == 0);
    check(again.size == d.size && again.picture_id == 0 && again.tl0 == 0 && again.keyidx == 0 && again.tid == d.tid);
    check(memcmp(copy + d.size, data + d.size, size - d.size) == 0);
    return 0;
}
