/* STUN messages: whatever parses has attributes inside the input, and written anew it parses to the same.
 * covers: src/proto/stun/msg.c src/proto/stun/attr.c src/proto/stun/integrity.c src/proto/stun/write.c */
#include "proto/stun/stun.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ADDED = 10 }; /* attributes that write_again adds at most */

static struct stun_crypto *crypto;

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static bool known(uint16_t type) { return type & 1; }

static unsigned sum_bytes(const uint8_t *p, size_t n) {
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += p[i];
    }
    return sum;
}

static void read_all(const struct stun_msg *msg) {
    for (size_t i = 0; i < msg->attr_count; i++) {
        const struct stun_attr *attr = &msg->attrs[i];
        struct addr a;
        uint8_t u8;
        uint32_t u32;
        uint64_t u64;
        check(attr->offset + attr->len <= msg->len);
        volatile unsigned sum = sum_bytes(stun_attr_value(msg, attr), attr->len);
        (void)sum;
        stun_attr_xor_addr(msg, attr, &a);
        stun_msg_addr(msg, attr->type, &a);
        stun_msg_xor_addr(msg, attr->type, &a);
        stun_msg_u8(msg, attr->type, &u8);
        stun_msg_u32(msg, attr->type, &u32);
        stun_msg_u64(msg, attr->type, &u64);
    }
    uint16_t unknown[8];
    const char *reason = "";
    size_t reason_len = 0;
    int code;
    size_t count = stun_msg_unknown(msg, known, unknown, 8);
    check(count <= 8);
    if (stun_msg_error(msg, &code, &reason, &reason_len) == 0) {
        check(code >= 300 && code < 700);
        stun_error_reason(code);
    }
    struct stun_span key = {"key", 3};
    stun_verify_integrity(msg, crypto, STUN_HASH_SHA1, key);
    stun_verify_integrity(msg, crypto, STUN_HASH_SHA256, key);
}

/* Copies the message with the writer, signs it and reads it back. */
static void write_again(const struct stun_msg *msg) {
    static uint8_t buf[4096];
    struct writer w;
    struct stun_msg again;
    struct stun_span key = {"key", 3};
    struct addr a, b;
    bool room = msg->len < 2048;
    size_t count = 0;

    writer_init(&w, buf, room ? sizeof buf : 512);
    stun_write_header(&w, msg->class, msg->method, msg->txid);
    for (size_t i = 0; i < msg->attr_count && count < STUN_ATTRS_MAX - ADDED; i++) {
        const struct stun_attr *attr = &msg->attrs[i];
        if (attr->type != STUN_ATTR_FINGERPRINT && attr->type != STUN_ATTR_MESSAGE_INTEGRITY &&
            attr->type != STUN_ATTR_MESSAGE_INTEGRITY_SHA256) {
            stun_write_bytes(&w, attr->type, stun_attr_value(msg, attr), attr->len);
            count++;
        }
    }
    if (msg->attr_count > 0 && stun_attr_xor_addr(msg, &msg->attrs[0], &a) == 0) {
        stun_write_xor_addr(&w, 0xfff0, &a);
        stun_write_addr(&w, 0xfff1, &a);
        stun_write_u8(&w, 0xfff2, a.ip[0]);
        stun_write_u64(&w, 0xfff3, a.port);
        stun_write_unknown(&w, &a.port, 1);
        stun_write_error(&w, 300 + a.ip[1]);
        stun_write_text(&w, STUN_ATTR_SOFTWARE, "again");
    } else {
        a.family = AF_UNSPEC;
    }
    stun_write_integrity(&w, crypto, STUN_HASH_SHA1, key);
    stun_write_integrity(&w, crypto, STUN_HASH_SHA256, key);
    stun_write_fingerprint(&w);
    long len = stun_write_end(&w);
    if (!room || len < 0) {
        return;
    }
    check(stun_msg_parse(&again, buf, (size_t)len) == 0);
    check(stun_verify_integrity(&again, crypto, STUN_HASH_SHA1, key) == 0);
    check(stun_verify_integrity(&again, crypto, STUN_HASH_SHA256, key) == 0);
    if (a.family != AF_UNSPEC && !stun_msg_has(msg, 0xfff0) && !stun_msg_has(msg, 0xfff1)) {
        check(stun_msg_xor_addr(&again, 0xfff0, &b) == 0 && addr_equal(&a, &b));
        check(stun_msg_addr(&again, 0xfff1, &b) == 0 && addr_equal(&a, &b));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct stun_msg msg;
    if (!crypto) {
        crypto = stun_crypto_new();
        check(crypto != NULL);
    }
    if (stun_msg_parse(&msg, data, size) == 0) {
        check(stun_is_message(data, size) && msg.len == size);
        read_all(&msg);
        write_again(&msg);
    }
    return 0;
}
