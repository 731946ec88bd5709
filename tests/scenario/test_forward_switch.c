/* What is shown in a slot changes: of sources, of encodings, of layers. Its receiver sees one stream. */
#include "scenario/forward_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct world w;
static struct sender a, b;

static int setup(void **state) {
    (void)state;
    world_init(&w);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

static const struct sender_shape simulcast = {MEDIA_VP8, 3, 1, 2};

static const struct {
    struct sender_shape shape;
    int spatial, temporal;
} kinds[] = {
    {{MEDIA_VP8, 1, 1, 1}, 0, 3},  {{MEDIA_VP8, 3, 1, 2}, 0, 0},  {{MEDIA_VP8, 3, 1, 2}, 2, 1},
    {{MEDIA_VP9, 1, 2, 1}, 0, 0},  {{MEDIA_VP9, 1, 2, 1}, 1, 0},  {{MEDIA_VP9, 3, 1, 1}, 1, 0},
    {{MEDIA_H264, 1, 1, 1}, 0, 0}, {{MEDIA_H264, 3, 1, 1}, 1, 0}, {{MEDIA_AV1, 1, 1, 1}, 0, 0},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* Both send all the time; the receiver is shown one, then the other, then the one again. */
static void one_pair(unsigned from, unsigned to) {
    world_init(&w);
    sender_init(&a, 7, &kinds[from].shape);
    sender_init(&b, 8, &kinds[to].shape);
    size_t shown[4] = {0};
    for (unsigned turn = 0; turn < 3; turn++) {
        bool first = turn % 2 == 0;
        world_show(&w, first ? &a : &b, kinds[first ? from : to].spatial, kinds[first ? from : to].temporal);
        for (unsigned i = 0; i < 40; i++) {
            uint64_t now = w.now_us;
            world_frame(&w, &a);
            w.now_us = now;
            world_frame(&w, &b);
        }
        assert_true(w.sent_count >= shown[turn] + 20);
        assert_true(w.sent[shown[turn]].frame.keyframe);
        assert_int_equal(rtp_packet_csrc(&w.sent[shown[turn]].rtp, 0), first ? 7 : 8);
        shown[turn + 1] = w.sent_count;
    }
    assert_continuous(&w, 0);
    sender_deinit(&w, &a);
    sender_deinit(&w, &b);
    world_deinit(&w);
}

static void every_pair_of_sources_in_one_slot_is_one_stream(void **state) {
    (void)state;
    for (unsigned from = 0; from < KINDS; from++) {
        for (unsigned to = 0; to < KINDS; to++) {
            one_pair(from, to);
        }
    }
}

static void the_old_layer_stays_until_the_key_frame_of_the_higher_one(void **state) {
    (void)state;
    sender_init(&a, 7, &simulcast);
    world_show(&w, &a, 0, 1);
    world_frames(&w, &a, 10);
    size_t before = w.sent_count;
    const struct encoding *low = w.slot.current;
    assert_ptr_equal(low, &a.publication->encodings[0]);
    w.now_us += PUBLICATION_KEY_INTERVAL_US;
    world_show(&w, &a, 2, 1);
    uint8_t bytes[1500];
    for (unsigned i = 0; i < FRAME_PACKETS; i++) { /* a frame of both, without a key frame */
        world_deliver(&w, &a, bytes, source_make(&a.sources[0], i, bytes));
        world_deliver(&w, &a, bytes, source_make(&a.sources[2], i, bytes));
    }
    assert_int_equal(w.sent_count, before + FRAME_PACKETS);
    assert_ptr_equal(w.slot.current, low);
    w.now_us += FRAME_US;
    world_rtcp(&w, &a);
    assert_int_equal(a.requested_ssrc, a.sources[2].ssrc);
    world_frames(&w, &a, 5);
    assert_ptr_equal(w.slot.current, &a.publication->encodings[2]);
    assert_continuous(&w, 0);
    sender_deinit(&w, &a);
}

static void the_higher_layer_stops_at_once(void **state) {
    (void)state;
    sender_init(&a, 7, &simulcast);
    world_show(&w, &a, 2, 1);
    world_frames(&w, &a, 30);
    size_t before = w.sent_count;
    world_show(&w, &a, 0, 1);
    uint8_t bytes[1500];
    world_deliver(&w, &a, bytes, source_make(&a.sources[2], 0, bytes));
    assert_int_equal(w.sent_count, before);
    a.sources[2].seq--; /* make it again */
    world_rtcp(&w, &a);
    assert_int_equal(a.requested_ssrc, a.sources[0].ssrc);
    for (unsigned i = 0; i < FRAME_PACKETS; i++) {
        world_deliver(&w, &a, bytes, source_make(&a.sources[0], i, bytes));
    }
    assert_int_equal(w.sent_count, before + FRAME_PACKETS);
    assert_true(w.sent[before].frame.keyframe);
    assert_continuous(&w, 0);
    sender_deinit(&w, &a);
}

static void a_temporal_layer_goes_at_once_and_comes_with_its_first_frame(void **state) {
    (void)state;
    sender_init(&a, 7, &simulcast);
    world_show(&w, &a, 1, 1);
    world_frames(&w, &a, 20);
    size_t full = w.sent_count;
    world_show(&w, &a, 1, 0);
    world_frames(&w, &a, 20);
    assert_int_equal(w.sent_count - full, 10 * FRAME_PACKETS);
    size_t half = w.sent_count;
    world_show(&w, &a, 1, 1);
    world_frames(&w, &a, 20);
    assert_int_equal(w.sent_count - half, 20 * FRAME_PACKETS);
    assert_continuous(&w, 0);
    sender_deinit(&w, &a);
}

static void the_end_of_a_picture_is_marked_when_its_upper_layer_is_left_out(void **state) {
    (void)state;
    sender_init(&a, 7, &(struct sender_shape){MEDIA_VP9, 1, 2, 1});
    world_show(&w, &a, 0, 0);
    world_frames(&w, &a, 10);
    assert_int_equal(w.sent_count, 10);
    for (size_t i = 0; i < w.sent_count; i++) {
        assert_true(w.sent[i].rtp.marker);
        assert_int_equal(w.sent[i].frame.sid, 0);
    }
    w.now_us += PUBLICATION_KEY_INTERVAL_US;
    world_show(&w, &a, 1, 0);
    world_frames(&w, &a, 10);
    assert_true(w.sent_count > 10 + 20);
    assert_continuous(&w, 0);
    sender_deinit(&w, &a);
}

static void a_source_that_begins_anew_goes_on_with_a_key_frame(void **state) {
    (void)state;
    sender_init(&a, 7, &(struct sender_shape){MEDIA_VP8, 1, 1, 1});
    world_show(&w, &a, 0, 0);
    world_frames(&w, &a, 20);
    size_t before = w.sent_count;
    a.sources[0].seq = (uint16_t)(a.sources[0].seq + 20000);
    a.sources[0].timestamp += 1234567890;
    a.sources[0].picture_id = 99;
    world_frames(&w, &a, 20);
    assert_true(w.sent_count > before);
    assert_true(w.sent[before].frame.keyframe);
    assert_continuous(&w, 0);
    sender_deinit(&w, &a);
}

static void requests_for_key_frames_are_merged_and_kept_apart(void **state) {
    (void)state;
    sender_init(&a, 7, &simulcast);
    world_show(&w, &a, 2, 1);
    world_frames(&w, &a, 30);
    unsigned before = a.requests;
    for (unsigned i = 0; i < 100; i++) {
        slot_want_key(&w.slot);
        world_rtcp(&w, &a);
        a.sources[2].key_next = false; /* it does not follow */
        w.now_us += 10000;
    }
    assert_in_range(a.requests - before, 2, 3);
    sender_deinit(&w, &a);
}

static void encodings_nobody_wants_are_told_after_a_while(void **state) {
    (void)state;
    sender_init(&a, 7, &simulcast);
    world_show(&w, &a, 1, 1);
    assert_int_equal(publication_unwanted(a.publication, w.now_us), 5);
    world_show(&w, &a, 2, 1);
    assert_int_equal(publication_unwanted(a.publication, w.now_us), 1);
    assert_int_equal(publication_unwanted(a.publication, w.now_us + PUBLICATION_PAUSE_US), 3);
    slot_unbind(&w.slot, w.now_us);
    assert_int_equal(publication_unwanted(a.publication, w.now_us + PUBLICATION_PAUSE_US), 7);
    sender_deinit(&w, &a);
}

static void a_codec_that_was_not_negotiated_is_refused(void **state) {
    (void)state;
    sender_init(&a, 7, &(struct sender_shape){MEDIA_H264, 1, 1, 1});
    w.slot.payloads.of[MEDIA_H264] = 0;
    world_frame(&w, &a);
    assert_int_equal(slot_bind(&w.slot, a.publication, w.now_us), -ENOTSUP);
    assert_null(w.slot.publication);
    sender_deinit(&w, &a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_sources_in_one_slot_is_one_stream),
        cmocka_unit_test_setup_teardown(the_old_layer_stays_until_the_key_frame_of_the_higher_one, setup, teardown),
        cmocka_unit_test_setup_teardown(the_higher_layer_stops_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_temporal_layer_goes_at_once_and_comes_with_its_first_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_of_a_picture_is_marked_when_its_upper_layer_is_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_source_that_begins_anew_goes_on_with_a_key_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_for_key_frames_are_merged_and_kept_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(encodings_nobody_wants_are_told_after_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(a_codec_that_was_not_negotiated_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
