/* STUN messages (RFC 8489) and the attributes of TURN (RFC 8656): reading, writing, integrity.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |0 0|     STUN Message Type     |         Message Length        |
 *  |                         Magic Cookie                          |
 *  |                     Transaction ID (96 bits)                  |
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  then attributes: type (16), length without padding (16), value, zeros up to a multiple of four.
 *
 * A parsed message borrows the bytes it was made from. Nothing here allocates, but for struct
 * stun_crypto. */
#pragma once

#include "base/addr.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STUN_MAGIC_COOKIE 0x2112a442U

enum {
    STUN_HEADER_BYTES = 20,
    STUN_TXID_BYTES = 12,
    STUN_ATTRS_MAX = 64,           /* attributes one message may have here */
    STUN_USERNAME_BYTES_MAX = 513, /* RFC 8489 section 14.3 */
    STUN_REALM_BYTES_MAX = 763,    /* section 14.9 */
    STUN_NONCE_BYTES_MAX = 763,    /* section 14.10 */
    STUN_MD5_BYTES = 16,
    STUN_SHA1_BYTES = 20,
    STUN_SHA256_BYTES = 32,
    STUN_KEY_BYTES_MAX = 32,  /* a long-term key: MD5 or SHA-256 */
    STUN_PASSWORD_BYTES = 29, /* base64 of an HMAC-SHA1 and a terminator */
};

enum stun_class { STUN_REQUEST = 0, STUN_INDICATION = 1, STUN_SUCCESS = 2, STUN_ERROR = 3 };

enum stun_method {
    STUN_BINDING = 0x001,
    STUN_ALLOCATE = 0x003,
    STUN_REFRESH = 0x004,
    STUN_SEND = 0x006,
    STUN_DATA = 0x007,
    STUN_CREATE_PERMISSION = 0x008,
    STUN_CHANNEL_BIND = 0x009,
    STUN_CONNECT = 0x00a,
    STUN_CONNECTION_BIND = 0x00b,
    STUN_CONNECTION_ATTEMPT = 0x00c,
};

enum stun_attr_type {
    STUN_ATTR_MAPPED_ADDRESS = 0x0001,
    STUN_ATTR_CHANGE_REQUEST = 0x0003,
    STUN_ATTR_USERNAME = 0x0006,
    STUN_ATTR_MESSAGE_INTEGRITY = 0x0008,
    STUN_ATTR_ERROR_CODE = 0x0009,
    STUN_ATTR_UNKNOWN_ATTRIBUTES = 0x000a,
    STUN_ATTR_CHANNEL_NUMBER = 0x000c,
    STUN_ATTR_LIFETIME = 0x000d,
    STUN_ATTR_XOR_PEER_ADDRESS = 0x0012,
    STUN_ATTR_DATA = 0x0013,
    STUN_ATTR_REALM = 0x0014,
    STUN_ATTR_NONCE = 0x0015,
    STUN_ATTR_XOR_RELAYED_ADDRESS = 0x0016,
    STUN_ATTR_REQUESTED_ADDRESS_FAMILY = 0x0017,
    STUN_ATTR_EVEN_PORT = 0x0018,
    STUN_ATTR_REQUESTED_TRANSPORT = 0x0019,
    STUN_ATTR_DONT_FRAGMENT = 0x001a,
    STUN_ATTR_ACCESS_TOKEN = 0x001b,
    STUN_ATTR_MESSAGE_INTEGRITY_SHA256 = 0x001c,
    STUN_ATTR_PASSWORD_ALGORITHM = 0x001d,
    STUN_ATTR_USERHASH = 0x001e,
    STUN_ATTR_XOR_MAPPED_ADDRESS = 0x0020,
    STUN_ATTR_RESERVATION_TOKEN = 0x0022,
    STUN_ATTR_PRIORITY = 0x0024,
    STUN_ATTR_USE_CANDIDATE = 0x0025,
    STUN_ATTR_PADDING = 0x0026,
    STUN_ATTR_RESPONSE_PORT = 0x0027,
    STUN_ATTR_CONNECTION_ID = 0x002a,
    STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY = 0x8000,
    STUN_ATTR_ADDRESS_ERROR_CODE = 0x8001,
    STUN_ATTR_PASSWORD_ALGORITHMS = 0x8002,
    STUN_ATTR_ALTERNATE_DOMAIN = 0x8003,
    STUN_ATTR_ICMP = 0x8004,
    STUN_ATTR_SOFTWARE = 0x8022,
    STUN_ATTR_ALTERNATE_SERVER = 0x8023,
    STUN_ATTR_FINGERPRINT = 0x8028,
    STUN_ATTR_ICE_CONTROLLED = 0x8029,
    STUN_ATTR_ICE_CONTROLLING = 0x802a,
    STUN_ATTR_THIRD_PARTY_AUTHORIZATION = 0x802e,
    STUN_ATTR_ORIGIN = 0x802f, /* draft-ietf-tram-stun-origin */
    STUN_ATTR_RESPONSE_ORIGIN = 0x802b,
    STUN_ATTR_OTHER_ADDRESS = 0x802c,
    STUN_ATTR_MOBILITY_TICKET = 0x8030,
    STUN_ATTR_DRAFT_ADDITIONAL_ADDRESS_FAMILY = 0x8032, /* draft-martinsen-tram-ssoda, as coturn's client sends it */
};

