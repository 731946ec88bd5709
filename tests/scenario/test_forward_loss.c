/* Packets that are lost, late or come twice, on the way in and on the way out. */
#include "scenario/forward_world.h"

#include "proto/rtp/rtx.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct world w;
static struct sender a;

static int setup(void **state) {
    (void)state;
    world_init(&w);
    sender_init(&a, 7, &(struct sender_shape){MEDIA_VP8, 1, 1, 2});
    world_show(&w, &a, 0, 1);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    sender_deinit(&w, &a);
    world_deinit(&w);
    return 0;
}

/* The original and its repetition say the same. */
static void assert_repeats(const struct sent *original, const struct sent *repeated) {
    assert_true(repeated->repeated);
    assert_int_equal(repeated->rtp.ssrc, w.slot.rtx_ssrc);
    assert_int_equal(repeated->rtp.payload_type, PT_VP8 + 10 + PT_RTX);
    assert_int_equal(load_be16(repeated->rtp.payload), original->rtp.seq);
    assert_int_equal(repeated->rtp.timestamp, original->rtp.timestamp);
    assert_int_equal(repeated->rtp.marker, original->rtp.marker);
    assert_int_equal(repeated->rtp.payload_len, original->rtp.payload_len + RTP_RTX_OSN_BYTES);
    assert_memory_equal(repeated->rtp.payload + RTP_RTX_OSN_BYTES, original->rtp.payload, original->rtp.payload_len);
}

static void a_lost_packet_is_repeated_just_as_it_was(void **state) {
    (void)state;
    world_frames(&w, &a, 10);
    slot_set_target(&w.slot, (struct slot_target){0, 0}, w.now_us); /* ids have been moved since */
    world_frames(&w, &a, 10);
    size_t count = w.sent_count;
    uint16_t rtx_seq = w.slot.rtx_seq;
    for (size_t i = 0; i < count; i++) {
        assert_true(world_nack(&w, w.sent[i].rtp.seq));
        assert_repeats(&w.sent[i], &w.sent[w.sent_count - 1]);
        assert_int_equal(w.sent[w.sent_count - 1].rtp.seq, rtx_seq++);
    }
}

static void a_number_is_repeated_once_in_a_round_trip(void **state) {
    (void)state;
    world_frames(&w, &a, 3);
    w.slot.rtt_us = 80000;
    assert_true(world_nack(&w, w.sent[1].rtp.seq));
    assert_false(world_nack(&w, w.sent[1].rtp.seq));
    w.now_us += 79000;
    assert_false(world_nack(&w, w.sent[1].rtp.seq));
    w.now_us += 2000;
    assert_true(world_nack(&w, w.sent[1].rtp.seq));
}

static void what_was_never_sent_or_is_too_old_is_not_repeated(void **state) {
    (void)state;
    assert_false(world_nack(&w, 5));
    world_frames(&w, &a, 10);
    assert_false(world_nack(&w, (uint16_t)(w.slot.last_seq + 1)));
    assert_false(world_nack(&w, 32699));
    assert_false(world_nack(&w, (uint16_t)(w.slot.last_seq - HISTORY_PACKETS)));
    w.now_us += 3000000;
    assert_false(world_nack(&w, w.sent[0].rtp.seq));
}

