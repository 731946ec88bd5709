#include "proto/stun/stun.h"

#include "base/error.h"

#include <errno.h>

/* HMAC over the message up to the attribute at `end`, with a header whose length counts the attribute in
 * (RFC 8489 sections 14.5, 14.6). */
static int message_mac(struct stun_crypto *c, const uint8_t *message, size_t end, size_t attr_bytes, uint8_t *out) {
    uint8_t header[STUN_HEADER_BYTES];
    memcpy(header, message, sizeof header);
    store_be16(header + 2, (uint16_t)(end + attr_bytes - STUN_HEADER_BYTES));
    stun_hmac_add(c, (struct stun_span){header, sizeof header});
    stun_hmac_add(c, (struct stun_span){message + sizeof header, end - sizeof header});
    return stun_hmac_end(c, out);
}

static uint16_t attr_type(enum stun_hash hash) {
    return hash == STUN_HASH_SHA1 ? STUN_ATTR_MESSAGE_INTEGRITY : STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
}

void stun_write_integrity(struct writer *w, struct stun_crypto *c, enum stun_hash hash, struct stun_span key) {
    uint8_t mac[STUN_SHA256_BYTES];
    size_t n = stun_hash_bytes(hash);
    if (stun_write_end(w) < 0) {
        return;
    }
    stun_hmac_begin(c, hash, key);
    if (message_mac(c, w->buf, w->len, 4 + n, mac) < 0) {
        w->failed = true;
        return;
    }
    stun_write_bytes(w, attr_type(hash), mac, n);
    stun_write_end(w);
}

int stun_verify_integrity(const struct stun_msg *msg, struct stun_crypto *c, enum stun_hash hash,
                          struct stun_span key) {
    uint8_t mac[STUN_SHA256_BYTES];
    const struct stun_attr *attr = stun_msg_find(msg, attr_type(hash));
    if (!attr) {
        return -ENOENT;
    }
    /* MESSAGE-INTEGRITY-SHA256 may be truncated to 16 bytes or more, in steps of four. */
    size_t full = stun_hash_bytes(hash);
    size_t least = hash == STUN_HASH_SHA1 ? full : 16;
    if (attr->len < least || attr->len > full || attr->len % 4 != 0) {
        return -EBADMSG;
    }
    stun_hmac_begin(c, hash, key);
    int rc = message_mac(c, msg->data, attr->offset - 4, 4 + (size_t)attr->len, mac);
    if (rc < 0) {
        return rc;
    }
    return bytes_equal_ct(mac, stun_attr_value(msg, attr), attr->len) ? 0 : -ERR_INTEGRITY;
}