/* The first value of the comprehension-optional range: what a receiver may ignore. */
enum { STUN_ATTR_OPTIONAL = 0x8000 };

/* ------------------------------------------------------------------ reading (msg.c, attr.c) */

struct stun_attr {
    uint16_t type;
    uint16_t len;    /* without padding */
    uint32_t offset; /* of the value in the message */
};

struct stun_msg {
    const uint8_t *data; /* borrowed */
    const uint8_t *txid; /* STUN_TXID_BYTES in data */
    uint32_t len;        /* header and attributes */
    uint16_t method;     /* enum stun_method, or a value not listed there */
    uint8_t class;       /* enum stun_class */
    uint8_t attr_count;
    struct stun_attr attrs[STUN_ATTRS_MAX]; /* in order; those that integrity makes void are left out */
};

/* True for the type bits of a STUN message and the magic cookie; looks at no more than 8 bytes. */
bool stun_is_message(const uint8_t *data, size_t len);

/* Reads one whole message: data holds it and nothing else. Attributes after MESSAGE-INTEGRITY are left
 * out save MESSAGE-INTEGRITY-SHA256 and FINGERPRINT, those after MESSAGE-INTEGRITY-SHA256 save FINGERPRINT
 * (RFC 8489 sections 14.5, 14.6). -EBADMSG: not STUN, a length that does not fit, more than STUN_ATTRS_MAX
 * attributes, FINGERPRINT not last, or a FINGERPRINT that does not match. */
int stun_msg_parse(struct stun_msg *out, const void *data, size_t len);

/* The first attribute of that type (a duplicate does not count), or NULL. */
const struct stun_attr *stun_msg_find(const struct stun_msg *msg, uint16_t type);
static inline bool stun_msg_has(const struct stun_msg *msg, uint16_t type) { return stun_msg_find(msg, type) != NULL; }
static inline const uint8_t *stun_attr_value(const struct stun_msg *msg, const struct stun_attr *attr) {
    return msg->data + attr->offset;
}

/* Lists the types below STUN_ATTR_OPTIONAL for which known() is false, each once. Returns how many were
 * written, at most cap. */
size_t stun_msg_unknown(const struct stun_msg *msg, bool (*known)(uint16_t type), uint16_t *out, size_t cap);

/* Each: 0; -ENOENT: no such attribute; -EBADMSG: a length or content that is not valid for it. */
int stun_msg_bytes(const struct stun_msg *msg, uint16_t type, const uint8_t **value, size_t *len);
int stun_msg_u8(const struct stun_msg *msg, uint16_t type, uint8_t *out);   /* a 1-byte or 4-byte value's first */
int stun_msg_u32(const struct stun_msg *msg, uint16_t type, uint32_t *out); /* network order */
int stun_msg_u64(const struct stun_msg *msg, uint16_t type, uint64_t *out);
int stun_msg_addr(const struct stun_msg *msg, uint16_t type, struct addr *out);     /* not XORed */
int stun_msg_xor_addr(const struct stun_msg *msg, uint16_t type, struct addr *out); /* XORed */
/* ERROR-CODE: the code 300..699; reason (may be NULL) is borrowed, not terminated. */
int stun_msg_error(const struct stun_msg *msg, int *code, const char **reason, size_t *reason_len);
/* The same for one attribute of a list, as the peers of CreatePermission. */
int stun_attr_xor_addr(const struct stun_msg *msg, const struct stun_attr *attr, struct addr *out);

/* CRC-32 as FINGERPRINT uses it, before its XOR (RFC 8489 section 14.7). */
uint32_t stun_crc32(const void *data, size_t len);

/* ------------------------------------------------------------------ writing (write.c) */

/* A message starts at the writer's first byte (w->len must be 0). The header's length is kept right by
 * stun_write_end and by the functions that sign. Padding is zero. */