static void a_late_packet_gets_the_number_kept_for_it_and_a_duplicate_none(void **state) {
    (void)state;
    uint8_t bytes[2 * FRAME_PACKETS][1500];
    size_t lens[2 * FRAME_PACKETS];
    world_frames(&w, &a, 4);
    size_t before = w.sent_count;
    for (unsigned i = 0; i < 2 * FRAME_PACKETS; i++) {
        lens[i] = source_make(&a.sources[0], i % FRAME_PACKETS, bytes[i]);
    }
    static const unsigned order[] = {0, 3, 1, 5, 4, 2};
    for (unsigned i = 0; i < 2 * FRAME_PACKETS; i++) {
        assert_int_equal(world_deliver(&w, &a, bytes[order[i]], lens[order[i]]), 0);
        assert_int_equal(world_deliver(&w, &a, bytes[order[i]], lens[order[i]]), -EALREADY);
    }
    assert_int_equal(w.sent_count, before + 2 * FRAME_PACKETS);
    for (unsigned i = 0; i < 2 * FRAME_PACKETS; i++) {
        const struct sent *s = &w.sent[before + i];
        assert_int_equal((uint16_t)(s->rtp.seq - w.sent[before - 1].rtp.seq), order[i] + 1);
        assert_int_equal(s->frame.vp8.picture_id,
                         (w.sent[before - 1].frame.vp8.picture_id + 1 + order[i] / FRAME_PACKETS) & 0x7fff);
    }
}

/* A repetition of the sender's, as RTX. */
static size_t make_rtx(const uint8_t *bytes, size_t len, uint8_t *out) {
    struct rtp_packet p;
    struct writer writer;
    assert_int_equal(rtp_packet_parse(&p, bytes, len), 0);
    writer_init(&writer, out, 1500);
    rtp_rtx_wrap(
        &writer, bytes, &p,
        &(struct rtp_rtx_stream){a.publication->encodings[0].rtx_ssrc, a.sources[0].rtx_seq++, PT_VP8 + PT_RTX});
    return writer.len;
}

static void what_the_publisher_lost_is_asked_for_and_comes_by_rtx(void **state) {
    (void)state;
    uint8_t lost[1500], rtx[1500], bytes[1500];
    world_frames(&w, &a, 4);
    size_t before = w.sent_count;
    world_deliver(&w, &a, bytes, source_make(&a.sources[0], 0, bytes));
    size_t len = source_make(&a.sources[0], 1, lost);
    world_deliver(&w, &a, bytes, source_make(&a.sources[0], 2, bytes));
    world_rtcp(&w, &a);
    assert_int_equal(a.nacks, 0);
    w.now_us += MISSING_REORDER_US;
    world_rtcp(&w, &a);
    assert_int_equal(a.nacks, 1);
    assert_int_equal(w.sent_count, before + 2);
    assert_int_equal(world_deliver(&w, &a, rtx, make_rtx(lost, len, rtx)), 0);
    assert_int_equal(w.sent_count, before + 3);
    assert_int_equal(w.sent[before + 2].rtp.seq, (uint16_t)(w.sent[before].rtp.seq + 1));
    w.now_us += 500000;
    world_rtcp(&w, &a);
    assert_int_equal(a.nacks, 1);
    assert_int_equal(world_deliver(&w, &a, rtx, make_rtx(lost, len, rtx)), -EALREADY);
}

static uint32_t lcg(uint32_t *x) { return (*x = *x * 1664525 + 1013904223) >> 16; }

/* A tenth is lost on both ways; each side asks again until it has it. */
static void over_a_lossy_path_everything_comes_in_the_end(void **state) {
    (void)state;
    enum { FRAMES = 300 };
    uint32_t random = 42;
    uint8_t bytes[1500], rtx[1500];
    static bool has[1 << 16];
    memset(has, 0, sizeof has);
    for (unsigned frame = 0; frame < FRAMES; frame++) {
        for (unsigned i = 0; i < FRAME_PACKETS; i++) {
            size_t len = source_make(&a.sources[0], i, bytes);
            bool lost = frame > 0 && frame + 1 < FRAMES && lcg(&random) % 10 == 0;
            if (!lost) {
                world_deliver(&w, &a, bytes, len);
            } else {
                memcpy(rtx, bytes, len); /* the next packet shows the gap, then it is repeated */
                size_t next = source_make(&a.sources[0], (i + 1) % FRAME_PACKETS, bytes);
                i++;
                frame += i == FRAME_PACKETS;
                world_deliver(&w, &a, bytes, next);
                world_deliver(&w, &a, bytes, make_rtx(rtx, len, bytes));
                i = i == FRAME_PACKETS ? 0 : i;
            }
        }
        w.now_us += FRAME_US;
    }
    size_t count = w.sent_count;
    for (size_t i = 0; i < count; i++) {
        has[w.sent[i].rtp.seq] |= lcg(&random) % 10 != 0;
    }
    unsigned repeated = 0;
    for (size_t i = count - 100; i < count; i++) { /* what the cache still has, two seconds of it */
        if (!has[w.sent[i].rtp.seq]) {
            assert_true(world_nack(&w, w.sent[i].rtp.seq));
            has[load_be16(w.sent[w.sent_count - 1].rtp.payload)] = true;
            repeated++;
        }
        assert_true(has[w.sent[i].rtp.seq]);
    }
    assert_true(repeated > 0);
    for (uint16_t seq = w.sent[0].rtp.seq; seq != w.slot.last_seq; seq++) { /* no number was left without a packet */
        assert_int_equal(history_at(w.slot.history, seq)->state, HISTORY_SENT);
    }
}

