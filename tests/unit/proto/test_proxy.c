/* PROXY headers, versions 1 and 2. */
#include "proto/proxy/proxy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define INET      "\xC0\x00\x02\x07\xC6\x33\x64\x01\x12\x67\x0D\x96" /* 192.0.2.7:4711 -> 198.51.100.1:3478 */
#define INET6                                    \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07" \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x67\x0D\x96"

static struct proxy_header parsed;
static size_t wanted;

static int parse(const char *bytes, size_t len) {
    wanted = 0;
    return proxy_header_parse(&parsed, (const uint8_t *)bytes, len, &wanted);
}

#define PARSE(text) parse(text, sizeof(text) - 1)

static void expect_addresses(const char *source, const char *destination) {
    char text[ADDR_TEXT_MAX];
    assert_string_equal(addr_format(&parsed.source, text), source);
    assert_string_equal(addr_format(&parsed.destination, text), destination);
}

static void text_names_the_client(void **state) {
    (void)state;
    assert_int_equal(PARSE("PROXY TCP4 192.0.2.7 198.51.100.1 4711 3478\r\nGET /"), 0);
    expect_addresses("192.0.2.7:4711", "198.51.100.1:3478");
    assert_int_equal(parsed.len, 45);
    assert_false(parsed.binary || parsed.datagram || parsed.tls);
    assert_int_equal(PARSE("PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n"), 0);
    expect_addresses("[2001:db8::7]:65535", "[2001:db8::1]:0");
    assert_int_equal(PARSE("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.8 1 2\r\n"), 0);
    expect_addresses("192.0.2.7:1", "192.0.2.8:2");
}

static void text_may_name_nobody(void **state) {
    (void)state;
    assert_int_equal(PARSE("PROXY UNKNOWN\r\n"), 0);
    assert_int_equal(parsed.source.family, AF_UNSPEC);
    assert_int_equal(PARSE("PROXY UNKNOWN ffff::1 anything at all\r\nx"), 0);
    assert_int_equal(parsed.source.family, AF_UNSPEC);
    assert_int_equal(parsed.len, 39);
}