void stun_write_header(struct writer *w, enum stun_class class, uint16_t method, const uint8_t *txid);
void stun_write_bytes(struct writer *w, uint16_t type, const void *value, size_t len);
void stun_write_text(struct writer *w, uint16_t type, const char *text);
void stun_write_u8(struct writer *w, uint16_t type, uint8_t v); /* v and three zero bytes */
void stun_write_u32(struct writer *w, uint16_t type, uint32_t v);
void stun_write_u64(struct writer *w, uint16_t type, uint64_t v);
void stun_write_addr(struct writer *w, uint16_t type, const struct addr *a);
void stun_write_xor_addr(struct writer *w, uint16_t type, const struct addr *a);
/* ERROR-CODE with the code's standard reason phrase. */
void stun_write_error(struct writer *w, int code);
void stun_write_unknown(struct writer *w, const uint16_t *types, size_t count);
void stun_write_fingerprint(struct writer *w); /* the last attribute */
/* The message's length, or -ENOBUFS when something did not fit. */
long stun_write_end(struct writer *w);
/* "Unauthenticated" for 401 and so on; "" for a code that is not standard. */
const char *stun_error_reason(int code);

/* ------------------------------------------------------------------ integrity (crypto.c, integrity.c) */

/* HMAC and hash contexts fetched once: fetching costs more than hashing. One thread at a time. */
struct stun_crypto;
enum stun_hash { STUN_HASH_SHA1, STUN_HASH_SHA256 };

struct stun_crypto *stun_crypto_new(void); /* NULL: no memory or no such algorithm */
void stun_crypto_free(struct stun_crypto *c);

/* Borrowed bytes; as a key: a long-term key, or a short-term password as it is. */
struct stun_span {
    const void *bytes;
    size_t len;
};

static inline size_t stun_hash_bytes(enum stun_hash h) {
    return h == STUN_HASH_SHA1 ? STUN_SHA1_BYTES : STUN_SHA256_BYTES;
}

/* HMAC in pieces: begin, any number of adds, end; out has stun_hash_bytes(hash). A failure inside OpenSSL
 * is sticky and makes stun_hmac_end return -EIO. */
void stun_hmac_begin(struct stun_crypto *c, enum stun_hash hash, struct stun_span key);
void stun_hmac_add(struct stun_crypto *c, struct stun_span data);
int stun_hmac_end(struct stun_crypto *c, uint8_t *out);

/* Adds MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256. */
void stun_write_integrity(struct writer *w, struct stun_crypto *c, enum stun_hash hash, struct stun_span key);
/* Compares in constant time. -ENOENT: no such attribute; -ERR_INTEGRITY: it does not match;
 * -EBADMSG: a length that is not allowed; -EIO. */
int stun_verify_integrity(const struct stun_msg *msg, struct stun_crypto *c, enum stun_hash hash, struct stun_span key);

/* The long-term key, hash(user:realm:password) (RFC 8489 section 9.2.2): STUN_HASH_SHA1 credentials hash with
 * MD5 (16 bytes), STUN_HASH_SHA256 with SHA-256 (32). Returns the key's length, or -EIO, -ENOBUFS for a name
 * too long. */
struct stun_credentials {
    const char *user;
    size_t user_len;
    const char *realm;
    size_t realm_len;
    const char *password;
    size_t password_len;
};
int stun_derive_key(struct stun_crypto *c, enum stun_hash hash, const struct stun_credentials *who,
                    uint8_t out[STUN_KEY_BYTES_MAX]);

/* What USERHASH holds: SHA-256(user ":" realm) (RFC 8489 section 14.4). The password is not looked at. -EIO. */
int stun_derive_userhash(struct stun_crypto *c, const struct stun_credentials *who, uint8_t out[STUN_SHA256_BYTES]);

/* The password of a shared-secret credential: base64(HMAC-SHA1(secret, user name)). -EIO. */
int stun_derive_password(struct stun_crypto *c, const char *secret, const char *user, size_t user_len,
                         char out[STUN_PASSWORD_BYTES]);

/* The parts of "<expiry>:<user>". -EBADMSG when it does not have that form. */
struct stun_ephemeral {
    uint64_t expiry_s;
    const char *user; /* after the colon, borrowed, may be empty */
    size_t user_len;
};
int stun_ephemeral_parse(struct stun_ephemeral *out, const char *name, size_t len);

/* ------------------------------------------------------------------ streams (frame.c) */

enum { STUN_FRAME_BYTES_MAX = 65535 + 20 };

struct stun_frame {
    size_t len;    /* the message or ChannelData without padding: what a handler gets */
    size_t stride; /* bytes it takes in the stream (ChannelData is padded to four bytes) */
};

/* The first frame of a byte stream (RFC 8656 section 3.5, RFC 8489 section 6.2.2): a STUN message or a ChannelData
 * message. -EAGAIN: more bytes are needed (out is set when at least 4 are there); -EBADMSG: neither. */
int stun_frame_next(struct stun_frame *out, const uint8_t *data, size_t len);
