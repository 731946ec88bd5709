#include "proto/dcep/dcep.h"

#include "base/bytes.h"
#include "base/text.h"

#include <errno.h>

enum { UNORDERED = 0x80 };

int dcep_type(const uint8_t *data, size_t len) {
    if (len == 1 && data[0] == DCEP_ACK) {
        return DCEP_ACK;
    }
    return len >= DCEP_OPEN_HEADER_BYTES && data[0] == DCEP_OPEN ? DCEP_OPEN : -EBADMSG;
}

int dcep_open_parse(struct dcep_open *out, const uint8_t *data, size_t len) {
    struct reader r;
    reader_init(&r, data, len);
    uint8_t message = reader_u8(&r);
    uint8_t channel = reader_u8(&r);
    out->priority = reader_u16(&r);
    out->limit = reader_u32(&r);
    out->label_len = reader_u16(&r);
    out->protocol_len = reader_u16(&r);
    out->label = (const char *)reader_bytes(&r, out->label_len);
    out->protocol = (const char *)reader_bytes(&r, out->protocol_len);
    if (r.failed || reader_left(&r) > 0 || message != DCEP_OPEN || (channel & ~UNORDERED) > DCEP_LIFETIME) {
        return -EBADMSG;
    }
    if (out->label_len > DCEP_NAME_BYTES_MAX || out->protocol_len > DCEP_NAME_BYTES_MAX) {
        return -EMSGSIZE;
    }
    if (!text_is_utf8(out->label, out->label_len) || !text_is_utf8(out->protocol, out->protocol_len)) {
        return -EBADMSG;
    }
    out->unordered = channel & UNORDERED;
    out->reliability = (enum dcep_reliability)(channel & ~UNORDERED);
    out->limit = out->reliability == DCEP_RELIABLE ? 0 : out->limit; /* to be ignored then */
    return 0;
}

long dcep_open_write(const struct dcep_open *open, uint8_t *out, size_t cap) {
    struct writer w;
    if (open->label_len > DCEP_NAME_BYTES_MAX || open->protocol_len > DCEP_NAME_BYTES_MAX) {
        return -EMSGSIZE;
    }
    writer_init(&w, out, cap);
    writer_u8(&w, DCEP_OPEN);
    writer_u8(&w, (uint8_t)(open->reliability | (open->unordered ? UNORDERED : 0)));
    writer_u16(&w, open->priority);
    writer_u32(&w, open->reliability == DCEP_RELIABLE ? 0 : open->limit);
    writer_u16(&w, (uint16_t)open->label_len);
    writer_u16(&w, (uint16_t)open->protocol_len);
    writer_bytes(&w, open->label, open->label_len);
    writer_bytes(&w, open->protocol, open->protocol_len);
    return w.failed ? -ENOBUFS : (long)w.len;
}

int dcep_payload_read(struct dcep_payload *out, uint32_t ppid, const uint8_t *data, size_t len) {
    bool empty = ppid == DCEP_PPID_STRING_EMPTY || ppid == DCEP_PPID_BINARY_EMPTY;
    if (!empty && ppid != DCEP_PPID_STRING && ppid != DCEP_PPID_BINARY) {
        return -EBADMSG;
    }
    out->text = ppid == DCEP_PPID_STRING || ppid == DCEP_PPID_STRING_EMPTY;
    out->data = data;
    out->len = empty ? 0 : len;
    return 0;
}

enum dcep_ppid dcep_payload_write(struct dcep_payload *payload) {
    static const uint8_t zero[1];
    if (payload->len == 0) {
        payload->data = zero;
        payload->len = sizeof zero;
        return payload->text ? DCEP_PPID_STRING_EMPTY : DCEP_PPID_BINARY_EMPTY;
    }
    return payload->text ? DCEP_PPID_STRING : DCEP_PPID_BINARY;
}
