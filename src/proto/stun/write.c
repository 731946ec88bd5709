#include "proto/stun/stun.h"

#include <errno.h>

enum { FINGERPRINT_XOR = 0x5354554e };

void stun_write_header(struct writer *w, enum stun_class class, uint16_t method, const uint8_t *txid) {
    unsigned c = class;
    unsigned m = method;
    unsigned type = (c & 2) << 7 | (c & 1) << 4 | (m & 0xf80) << 2 | (m & 0x70) << 1 | (m & 0xf);
    writer_u16(w, (uint16_t)type);
    writer_u16(w, 0);
    writer_u32(w, STUN_MAGIC_COOKIE);
    writer_bytes(w, txid, STUN_TXID_BYTES);
}

/* The attribute's header, room for its value and zeroed padding; NULL when it does not fit. */
static uint8_t *begin_attr(struct writer *w, uint16_t type, size_t len) {
    size_t padding = (4 - len % 4) % 4;
    if (len > UINT16_MAX) {
        w->failed = true;
    }
    uint8_t *p = writer_reserve(w, 4 + len + padding);
    if (!p) {
        return NULL;
    }
    store_be16(p, type);
    store_be16(p + 2, (uint16_t)len);
    memset(p + 4 + len, 0, padding);
    return p + 4;
}

void stun_write_bytes(struct writer *w, uint16_t type, const void *value, size_t len) {
    uint8_t *p = begin_attr(w, type, len);
    if (p && len > 0) {
        memcpy(p, value, len);
    }
}

void stun_write_text(struct writer *w, uint16_t type, const char *text) {
    stun_write_bytes(w, type, text, strlen(text));
}

void stun_write_u8(struct writer *w, uint16_t type, uint8_t v) { stun_write_u32(w, type, (uint32_t)v << 24); }

void stun_write_u32(struct writer *w, uint16_t type, uint32_t v) {
    uint8_t *p = begin_attr(w, type, 4);
    if (p) {
        store_be32(p, v);
    }
}

void stun_write_u64(struct writer *w, uint16_t type, uint64_t v) {
    uint8_t *p = begin_attr(w, type, 8);
    if (p) {
        store_be64(p, v);
    }
}

static uint8_t *write_addr(struct writer *w, uint16_t type, const struct addr *a) {
    size_t n = addr_ip_len(a);
    uint8_t *p = begin_attr(w, type, 4 + n);
    if (p) {
        p[0] = 0;
        p[1] = n == 4 ? 1 : 2;
        store_be16(p + 2, a->port);
        memcpy(p + 4, a->ip, n);
    }
    return p;
}

void stun_write_addr(struct writer *w, uint16_t type, const struct addr *a) { write_addr(w, type, a); }

void stun_write_xor_addr(struct writer *w, uint16_t type, const struct addr *a) {
    uint8_t *p = write_addr(w, type, a);
    if (p) {
        store_be16(p + 2, (uint16_t)(a->port ^ (STUN_MAGIC_COOKIE >> 16)));
        for (size_t i = 0; i < addr_ip_len(a); i++) {
            p[4 + i] ^= w->buf[4 + i]; /* the cookie, then the transaction id */
        }
    }
}

/* RFC 8489 section 14.8, RFC 8656 section 19, RFC 8445 section 7.3.1.1. */
const char *stun_error_reason(int code) {
    static const struct {
        int code;
        const char *reason;
    } table[] = {
        {300, "Try Alternate"},
        {400, "Bad Request"},
        {401, "Unauthenticated"},
        {403, "Forbidden"},
        {405, "Mobility Forbidden"},
        {420, "Unknown Attribute"},
        {437, "Allocation Mismatch"},
        {438, "Stale Nonce"},
        {440, "Address Family not Supported"},
        {441, "Wrong Credentials"},
        {442, "Unsupported Transport Protocol"},
        {443, "Peer Address Family Mismatch"},
        {446, "Connection Already Exists"},
        {447, "Connection Timeout or Failure"},
        {486, "Allocation Quota Reached"},
        {487, "Role Conflict"},
        {500, "Server Error"},
        {508, "Insufficient Capacity"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].code == code) {
            return table[i].reason;
        }
    }
    return "";
}

void stun_write_error(struct writer *w, int code) {
    const char *reason = stun_error_reason(code);
    size_t len = strlen(reason);
    uint8_t *p = begin_attr(w, STUN_ATTR_ERROR_CODE, 4 + len);
    if (p) {
        p[0] = 0;
        p[1] = 0;
        p[2] = (uint8_t)(code / 100);
        p[3] = (uint8_t)(code % 100);
        memcpy(p + 4, reason, len);
    }
}

void stun_write_unknown(struct writer *w, const uint16_t *types, size_t count) {
    uint8_t *p = begin_attr(w, STUN_ATTR_UNKNOWN_ATTRIBUTES, count * 2);
    for (size_t i = 0; p && i < count; i++) {
        store_be16(p + 2 * i, types[i]);
    }
}

void stun_write_fingerprint(struct writer *w) {
    size_t before = w->len;
    uint8_t *p = begin_attr(w, STUN_ATTR_FINGERPRINT, 4);
    if (p && stun_write_end(w) > 0) {
        store_be32(p, stun_crc32(w->buf, before) ^ FINGERPRINT_XOR);
    }
}

long stun_write_end(struct writer *w) {
    if (w->len < STUN_HEADER_BYTES || w->len - STUN_HEADER_BYTES > UINT16_MAX) {
        w->failed = true;
    }
    if (w->failed) {
        return -ENOBUFS;
    }
    store_be16(w->buf + 2, (uint16_t)(w->len - STUN_HEADER_BYTES));
    return (long)w->len;
}
