#include "forward/data_stack.h"

#include "base/bytes.h"

enum { COMMON_HEADER_BYTES = 12, CHUNK_HEADER_BYTES = 4 };

/* RFC 9260 without ECN (12, 13), RFC 6525, RFC 4820 and RFC 3758. */
static bool chunk_is_known(uint8_t type) {
    enum { RE_CONFIG = 130, PAD = 132, FORWARD_TSN = 192, COOKIE_ACK = 11, SHUTDOWN_COMPLETE = 14 };
    return type <= COOKIE_ACK || type == SHUTDOWN_COMPLETE || type == RE_CONFIG || type == PAD || type == FORWARD_TSN;
}

/* Chunks are padded to four bytes; the last one need not be. */
static bool chunks_are_whole(struct reader *r) {
    while (reader_left(r) > 0) {
        uint8_t type = reader_u8(r);
        (void)reader_u8(r); /* flags */
        size_t len = reader_u16(r);
        if (r->failed || len < CHUNK_HEADER_BYTES || !chunk_is_known(type)) {
            return false;
        }
        size_t body = len - CHUNK_HEADER_BYTES;
        size_t padded = (body + 3) & ~(size_t)3;
        if (!reader_bytes(r, padded < reader_left(r) || body > reader_left(r) ? padded : reader_left(r))) {
            return false;
        }
    }
    return true;
}

bool forward_sctp_sound(const uint8_t *data, size_t len) {
    struct reader r;
    reader_init(&r, data, len);
    uint16_t source = reader_u16(&r);
    uint16_t destination = reader_u16(&r);
    (void)reader_bytes(&r, COMMON_HEADER_BYTES - 4); /* tag and checksum are the stack's */
    return !r.failed && reader_left(&r) > 0 && source == FORWARD_SCTP_PORT && destination == FORWARD_SCTP_PORT &&
           chunks_are_whole(&r);
}
