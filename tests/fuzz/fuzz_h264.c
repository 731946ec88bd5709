/* H.264 payloads: what is said of them agrees with itself.
 * covers: src/proto/rtp/h264.c */
#include "proto/rtp/h264.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct h264_payload p;
    if (h264_parse(&p, data, size) == 0) {
        if (p.keyframe != (p.has_sps || p.has_idr) || (p.fragment_start && p.fragment_end) || size == 0 ||
            (p.fragment && !p.fragment_start && p.keyframe)) {
            abort();
        }
    }
    return 0;
}
