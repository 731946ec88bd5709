#include "proto/stun/stun.h"

#include <errno.h>

enum { WIRE_IPV4 = 1, WIRE_IPV6 = 2 };

int stun_msg_bytes(const struct stun_msg *msg, uint16_t type, const uint8_t **value, size_t *len) {
    const struct stun_attr *attr = stun_msg_find(msg, type);
    if (!attr) {
        return -ENOENT;
    }
    *value = stun_attr_value(msg, attr);
    *len = attr->len;
    return 0;
}

/* The value of an attribute that has n bytes. */
static int fixed(const struct stun_msg *msg, uint16_t type, size_t n, const uint8_t **value) {
    size_t len;
    int rc = stun_msg_bytes(msg, type, value, &len);
    return rc < 0 ? rc : len == n ? 0 : -EBADMSG;
}

int stun_msg_u8(const struct stun_msg *msg, uint16_t type, uint8_t *out) {
    const uint8_t *value;
    size_t len;
    int rc = stun_msg_bytes(msg, type, &value, &len);
    if (rc < 0) {
        return rc;
    }
    if (len != 1 && len != 4) {
        return -EBADMSG;
    }
    *out = value[0];
    return 0;
}

int stun_msg_u32(const struct stun_msg *msg, uint16_t type, uint32_t *out) {
    const uint8_t *value;
    int rc = fixed(msg, type, 4, &value);
    if (rc == 0) {
        *out = load_be32(value);
    }
    return rc;
}

int stun_msg_u64(const struct stun_msg *msg, uint16_t type, uint64_t *out) {
    const uint8_t *value;
    int rc = fixed(msg, type, 8, &value);
    if (rc == 0) {
        *out = load_be64(value);
    }
    return rc;
}

/* RFC 8489 section 14.1: a zero byte, family, port, address. The XOR of section 14.2 takes the cookie, and
 * for IPv6 the transaction id after it: just the 16 bytes that follow the message length. */
static int read_addr(const struct stun_msg *msg, const struct stun_attr *attr, bool xored, struct addr *out) {
    const uint8_t *value = stun_attr_value(msg, attr);
    const uint8_t *pad = msg->data + 4;
    uint8_t ip[16];
    if (attr->len < 4) {
        return -EBADMSG;
    }
    size_t n = value[1] == WIRE_IPV4 ? 4 : value[1] == WIRE_IPV6 ? 16 : 0;
    if (n == 0 || attr->len != 4 + n) {
        return -EBADMSG;
    }
    uint16_t port = load_be16(value + 2);
    for (size_t i = 0; i < n; i++) {
        ip[i] = (uint8_t)(value[4 + i] ^ (xored ? pad[i] : 0));
    }
    return addr_from_bytes(out, ip, n, (uint16_t)(xored ? port ^ (STUN_MAGIC_COOKIE >> 16) : port));
}

int stun_attr_xor_addr(const struct stun_msg *msg, const struct stun_attr *attr, struct addr *out) {
    return read_addr(msg, attr, true, out);
}

int stun_msg_addr(const struct stun_msg *msg, uint16_t type, struct addr *out) {
    const struct stun_attr *attr = stun_msg_find(msg, type);
    return attr ? read_addr(msg, attr, false, out) : -ENOENT;
}

int stun_msg_xor_addr(const struct stun_msg *msg, uint16_t type, struct addr *out) {
    const struct stun_attr *attr = stun_msg_find(msg, type);
    return attr ? read_addr(msg, attr, true, out) : -ENOENT;
}

int stun_msg_error(const struct stun_msg *msg, int *code, const char **reason, size_t *reason_len) {
    const uint8_t *value;
    size_t len;
    int rc = stun_msg_bytes(msg, STUN_ATTR_ERROR_CODE, &value, &len);
    if (rc < 0) {
        return rc;
    }
    if (len < 4) {
        return -EBADMSG;
    }
    unsigned hundreds = value[2] & 7;
    if (hundreds < 3 || hundreds > 6 || value[3] > 99) {
        return -EBADMSG;
    }
    *code = (int)(hundreds * 100 + value[3]);
    if (reason) {
        *reason = (const char *)value + 4;
        *reason_len = len - 4;
    }
    return 0;
}
