/* Payload descriptors of the video codecs, and picture numbers that stay continuous across sources. */
#include "proto/rtp/continuity.h"

#include "proto/rtp/av1.h"
#include "proto/rtp/h264.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Parses a copy at an odd address with nothing readable behind it under a sanitizer. */
#define AT_EXACT(call)                                        \
    ({                                                        \
        uint8_t *block = malloc(len + 1), *exact = block + 1; \
        memcpy(exact, data, len);                             \
        int result = call;                                    \
        free(block);                                          \
        result;                                               \
    })

/* Key frame of 640x360; picture id 0x1234, TL0PICIDX 9, TID 2, Y, KEYIDX 17. */
static const uint8_t vp8_key[] = {0x90, 0xf0, 0x92, 0x34, 9,    0xb1, 0x10, 0x00,
                                  0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};

static void vp8_descriptor_is_read_whole(void **state) {
    (void)state;
    struct vp8_descriptor d;
    assert_int_equal(vp8_parse(&d, vp8_key, sizeof vp8_key), 0);
    assert_int_equal(d.size, 6);
    assert_true(d.picture_id_15 && d.picture_id == 0x1234 && d.tl0 == 9 && d.tid == 2 && d.keyidx == 17);
    assert_true(d.layer_sync && d.frame_start && d.keyframe && !d.non_reference);
    assert_true(d.width == 640 && d.height == 360);
}

static void vp8_forms_without_all_fields_are_read(void **state) {
    (void)state;
    struct vp8_descriptor d;
    static const uint8_t bare[] = {0x10, 0x01};               /* S; an inter frame */
    static const uint8_t seven[] = {0xb0, 0x80, 0x7f, 0x01};  /* X, N, S; 7-bit picture id */
    static const uint8_t only_k[] = {0x80, 0x10, 0xff, 0x00}; /* continuation; KEYIDX without TID */
    static const uint8_t partition[] = {0x11, 0x00};          /* S of partition 1: no frame starts */
    assert_int_equal(vp8_parse(&d, bare, sizeof bare), 0);
    assert_true(d.size == 1 && d.frame_start && !d.keyframe && d.picture_id_at == 0 && !d.has_tid);
    assert_int_equal(vp8_parse(&d, seven, sizeof seven), 0);
    assert_true(d.size == 3 && d.picture_id == 0x7f && !d.picture_id_15 && d.non_reference);
    assert_int_equal(vp8_parse(&d, only_k, sizeof only_k), 0);
    assert_true(d.has_keyidx && d.keyidx == 31 && !d.has_tid && d.tid == 0 && !d.layer_sync && !d.keyframe);
    assert_int_equal(vp8_parse(&d, partition, sizeof partition), 0);
    assert_true(!d.frame_start && !d.keyframe);
}

static void vp8_truncated_is_refused_at_every_length(void **state) {
    (void)state;
    const uint8_t *data = vp8_key;
    struct vp8_descriptor d;
    for (size_t len = 0; len <= sizeof vp8_key; len++) {
        assert_int_equal(AT_EXACT(vp8_parse(&d, exact, len)), len <= 6 ? -EBADMSG : 0);
        assert_true(len <= 6 || len >= sizeof vp8_key || d.width == 0);
    }
}

/* I, L, F, B, V, flexible, no P: picture id 0x0102, TID 0 SID 0, a structure of two layers with sizes and pictures. */
static const uint8_t vp9_key[] = {0xba, 0x81, 0x02, 0x00, 0x38, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80,
                                  0x01, 0x68, 0x02, 0x04, 0x01, 0x28, 0x01, 0x02, 0xaa, 0xbb};

static void vp9_structure_and_keyframe_are_read(void **state) {
    (void)state;
    struct vp9_descriptor d;
    assert_int_equal(vp9_parse(&d, vp9_key, sizeof vp9_key), 0);
    assert_int_equal(d.size, sizeof vp9_key - 2);
    assert_true(d.picture_id == 0x0102 && d.picture_id_15 && d.has_layers && d.flexible && d.frame_start);
    assert_true(d.keyframe && d.spatial_layers == 2 && d.has_sizes);
    assert_true(d.sizes[0].width == 320 && d.sizes[0].height == 180 && d.sizes[1].width == 640);
    const uint8_t *data = vp9_key;
    for (size_t len = 0; len <= sizeof vp9_key - 2; len++) {
        assert_int_equal(AT_EXACT(vp9_parse(&d, exact, len)), -EBADMSG);
    }
}

