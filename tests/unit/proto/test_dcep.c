/* Opening messages of data channels and the identifiers of what goes through them. */
#include "proto/dcep/dcep.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* As RFC 8832 section 5.1 draws it: partial reliable by lifetime, unordered. */
static const uint8_t chat[] = {3, 0x82, 1, 0, 0, 0, 1, 0xf4, 0, 4, 0, 2, 'c', 'h', 'a', 't', 'v', '1'};

static void open_gives_kind_priority_and_names(void **state) {
    struct dcep_open o;
    (void)state;
    assert_int_equal(dcep_type(chat, sizeof chat), DCEP_OPEN);
    assert_int_equal(dcep_open_parse(&o, chat, sizeof chat), 0);
    assert_int_equal(o.reliability, DCEP_LIFETIME);
    assert_true(o.unordered);
    assert_int_equal(o.priority, 256);
    assert_int_equal(o.limit, 500);
    assert_int_equal(o.label_len, 4);
    assert_memory_equal(o.label, "chat", 4);
    assert_int_equal(o.protocol_len, 2);
    assert_memory_equal(o.protocol, "v1", 2);
}

static void open_is_written_as_it_was_read(void **state) {
    uint8_t out[DCEP_OPEN_BYTES_MAX];
    struct dcep_open o;
    (void)state;
    assert_int_equal(dcep_open_parse(&o, chat, sizeof chat), 0);
    assert_int_equal(dcep_open_write(&o, out, sizeof out), sizeof chat);
    assert_memory_equal(out, chat, sizeof chat);
    assert_int_equal(dcep_open_write(&o, out, sizeof chat - 1), -ENOBUFS);
}

static void open_without_names_is_whole(void **state) {
    static const uint8_t bytes[DCEP_OPEN_HEADER_BYTES] = {3};
    struct dcep_open o;
    (void)state;
    assert_int_equal(dcep_open_parse(&o, bytes, sizeof bytes), 0);
    assert_int_equal(o.label_len + o.protocol_len, 0);
}

static void limit_of_a_reliable_channel_is_ignored(void **state) {
    static const uint8_t bytes[DCEP_OPEN_HEADER_BYTES] = {3, 0, 0, 0, 0, 0, 0, 9};
    struct dcep_open o;
    (void)state;
    assert_int_equal(dcep_open_parse(&o, bytes, sizeof bytes), 0);
    assert_int_equal(o.limit, 0);
}

static void open_that_is_cut_or_longer_than_its_names_is_malformed(void **state) {
    uint8_t longer[sizeof chat + 1] = {0};
    struct dcep_open o;
    (void)state;
    for (size_t n = 0; n < sizeof chat; n++) {
        assert_int_equal(dcep_open_parse(&o, chat, n), -EBADMSG);
    }
    memcpy(longer, chat, sizeof chat);
    assert_int_equal(dcep_open_parse(&o, longer, sizeof longer), -EBADMSG);
}

static void unknown_channel_type_is_malformed(void **state) {
    uint8_t bytes[DCEP_OPEN_HEADER_BYTES] = {3};
    struct dcep_open o;
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        bytes[1] = (uint8_t)type;
        assert_int_equal(dcep_open_parse(&o, bytes, sizeof bytes), (type & 0x7f) <= 2 ? 0 : -EBADMSG);
    }
}

static void long_names_are_refused_both_ways(void **state) {
    static uint8_t bytes[DCEP_OPEN_BYTES_MAX + 2] = {3};
    uint8_t out[sizeof bytes];
    struct dcep_open o;
    (void)state;
    bytes[8] = 1; /* a label of 256 */
    assert_int_equal(dcep_open_parse(&o, bytes, DCEP_OPEN_HEADER_BYTES + 256), 0);
    bytes[9] = 1; /* of 257 */
    assert_int_equal(dcep_open_parse(&o, bytes, DCEP_OPEN_HEADER_BYTES + 257), -EMSGSIZE);
    assert_int_equal(dcep_open_write(&o, out, sizeof out), -EMSGSIZE);
}

static void names_that_are_no_utf8_are_malformed(void **state) {
    uint8_t bytes[sizeof chat];
    struct dcep_open o;
    (void)state;
    for (size_t at = DCEP_OPEN_HEADER_BYTES; at < sizeof chat; at++) {
        memcpy(bytes, chat, sizeof chat);
        bytes[at] = 0xff;
        assert_int_equal(dcep_open_parse(&o, bytes, sizeof bytes), -EBADMSG);
    }
}

static void acknowledgement_is_one_byte(void **state) {
    static const uint8_t ack[] = {2, 0};
    (void)state;
    assert_int_equal(dcep_type(ack, 1), DCEP_ACK);
    assert_int_equal(dcep_type(ack, 2), -EBADMSG);
    assert_int_equal(dcep_type(ack, 0), -EBADMSG);
    assert_int_equal(dcep_type((const uint8_t *)"\1", 1), -EBADMSG);
}

static void payload_keeps_its_kind_there_and_back(void **state) {
    (void)state;
    for (int text = 0; text < 2; text++) {
        for (size_t len = 0; len < 3; len++) {
            struct dcep_payload in = {.text = text, .data = (const uint8_t *)"ab", .len = len}, out;
            enum dcep_ppid ppid = dcep_payload_write(&in);
            assert_true(in.len > 0); /* SCTP sends no empty message */
            assert_int_equal(dcep_payload_read(&out, ppid, in.data, in.len), 0);
            assert_int_equal(out.text, text);
            assert_int_equal(out.len, len);
        }
    }
}

static void pieces_and_other_identifiers_are_no_payload(void **state) {
    struct dcep_payload out;
    (void)state;
    for (uint32_t ppid = 0; ppid < 64; ppid++) {
        bool known = ppid == 51 || ppid == 53 || ppid == 56 || ppid == 57;
        assert_int_equal(dcep_payload_read(&out, ppid, chat, 1), known ? 0 : -EBADMSG);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_gives_kind_priority_and_names),
        cmocka_unit_test(open_is_written_as_it_was_read),
        cmocka_unit_test(open_without_names_is_whole),
        cmocka_unit_test(limit_of_a_reliable_channel_is_ignored),
        cmocka_unit_test(open_that_is_cut_or_longer_than_its_names_is_malformed),
        cmocka_unit_test(unknown_channel_type_is_malformed),
        cmocka_unit_test(long_names_are_refused_both_ways),
        cmocka_unit_test(names_that_are_no_utf8_are_malformed),
        cmocka_unit_test(acknowledgement_is_one_byte),
        cmocka_unit_test(payload_keeps_its_kind_there_and_back),
        cmocka_unit_test(pieces_and_other_identifiers_are_no_payload),
    };
    return cmocka_run_group_tests_name("dcep", tests, NULL, NULL);
}
