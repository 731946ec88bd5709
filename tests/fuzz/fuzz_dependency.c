/* Dependency descriptors, a row of them on one stream: each is a length and that many bytes. The structure kept is always
 * within its bounds, and unchanged by a descriptor that was refused.
 * covers: src/proto/rtp/dependency.c */
#include "proto/rtp/dependency.h"

#include "base/bytes.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROW_MAX = 6 };

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_state(const struct dependency_structure *s) {
    check(s->template_count <= DEPENDENCY_TEMPLATES_MAX && s->target_count <= DEPENDENCY_TARGETS_MAX);
    check(s->chain_count <= s->target_count && s->spatial_count <= DEPENDENCY_SPATIAL_MAX);
    for (size_t i = 0; i < s->template_count; i++) {
        check(s->templates[i].sid < s->spatial_count && s->templates[i].tid < DEPENDENCY_TEMPORAL_MAX);
        check(s->templates[i].fdiff_count <= DEPENDENCY_FDIFFS_MAX);
    }
    for (size_t i = 0; i < s->target_count; i++) {
        check(s->targets[i].sid < s->spatial_count && s->targets[i].tid < DEPENDENCY_TEMPORAL_MAX);
        check(s->chain_count == 0 || s->targets[i].chain < s->chain_count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct dependency_structure state = {0}, before;
    struct dependency_frame f;
    struct reader r;
    reader_init(&r, data, size);
    for (int i = 0; i < ROW_MAX && reader_left(&r) > 0; i++) {
        size_t len = reader_u8(&r);
        len = len < reader_left(&r) ? len : reader_left(&r);
        uint8_t *exact = malloc(len + 1);
        check(exact != NULL);
        memcpy(exact + 1, reader_bytes(&r, len), len);
        before = state;
        int rc = dependency_parse(&f, &state, exact + 1, len);
        check(rc == 0 || memcmp(&before, &state, sizeof state) == 0);
        check(rc < 0 || (f.sid < state.spatial_count && f.fdiff_count <= DEPENDENCY_FDIFFS_MAX));
        check(rc < 0 || !f.keyframe || f.fdiff_count == 0);
        check_state(&state);
        free(exact);
    }
    return 0;
}
