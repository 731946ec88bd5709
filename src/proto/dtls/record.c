#include "proto/dtls/record.h"

#include <errno.h>

static uint32_t read_u24(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 3);
    return p ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

/* type(1) version(2) epoch(2) sequence(6) length(2) */
int dtls_record_next(struct dtls_record *out, struct reader *r) {
    out->type = reader_u8(r);
    uint16_t version = reader_u16(r);
    out->epoch = reader_u16(r);
    out->sequence = (uint64_t)reader_u16(r) << 32;
    out->sequence |= reader_u32(r);
    out->len = reader_u16(r);
    out->body = reader_bytes(r, out->len);
    bool known = version == DTLS_VERSION_1_0 || version == DTLS_VERSION_1_2;
    return r->failed || !known ? -EBADMSG : 0;
}

/* type(1) message length(3) message_seq(2) offset(3) length(3) */
int dtls_fragment_next(struct dtls_fragment *out, struct reader *r) {
    out->type = reader_u8(r);
    out->message_len = read_u24(r);
    out->message_seq = reader_u16(r);
    out->offset = read_u24(r);
    out->len = read_u24(r);
    out->data = reader_bytes(r, out->len);
    if (r->failed || out->message_len > DTLS_MESSAGE_BYTES_MAX || out->offset + out->len > out->message_len) {
        return -EBADMSG;
    }
    return out->len == 0 && out->message_len > 0 ? -EBADMSG : 0;
}

static bool sound_in_the_clear(const struct dtls_record *record) {
    if (record->type == DTLS_CHANGE_CIPHER) {
        return true;
    }
    struct reader r;
    struct dtls_fragment fragment;
    reader_init(&r, record->body, record->len);
    do {
        if (record->type != DTLS_HANDSHAKE || dtls_fragment_next(&fragment, &r) < 0) {
            return false;
        }
    } while (reader_left(&r) > 0);
    return true;
}

bool dtls_datagram_sound(const uint8_t *data, size_t len) {
    struct reader r;
    struct dtls_record record;
    reader_init(&r, data, len);
    do {
        if (dtls_record_next(&record, &r) < 0 || (record.epoch == 0 && !sound_in_the_clear(&record))) {
            return false;
        }
    } while (reader_left(&r) > 0);
    return true;
}

bool dtls_datagram_is_hello(const uint8_t *data, size_t len) {
    return len > DTLS_RECORD_HEADER_BYTES && data[0] == DTLS_HANDSHAKE && load_be16(data + 3) == 0 &&
           data[DTLS_RECORD_HEADER_BYTES] == DTLS_CLIENT_HELLO;
}
