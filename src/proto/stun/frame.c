#include "proto/stun/stun.h"

#include <errno.h>

/* The two leading bits tell STUN (00) from ChannelData (01); channel numbers end at 0x7fff. */
int stun_frame_next(struct stun_frame *out, const uint8_t *data, size_t len) {
    if (len >= 1 && data[0] > 3 && (data[0] < 0x40 || data[0] > 0x7f)) {
        return -EBADMSG; /* at once: more bytes would not help */
    }
    if (len < 4) {
        return -EAGAIN;
    }
    size_t body = load_be16(data + 2);
    if (data[0] >= 0x40) {
        out->len = 4 + body;
        out->stride = (out->len + 3) & ~(size_t)3;
    } else {
        if (body % 4 != 0 || (len >= 8 && load_be32(data + 4) != STUN_MAGIC_COOKIE)) {
            return -EBADMSG;
        }
        out->len = STUN_HEADER_BYTES + body;
        out->stride = out->len;
    }
    return len < out->stride ? -EAGAIN : 0;
}