static void vp9_layers_and_references_are_read(void **state) {
    (void)state;
    struct vp9_descriptor d;
    static const uint8_t fixed[] = {0xa4, 0x05, 0x53, 0x77, 0xcc};            /* I L E; TID 2 U SID 1 D; TL0 */
    static const uint8_t refs[] = {0xd8, 0x05, 0x03, 0x05, 0x06, 0xcc};       /* I P F B; 1, 2, 3 */
    static const uint8_t four[] = {0xd8, 0x05, 0x03, 0x05, 0x07, 0x08, 0xcc}; /* one reference too many */
    static const uint8_t upper[] = {0xa8, 0x05, 0x02, 0x07, 0xcc};            /* B, no P, SID 1: no key frame */
    assert_int_equal(vp9_parse(&d, fixed, sizeof fixed), 0);
    assert_true(d.tid == 2 && d.switching_up && d.sid == 1 && d.inter_layer && d.tl0 == 0x77 && d.frame_end);
    assert_false(d.keyframe);
    assert_int_equal(vp9_parse(&d, refs, sizeof refs), 0);
    assert_true(d.reference_count == 3 && d.references[2] == 3 && d.inter_picture && !d.keyframe);
    assert_int_equal(vp9_parse(&d, four, sizeof four), -EBADMSG);
    assert_int_equal(vp9_parse(&d, upper, sizeof upper), 0);
    assert_true(d.sid == 1 && !d.keyframe);
    const uint8_t *data = refs;
    for (size_t len = 0; len < sizeof refs; len++) {
        assert_int_equal(AT_EXACT(vp9_parse(&d, exact, len)), -EBADMSG);
    }
}

static void h264_keyframes_are_seen_in_every_form(void **state) {
    (void)state;
    struct h264_payload p;
    static const uint8_t slice[] = {0x41, 0x9a}, unreferenced[] = {0x01, 0x9a}, idr[] = {0x65, 0x88};
    static const uint8_t stap[] = {0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68}; /* SPS, PPS */
    static const uint8_t start[] = {0x7c, 0x85, 0x88}, middle[] = {0x7c, 0x05, 0x88}, end[] = {0x7c, 0x45, 0x88};
    assert_int_equal(h264_parse(&p, slice, sizeof slice), 0);
    assert_true(!p.keyframe && !p.non_reference && p.nal_type == 1);
    assert_int_equal(h264_parse(&p, unreferenced, sizeof unreferenced), 0);
    assert_true(p.non_reference);
    assert_int_equal(h264_parse(&p, idr, sizeof idr), 0);
    assert_true(p.keyframe && p.has_idr && !p.fragment);
    assert_int_equal(h264_parse(&p, stap, sizeof stap), 0);
    assert_true(p.keyframe && p.has_sps && p.has_pps && !p.has_idr);
    assert_int_equal(h264_parse(&p, start, sizeof start), 0);
    assert_true(p.keyframe && p.has_idr && p.fragment && p.fragment_start && p.nal_type == H264_NAL_IDR);
    assert_int_equal(h264_parse(&p, middle, sizeof middle), 0);
    assert_true(!p.keyframe && p.fragment && !p.fragment_start && !p.fragment_end);
    assert_int_equal(h264_parse(&p, end, sizeof end), 0);
    assert_true(!p.keyframe && p.fragment_end);
}

static void h264_payloads_that_do_not_add_up_are_refused(void **state) {
    (void)state;
    struct h264_payload p;
    static const uint8_t stap[] = {0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68};
    static const uint8_t empty_unit[] = {0x78, 0, 0, 0, 1, 0x67}, nested[] = {0x78, 0, 1, 0x78};
    static const uint8_t both[] = {0x7c, 0xc5, 0x88}, fu_of_stap[] = {0x7c, 0x98, 0x88}, fu_empty[] = {0x7c, 0x85};
    static const uint8_t fu_b[] = {0x7d, 0x85, 0, 0}, zero[] = {0x60, 1}, forbidden[] = {0xe5, 1};
    const uint8_t *data = stap;
    for (size_t len = 0; len <= sizeof stap; len++) {
        int rc = AT_EXACT(h264_parse(&p, exact, len));
        assert_int_equal(rc, len == 5 || len == 8 ? 0 : -EBADMSG);
    }
    assert_int_equal(h264_parse(&p, empty_unit, sizeof empty_unit), -EBADMSG);
    assert_int_equal(h264_parse(&p, nested, sizeof nested), -EBADMSG);
    assert_int_equal(h264_parse(&p, both, sizeof both), -EBADMSG);
    assert_int_equal(h264_parse(&p, fu_of_stap, sizeof fu_of_stap), -EBADMSG);
    assert_int_equal(h264_parse(&p, fu_empty, sizeof fu_empty), -EBADMSG);
    assert_int_equal(h264_parse(&p, fu_b, sizeof fu_b), -EBADMSG);
    assert_int_equal(h264_parse(&p, zero, sizeof zero), -EBADMSG);
    assert_int_equal(h264_parse(&p, forbidden, sizeof forbidden), -EBADMSG);
}