static void a_packet_that_was_only_padding_leaves_no_gap(void **state) {
    (void)state;
    world_frames(&w, &a, 4);
    uint8_t padding[16 + 4] = {0xa0, PT_VP8};
    store_be16(padding + 2, a.sources[0].seq++);
    store_be32(padding + 4, a.sources[0].timestamp);
    store_be32(padding + 8, a.sources[0].ssrc);
    padding[19] = 8;
    size_t before = w.sent_count;
    assert_int_equal(world_deliver(&w, &a, padding, sizeof padding), 0);
    assert_int_equal(w.sent_count, before);
    world_frames(&w, &a, 4);
    assert_continuous(&w, 0);
}

static void an_unbound_slot_holds_no_memory_and_sends_nothing(void **state) {
    (void)state;
    world_frames(&w, &a, 4);
    size_t before = w.sent_count;
    slot_unbind(&w.slot, w.now_us);
    assert_null(w.slot.history);
    assert_true(list_empty(&a.publication->slots));
    assert_int_equal(a.publication->encodings[0].wanted, 0);
    world_frames(&w, &a, 4);
    assert_int_equal(w.sent_count, before);
    assert_false(world_nack(&w, w.sent[0].rtp.seq));
    world_show(&w, &a, 0, 1);
    w.now_us += PUBLICATION_KEY_INTERVAL_US;
    world_frames(&w, &a, 4);
    assert_true(w.sent_count > before);
    assert_true(w.sent[before].frame.keyframe);
    assert_continuous(&w, 0);
}

static void mid_is_sent_until_the_first_report(void **state) {
    (void)state;
    struct rtp_ext mid;
    world_frames(&w, &a, 1);
    assert_int_equal(rtp_ext_find(&w.sent[0].rtp, 9, &mid), 0);
    assert_memory_equal(mid.data, "v0", 2);
    slot_note_report(&w.slot, &(struct rtcp_block){.ssrc = w.slot.ssrc}, w.now_us);
    world_frames(&w, &a, 1);
    assert_true(rtp_ext_find(&w.sent[w.sent_count - 1].rtp, 9, &mid) < 0);
    assert_int_equal(rtp_ext_find(&w.sent[w.sent_count - 1].rtp, 3, &mid), 0);
    assert_int_equal(load_be16(mid.data), w.sent_count - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lost_packet_is_repeated_just_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(a_number_is_repeated_once_in_a_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_never_sent_or_is_too_old_is_not_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_packet_gets_the_number_kept_for_it_and_a_duplicate_none, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_the_publisher_lost_is_asked_for_and_comes_by_rtx, setup, teardown),
        cmocka_unit_test_setup_teardown(over_a_lossy_path_everything_comes_in_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_packet_that_was_only_padding_leaves_no_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unbound_slot_holds_no_memory_and_sends_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(mid_is_sent_until_the_first_report, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
