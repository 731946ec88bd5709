/* Addresses: canonical from birth, strict to read. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void addresses_and_ports_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text, *printed;
    } good[] = {
        {"192.0.2.1:3478", "192.0.2.1:3478"},
        {"192.0.2.1", "192.0.2.1:0"},
        {"[2001:db8::1]:443", "[2001:db8::1]:443"},
        {"2001:db8::1", "[2001:db8::1]:0"},
        {"[::]:0", "[::]:0"},
        {"::ffff:192.0.2.1", "192.0.2.1:0"},
        {"[::ffff:192.0.2.1]:80", "192.0.2.1:80"},
        {"0.0.0.0:65535", "0.0.0.0:65535"},
        {"[::1]", "[::1]:0"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct addr a;
        char text[ADDR_TEXT_MAX];
        assert_int_equal(addr_parse(&a, good[i].text), 0);
        assert_string_equal(addr_format(&a, text), good[i].printed);
    }
}

static void nonsense_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      ":",
                                      "192.0.2.1:",
                                      "192.0.2.1:65536",
                                      "192.0.2.1:-1",
                                      "192.0.2.1: 80",
                                      "192.0.2.1:8x",
                                      "192.0.2.1:000080",
                                      "192.0.2",
                                      "192.0.2.256",
                                      "192.0.2.1.1",
                                      "[2001:db8::1",
                                      "[2001:db8::1]80",
                                      "[2001:db8::1]:",
                                      "2001:db8:::1",
                                      "localhost:80",
                                      "[]:80",
                                      " 192.0.2.1",
                                      "192.0.2.1 ",
                                      "fe80::1%nosuchinterface",
                                      "::ffff:192.0.2.1%lo",
                                      "2001:db8::1%lo",
                                      "192.0.2.1%lo",
                                      "1111111111111111111111111111111111111111111111111111111111111111111111111"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct addr a;
        assert_int_equal(addr_parse(&a, bad[i]), -EINVAL);
    }
}

static void zone_of_a_link_local_address_is_kept(void **state) {
    (void)state;
    struct addr a, b;
    assert_int_equal(addr_parse_ip(&a, "fe80::1%lo"), 0);
    assert_int_not_equal(a.scope, 0);
    assert_int_equal(addr_parse_ip(&b, "fe80::1"), 0);
    assert_false(addr_equal_ip(&a, &b));
}

static void mapped_ipv4_is_ipv4_from_every_source(void **state) {
    (void)state;
    struct addr parsed, from_bytes, from_kernel, expected;
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_scope_id = 7};
    assert_int_equal(inet_pton(AF_INET6, "::ffff:10.1.2.3", &in6.sin6_addr), 1);
    assert_int_equal(addr_parse(&expected, "10.1.2.3:80"), 0);
    assert_int_equal(addr_parse(&parsed, "[::ffff:10.1.2.3]:80"), 0);
    assert_int_equal(addr_from_bytes(&from_bytes, &in6.sin6_addr, 16, 80), 0);
    assert_int_equal(addr_from_sockaddr(&from_kernel, (struct sockaddr *)(void *)&in6, sizeof in6), 0);
    assert_true(addr_equal(&parsed, &expected));
    assert_true(addr_equal(&from_bytes, &expected));
    assert_true(addr_equal(&from_kernel, &expected));
}

static void sockaddr_round_trip(void **state) {
    (void)state;
    static const char *const texts[] = {"192.0.2.1:3478", "[2001:db8::1]:443", "[fe80::1%lo]:1"};
    for (size_t i = 0; i < 3; i++) {
        struct addr a, back;
        struct sockaddr_storage ss;
        memset(&ss, 0xaa, sizeof ss);
        assert_int_equal(addr_parse(&a, texts[i]), 0);
        socklen_t len = addr_to_sockaddr(&a, &ss);
        assert_int_equal(len, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        memset(&back, 0x55, sizeof back);
        assert_int_equal(addr_from_sockaddr(&back, (struct sockaddr *)(void *)&ss, len), 0);
        assert_true(addr_equal(&a, &back));
        assert_int_equal(addr_from_sockaddr(&back, (struct sockaddr *)(void *)&ss, len - 1), -EINVAL);
    }
}

static void other_families_are_refused(void **state) {
    (void)state;
    struct addr a;
    struct sockaddr_storage ss = {.ss_family = AF_UNIX};
    memset(&a, 0x55, sizeof a);
    assert_int_equal(addr_from_sockaddr(&a, (struct sockaddr *)(void *)&ss, sizeof ss), -EINVAL);
    assert_int_equal(a.family, AF_UNSPEC);
    assert_int_equal(addr_to_sockaddr(&a, &ss), 0);
    assert_int_equal(addr_from_bytes(&a, "abcde", 5, 0), -EINVAL);
    assert_int_equal(addr_ip_len(&a), 0);
    char text[ADDR_TEXT_MAX];
    assert_string_equal(addr_format(&a, text), "-");
    assert_string_equal(addr_format_ip(&a, text), "-");
    ss.ss_family = AF_INET; /* an empty name, as of a socketpair: nothing of it may be read */
    assert_int_equal(addr_from_sockaddr(&a, (struct sockaddr *)(void *)&ss, 0), -EINVAL);
}

