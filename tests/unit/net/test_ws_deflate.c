#include "net/ws_deflate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

enum { BOUND = 64 * 1024 };

static int setup(void **state) {
    *state = ws_codec_new(BOUND);
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    ws_codec_free(*state);
    return 0;
}

/* What a peer would send: raw deflate, flushed, without its tail. */
static size_t compress_like_peer(uint8_t *out, size_t cap, const uint8_t *data, size_t len) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)data;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
    size_t n = cap - z.avail_out - 4;
    deflateEnd(&z);
    return n;
}

static void example_of_the_rfc_inflates(void **state) {
    /* RFC 7692 section 7.2.3.1 and, with a stored block, 7.2.3.3. */
    static const uint8_t hello[] = {0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
    static const uint8_t stored[] = {0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00};
    /* 7.2.3.4: a final block and the byte behind it. */
    static const uint8_t final[] = {0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00};
    const uint8_t *out;
    assert_int_equal(ws_codec_inflate(*state, &out, hello, sizeof hello), 5);
    assert_memory_equal(out, "Hello", 5);
    assert_int_equal(ws_codec_inflate(*state, &out, stored, sizeof stored), 5);
    assert_memory_equal(out, "Hello", 5);
    assert_int_equal(ws_codec_inflate(*state, &out, final, sizeof final), 5);
    assert_memory_equal(out, "Hello", 5);
}

static void every_window_round_trips(void **state) {
    uint8_t text[20000];
    uint8_t packed[20000];
    const uint8_t *out;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)((size_t) "turnout"[i % 7] + (i * i >> 9) % 5);
    }
    for (int bits = 9; bits <= 15; bits++) {
        long n = ws_codec_deflate(*state, &out, text, sizeof text, bits);
        assert_in_range(n, 1, sizeof text / 2);
        memcpy(packed, out, (size_t)n);
        assert_int_equal(ws_codec_inflate(*state, &out, packed, (size_t)n), sizeof text);
        assert_memory_equal(out, text, sizeof text);
    }
}

static void a_bomb_is_too_large_and_the_codec_lives_on(void **state) {
    size_t len = 20 * 1024 * 1024;
    uint8_t *zeros = calloc(1, len);
    uint8_t packed[40000];
    const uint8_t *out;
    assert_non_null(zeros);
    size_t n = compress_like_peer(packed, sizeof packed, zeros, len);
    assert_int_equal(ws_codec_inflate(*state, &out, packed, n), -EMSGSIZE);
    n = compress_like_peer(packed, sizeof packed, zeros, BOUND + 1);
    assert_int_equal(ws_codec_inflate(*state, &out, packed, n), -EMSGSIZE);
    n = compress_like_peer(packed, sizeof packed, zeros, BOUND);
    assert_int_equal(ws_codec_inflate(*state, &out, packed, n), BOUND);
    free(zeros);
}

static void damage_is_found(void **state) {
    static const uint8_t reserved_block[] = {0x07};
    static const uint8_t bad_length[] = {0x00, 0x05, 0x00, 0x00, 0x00};
    static const uint8_t far_back[] = {0x4b, 0x04, 0x3e, 0xff};
    const uint8_t *out;
    assert_int_equal(ws_codec_inflate(*state, &out, reserved_block, sizeof reserved_block), -EBADMSG);
    assert_int_equal(ws_codec_inflate(*state, &out, bad_length, sizeof bad_length), -EBADMSG);
    assert_int_equal(ws_codec_inflate(*state, &out, far_back, sizeof far_back), -EBADMSG);
    assert_int_equal(ws_codec_inflate(*state, &out, "", 0), 0);
}

static void what_does_not_fit_is_told(void **state) {
    uint8_t *noise = malloc(2 * BOUND);
    const uint8_t *out;
    uint32_t x = 1;
    assert_non_null(noise);
    for (size_t i = 0; i < 2 * BOUND; i++) {
        x = x * 1664525 + 1013904223;
        noise[i] = (uint8_t)(x >> 24);
    }
    assert_int_equal(ws_codec_deflate(*state, &out, noise, 2 * BOUND, 15), -ENOBUFS);
    assert_true(ws_codec_deflate(*state, &out, noise, 100, 15) > 0);
    free(noise);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(example_of_the_rfc_inflates, setup, teardown),
        cmocka_unit_test_setup_teardown(every_window_round_trips, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bomb_is_too_large_and_the_codec_lives_on, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_told, setup, teardown),
    };
    return cmocka_run_group_tests_name("net/ws_deflate", tests, NULL, NULL);
}
