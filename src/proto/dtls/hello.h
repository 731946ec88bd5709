/* The stateless beginning of DTLS: a ClientHello's head, the cookie that proves a client's address, and the
 * HelloVerifyRequest that carries it (RFC 6347 section 4.2.1). */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DTLS_RANDOM_BYTES = 32,
    DTLS_COOKIE_BYTES = 20,
    DTLS_COOKIE_KEY_BYTES = 32,
    DTLS_COOKIE_SLOT_US = 32 * 1000000, /* a cookie is good for one to two of these */
    DTLS_ALERT_BYTES = 13 + 2,
    DTLS_VERIFY_REQUEST_BYTES = 13 + 12 + 3 + DTLS_COOKIE_BYTES,
};

/* All borrowed. */
struct dtls_hello {
    const uint8_t *message; /* the handshake message without its header */
    size_t len;
    uint64_t sequence; /* of the record (the last one, when it came in fragments) */
    uint16_t message_seq;
    const uint8_t *random; /* DTLS_RANDOM_BYTES */
    const uint8_t *cookie;
    size_t cookie_len;
};

/* Reads a whole ClientHello. The caller sets sequence and message_seq. -EBADMSG malformed, -EPROTO a client that
 * does not speak DTLS 1.2. */
int dtls_hello_parse(struct dtls_hello *out, const uint8_t *message, size_t len);

/* The cookie for this client, hello and time: an HMAC over the addresses and the hello without its cookie. */
void dtls_cookie_make(uint8_t out[DTLS_COOKIE_BYTES], const uint8_t key[DTLS_COOKIE_KEY_BYTES],
                      const struct five_tuple *client, const struct dtls_hello *hello, uint64_t now_us);
/* Is the hello's cookie one that was made for it, not too long ago? */
bool dtls_cookie_valid(const uint8_t key[DTLS_COOKIE_KEY_BYTES], const struct five_tuple *client,
                       const struct dtls_hello *hello, uint64_t now_us);

/* The answer to a hello without a good cookie; shorter than any ClientHello. */
void dtls_verify_request_write(uint8_t out[DTLS_VERIFY_REQUEST_BYTES], const struct dtls_hello *hello,
                               const uint8_t cookie[DTLS_COOKIE_BYTES]);
/* The answer to a hello that is not of DTLS 1.2: fatal alert protocol_version, in the clear, so that the client need not
 * wait for its own timeout. */
void dtls_version_alert_write(uint8_t out[DTLS_ALERT_BYTES], uint64_t sequence);
/* The hello as one record, whatever pieces it came in. Returns its length, or -ENOBUFS. */
long dtls_hello_record_write(uint8_t *out, size_t cap, const struct dtls_hello *hello);