static void equality_with_and_without_port(void **state) {
    (void)state;
    struct addr a, b;
    addr_parse(&a, "192.0.2.1:1");
    addr_parse(&b, "192.0.2.1:2");
    assert_false(addr_equal(&a, &b));
    assert_true(addr_equal_ip(&a, &b));
    addr_parse(&b, "[c000:201::]:1"); /* the same first four bytes */
    assert_false(addr_equal_ip(&a, &b));
    addr_parse(&a, "0.0.0.0:5");
    addr_parse(&b, "[::]:5");
    assert_true(addr_is_any(&a) && addr_is_any(&b));
    assert_false(addr_equal_ip(&a, &b));
    addr_parse_ip(&a, "127.200.0.1");
    addr_parse_ip(&b, "::1");
    assert_true(addr_is_loopback(&a) && addr_is_loopback(&b));
    addr_parse_ip(&a, "128.0.0.1");
    addr_parse_ip(&b, "::2");
    assert_false(addr_is_loopback(&a) || addr_is_loopback(&b));
}

static void prefixes_are_strict(void **state) {
    (void)state;
    static const char *const bad[] = {"10.0.0.1/8",   "10.0.0.0/33", "10.0.0.0/",      "/8",
                                      "10.0.0.0/-1",  "10.0.0.0/8 ", "2001:db8::1/64", "::/129",
                                      "10.0.0.0/8/8", "x/8",         "10.0.0.128/24",  ""};
    struct prefix p;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(prefix_parse(&p, bad[i]), -EINVAL);
    }
    char text[ADDR_TEXT_MAX];
    assert_int_equal(prefix_parse(&p, "192.0.2.1"), 0);
    assert_string_equal(prefix_format(&p, text), "192.0.2.1/32");
    assert_int_equal(prefix_parse(&p, "2001:db8::/32"), 0);
    assert_string_equal(prefix_format(&p, text), "2001:db8::/32");
}

/* Against bit-by-bit comparison, for every length. */
static void prefix_holds_what_shares_its_bits(void **state) {
    (void)state;
    for (unsigned len = 0; len <= 128; len++) {
        struct prefix p = {.family = AF_INET6, .len = (uint8_t)len};
        for (unsigned bit = 0; bit < 128; bit++) {
            struct addr a = {.family = AF_INET6};
            a.ip[bit / 8] = (uint8_t)(0x80 >> bit % 8);
            assert_int_equal(prefix_contains(&p, &a), bit >= len);
        }
    }
    struct prefix v4 = {.family = AF_INET, .len = 0};
    struct addr six = {.family = AF_INET6}, four = {.family = AF_INET, .ip = {200}};
    assert_false(prefix_contains(&v4, &six));
    assert_true(prefix_contains(&v4, &four));
}

static void transports_have_names(void **state) {
    (void)state;
    assert_string_equal(transport_name(TRANSPORT_UDP), "udp");
    assert_string_equal(transport_name(TRANSPORT_DTLS), "dtls");
    assert_string_equal(transport_name((enum transport)99), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_ports_are_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(zone_of_a_link_local_address_is_kept),
        cmocka_unit_test(mapped_ipv4_is_ipv4_from_every_source),
        cmocka_unit_test(sockaddr_round_trip),
        cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(equality_with_and_without_port),
        cmocka_unit_test(prefixes_are_strict),
        cmocka_unit_test(prefix_holds_what_shares_its_bits),
        cmocka_unit_test(transports_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
