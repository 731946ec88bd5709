/* DTLS 1.2 records and handshake fragments as they look on the wire (RFC 6347 sections 4.1 and 4.2.2): what has to be
 * known of a datagram before OpenSSL may see it. */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DTLS_RECORD_HEADER_BYTES = 13,
    DTLS_FRAGMENT_HEADER_BYTES = 12,
    DTLS_MESSAGE_BYTES_MAX = 16384, /* a longer handshake message is nobody's */
};

enum dtls_content { DTLS_CHANGE_CIPHER = 20, DTLS_ALERT = 21, DTLS_HANDSHAKE = 22, DTLS_APPLICATION = 23 };
enum { DTLS_CLIENT_HELLO = 1, DTLS_VERIFY_REQUEST = 3, DTLS_VERSION_1_0 = 0xfeff, DTLS_VERSION_1_2 = 0xfefd };

struct dtls_record {
    uint8_t type;
    uint16_t epoch;
    uint64_t sequence;   /* 48 bits */
    const uint8_t *body; /* borrowed */
    size_t len;
};

struct dtls_fragment {
    uint8_t type;
    uint16_t message_seq;
    uint32_t message_len; /* of the whole message */
    uint32_t offset;      /* where data belongs in it */
    uint32_t len;
    const uint8_t *data; /* borrowed */
};

/* The next record of a datagram. -EBADMSG: no whole record of DTLS 1.0 or 1.2 is there. */
int dtls_record_next(struct dtls_record *out, struct reader *r);
/* The next fragment of a handshake record. -EBADMSG: it is cut, lies outside its message, is empty although its
 * message is not, or the message is longer than DTLS_MESSAGE_BYTES_MAX. */
int dtls_fragment_next(struct dtls_fragment *out, struct reader *r);

/* May a session see this datagram? Whole records only; in the clear (epoch 0) nothing but handshake fragments that make
 * sense and ChangeCipherSpec: unprotected alerts and data are anybody's. */
bool dtls_datagram_sound(const uint8_t *data, size_t len);
/* Does the datagram begin with (a fragment of) an unprotected ClientHello? */
bool dtls_datagram_is_hello(const uint8_t *data, size_t len);
