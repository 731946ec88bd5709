/* The STUN codec against hostile input, and what it writes. */
#include "proto/stun/stun.h"

#include "base/error.h"
#include "vectors/stun_vectors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const char short_term_password[] = "VOkJxbRl1RmTxUk/WvJxBt";
static const uint8_t txid[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

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

static void every_flipped_bit_is_noticed(void **state) {
    (void)state;
    uint8_t copy[sizeof rfc5769_request];
    for (size_t bit = 0; bit < sizeof copy * 8; bit++) {
        struct stun_msg msg;
        memcpy(copy, rfc5769_request, sizeof copy);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (stun_msg_parse(&msg, copy, sizeof copy) == 0) {
            /* Only the fingerprint's own type, turned into another attribute, gets this far. */
            assert_null(stun_msg_find(&msg, STUN_ATTR_FINGERPRINT));
        }
    }
}

/* A message from raw attribute bytes, at an odd address, with nothing readable behind it under a sanitizer. */
static int parse_body(struct stun_msg *msg, const uint8_t *body, size_t len, uint8_t **keep) {
    uint8_t *block = malloc(len + 21);
    assert_non_null(block);
    uint8_t *m = block + 1;
    struct writer w;
    writer_init(&w, m, len + 20);
    stun_write_header(&w, STUN_REQUEST, STUN_ALLOCATE, txid);
    writer_bytes(&w, body, len);
    stun_write_end(&w);
    *keep = block;
    return stun_msg_parse(msg, m, len + 20);
}

static void expect_body(const uint8_t *body, size_t len, int rc) {
    struct stun_msg msg;
    uint8_t *block;
    assert_int_equal(parse_body(&msg, body, len, &block), rc);
    free(block);
}

static void odd_lengths_and_alignments_do_no_harm(void **state) {
    (void)state;
    static const uint8_t odd[] = {0x00, 0x12, 0x00, 0x08, 0x00, 0x01, 0x12, 0x34, 1, 2,
                                  3,    4,    0x80, 0x22, 0x00, 0x01, 'x',  0,    0, 0};
    static const uint8_t beyond[] = {0x80, 0x22, 0x00, 0x09, 1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t huge[] = {0x80, 0x22, 0xff, 0xff, 1, 2, 3, 4};
    static const uint8_t half[] = {0x80, 0x22, 0x00, 0x00, 0x80, 0x22};
    expect_body(odd, sizeof odd, 0);
    expect_body(beyond, sizeof beyond, -EBADMSG);
    expect_body(huge, sizeof huge, -EBADMSG);
    expect_body(half, sizeof half, -EBADMSG); /* not a multiple of four */
    expect_body(NULL, 0, 0);
    struct stun_msg msg;
    assert_int_equal(stun_msg_parse(&msg, rfc5769_request, 19), -EBADMSG);
    assert_int_equal(stun_msg_parse(&msg, rfc5769_request, sizeof rfc5769_request - 4), -EBADMSG);
    assert_int_equal(stun_msg_parse(&msg, "", 0), -EBADMSG);
}

static void first_of_duplicates_counts(void **state) {
    (void)state;
    static const uint8_t body[] = {0x00, 0x0d, 0x00, 0x04, 0, 0, 0, 1, 0x00, 0x0d, 0x00, 0x04, 0, 0, 0, 2};
    struct stun_msg msg;
    uint8_t *block;
    uint32_t lifetime;
    assert_int_equal(parse_body(&msg, body, sizeof body, &block), 0);
    assert_int_equal(stun_msg_u32(&msg, STUN_ATTR_LIFETIME, &lifetime), 0);
    assert_int_equal(lifetime, 1);
    free(block);
}

static void attributes_after_integrity_are_void(void **state) {
    (void)state;
    uint8_t buf[256];
    struct writer w;
    struct stun_msg msg;
    uint32_t lifetime;
    writer_init(&w, buf, sizeof buf);
    stun_write_header(&w, STUN_REQUEST, STUN_REFRESH, txid);
    stun_write_integrity(&w, crypto, STUN_HASH_SHA1, password_key());
    stun_write_u32(&w, STUN_ATTR_LIFETIME, 7);
    stun_write_integrity(&w, crypto, STUN_HASH_SHA256, password_key());
    stun_write_u32(&w, STUN_ATTR_CHANNEL_NUMBER, 0x40000000);
    stun_write_integrity(&w, crypto, STUN_HASH_SHA1, span("x", 1));
    stun_write_fingerprint(&w);
    assert_int_equal(stun_msg_parse(&msg, buf, (size_t)stun_write_end(&w)), 0);
    assert_int_equal(msg.attr_count, 3);
    assert_int_equal(stun_msg_u32(&msg, STUN_ATTR_LIFETIME, &lifetime), -ENOENT);
    assert_int_equal(stun_verify_integrity(&msg, crypto, STUN_HASH_SHA1, password_key()), 0);
    assert_int_equal(stun_verify_integrity(&msg, crypto, STUN_HASH_SHA256, password_key()), 0);
    assert_true(stun_msg_has(&msg, STUN_ATTR_FINGERPRINT));
}

static void integrity_of_a_wrong_length_is_refused(void **state) {
    (void)state;
    static const uint8_t lengths[] = {0, 4, 16, 24};
    for (size_t i = 0; i < sizeof lengths; i++) {
        uint8_t buf[128], value[32] = {0};
        struct writer w;
        struct stun_msg msg;
        writer_init(&w, buf, sizeof buf);
        stun_write_header(&w, STUN_REQUEST, STUN_REFRESH, txid);
        stun_write_bytes(&w, STUN_ATTR_MESSAGE_INTEGRITY, value, lengths[i]);
        assert_int_equal(stun_msg_parse(&msg, buf, (size_t)stun_write_end(&w)), 0);
        assert_int_equal(stun_verify_integrity(&msg, crypto, STUN_HASH_SHA1, password_key()), -EBADMSG);
    }
}

static void truncated_sha256_integrity_verifies_down_to_16_bytes(void **state) {
    (void)state;
    for (size_t n = 12; n <= 36; n += 4) {
        uint8_t buf[128], mac[36] = {0};
        struct writer w;
        struct stun_msg msg;
        writer_init(&w, buf, sizeof buf);
        stun_write_header(&w, STUN_REQUEST, STUN_REFRESH, txid);
        store_be16(buf + 2, (uint16_t)(4 + n));
        stun_hmac_begin(crypto, STUN_HASH_SHA256, password_key());
        stun_hmac_add(crypto, span(buf, 20));
        assert_int_equal(stun_hmac_end(crypto, mac), 0);
        stun_write_bytes(&w, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, mac, n);
        assert_int_equal(stun_msg_parse(&msg, buf, (size_t)stun_write_end(&w)), 0);
        assert_int_equal(stun_verify_integrity(&msg, crypto, STUN_HASH_SHA256, password_key()),
                         n >= 16 && n <= 32 ? 0 : -EBADMSG);
    }
}

static void fingerprint_must_be_last_and_right(void **state) {
    (void)state;
    uint8_t buf[128];
    struct writer w;
    struct stun_msg msg;
    writer_init(&w, buf, sizeof buf);
    stun_write_header(&w, STUN_REQUEST, STUN_BINDING, txid);
    stun_write_fingerprint(&w);
    long len = stun_write_end(&w);
    assert_int_equal(stun_msg_parse(&msg, buf, (size_t)len), 0);
    buf[len - 1] ^= 1;
    assert_int_equal(stun_msg_parse(&msg, buf, (size_t)len), -EBADMSG);
    buf[len - 1] ^= 1;
    stun_write_u32(&w, STUN_ATTR_PRIORITY, 1);
    assert_int_equal(stun_msg_parse(&msg, buf, (size_t)stun_write_end(&w)), -EBADMSG);
}

static void more_attributes_than_the_bound_are_refused(void **state) {
    (void)state;
    uint8_t body[4 * (STUN_ATTRS_MAX + 1)];
    for (size_t i = 0; i < sizeof body; i += 4) {
        store_be32(body + i, 0x80220000);
    }
    expect_body(body, sizeof body - 4, 0);
    expect_body(body, sizeof body, -EBADMSG);
}

static bool known_lifetime(uint16_t type) { return type == STUN_ATTR_LIFETIME; }

static void unknown_required_attributes_are_listed_once(void **state) {
    (void)state;
    static const uint8_t body[] = {0x7f, 0x01, 0,    0,    0x00, 0x0d, 0,    0,    0x80, 0x01,
                                   0,    0,    0x7f, 0x02, 0,    0,    0x7f, 0x01, 0,    0};
    struct stun_msg msg;
    uint8_t *block;
    uint16_t list[4] = {0};
    assert_int_equal(parse_body(&msg, body, sizeof body, &block), 0);
    assert_int_equal(stun_msg_unknown(&msg, known_lifetime, list, 4), 2);
    assert_int_equal(list[0], 0x7f01);
    assert_int_equal(list[1], 0x7f02);
    assert_int_equal(stun_msg_unknown(&msg, known_lifetime, list, 1), 1);
    free(block);
}

static void addresses_with_wrong_family_or_length_are_refused(void **state) {
    (void)state;
    static const struct {
        uint8_t len, family;
    } bad[] = {{0, 1}, {3, 1}, {4, 1}, {8, 2}, {20, 1}, {8, 0}, {8, 3}, {21, 2}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t body[4 + 24] = {0x00, 0x12, 0, bad[i].len, 0, bad[i].family};
        struct stun_msg msg;
        struct addr a;
        uint8_t *block;
        assert_int_equal(parse_body(&msg, body, 4 + ((size_t)bad[i].len + 3) / 4 * 4, &block), 0);
        assert_int_equal(stun_msg_xor_addr(&msg, STUN_ATTR_XOR_PEER_ADDRESS, &a), -EBADMSG);
        free(block);
    }
}

static void mapped_ipv4_becomes_ipv4(void **state) {
    (void)state;
    uint8_t buf[128], value[20] = {0, 2, 0x12, 0x34, [14] = 0xff, 0xff, 10, 0, 0, 1};
    struct writer w;
    struct stun_msg msg;
    struct addr a, expected;
    writer_init(&w, buf, sizeof buf);
    stun_write_header(&w, STUN_REQUEST, STUN_BINDING, txid);
    stun_write_bytes(&w, STUN_ATTR_MAPPED_ADDRESS, value, sizeof value);
    assert_int_equal(stun_msg_parse(&msg, buf, (size_t)stun_write_end(&w)), 0);
    assert_int_equal(stun_msg_addr(&msg, STUN_ATTR_MAPPED_ADDRESS, &a), 0);
    addr_parse(&expected, "10.0.0.1:4660");
    assert_true(addr_equal(&a, &expected));
}

static void padding_is_zero_over_stale_bytes(void **state) {
    (void)state;
    uint8_t buf[128];
    struct writer w;
    memset(buf, 0xaa, sizeof buf);
    writer_init(&w, buf, sizeof buf);
    stun_write_header(&w, STUN_ERROR, STUN_ALLOCATE, txid);
    stun_write_error(&w, 401);
    stun_write_text(&w, STUN_ATTR_REALM, "x");
    stun_write_unknown(&w, (const uint16_t[]){0x7f00}, 1);
    long len = stun_write_end(&w);
    assert_true(len > 0);
    for (long i = 20; i < len; i++) {
        assert_int_not_equal(buf[i], 0xaa);
    }
    assert_memory_equal(buf + 28, "Unauthenticated\0", 16);
}

static void error_codes_round_trip(void **state) {
    (void)state;
    static const int codes[] = {300, 400, 401, 403, 405, 420, 437, 438, 440, 441, 442, 443, 486, 487, 500, 508};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        uint8_t buf[128];
        struct writer w;
        struct stun_msg msg;
        const char *reason;
        size_t len;
        int code;
        writer_init(&w, buf, sizeof buf);
        stun_write_header(&w, STUN_ERROR, STUN_ALLOCATE, txid);
        stun_write_error(&w, codes[i]);
        assert_int_equal(stun_msg_parse(&msg, buf, (size_t)stun_write_end(&w)), 0);
        assert_int_equal(stun_msg_error(&msg, &code, &reason, &len), 0);
        assert_int_equal(code, codes[i]);
        assert_int_equal(len, strlen(stun_error_reason(codes[i])));
        assert_true(len > 0);
    }
    assert_string_equal(stun_error_reason(499), "");
}

static void bad_error_codes_are_refused(void **state) {
    (void)state;
    static const uint8_t bad[][4] = {{0, 0, 2, 0}, {0, 0, 7, 0}, {0, 0, 4, 100}};
    for (size_t i = 0; i < 3; i++) {
        uint8_t body[8] = {0, 9, 0, 4};
        struct stun_msg msg;
        uint8_t *block;
        int code;
        memcpy(body + 4, bad[i], 4);
        assert_int_equal(parse_body(&msg, body, 8, &block), 0);
        assert_int_equal(stun_msg_error(&msg, &code, NULL, NULL), -EBADMSG);
        free(block);
    }
}

static void writer_without_room_says_so(void **state) {
    (void)state;
    uint8_t buf[200];
    for (size_t cap = 0; cap < sizeof rfc5769_request; cap++) {
        struct writer w;
        memset(buf, 0x55, sizeof buf);
        writer_init(&w, buf, cap);
        stun_write_header(&w, STUN_REQUEST, STUN_BINDING, txid);
        stun_write_text(&w, STUN_ATTR_SOFTWARE, "STUN test client");
        stun_write_u64(&w, STUN_ATTR_ICE_CONTROLLED, 1);
        stun_write_text(&w, STUN_ATTR_USERNAME, "evtj:h6vY");
        stun_write_u32(&w, STUN_ATTR_PRIORITY, 1);
        stun_write_integrity(&w, crypto, STUN_HASH_SHA1, password_key());
        stun_write_fingerprint(&w);
        assert_int_equal(stun_write_end(&w), -ENOBUFS);
        for (size_t i = cap; i < sizeof buf; i++) {
            assert_int_equal(buf[i], 0x55);
        }
    }
}

static void methods_and_classes_round_trip(void **state) {
    (void)state;
    for (unsigned method = 0; method < 0x1000; method += 7) {
        for (unsigned class = 0; class < 4; class ++) {
            uint8_t buf[20];
            struct writer w;
            struct stun_msg msg;
            writer_init(&w, buf, sizeof buf);
            stun_write_header(&w, (enum stun_class) class, (uint16_t)method, txid);
            assert_int_equal(stun_msg_parse(&msg, buf, (size_t)stun_write_end(&w)), 0);
            assert_int_equal(msg.method, method);
            assert_int_equal(msg.class, class);
        }
    }
}

static void shared_secret_password_matches_hmac_sha1(void **state) {
    (void)state;
    char password[STUN_PASSWORD_BYTES];
    /* printf %s '1700000000:alice' | openssl dgst -sha1 -hmac north -binary | base64 */
    assert_int_equal(stun_derive_password(crypto, "north", "1700000000:alice", 16, password), 0);
    assert_string_equal(password, "Cd/49soE35ICqcJF/bCTn8Z4OyE=");
}

static void ephemeral_names_are_split_strictly(void **state) {
    (void)state;
    static const char *const bad[] = {"", ":", "x:alice", "-1:alice", " 1:a", "1 :a", "17", "99999999999999999999:a"};
    struct stun_ephemeral e;
    assert_int_equal(stun_ephemeral_parse(&e, "1700000000:al:ice", 17), 0);
    assert_int_equal(e.expiry_s, 1700000000);
    assert_int_equal(e.user_len, 6);
    assert_memory_equal(e.user, "al:ice", 6);
    assert_int_equal(stun_ephemeral_parse(&e, "0:", 2), 0);
    assert_int_equal(e.user_len, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(stun_ephemeral_parse(&e, bad[i], strlen(bad[i])), -EBADMSG);
    }
}

static void stream_frames_are_cut_right(void **state) {
    (void)state;
    static const uint8_t channel[] = {0x40, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5, 0, 0, 0, 0x40};
    static const uint8_t max[] = {0x4f, 0xff, 0xff, 0xff};
    struct stun_frame f;
    for (size_t n = 0; n < 12; n++) {
        assert_int_equal(stun_frame_next(&f, channel, n), -EAGAIN);
    }
    assert_int_equal(stun_frame_next(&f, channel, sizeof channel), 0);
    assert_int_equal(f.len, 9);
    assert_int_equal(f.stride, 12);
    assert_int_equal(stun_frame_next(&f, max, 4), -EAGAIN);
    assert_int_equal(f.len, 65539); /* length 0xffff neither wraps nor mis-frames */
    assert_int_equal(f.stride, 65540);
    assert_true(f.stride <= STUN_FRAME_BYTES_MAX);
    for (size_t n = 0; n < sizeof rfc5769_request; n++) {
        assert_int_equal(stun_frame_next(&f, rfc5769_request, n), -EAGAIN);
    }
    assert_int_equal(stun_frame_next(&f, rfc5769_request, sizeof rfc5769_request), 0);
    assert_int_equal(f.stride, sizeof rfc5769_request);
}

static void stream_of_something_else_is_refused_at_once(void **state) {
    (void)state;
    static const uint8_t firsts[] = {4, 0x16, 0x3f, 0x50, 0x7f, 0x80, 'G', 0xff};
    static const uint8_t odd_length[] = {0, 1, 0, 3, 0x21, 0x12, 0xa4, 0x42};
    static const uint8_t no_cookie[] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x43};
    struct stun_frame f;
    for (size_t i = 0; i < sizeof firsts; i++) {
        uint8_t data[4] = {firsts[i], 0, 0, 0};
        bool channel = firsts[i] >= 0x40 && firsts[i] <= 0x7f;
        assert_int_equal(stun_frame_next(&f, data, 1), channel ? -EAGAIN : -EBADMSG);
    }
    assert_int_equal(stun_frame_next(&f, odd_length, 8), -EBADMSG);
    assert_int_equal(stun_frame_next(&f, no_cookie, 7), -EAGAIN);
    assert_int_equal(stun_frame_next(&f, no_cookie, 8), -EBADMSG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(odd_lengths_and_alignments_do_no_harm),
        cmocka_unit_test(first_of_duplicates_counts),
        cmocka_unit_test(attributes_after_integrity_are_void),
        cmocka_unit_test(integrity_of_a_wrong_length_is_refused),
        cmocka_unit_test(truncated_sha256_integrity_verifies_down_to_16_bytes),
        cmocka_unit_test(fingerprint_must_be_last_and_right),
        cmocka_unit_test(more_attributes_than_the_bound_are_refused),
        cmocka_unit_test(unknown_required_attributes_are_listed_once),
        cmocka_unit_test(addresses_with_wrong_family_or_length_are_refused),
        cmocka_unit_test(mapped_ipv4_becomes_ipv4),
        cmocka_unit_test(padding_is_zero_over_stale_bytes),
        cmocka_unit_test(error_codes_round_trip),
        cmocka_unit_test(bad_error_codes_are_refused),
        cmocka_unit_test(writer_without_room_says_so),
        cmocka_unit_test(methods_and_classes_round_trip),
        cmocka_unit_test(shared_secret_password_matches_hmac_sha1),
        cmocka_unit_test(ephemeral_names_are_split_strictly),
        cmocka_unit_test(stream_frames_are_cut_right),
        cmocka_unit_test(stream_of_something_else_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, make_crypto, drop_crypto);
}
