/* RTCP of receivers and publishers, and audio: what a slot makes of it. */
#include "scenario/forward_world.h"

#include "proto/rtcp/ntp.h"
#include "proto/rtp/red.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct world w;
static struct sender a;

static int teardown(void **state) {
    (void)state;
    sender_deinit(&w, &a);
    world_deinit(&w);
    return 0;
}

static int setup(void **state) {
    (void)state;
    world_init(&w);
    sender_init(&a, 7, &(struct sender_shape){MEDIA_VP8, 1, 1, 1});
    world_show(&w, &a, 0, 0);
    return 0;
}

static int setup_audio(void **state) {
    (void)state;
    world_init(&w);
    sender_init(&a, 7, &(struct sender_shape){MEDIA_OPUS, 1, 1, 1});
    world_show(&w, &a, 0, 0);
    return 0;
}

/* The publisher's clock is 12 days off, and its packets are 40 ms on their way, its reports none. */
static void a_sender_report_tells_the_moment_of_capture_on_the_servers_clock(void **state) {
    (void)state;
    enum { WAY_US = 40000 };
    uint8_t rtcp[200];
    struct writer out;
    uint64_t capture_us = w.now_us;
    writer_init(&out, rtcp, sizeof rtcp);
    struct rtcp_report report = {.ssrc = a.sources[0].ssrc, .is_sender = true};
    report.sender.ntp = rtcp_ntp_of_unix_us(capture_us + UINT64_C(1000000000000));
    report.sender.rtp_timestamp = a.sources[0].timestamp;
    rtcp_report_write(&out, &report, NULL);
    assert_int_equal(publisher_input_rtcp(&a.publisher, rtcp, out.len, w.now_us), 0);
    w.now_us += WAY_US;
    world_frames(&w, &a, 10);
    writer_init(&out, rtcp, sizeof rtcp);
    slot_write_report(&w.slot, &out, w.now_us);
    struct reader r;
    struct rtcp_packet p;
    struct rtcp_report sent;
    reader_init(&r, rtcp, out.len);
    assert_int_equal(rtcp_next(&p, &r), 0);
    assert_int_equal(rtcp_report_parse(&sent, &p), 0);
    assert_int_equal(sent.ssrc, w.slot.ssrc);
    assert_int_equal(sent.sender.packets, 10 * FRAME_PACKETS);
    int32_t ahead = (int32_t)(sent.sender.rtp_timestamp - w.sent[0].rtp.timestamp);
    uint64_t reported_us = rtcp_ntp_to_unix_us(sent.sender.ntp) - w.transport.unix_us;
    assert_in_range(reported_us - (uint64_t)ahead * 100 / 9, capture_us - 1000, capture_us + 1000);
    assert_int_equal(rtcp_next(&p, &r), 0);
    assert_int_equal(p.type, RTCP_SDES);
    out.len = 0;
    slot_write_report(&w.slot, &out, w.now_us + 500000);
    assert_int_equal(out.len, 0);
}

static uint16_t repeated[8];
static unsigned repeated_count;
static uint64_t remb_bps;

static void on_repeat(void *ctx, struct slot *s, uint16_t seq) {
    assert_ptr_equal(ctx, &w);
    assert_ptr_equal(s, &w.slot);
    repeated[repeated_count++] = seq;
}

static void on_remb(void *ctx, uint64_t bps) {
    (void)ctx;
    remb_bps = bps;
}

static void a_receivers_rtcp_reaches_its_slots(void **state) {
    (void)state;
    struct slot *slots[] = {&w.slot};
    struct feedback feedback = {.slots = slots, .slot_count = 1, .ctx = &w, .repeat = on_repeat, .remb = on_remb};
    uint8_t rtcp[400];
    struct writer out;
    world_frames(&w, &a, 3);
    a.requests = repeated_count = 0;
    uint32_t last_sr = rtcp_ntp_middle(rtcp_ntp_of_unix_us(w.now_us + w.transport.unix_us));
    w.now_us += PUBLICATION_KEY_INTERVAL_US;
    writer_init(&out, rtcp, sizeof rtcp);
    struct rtcp_block block = {
        .ssrc = w.slot.ssrc, .fraction_lost = 25, .last_sr = last_sr, .delay_since_sr = rtcp_short_of_us(420000)};
    rtcp_report_write(&out, &(struct rtcp_report){.ssrc = 1, .block_count = 1}, &block);
    rtcp_nack_write(&out, &(struct rtcp_nack){1, w.slot.ssrc, (const uint16_t[]){32701, 32703}, 2});
    rtcp_nack_write(&out, &(struct rtcp_nack){1, 0xdead, (const uint16_t[]){1}, 1});
    rtcp_pli_write(&out, 1, w.slot.ssrc);
    rtcp_fir_write(&out, 1, &(struct rtcp_fir){w.slot.ssrc, 3});
    rtcp_remb_write(&out, &(struct rtcp_remb_out){1, 1 << 20, &w.slot.ssrc, 1});
    assert_false(out.failed);
    assert_int_equal(feedback_input(&feedback, rtcp, out.len, w.now_us), 0);
    assert_true(w.slot.reported);
    assert_int_equal(w.slot.fraction_lost, 25);
    assert_in_range(w.slot.rtt_us, 79900, 80100);
    assert_int_equal(repeated_count, 2);
    assert_int_equal(repeated[0], 32701);
    assert_int_equal(repeated[1], 32703);
    assert_int_equal(remb_bps, 1 << 20);
    world_rtcp(&w, &a);
    assert_int_equal(a.requests, 1);
    assert_true(feedback_input(&feedback, rtcp, out.len - 2, w.now_us) < 0);
}

