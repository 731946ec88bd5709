/* The stream framer: cutting a stream gives frames that fill it without gap, however it arrives in pieces.
 * covers: src/proto/stun/frame.c src/proto/demux/demux.c */
#include "proto/demux/demux.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

/* A frame found with n bytes is the same with more, and not found with fewer. */
static void check_prefix(const uint8_t *data, size_t len, const struct stun_frame *whole) {
    struct stun_frame part;
    uint8_t *exact = malloc(len ? len : 1);
    check(exact != NULL);
    memcpy(exact, data, len);
    int rc = stun_frame_next(&part, exact, len);
    check(len < whole->stride ? rc == -EAGAIN : rc == 0);
    check(len < 4 || (part.len == whole->len && part.stride == whole->stride));
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t at = 0;
    while (at < size) {
        struct stun_frame frame;
        enum demux_class class = demux_classify(data + at, size - at);
        int rc = stun_frame_next(&frame, data + at, size - at);
        check(rc == 0 || rc == -EAGAIN || rc == -EBADMSG);
        check(rc == -EBADMSG || class == DEMUX_STUN || class == DEMUX_CHANNEL);
        if (rc < 0) {
            break;
        }
        check(frame.len <= frame.stride && frame.stride <= STUN_FRAME_BYTES_MAX);
        check(frame.stride - frame.len < 4 && frame.stride % 4 == 0 && frame.stride <= size - at);
        check_prefix(data + at, frame.stride / 2, &frame);
        check_prefix(data + at, frame.stride - 1, &frame);
        check_prefix(data + at, frame.stride, &frame);
        at += frame.stride;
    }
    return 0;
}
