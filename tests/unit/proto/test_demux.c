/* The first byte of a datagram (RFC 7983 section 7). */
#include "proto/demux/demux.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <cmocka.h>

static void every_first_byte_has_its_class(void **state) {
    (void)state;
    for (int first = 0; first < 256; first++) {
        uint8_t byte = (uint8_t)first;
        enum demux_class expected = DEMUX_DROP;
        if (first <= 3) {
            expected = DEMUX_STUN;
        } else if (first >= 20 && first <= 63) {
            expected = DEMUX_DTLS;
        } else if (first >= 64 && first <= 127) {
            expected = DEMUX_CHANNEL;
        } else if (first >= 128 && first <= 191) {
            expected = DEMUX_RTP;
        }
        assert_int_equal(demux_classify(&byte, 1), expected);
    }
}

static void empty_datagram_is_dropped(void **state) {
    (void)state;
    assert_int_equal(demux_classify(NULL, 0), DEMUX_DROP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_first_byte_has_its_class),
        cmocka_unit_test(empty_datagram_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