static size_t make_red(uint8_t *out) {
    static const uint8_t payload[] = {0x80 | PT_OPUS, 0x0f, 0x00, 2, PT_OPUS, 'o', 'l', 'n', 'e', 'w'};
    struct writer writer;
    writer_init(&writer, out, 1500);
    rtp_header_write(&writer, &(struct rtp_header){.seq = a.sources[0].seq++,
                                                   .timestamp = a.sources[0].timestamp,
                                                   .ssrc = a.sources[0].ssrc,
                                                   .payload_type = PT_RED});
    writer_bytes(&writer, payload, sizeof payload);
    a.sources[0].timestamp += 960;
    return writer.len;
}

static void red_is_unwrapped_for_a_receiver_without_it_and_passed_to_one_with_it(void **state) {
    (void)state;
    uint8_t bytes[1500];
    struct rtp_red red;
    world_deliver(&w, &a, bytes, make_red(bytes));
    assert_int_equal(w.sent_count, 1);
    assert_int_equal(w.sent[0].rtp.payload_type, PT_OPUS + 10);
    assert_int_equal(w.sent[0].rtp.payload_len, 3);
    assert_memory_equal(w.sent[0].rtp.payload, "new", 3);
    w.slot.payloads.red = PT_RED + 10;
    world_deliver(&w, &a, bytes, make_red(bytes));
    assert_int_equal(w.sent_count, 2);
    assert_int_equal(w.sent[1].rtp.payload_type, PT_RED + 10);
    assert_int_equal(rtp_red_parse(&red, w.sent[1].rtp.payload, w.sent[1].rtp.payload_len), 0);
    assert_int_equal(red.count, 2);
    assert_int_equal(red.blocks[0].payload_type, PT_OPUS + 10);
    assert_int_equal(red.blocks[1].payload_type, PT_OPUS + 10);
    assert_memory_equal(red.blocks[0].data, "olnew", 5);
    assert_int_equal((uint16_t)(w.sent[1].rtp.seq - w.sent[0].rtp.seq), 1);
    assert_int_equal(w.sent[1].rtp.timestamp - w.sent[0].rtp.timestamp, 960);
}

static void strangers_ssrcs_and_payload_types_are_not_taken(void **state) {
    (void)state;
    uint8_t bytes[1500];
    size_t len = source_make(&a.sources[0], 0, bytes);
    bytes[1] = 99;
    assert_int_equal(world_deliver(&w, &a, bytes, len), -ENOENT);
    bytes[1] = PT_OPUS + PT_RTX; /* repetitions on the stream itself */
    assert_int_equal(world_deliver(&w, &a, bytes, len), -EBADMSG);
    bytes[1] = PT_H264; /* a picture in a microphone's stream */
    assert_int_equal(world_deliver(&w, &a, bytes, len), -EBADMSG);
    assert_int_equal(w.sent_count, 0);
    bytes[1] = PT_OPUS;
    bytes[11] ^= 0x55; /* another SSRC, whose mid is known: the stream began anew */
    assert_int_equal(world_deliver(&w, &a, bytes, len), 0);
    bytes[17] = 'x'; /* and one whose mid is not */
    bytes[11] ^= 0x33;
    assert_int_equal(world_deliver(&w, &a, bytes, len), -ENOENT);
    assert_int_equal(a.publisher.source_count, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sender_report_tells_the_moment_of_capture_on_the_servers_clock, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_receivers_rtcp_reaches_its_slots, setup, teardown),
        cmocka_unit_test_setup_teardown(red_is_unwrapped_for_a_receiver_without_it_and_passed_to_one_with_it,
                                        setup_audio, teardown),
        cmocka_unit_test_setup_teardown(strangers_ssrcs_and_payload_types_are_not_taken, setup_audio, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
