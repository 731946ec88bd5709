#include "proto/stun/stun.h"
#include "proto/turn/allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static size_t write(uint8_t out[TURN_ICMP_BYTES_MAX], const char *peer, uint8_t type, uint8_t code) {
    struct turn_icmp icmp = {.type = type, .code = code, .mtu = 1280};
    assert_int_equal(addr_parse(&icmp.peer, peer), 0);
    return turn_icmp_indication_write(out, &icmp);
}

static void expect(const char *peer, uint8_t type, uint8_t code, const char value[8]) {
    uint8_t out[TURN_ICMP_BYTES_MAX];
    struct stun_msg msg;
    struct addr wanted, found;
    const uint8_t *icmp;
    size_t len = write(out, peer, type, code), icmp_len;
    assert_int_equal(stun_msg_parse(&msg, out, len), 0);
    assert_int_equal(msg.class, STUN_INDICATION);
    assert_int_equal(msg.method, STUN_DATA);
    assert_int_equal(stun_msg_xor_addr(&msg, STUN_ATTR_XOR_PEER_ADDRESS, &found), 0);
    addr_parse(&wanted, peer);
    assert_true(addr_equal(&wanted, &found));
    assert_int_equal(stun_msg_bytes(&msg, STUN_ATTR_ICMP, &icmp, &icmp_len), 0);
    assert_int_equal(icmp_len, 8);
    assert_memory_equal(icmp, value, 8);
    assert_false(stun_msg_has(&msg, STUN_ATTR_DATA));
}

static void type_takes_seven_bits_and_code_nine(void **state) {
    (void)state;
    expect("192.0.2.1:5000", 3, 3, "\0\0\x06\x03\0\0\0\0");
    expect("192.0.2.1:5000", 11, 1, "\0\0\x16\x01\0\0\0\0");
    expect("[2001:db8::1]:5000", 1, 4, "\0\0\x02\x04\0\0\0\0");
    expect("[2001:db8::1]:5000", 3, 0, "\0\0\x06\0\0\0\0\0");
}

static void only_errors_that_tell_an_mtu_carry_it(void **state) {
    (void)state;
    expect("192.0.2.1:5000", 3, 4, "\0\0\x06\x04\0\0\x05\0");
    expect("[2001:db8::1]:5000", 2, 0, "\0\0\x04\0\0\0\x05\0");
}

static void other_types_are_not_told(void **state) {
    (void)state;
    uint8_t out[TURN_ICMP_BYTES_MAX];
    for (unsigned type = 0; type < 256; type++) {
        assert_int_equal(write(out, "192.0.2.1:5000", (uint8_t)type, 0) > 0, type == 3 || type == 11);
        assert_int_equal(write(out, "[2001:db8::1]:5000", (uint8_t)type, 0) > 0, type >= 1 && type <= 3);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(type_takes_seven_bits_and_code_nine),
        cmocka_unit_test(only_errors_that_tell_an_mtu_carry_it),
        cmocka_unit_test(other_types_are_not_told),
    };
    return cmocka_run_group_tests_name("proto/turn/icmp", tests, NULL, NULL);
}
