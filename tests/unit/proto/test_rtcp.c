/* RTCP: compound packets, reports, feedback, NTP times. */
#include "proto/rtcp/feedback.h"
#include "proto/rtcp/ntp.h"
#include "proto/rtcp/report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static uint8_t buf[2048];

static struct writer fresh(void) {
    struct writer w;
    writer_init(&w, buf, sizeof buf);
    return w;
}

/* Reads the only packet that was written. */
static struct rtcp_packet only(const struct writer *w) {
    struct rtcp_packet p;
    struct reader r;
    assert_false(w->failed);
    reader_init(&r, w->buf, w->len);
    assert_int_equal(rtcp_next(&p, &r), 0);
    assert_int_equal(reader_left(&r), 0);
    return p;
}

static struct rtcp_feedback only_feedback(const struct writer *w) {
    struct rtcp_packet p = only(w);
    struct rtcp_feedback f;
    assert_int_equal(rtcp_feedback_parse(&f, &p), 0);
    return f;
}

static void reports_round_trip(void **state) {
    (void)state;
    const struct rtcp_block blocks[] = {
        {.ssrc = 1,
         .fraction_lost = 255,
         .lost = -3,
         .highest_seq = 0x10002,
         .jitter = 4,
         .last_sr = 5,
         .delay_since_sr = 6},
        {.ssrc = 2, .lost = 0x7fffff},
        {.ssrc = 3, .lost = 100000000}, /* does not fit: the most that does */
    };
    for (int is_sender = 0; is_sender < 2; is_sender++) {
        struct rtcp_report report = {.ssrc = 9, .is_sender = is_sender, .block_count = 3}, again;
        report.sender =
            (struct rtcp_sender_info){.ntp = 0x0102030405060708, .rtp_timestamp = 7, .packets = 8, .bytes = 9};
        struct writer w = fresh();
        rtcp_report_write(&w, &report, blocks);
        struct rtcp_packet p = only(&w);
        assert_int_equal(p.type, is_sender ? RTCP_SR : RTCP_RR);
        assert_int_equal(rtcp_report_parse(&again, &p), 0);
        assert_true(again.ssrc == 9 && again.is_sender == is_sender && again.block_count == 3);
        assert_true(!is_sender || (again.sender.ntp == report.sender.ntp && again.sender.bytes == 9));
        struct rtcp_block b = rtcp_report_block(&again, 0);
        assert_true(b.ssrc == 1 && b.fraction_lost == 255 && b.lost == -3 && b.highest_seq == 0x10002 && b.jitter == 4);
        assert_true(b.last_sr == 5 && b.delay_since_sr == 6);
        assert_int_equal(rtcp_report_block(&again, 1).lost, 0x7fffff);
        assert_int_equal(rtcp_report_block(&again, 2).lost, 0x7fffff);
        for (p.len = 0; p.len < w.len - 4; p.len++) {
            assert_int_equal(rtcp_report_parse(&again, &p), -EBADMSG);
        }
    }
}

static void compound_packets_are_walked(void **state) {
    (void)state;
    struct writer w = fresh();
    struct rtcp_packet p;
    struct reader r;
    static const uint32_t gone[] = {5, 6};
    rtcp_report_write(&w, &(struct rtcp_report){.ssrc = 1}, NULL);
    rtcp_sdes_write(&w, &(struct rtcp_cname){1, "someone", 7});
    size_t app = rtcp_write_begin(&w, RTCP_APP, 3);
    writer_u32(&w, 1);
    rtcp_write_end(&w, app);
    rtcp_bye_write(&w, gone, 2);
    static const uint8_t order[] = {RTCP_RR, RTCP_SDES, RTCP_APP, RTCP_BYE};
    reader_init(&r, buf, w.len);
    for (size_t i = 0; i < sizeof order; i++) {
        assert_int_equal(rtcp_next(&p, &r), 0);
        assert_int_equal(p.type, order[i]);
    }
    assert_int_equal(rtcp_next(&p, &r), -ENOENT);
    for (size_t len = 0; len < w.len; len++) { /* every cut that is not between packets is seen */
        uint8_t *exact = malloc(len + 1);
        memcpy(exact + 1, buf, len);
        reader_init(&r, exact + 1, len);
        int rc;
        while ((rc = rtcp_next(&p, &r)) == 0) {
        }
        assert_int_equal(rc, len == 0 || len == 8 || len == 28 || len == 36 ? -ENOENT : -EBADMSG);
        free(exact);
    }
}

