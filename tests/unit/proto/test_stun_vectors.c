/* The STUN codec against the messages of RFC 5769 and RFC 8489: verified, read and rebuilt byte for byte. */
#include "proto/stun/stun.h"

#include "base/error.h"
#include "vectors/stun_vectors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const char short_term_password[] = "VOkJxbRl1RmTxUk/WvJxBt";
static const char matrix_user[] = "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9";
static const char sha256_nonce[] = "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA";
static struct stun_crypto *crypto;

static struct stun_span span(const void *bytes, size_t len) { return (struct stun_span){bytes, len}; }
static struct stun_span password_key(void) { return span(short_term_password, strlen(short_term_password)); }

static int make_crypto(void **state) {
    (void)state;
    crypto = stun_crypto_new();
    return crypto ? 0 : -1;
}

static int drop_crypto(void **state) {
    (void)state;
    stun_crypto_free(crypto);
    return 0;
}

static struct stun_span matrix_key(enum stun_hash hash, uint8_t key[STUN_KEY_BYTES_MAX]) {
    struct stun_credentials who = {.user = matrix_user,
                                   .user_len = strlen(matrix_user),
                                   .realm = "example.org",
                                   .realm_len = 11,
                                   .password = "TheMatrIX",
                                   .password_len = 9};
    int len = stun_derive_key(crypto, hash, &who, key);
    assert_int_equal(len, hash == STUN_HASH_SHA1 ? 16 : 32);
    return span(key, (size_t)len);
}

static void verify_short_term(const uint8_t *data, size_t len) {
    struct stun_msg msg;
    assert_int_equal(stun_msg_parse(&msg, data, len), 0);
    assert_int_equal(stun_verify_integrity(&msg, crypto, STUN_HASH_SHA1, password_key()), 0);
    assert_int_equal(stun_verify_integrity(&msg, crypto, STUN_HASH_SHA1, span("VOkJ", 4)), -ERR_INTEGRITY);
    assert_int_equal(stun_verify_integrity(&msg, crypto, STUN_HASH_SHA1, span("", 0)), -ERR_INTEGRITY);
    assert_int_equal(stun_verify_integrity(&msg, crypto, STUN_HASH_SHA256, password_key()), -ENOENT);
    assert_true(stun_msg_has(&msg, STUN_ATTR_FINGERPRINT));
}

static void rfc5769_messages_verify(void **state) {
    (void)state;
    verify_short_term(rfc5769_request, sizeof rfc5769_request);
    verify_short_term(rfc5769_response_ipv4, sizeof rfc5769_response_ipv4);
    verify_short_term(rfc5769_response_ipv6, sizeof rfc5769_response_ipv6);

    struct stun_msg msg;
    uint8_t key[STUN_KEY_BYTES_MAX];
    assert_int_equal(stun_msg_parse(&msg, rfc5769_long_term, sizeof rfc5769_long_term), 0);
    assert_int_equal(stun_verify_integrity(&msg, crypto, STUN_HASH_SHA1, matrix_key(STUN_HASH_SHA1, key)), 0);
    assert_int_equal(stun_msg_parse(&msg, rfc8489_sha256, sizeof rfc8489_sha256), 0);
    assert_int_equal(stun_verify_integrity(&msg, crypto, STUN_HASH_SHA256, matrix_key(STUN_HASH_SHA256, key)), 0);
}

