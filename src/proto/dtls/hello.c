#include "proto/dtls/hello.h"

#include "base/bytes.h"
#include "proto/dtls/record.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* version(2) random(32) session_id<0..32> cookie<0..255> cipher_suites<2..> compression_methods<1..>, perhaps
 * extensions<0..> (RFC 6347 section 4.2.1, RFC 5246 section 7.4.1.2) */
int dtls_hello_parse(struct dtls_hello *out, const uint8_t *message, size_t len) {
    struct reader r;
    reader_init(&r, message, len);
    *out = (struct dtls_hello){.message = message, .len = len};
    uint16_t version = reader_u16(&r);
    out->random = reader_bytes(&r, DTLS_RANDOM_BYTES);
    size_t session_id_len = reader_u8(&r);
    reader_bytes(&r, session_id_len);
    out->cookie_len = reader_u8(&r);
    out->cookie = reader_bytes(&r, out->cookie_len);
    size_t suites_len = reader_u16(&r);
    reader_bytes(&r, suites_len);
    size_t methods_len = reader_u8(&r);
    reader_bytes(&r, methods_len);
    if (reader_left(&r) > 0) {
        reader_bytes(&r, reader_u16(&r));
    }
    if (r.failed || reader_left(&r) > 0 || session_id_len > 32 || suites_len < 2 || suites_len % 2 || methods_len < 1) {
        return -EBADMSG;
    }
    return version >> 8 == 0xfe && version <= DTLS_VERSION_1_2 ? 0 : -EPROTO; /* versions count down */
}

static void cookie_of_slot(uint8_t out[DTLS_COOKIE_BYTES], const uint8_t key[DTLS_COOKIE_KEY_BYTES],
                           const struct five_tuple *client, const struct dtls_hello *hello, uint64_t slot) {
    uint8_t input[8 + sizeof *client + 2 + DTLS_RANDOM_BYTES + 1 + 32 + EVP_MAX_MD_SIZE];
    uint8_t rest_hash[EVP_MAX_MD_SIZE], mac[EVP_MAX_MD_SIZE];
    struct writer w;
    unsigned hash_len = 0, mac_len = 0;
    const uint8_t *rest = hello->cookie + hello->cookie_len;
    writer_init(&w, input, sizeof input);
    writer_u64(&w, slot);
    writer_bytes(&w, client, sizeof *client);
    writer_bytes(&w, hello->message, (size_t)(hello->cookie - hello->message) - 1);
    EVP_Digest(rest, hello->len - (size_t)(rest - hello->message), rest_hash, &hash_len, EVP_sha256(), NULL);
    writer_bytes(&w, rest_hash, hash_len);
    HMAC(EVP_sha256(), key, DTLS_COOKIE_KEY_BYTES, input, w.len, mac, &mac_len);
    memcpy(out, mac, DTLS_COOKIE_BYTES);
}

void dtls_cookie_make(uint8_t out[DTLS_COOKIE_BYTES], const uint8_t key[DTLS_COOKIE_KEY_BYTES],
                      const struct five_tuple *client, const struct dtls_hello *hello, uint64_t now_us) {
    cookie_of_slot(out, key, client, hello, now_us / DTLS_COOKIE_SLOT_US);
}

bool dtls_cookie_valid(const uint8_t key[DTLS_COOKIE_KEY_BYTES], const struct five_tuple *client,
                       const struct dtls_hello *hello, uint64_t now_us) {
    uint64_t slot = now_us / DTLS_COOKIE_SLOT_US;
    if (hello->cookie_len != DTLS_COOKIE_BYTES) {
        return false;
    }
    for (uint64_t age = 0; age <= 1 && age <= slot; age++) {
        uint8_t wanted[DTLS_COOKIE_BYTES];
        cookie_of_slot(wanted, key, client, hello, slot - age);
        if (bytes_equal_ct(wanted, hello->cookie, sizeof wanted)) {
            return true;
        }
    }
    return false;
}

static void write_u24(struct writer *w, size_t v) {
    writer_u8(w, (uint8_t)(v >> 16));
    writer_u16(w, (uint16_t)v);
}

/* Record and fragment header of a message of len bytes, in one piece and in the clear. */
static void write_headers(struct writer *w, const struct dtls_hello *hello, uint8_t type, size_t len) {
    writer_u8(w, DTLS_HANDSHAKE);
    writer_u16(w, DTLS_VERSION_1_0);
    writer_u64(w, hello->sequence & 0xffffffffffff); /* epoch 0 before it */
    writer_u16(w, (uint16_t)(DTLS_FRAGMENT_HEADER_BYTES + len));
    writer_u8(w, type);
    write_u24(w, len);
    writer_u16(w, type == DTLS_CLIENT_HELLO ? hello->message_seq : 0);
    write_u24(w, 0);
    write_u24(w, len);
}

/* The record's number is that of the hello, so that nothing has to be remembered; the version is 1.0 for all clients
 * (RFC 6347 section 4.2.1). */
void dtls_verify_request_write(uint8_t out[DTLS_VERIFY_REQUEST_BYTES], const struct dtls_hello *hello,
                               const uint8_t cookie[DTLS_COOKIE_BYTES]) {
    struct writer w;
    writer_init(&w, out, DTLS_VERIFY_REQUEST_BYTES);
    write_headers(&w, hello, DTLS_VERIFY_REQUEST, 3 + DTLS_COOKIE_BYTES);
    writer_u16(&w, DTLS_VERSION_1_0);
    writer_u8(&w, DTLS_COOKIE_BYTES);
    writer_bytes(&w, cookie, DTLS_COOKIE_BYTES);
}

void dtls_version_alert_write(uint8_t out[DTLS_ALERT_BYTES], uint64_t sequence) {
    enum { FATAL = 2, PROTOCOL_VERSION = 70 };
    struct writer w;
    writer_init(&w, out, DTLS_ALERT_BYTES);
    writer_u8(&w, DTLS_ALERT);
    writer_u16(&w, DTLS_VERSION_1_0); /* whoever speaks DTLS reads it */
    writer_u64(&w, sequence & 0xffffffffffff);
    writer_u16(&w, 2);
    writer_u8(&w, FATAL);
    writer_u8(&w, PROTOCOL_VERSION);
}

long dtls_hello_record_write(uint8_t *out, size_t cap, const struct dtls_hello *hello) {
    struct writer w;
    writer_init(&w, out, cap);
    write_headers(&w, hello, DTLS_CLIENT_HELLO, hello->len);
    writer_bytes(&w, hello->message, hello->len);
    return w.failed ? -ENOBUFS : (long)w.len;
}