static void padding_is_the_last_packets_and_whole_words(void **state) {
    (void)state;
    static const struct {
        uint8_t padding;
        bool sound;
    } cases[] = {{0, false}, {1, false}, {2, false}, {4, true}, {8, true}, {12, false}, {255, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t packet[] = {0xa1, RTCP_APP, 0, 2, 0, 0, 0, 1, 0, 0, 0, cases[i].padding};
        struct rtcp_packet p;
        struct reader r;
        reader_init(&r, packet, sizeof packet);
        assert_int_equal(rtcp_next(&p, &r), cases[i].sound ? 0 : -EBADMSG);
        assert_true(!cases[i].sound || p.len == 8U - cases[i].padding);
    }
    const uint8_t first[] = {0xa1, RTCP_APP, 0, 1, 0, 0, 0, 4, 0x80, RTCP_RR, 0, 1, 0, 0, 0, 1};
    struct rtcp_packet p;
    struct reader r;
    reader_init(&r, first, sizeof first);
    assert_int_equal(rtcp_next(&p, &r), -EBADMSG);
}

static void names_and_farewells_are_read(void **state) {
    (void)state;
    struct rtcp_cname names[4];
    uint32_t ssrcs[4];
    for (uint8_t len = 0; len < 9; len++) {
        struct writer w = fresh();
        rtcp_sdes_write(&w, &(struct rtcp_cname){77, "abcdefghi", len});
        struct rtcp_packet p = only(&w);
        assert_int_equal(rtcp_sdes_cnames(&p, names, 4), 1);
        assert_true(names[0].ssrc == 77 && names[0].len == len);
        assert_memory_equal(names[0].name, "abcdefghi", len);
        for (p.len = 0; p.len < w.len - 4; p.len++) {
            long rc = rtcp_sdes_cnames(&p, names, 4);
            assert_int_equal(rc, -EBADMSG);
        }
    }
    struct rtcp_packet bye = {.body = (const uint8_t *)"\0\0\0\1\0\0\0\2", .len = 8, .type = RTCP_BYE, .count = 2};
    assert_int_equal(rtcp_bye_sources(&bye, ssrcs, 4), 2);
    assert_true(ssrcs[0] == 1 && ssrcs[1] == 2);
    assert_int_equal(rtcp_bye_sources(&bye, ssrcs, 1), 1);
    bye.count = 3;
    assert_int_equal(rtcp_bye_sources(&bye, ssrcs, 4), -EBADMSG);
}

static void nack_round_trips_across_the_border(void **state) {
    (void)state;
    static const uint16_t lost[] = {65530, 65535, 0, 10, 11, 27, 28, 5000};
    uint16_t again[32];
    struct writer w = fresh();
    rtcp_nack_write(&w, &(struct rtcp_nack){.sender = 1, .media = 2, .seqs = lost, .count = 8});
    assert_int_equal(w.len, 12 + 4 * 4); /* 65530 to 10; 11 and 27; 28; 5000 */
    struct rtcp_feedback f = only_feedback(&w);
    assert_true(f.sender == 1 && f.media == 2);
    assert_int_equal(rtcp_nack_sequences(&f, again, 32), 8);
    assert_memory_equal(again, lost, sizeof lost);
    assert_int_equal(rtcp_nack_sequences(&f, again, 3), 3);
    f.len = 0;
    assert_int_equal(rtcp_nack_sequences(&f, again, 32), -EBADMSG);
    f.len = 6;
    assert_int_equal(rtcp_nack_sequences(&f, again, 32), -EBADMSG);
}

static void nack_full_of_bits_stays_within_its_room(void **state) {
    (void)state;
    static uint8_t items[1400];
    static uint16_t out[1400 / 4 * 17];
    memset(items, 0xff, sizeof items);
    struct rtcp_feedback f = {.items = items, .len = sizeof items};
    assert_int_equal(rtcp_nack_sequences(&f, out, sizeof out / sizeof out[0]), 1400 / 4 * 17);
    assert_int_equal(rtcp_nack_sequences(&f, out, 100), 100);
}

static void keyframe_requests_round_trip(void **state) {
    (void)state;
    struct rtcp_fir fir[2];
    struct writer w = fresh();
    rtcp_pli_write(&w, 3, 4);
    assert_memory_equal(buf, "\x81\xce\0\2\0\0\0\3\0\0\0\4", 12);
    assert_int_equal(w.len, 12);
    w = fresh();
    rtcp_fir_write(&w, 3, &(struct rtcp_fir){.ssrc = 0xabcdef01, .seq = 200});
    struct rtcp_feedback f = only_feedback(&w);
    assert_int_equal(rtcp_fir_entries(&f, fir, 2), 1);
    assert_true(fir[0].ssrc == 0xabcdef01 && fir[0].seq == 200 && f.media == 0);
    f.len = 7;
    assert_int_equal(rtcp_fir_entries(&f, fir, 2), -EBADMSG);
}

static void remb_round_trips(void **state) {
    (void)state;
    static const uint64_t rates[] = {0, 1, 262143, 262144, 1000000, 5000000000, UINT64_MAX};
    static const uint32_t ssrcs[] = {7, 0xffffffff};
    struct rtcp_remb remb;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct writer w = fresh();
        struct rtcp_remb_out out = {.sender = 1, .bitrate_bps = rates[i], .ssrcs = ssrcs, .ssrc_count = 2};
        rtcp_remb_write(&w, &out);
        struct rtcp_feedback f = only_feedback(&w);
        assert_int_equal(rtcp_remb_parse(&remb, &f), 0);
        assert_true(remb.bitrate_bps <= rates[i] && remb.bitrate_bps >= rates[i] - (rates[i] >> 17));
        assert_true(remb.ssrc_count == 2 && load_be32(remb.ssrcs + 4) == 0xffffffff);
        f.len -= 4; /* one SSRC less than it says */
        assert_int_equal(rtcp_remb_parse(&remb, &f), -EBADMSG);
    }
    /* 2 Mbit/s as the draft writes it: exponent 3, mantissa 250000. */
    static const uint8_t two_mbit[] = {'R', 'E', 'M', 'B', 0, 0x0f, 0xd0, 0x90};
    struct rtcp_feedback f = {.items = two_mbit, .len = sizeof two_mbit};
    assert_int_equal(rtcp_remb_parse(&remb, &f), 0);
    assert_int_equal(remb.bitrate_bps, 2000000);
    static const uint8_t beyond[] = {'R', 'E', 'M', 'B', 0, 0xff, 0xff, 0xff};
    f.items = beyond;
    assert_int_equal(rtcp_remb_parse(&remb, &f), 0);
    assert_true(remb.bitrate_bps == UINT64_MAX);
    f.items = (const uint8_t *)"OTHERAPP";
    assert_int_equal(rtcp_remb_parse(&remb, &f), -ENOENT);
}