static void rfc5769_contents_are_read(void **state) {
    (void)state;
    struct stun_msg msg;
    struct addr a, expected;
    const uint8_t *value;
    size_t len;
    uint32_t priority;
    uint64_t controlled;

    assert_int_equal(stun_msg_parse(&msg, rfc5769_request, sizeof rfc5769_request), 0);
    assert_int_equal(msg.class, STUN_REQUEST);
    assert_int_equal(msg.method, STUN_BINDING);
    assert_int_equal(stun_msg_bytes(&msg, STUN_ATTR_USERNAME, &value, &len), 0);
    assert_int_equal(len, 9);
    assert_memory_equal(value, "evtj:h6vY", 9);
    assert_int_equal(stun_msg_u32(&msg, STUN_ATTR_PRIORITY, &priority), 0);
    assert_int_equal(priority, 0x6e0001ff);
    assert_int_equal(stun_msg_u64(&msg, STUN_ATTR_ICE_CONTROLLED, &controlled), 0);
    assert_true(controlled == 0x932ff9b151263b36);

    assert_int_equal(stun_msg_parse(&msg, rfc5769_response_ipv4, sizeof rfc5769_response_ipv4), 0);
    assert_int_equal(msg.class, STUN_SUCCESS);
    assert_int_equal(stun_msg_xor_addr(&msg, STUN_ATTR_XOR_MAPPED_ADDRESS, &a), 0);
    addr_parse(&expected, "192.0.2.1:32853");
    assert_true(addr_equal(&a, &expected));
    assert_int_equal(stun_msg_parse(&msg, rfc5769_response_ipv6, sizeof rfc5769_response_ipv6), 0);
    assert_int_equal(stun_msg_xor_addr(&msg, STUN_ATTR_XOR_MAPPED_ADDRESS, &a), 0);
    addr_parse(&expected, "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
    assert_true(addr_equal(&a, &expected));
}

/* The padding of sections 2.1 to 2.3 is spaces; ours is zero, so the test lays spaces over it. */
static void space_padding(struct writer *w, size_t n) { memset(w->buf + w->len - n, ' ', n); }

static void rfc5769_request_is_rebuilt(void **state) {
    (void)state;
    uint8_t buf[256];
    struct writer w;
    writer_init(&w, buf, sizeof buf);
    stun_write_header(&w, STUN_REQUEST, STUN_BINDING, rfc5769_request + 8);
    stun_write_text(&w, STUN_ATTR_SOFTWARE, "STUN test client");
    stun_write_u32(&w, STUN_ATTR_PRIORITY, 0x6e0001ff);
    stun_write_u64(&w, STUN_ATTR_ICE_CONTROLLED, 0x932ff9b151263b36);
    stun_write_text(&w, STUN_ATTR_USERNAME, "evtj:h6vY");
    space_padding(&w, 3);
    stun_write_integrity(&w, crypto, STUN_HASH_SHA1, password_key());
    stun_write_fingerprint(&w);
    assert_int_equal(stun_write_end(&w), sizeof rfc5769_request);
    assert_memory_equal(buf, rfc5769_request, sizeof rfc5769_request);
}

static void rebuild_response(const char *mapped, const uint8_t *expected, size_t len) {
    uint8_t buf[256];
    struct writer w;
    struct addr a;
    addr_parse(&a, mapped);
    writer_init(&w, buf, sizeof buf);
    stun_write_header(&w, STUN_SUCCESS, STUN_BINDING, expected + 8);
    stun_write_text(&w, STUN_ATTR_SOFTWARE, "test vector");
    space_padding(&w, 1);
    stun_write_xor_addr(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, &a);
    stun_write_integrity(&w, crypto, STUN_HASH_SHA1, password_key());
    stun_write_fingerprint(&w);
    assert_int_equal(stun_write_end(&w), len);
    assert_memory_equal(buf, expected, len);
}

static void rfc5769_responses_are_rebuilt(void **state) {
    (void)state;
    rebuild_response("192.0.2.1:32853", rfc5769_response_ipv4, sizeof rfc5769_response_ipv4);
    rebuild_response("[2001:db8:1234:5678:11:2233:4455:6677]:32853", rfc5769_response_ipv6,
                     sizeof rfc5769_response_ipv6);
}

static void long_term_requests_are_rebuilt(void **state) {
    (void)state;
    uint8_t buf[256], key[STUN_KEY_BYTES_MAX];
    struct writer w;
    memset(buf, 0xaa, sizeof buf);
    writer_init(&w, buf, sizeof buf);
    stun_write_header(&w, STUN_REQUEST, STUN_BINDING, rfc5769_long_term + 8);
    stun_write_text(&w, STUN_ATTR_USERNAME, matrix_user);
    stun_write_text(&w, STUN_ATTR_NONCE, "f//499k954d6OL34oL9FSTvy64sA");
    stun_write_text(&w, STUN_ATTR_REALM, "example.org");
    stun_write_integrity(&w, crypto, STUN_HASH_SHA1, matrix_key(STUN_HASH_SHA1, key));
    assert_int_equal(stun_write_end(&w), sizeof rfc5769_long_term);
    assert_memory_equal(buf, rfc5769_long_term, sizeof rfc5769_long_term);

    writer_init(&w, buf, sizeof buf);
    stun_write_header(&w, STUN_REQUEST, STUN_BINDING, rfc8489_sha256 + 8);
    struct stun_credentials who = {
        .user = matrix_user, .user_len = strlen(matrix_user), .realm = "example.org", .realm_len = 11};
    uint8_t userhash[STUN_SHA256_BYTES];
    assert_int_equal(stun_derive_userhash(crypto, &who, userhash), 0);
    stun_write_bytes(&w, STUN_ATTR_USERHASH, userhash, sizeof userhash);
    stun_write_text(&w, STUN_ATTR_NONCE, sha256_nonce);
    stun_write_text(&w, STUN_ATTR_REALM, "example.org");
    stun_write_u32(&w, STUN_ATTR_PASSWORD_ALGORITHM, 2U << 16);
    stun_write_integrity(&w, crypto, STUN_HASH_SHA256, matrix_key(STUN_HASH_SHA256, key));
    assert_int_equal(stun_write_end(&w), sizeof rfc8489_sha256);
    assert_memory_equal(buf, rfc8489_sha256, sizeof rfc8489_sha256);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc5769_messages_verify),        cmocka_unit_test(rfc5769_contents_are_read),
        cmocka_unit_test(rfc5769_request_is_rebuilt),     cmocka_unit_test(rfc5769_responses_are_rebuilt),
        cmocka_unit_test(long_term_requests_are_rebuilt),
    };
    return cmocka_run_group_tests(tests, make_crypto, drop_crypto);
}
