/* AV1 payloads: bounded, and what is said of them agrees with itself.
 * covers: src/proto/rtp/av1.c */
#include "proto/rtp/av1.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct av1_payload p;
    if (av1_parse(&p, data, size) == 0) {
        if (p.elements == 0 || p.elements > AV1_ELEMENTS_MAX || p.tid > 7 || p.sid > 3 ||
            (p.keyframe && !p.has_frame)) {
            abort();
        }
    }
    return 0;
}