/* N, W=2: a sequence header of 3 bytes, then a frame with extension (TID 1, SID 2), shown key frame. */
static const uint8_t av1_key[] = {0x28, 0x03, 0x08, 0xaa, 0xbb, 0x34, 0x30, 0x10, 0xcc};

static void av1_keyframes_and_layers_are_seen(void **state) {
    (void)state;
    struct av1_payload p;
    static const uint8_t inter[] = {0x10, 0x30, 0x30}; /* W=1: a frame, frame_type 1 */
    static const uint8_t shown[] = {0x18, 0x30, 0x80}; /* N, but show_existing_frame */
    static const uint8_t tail[] = {0x90, 0x08, 0x00};  /* Z: the element begins elsewhere */
    static const uint8_t sized[] = {0x00, 0x03, 0x0a, 0x01, 0xaa, 0x03, 0x32, 0x01, 0x10}; /* W=0, OBU sizes */
    assert_int_equal(av1_parse(&p, av1_key, sizeof av1_key), 0);
    assert_true(p.sequence_start && p.has_sequence_header && p.has_frame && p.keyframe && p.elements == 2);
    assert_true(p.has_layer && p.tid == 1 && p.sid == 2);
    assert_int_equal(av1_parse(&p, inter, sizeof inter), 0);
    assert_true(p.has_frame && !p.keyframe && !p.sequence_start);
    assert_int_equal(av1_parse(&p, shown, sizeof shown), 0);
    assert_false(p.keyframe);
    assert_int_equal(av1_parse(&p, tail, sizeof tail), 0);
    assert_true(p.continues && !p.has_sequence_header);
    assert_int_equal(av1_parse(&p, sized, sizeof sized), 0);
    assert_true(p.elements == 2 && p.has_sequence_header && p.keyframe);
}

static void av1_elements_that_do_not_add_up_are_refused(void **state) {
    (void)state;
    struct av1_payload p;
    static const uint8_t beyond[] = {0x00, 0x05, 0x08, 0xaa}, missing[] = {0x20, 0x02, 0x08, 0xaa};
    static const uint8_t endless[] = {0x00, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x08};
    static const uint8_t huge[] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x08};
    uint8_t many[2 + 2 * AV1_ELEMENTS_MAX + 1];
    for (size_t i = 0; i < sizeof many; i++) {
        many[i] = i == 0 ? 0 : i % 2 ? 1 : 0x10;
    }
    assert_int_equal(av1_parse(&p, av1_key, 1), -EBADMSG);
    assert_int_equal(av1_parse(&p, av1_key, 0), -EBADMSG);
    assert_int_equal(av1_parse(&p, beyond, sizeof beyond), -EBADMSG);
    assert_int_equal(av1_parse(&p, missing, sizeof missing), -EBADMSG);
    assert_int_equal(av1_parse(&p, endless, sizeof endless), -EBADMSG);
    assert_int_equal(av1_parse(&p, huge, sizeof huge), -EBADMSG);
    assert_int_equal(av1_parse(&p, many, sizeof many), -EBADMSG);
    assert_int_equal(av1_parse(&p, many, sizeof many - 2), 0);
    const uint8_t *data = av1_key;
    for (size_t len = 0; len <= sizeof av1_key; len++) {
        (void)AT_EXACT(av1_parse(&p, exact, len));
    }
}