static void writers_without_room_say_so(void **state) {
    (void)state;
    static const uint16_t lost[] = {1, 100, 200};
    static const uint32_t ssrcs[32] = {0};
    for (size_t cap = 0; cap < 24; cap++) {
        uint8_t *exact = malloc(cap + 1);
        struct writer w;
        writer_init(&w, exact, cap);
        rtcp_nack_write(&w, &(struct rtcp_nack){.seqs = lost, .count = 3});
        assert_true(w.failed);
        writer_init(&w, exact, cap);
        rtcp_remb_write(&w, &(struct rtcp_remb_out){.ssrcs = ssrcs, .ssrc_count = 2});
        assert_true(w.failed);
        free(exact);
    }
    struct writer w = fresh();
    rtcp_bye_write(&w, ssrcs, 32); /* five bits of count */
    assert_true(w.failed);
}

static void ntp_times_convert_to_the_microsecond(void **state) {
    (void)state;
    static const uint64_t times[] = {0, 1, 999999, 1000000, 1700000000123456, 2085978495999999};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_true(rtcp_ntp_to_unix_us(rtcp_ntp_of_unix_us(times[i])) == times[i]);
    }
    assert_true(rtcp_ntp_of_unix_us(500000) == (RTCP_NTP_UNIX_SECONDS << 32 | 0x80000000));
    assert_int_equal(rtcp_ntp_to_unix_us(5), 0);
    assert_int_equal(rtcp_ntp_middle(0x1122334455667788), 0x33445566);
    assert_int_equal(rtcp_short_to_us(0x00018000), 1500000);
    assert_int_equal(rtcp_short_of_us(1500000), 0x00018000);
}

static void round_trip_is_what_rfc3550_computes(void **state) {
    (void)state;
    /* Section 6.4.1's example: LSR b705:2000, DLSR 5.25 s, arrival b710:8000. */
    assert_int_equal(rtcp_round_trip_us(0xb7108000, 0xb7052000, 0x00054000), 6125000);
    assert_int_equal(rtcp_round_trip_us(100, 90, 20), 0); /* clocks apart */
    assert_int_equal(rtcp_round_trip_us(0x8000, 0xffff8000, 0), 1000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_round_trip),
        cmocka_unit_test(compound_packets_are_walked),
        cmocka_unit_test(padding_is_the_last_packets_and_whole_words),
        cmocka_unit_test(names_and_farewells_are_read),
        cmocka_unit_test(nack_round_trips_across_the_border),
        cmocka_unit_test(nack_full_of_bits_stays_within_its_room),
        cmocka_unit_test(keyframe_requests_round_trip),
        cmocka_unit_test(remb_round_trips),
        cmocka_unit_test(writers_without_room_say_so),
        cmocka_unit_test(ntp_times_convert_to_the_microsecond),
        cmocka_unit_test(round_trip_is_what_rfc3550_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
