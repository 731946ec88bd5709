#include "proto/rtcp/packet.h"

#include <errno.h>

enum { RTCP_VERSION = 2, PADDING_BIT = 0x20, COUNT_BITS = 0x1f };

int rtcp_next(struct rtcp_packet *out, struct reader *r) {
    if (reader_left(r) == 0 && !r->failed) {
        return -ENOENT;
    }
    uint8_t first = reader_u8(r);
    out->type = reader_u8(r);
    out->count = first & COUNT_BITS;
    out->len = (size_t)4 * reader_u16(r);
    out->body = reader_bytes(r, out->len);
    if (r->failed || first >> 6 != RTCP_VERSION) {
        r->failed = true;
        return -EBADMSG;
    }
    if (first & PADDING_BIT) {
        uint8_t padding = out->len > 0 ? out->body[out->len - 1] : 0;
        if (padding == 0 || padding % 4 != 0 || padding > out->len || reader_left(r) > 0) {
            r->failed = true;
            return -EBADMSG;
        }
        out->len -= padding;
    }
    return 0;
}

size_t rtcp_write_begin(struct writer *w, uint8_t type, unsigned count) {
    size_t begin = w->len;
    if (count > RTCP_COUNT_MAX) {
        w->failed = true;
    }
    writer_u8(w, (uint8_t)(RTCP_VERSION << 6 | (count & COUNT_BITS)));
    writer_u8(w, type);
    writer_u16(w, 0);
    return begin;
}

void rtcp_write_end(struct writer *w, size_t begin) {
    if (w->failed) {
        return;
    }
    size_t words = (w->len - begin) / 4 - 1;
    if (words > UINT16_MAX) {
        w->failed = true;
        return;
    }
    store_be16(w->buf + begin + 2, (uint16_t)words);
}