/* What a receiver sees of a VP8 packet with these numbers. */
static struct vp8_descriptor through(struct rtp_continuity *c, uint16_t id, uint8_t tl0, uint8_t keyidx) {
    uint8_t payload[] = {0x90, 0xf0, (uint8_t)(0x80 | id >> 8), (uint8_t)id, tl0, (uint8_t)(0x40 | keyidx), 0x01};
    struct vp8_descriptor d;
    assert_int_equal(vp8_parse(&d, payload, sizeof payload), 0);
    rtp_continuity_vp8(c, &d, payload);
    assert_int_equal(vp8_parse(&d, payload, sizeof payload), 0);
    assert_int_equal(d.tid, 1);
    return d;
}

static void picture_numbers_go_on_across_sources(void **state) {
    (void)state;
    struct rtp_continuity c = {0};
    struct vp8_descriptor d = through(&c, 0x7ffe, 254, 30);
    assert_true(d.picture_id == 0x7ffe && d.tl0 == 254 && d.keyidx == 30);
    d = through(&c, 0x7fff, 255, 31);
    assert_true(d.picture_id == 0x7fff && d.tl0 == 255 && d.keyidx == 31);
    rtp_continuity_switch(&c);
    d = through(&c, 5000, 100, 3); /* another source: one on from the last, around the border */
    assert_true(d.picture_id == 0 && d.tl0 == 0 && d.keyidx == 0);
    d = through(&c, 5000, 100, 3); /* another packet of that picture */
    assert_true(d.picture_id == 0 && d.tl0 == 0);
    d = through(&c, 5002, 101, 3);
    assert_true(d.picture_id == 2 && d.tl0 == 1 && d.keyidx == 0);
    d = through(&c, 5001, 100, 3); /* late: its own place, and the newest stays 5002 */
    assert_true(d.picture_id == 1 && d.tl0 == 0);
    rtp_continuity_switch(&c);
    d = through(&c, 9, 9, 9);
    assert_true(d.picture_id == 3 && d.tl0 == 2 && d.keyidx == 1);
}

static void short_picture_ids_wrap_and_go_on(void **state) {
    (void)state;
    struct rtp_continuity c = {0};
    uint8_t last = 0;
    for (int i = 0; i < 1000; i++) {
        uint8_t payload[] = {0x90, 0x80, (uint8_t)((i * 3 + 7) & 0x7f), 0x01};
        struct vp8_descriptor d;
        vp8_parse(&d, payload, sizeof payload);
        rtp_continuity_vp8(&c, &d, payload);
        assert_int_equal(payload[2], (i * 3 + 7) & 0x7f);
        last = payload[2];
    }
    rtp_continuity_switch(&c);
    uint8_t payload[] = {0x90, 0x80, 100, 0x01};
    struct vp8_descriptor d;
    vp8_parse(&d, payload, sizeof payload);
    rtp_continuity_vp8(&c, &d, payload);
    assert_int_equal(payload[2], (last + 1) & 0x7f);
}

static void vp9_picture_ids_are_rewritten_in_place(void **state) {
    (void)state;
    struct rtp_continuity c = {0};
    uint8_t one[] = {0xa4, 0x80, 0x05, 0x00, 0x77, 0xcc}, two[] = {0xa4, 0x8f, 0xff, 0x00, 0x10, 0xcc};
    struct vp9_descriptor d;
    vp9_parse(&d, one, sizeof one);
    rtp_continuity_vp9(&c, &d, one);
    assert_int_equal(one[2], 5);
    rtp_continuity_switch(&c);
    vp9_parse(&d, two, sizeof two);
    rtp_continuity_vp9(&c, &d, two);
    vp9_parse(&d, two, sizeof two);
    assert_true(d.picture_id == 6 && d.tl0 == 0x78 && two[5] == 0xcc && d.frame_end);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vp8_descriptor_is_read_whole),
        cmocka_unit_test(vp8_forms_without_all_fields_are_read),
        cmocka_unit_test(vp8_truncated_is_refused_at_every_length),
        cmocka_unit_test(vp9_structure_and_keyframe_are_read),
        cmocka_unit_test(vp9_layers_and_references_are_read),
        cmocka_unit_test(h264_keyframes_are_seen_in_every_form),
        cmocka_unit_test(h264_payloads_that_do_not_add_up_are_refused),
        cmocka_unit_test(av1_keyframes_and_layers_are_seen),
        cmocka_unit_test(av1_elements_that_do_not_add_up_are_refused),
        cmocka_unit_test(picture_numbers_go_on_across_sources),
        cmocka_unit_test(short_picture_ids_wrap_and_go_on),
        cmocka_unit_test(vp9_picture_ids_are_rewritten_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