static void broken_text_is_refused(void **state) {
    static const char *const bad[] = {
        "PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 4711 3478 9\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 4711 3478 \r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 4711 65536\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 04711 1\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 -1 1\r\n",
        "PROXY TCP4 192.0.2.7  198.51.100.1 1 1\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.1 1 1\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 1 1\r\n",
        "PROXY TCP6 192.0.2.7 198.51.100.1 1 1\r\n",
        "PROXY TCP6 fe80::1%lo fe80::2 1 1\r\n",
        "PROXY TCP5 192.0.2.7 198.51.100.1 1 1\r\n",
        "PROXY UDP4 192.0.2.7 198.51.100.1 1 1\r\n",
        "PROXY unknown\r\n",
        "PROXY UNKNOWN\n",
        "PROXY \r\n",
        "PROXY \n",
        "PROXY\r\n",
        "PROXYTCP4 192.0.2.7 198.51.100.1 1 1\r\n",
        "proxy TCP4 192.0.2.7 198.51.100.1 1 1\r\n",
        "GET / HTTP/1.1\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(bad[i], strlen(bad[i])) != -EBADMSG) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    assert_int_equal(PARSE("PROXY UNKNOWN a\0b\r\n"), -EBADMSG);
}

static void text_has_a_longest_line(void **state) {
    char line[PROXY_V1_BYTES_MAX + 2];
    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY UNKNOWN ", 14);
    assert_int_equal(parse(line, PROXY_V1_BYTES_MAX - 1), -EAGAIN);
    assert_int_equal(parse(line, PROXY_V1_BYTES_MAX), -EBADMSG);
    memcpy(line + PROXY_V1_BYTES_MAX - 2, "\r\n", 2);
    assert_int_equal(parse(line, sizeof line), 0);
    assert_int_equal(parsed.len, PROXY_V1_BYTES_MAX);
}

/* Every beginning of a header asks for more, and for no more than the header is long. */
static void expect_patience(const char *bytes, size_t len) {
    for (size_t n = 0; n < len; n++) {
        assert_int_equal(parse(bytes, n), -EAGAIN);
        assert_true(wanted > n && wanted <= len);
    }
    assert_int_equal(parse(bytes, len), 0);
    assert_int_equal(parsed.len, len);
}

static void slow_headers_are_waited_for(void **state) {
    static const char text[] = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 3478\r\n";
    static const char binary[] = SIGNATURE "\x21\x11\0\x0f" INET "\x04\0\0";
    (void)state;
    expect_patience(text, sizeof text - 1);
    expect_patience(binary, sizeof binary - 1);
}

static void binary_names_the_client(void **state) {
    (void)state;
    assert_int_equal(PARSE(SIGNATURE "\x21\x11\0\x0c" INET "GET /"), 0);
    expect_addresses("192.0.2.7:4711", "198.51.100.1:3478");
    assert_true(parsed.binary && !parsed.datagram && parsed.len == 28);
    assert_int_equal(PARSE(SIGNATURE "\x21\x22\0\x24" INET6), 0);
    expect_addresses("[2001:db8::7]:4711", "[2001:db8::1]:3478");
    assert_true(parsed.datagram && parsed.len == 52);
}

static void binary_may_name_nobody(void **state) {
    char unix_socket[16 + 216] = SIGNATURE "\x21\x31\0\xd8";
    (void)state;
    assert_int_equal(PARSE(SIGNATURE "\x20\x00\0\0"), 0);
    assert_int_equal(parsed.source.family, AF_UNSPEC);
    assert_int_equal(PARSE(SIGNATURE "\x20\x11\0\x0c" INET), 0); /* LOCAL: addresses do not count */
    assert_int_equal(parsed.source.family, AF_UNSPEC);
    assert_int_equal(parsed.len, 28);
    assert_int_equal(PARSE(SIGNATURE "\x21\x00\0\x03\xff\xff\xff"), 0);
    assert_int_equal(parsed.source.family, AF_UNSPEC);
    assert_int_equal(parsed.len, 19);
    assert_int_equal(parse(unix_socket, sizeof unix_socket), 0);
    assert_int_equal(parsed.source.family, AF_UNSPEC);
}

static void binary_extras_are_skipped_but_for_tls_and_checksum(void **state) {
    /* ALPN, SSL (client came by TLS) with TLSv1.3 inside, padding, CRC32c */
    static const char header[] =
        SIGNATURE "\x21\x11\0\x33" INET "\x01\0\x08http/1.1\x20\0\x0f\x01\0\0\0\0\x21\0\x07TLSv1.3\x04\0\0\x03\0\x04";
    char whole[sizeof header - 1 + 4];
    (void)state;
    memcpy(whole, header, sizeof header - 1);
    memcpy(whole + sizeof header - 1, "\x48\x6a\x42\x1d", 4);
    assert_int_equal(parse(whole, sizeof whole), 0);
    expect_addresses("192.0.2.7:4711", "198.51.100.1:3478");
    assert_true(parsed.tls);
    whole[19] ^= 1; /* the client's address */
    assert_int_equal(parse(whole, sizeof whole), -EBADMSG);
}

static void broken_binary_is_refused(void **state) {
    (void)state;
    assert_int_equal(PARSE(SIGNATURE "\x11\x11\0\x0c" INET), -EBADMSG);          /* version 1 */
    assert_int_equal(PARSE(SIGNATURE "\x22\x11\0\x0c" INET), -EBADMSG);          /* command 2 */
    assert_int_equal(PARSE(SIGNATURE "\x21\x41\0\x0c" INET), -EBADMSG);          /* family 4 */
    assert_int_equal(PARSE(SIGNATURE "\x21\x13\0\x0c" INET), -EBADMSG);          /* transport 3 */
    assert_int_equal(PARSE(SIGNATURE "\x21\x11\0\x0b" INET), -EBADMSG);          /* addresses are cut */
    assert_int_equal(PARSE(SIGNATURE "\x21\x21\0\x0c" INET), -EBADMSG);          /* IPv6 in 12 bytes */
    assert_int_equal(PARSE(SIGNATURE "\x21\x31\0\x0c" INET), -EBADMSG);          /* Unix in 12 bytes */
    assert_int_equal(PARSE(SIGNATURE "\x21\x11\0\x0e" INET "\x04\0"), -EBADMSG); /* an extra is cut */
    assert_int_equal(PARSE(SIGNATURE "\x21\x11\0\x0f" INET "\x04\0\x01"), -EBADMSG);
    assert_int_equal(PARSE(SIGNATURE "\x21\x11\0\x0f" INET "\x03\0\0"), -EBADMSG); /* a checksum of no bytes */
    assert_int_equal(PARSE(SIGNATURE "\x21\x11\x07\xf1" INET), -EBADMSG);          /* 2049 bytes */
    assert_int_equal(PARSE(SIGNATURE "\x21\x11\xff\xff" INET), -EBADMSG);
    assert_int_equal(PARSE("\r\n\r\n\0\r\nQUIS\n\x21\x11\0\x0c" INET), -EBADMSG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_names_the_client),
        cmocka_unit_test(text_may_name_nobody),
        cmocka_unit_test(broken_text_is_refused),
        cmocka_unit_test(text_has_a_longest_line),
        cmocka_unit_test(slow_headers_are_waited_for),
        cmocka_unit_test(binary_names_the_client),
        cmocka_unit_test(binary_may_name_nobody),
        cmocka_unit_test(binary_extras_are_skipped_but_for_tls_and_checksum),
        cmocka_unit_test(broken_binary_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
