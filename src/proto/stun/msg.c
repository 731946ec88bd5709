#include "proto/stun/stun.h"

#include <errno.h>

enum { FINGERPRINT_XOR = 0x5354554e };

bool stun_is_message(const uint8_t *data, size_t len) {
    return len >= 8 && (data[0] & 0xc0) == 0 && load_be32(data + 4) == STUN_MAGIC_COOKIE;
}

/* RFC 8489 section 5: the class bits stand among the method bits, 0bMMMMMCMMMCMMMM. */
static void split_type(struct stun_msg *out, uint16_t type) {
    out->class = (uint8_t)((type >> 7 & 2) | (type >> 4 & 1));
    out->method = (uint16_t)((type >> 2 & 0xf80) | (type >> 1 & 0x70) | (type & 0xf));
}

uint32_t stun_crc32(const void *data, size_t len) {
    /* The reflected polynomial 0xedb88320, four bits at a time. */
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                       0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    const uint8_t *in = data;
    uint32_t crc = ~0U;
    for (size_t i = 0; i < len; i++) {
        crc ^= in[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static bool fingerprint_matches(const struct stun_msg *msg, const struct stun_attr *attr) {
    uint32_t crc = stun_crc32(msg->data, attr->offset - 4);
    return load_be32(msg->data + attr->offset) == (crc ^ FINGERPRINT_XOR);
}

/* Is an attribute of this type void because of what came before it (sections 14.5, 14.6)? */
static bool is_void(uint16_t type, bool after_sha1, bool after_sha256) {
    if (type == STUN_ATTR_FINGERPRINT) {
        return false;
    }
    return after_sha256 || (after_sha1 && type != STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
}

static int parse_attrs(struct stun_msg *msg) {
    bool after_sha1 = false, after_sha256 = false;
    struct reader r;
    reader_init(&r, msg->data, msg->len);
    reader_bytes(&r, STUN_HEADER_BYTES);
    while (reader_left(&r) > 0) {
        struct stun_attr attr;
        attr.type = reader_u16(&r);
        attr.len = reader_u16(&r);
        attr.offset = (uint32_t)(r.pos - msg->data);
        reader_bytes(&r, ((size_t)attr.len + 3) & ~(size_t)3);
        if (r.failed) {
            return -EBADMSG;
        }
        if (is_void(attr.type, after_sha1, after_sha256)) {
            continue;
        }
        if (msg->attr_count == STUN_ATTRS_MAX) {
            return -EBADMSG;
        }
        msg->attrs[msg->attr_count++] = attr;
        after_sha1 |= attr.type == STUN_ATTR_MESSAGE_INTEGRITY;
        after_sha256 |= attr.type == STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
        if (attr.type == STUN_ATTR_FINGERPRINT &&
            (attr.len != 4 || reader_left(&r) != 0 || !fingerprint_matches(msg, &attr))) {
            return -EBADMSG;
        }
    }
    return 0;
}

int stun_msg_parse(struct stun_msg *out, const void *data, size_t len) {
    if (len < STUN_HEADER_BYTES || !stun_is_message(data, len)) {
        return -EBADMSG;
    }
    size_t body = load_be16((const uint8_t *)data + 2);
    if (body % 4 != 0 || body + STUN_HEADER_BYTES != len) {
        return -EBADMSG;
    }
    out->data = data;
    out->txid = out->data + 8;
    out->len = (uint32_t)len;
    out->attr_count = 0;
    split_type(out, load_be16(data));
    return parse_attrs(out);
}

const struct stun_attr *stun_msg_find(const struct stun_msg *msg, uint16_t type) {
    for (size_t i = 0; i < msg->attr_count; i++) {
        if (msg->attrs[i].type == type) {
            return &msg->attrs[i];
        }
    }
    return NULL;
}

size_t stun_msg_unknown(const struct stun_msg *msg, bool (*known)(uint16_t type), uint16_t *out, size_t cap) {
    size_t count = 0;
    for (size_t i = 0; i < msg->attr_count && count < cap; i++) {
        uint16_t type = msg->attrs[i].type;
        bool first = stun_msg_find(msg, type) == &msg->attrs[i];
        if (type < STUN_ATTR_OPTIONAL && first && !known(type)) {
            out[count++] = type;
        }
    }
    return count;
}
