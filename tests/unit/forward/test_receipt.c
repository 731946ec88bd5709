#include "forward/receipt.h"

#include "proto/rtcp/ntp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct receipt_result note(struct receipt *r, uint16_t seq) {
    return receipt_note(r, &(struct receipt_packet){.seq = seq, .timestamp = seq * 900U}, seq * UINT64_C(10000));
}

static void gaps_late_packets_and_duplicates_are_told_apart(void **state) {
    (void)state;
    struct receipt r = {.clock_hz = 90000};
    assert_int_equal(note(&r, 65533).kind, RECEIPT_RESTART);
    assert_int_equal(note(&r, 65534).kind, RECEIPT_NEXT);
    struct receipt_result result = note(&r, 2);
    assert_int_equal(result.kind, RECEIPT_NEXT);
    assert_int_equal(result.gap, 3);
    assert_int_equal(note(&r, 0).kind, RECEIPT_LATE);
    assert_int_equal(note(&r, 0).kind, RECEIPT_DUPLICATE);
    assert_int_equal(note(&r, 2).kind, RECEIPT_DUPLICATE);
    assert_int_equal(note(&r, 65535).kind, RECEIPT_LATE);
    assert_int_equal(note(&r, (uint16_t)(2 - RECEIPT_WINDOW)).kind, RECEIPT_DUPLICATE);
    assert_int_equal(note(&r, 2 + RECEIPT_WINDOW).gap, RECEIPT_WINDOW - 1);
    assert_int_equal(note(&r, 3).kind, RECEIPT_LATE);
    assert_int_equal(note(&r, 2).kind, RECEIPT_DUPLICATE);
}

static void a_jump_begins_anew(void **state) {
    (void)state;
    struct receipt r = {.clock_hz = 90000};
    note(&r, 100);
    struct receipt_packet repeated = {.seq = 40000, .repeated = true};
    assert_int_equal(receipt_note(&r, &repeated, 0).kind, RECEIPT_DUPLICATE);
    assert_int_equal(note(&r, 40000).kind, RECEIPT_RESTART);
    assert_int_equal(note(&r, 40001).kind, RECEIPT_NEXT);
}

static void reports_count_what_the_path_lost(void **state) {
    (void)state;
    struct receipt r = {.clock_hz = 90000};
    for (uint16_t seq = 1000; seq < 1100; seq++) {
        if (seq % 4 != 1) {
            note(&r, seq);
        }
    }
    receipt_note(&r, &(struct receipt_packet){.seq = 1001, .repeated = true}, 0);
    receipt_note_sr(&r, UINT64_C(0x1111222233334444), 5000000);
    struct rtcp_block block = receipt_report(&r, 7, 5500000);
    assert_int_equal(block.ssrc, 7);
    assert_int_equal(block.highest_seq, 1099);
    assert_int_equal(block.lost, 25);
    assert_int_equal(block.fraction_lost, 64);
    assert_int_equal(block.last_sr, 0x22223333);
    assert_int_equal(block.delay_since_sr, 32768);
    assert_int_equal(block.jitter, 0);
    for (uint16_t seq = 1100; seq < 1200; seq++) {
        note(&r, seq);
    }
    assert_int_equal(receipt_report(&r, 7, 6000000).fraction_lost, 0);
    assert_int_equal(receipt_report(&r, 7, 6000000).lost, 25);
}

static void jitter_follows_the_arrivals(void **state) {
    (void)state;
    struct receipt r = {.clock_hz = 48000};
    for (uint16_t i = 0; i < 500; i++) { /* every other packet 10 ms late: each differs by 480 from the one before */
        struct receipt_packet p = {.seq = i, .timestamp = i * 960U};
        receipt_note(&r, &p, i * UINT64_C(20000) + (i % 2 ? 10000 : 0));
    }
    assert_in_range(receipt_report(&r, 1, 0).jitter, 470, 485);
}

static void highest_sequence_counts_the_cycles(void **state) {
    (void)state;
    struct receipt r = {.clock_hz = 90000};
    for (uint32_t seq = 65000; seq < 66000; seq++) {
        note(&r, (uint16_t)seq);
    }
    assert_int_equal(receipt_report(&r, 1, 0).highest_seq, 65999);
    assert_int_equal(receipt_report(&r, 1, 0).lost, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_late_packets_and_duplicates_are_told_apart),
        cmocka_unit_test(a_jump_begins_anew),
        cmocka_unit_test(reports_count_what_the_path_lost),
        cmocka_unit_test(jitter_follows_the_arrivals),
        cmocka_unit_test(highest_sequence_counts_the_cycles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
