/* The dependency descriptor: captures of Chromium, and what lies beyond the bounds. */
#include "proto/rtp/dependency.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A key frame of two temporal layers, and a later frame. */
static const uint8_t l1t2_key[] = {0x86, 0x00, 0xb5, 0x80, 0xc1, 0x1e, 0xa8, 0x51,
                                   0x41, 0x01, 0x0c, 0x09, 0xfc, 0x07, 0x7c};
static const uint8_t l1t2_later[] = {0x08, 0x00, 0xd8};

/* A key frame of three spatial and three temporal layers, and later frames, of which two layers are still active. */
static const uint8_t l3t3_key[] = {
    0xc1, 0x01, 0x72, 0x80, 0x08, 0x14, 0x85, 0x21, 0x4e, 0xaf, 0xff, 0xaa, 0xaa, 0x86, 0x3c, 0xf0, 0x43, 0x0c, 0x10,
    0xc3, 0x02, 0xaf, 0xc0, 0xaa, 0xa0, 0x06, 0x3c, 0x00, 0x43, 0x00, 0x10, 0xc0, 0x02, 0xa0, 0x00, 0xa8, 0x00, 0x06,
    0x00, 0x00, 0x40, 0x00, 0x1d, 0x95, 0x49, 0x26, 0xe0, 0x82, 0xb0, 0x4a, 0x09, 0x41, 0xb8, 0x20, 0xac, 0x12, 0x82,
    0x50, 0x31, 0x57, 0xf9, 0x74, 0x00, 0x0c, 0xa8, 0x64, 0x33, 0x0e, 0x22, 0x22, 0x22, 0xec, 0xa8, 0x65, 0x53, 0x04,
    0x22, 0x42, 0x30, 0xec, 0xa8, 0x77, 0x53, 0x00, 0x77, 0x00, 0x42, 0x00, 0xef, 0x00, 0x86, 0x01, 0xdf, 0x01, 0x0d};
static const uint8_t l3t3_s1t0[] = {0x86, 0x01, 0x73, 0x40, 0xfc};
static const uint8_t l3t3_s1t2[] = {0x88, 0x01, 0x76, 0x40, 0xfc};

static void two_temporal_layers_are_read(void **state) {
    (void)state;
    struct dependency_structure s = {0};
    struct dependency_frame f;
    assert_int_equal(dependency_parse(&f, &s, l1t2_key, sizeof l1t2_key), 0);
    assert_true(f.keyframe && f.has_structure && f.packet_first && !f.packet_last && f.number == 0xb5);
    assert_true(f.sid == 0 && f.tid == 0 && f.active_targets == 3 && f.size.width == 640 && f.size.height == 480);
    assert_true(s.template_count == 3 && s.target_count == 2 && s.chain_count == 1 && s.id_offset == 6);
    assert_true(s.targets[0].tid == 0 && s.targets[1].tid == 1);
    assert_int_equal(dependency_need_of(f.needs, 0), DEPENDENCY_SWITCH);
    assert_int_equal(dependency_parse(&f, &s, l1t2_later, sizeof l1t2_later), 0);
    assert_true(!f.keyframe && !f.has_structure && f.tid == 1 && f.fdiff_count == 1 && f.fdiffs[0] == 1);
    assert_int_equal(dependency_need_of(f.needs, 0), DEPENDENCY_NOT_PRESENT);
    assert_int_equal(dependency_need_of(f.needs, 1), DEPENDENCY_DISCARDABLE);
}

static void three_spatial_layers_are_read(void **state) {
    (void)state;
    struct dependency_structure s = {0};
    struct dependency_frame f;
    assert_int_equal(dependency_parse(&f, &s, l3t3_key, sizeof l3t3_key), 0);
    assert_true(f.keyframe && f.number == 370 && f.active_targets == 0x1ff);
    assert_true(s.template_count == 15 && s.target_count == 9 && s.chain_count == 3 && s.spatial_count == 3);
    for (unsigned i = 0; i < 9; i++) {
        assert_true(s.targets[i].sid == i / 3 && s.targets[i].tid == i % 3 && s.targets[i].chain == i / 3);
    }
    assert_true(s.sizes[2].width == 480 && s.sizes[2].height == 270);
    assert_int_equal(dependency_parse(&f, &s, l3t3_s1t0, sizeof l3t3_s1t0), 0);
    assert_true(f.sid == 1 && f.tid == 0 && f.has_active_targets && f.active_targets == 0x3f && f.size.width == 240);
    assert_true(f.fdiff_count == 1 && f.fdiffs[0] == 1 && f.chain_fdiffs[2] == 1);
    assert_int_equal(dependency_parse(&f, &s, l3t3_s1t2, sizeof l3t3_s1t2), 0);
    assert_true(f.sid == 1 && f.tid == 2 && f.fdiff_count == 2 && f.fdiffs[0] == 3 && f.fdiffs[1] == 1);
    assert_true(f.chain_fdiffs[0] == 4 && f.chain_fdiffs[1] == 3 && f.chain_fdiffs[2] == 2);
    assert_int_equal(dependency_need_of(f.needs, 5), DEPENDENCY_DISCARDABLE);
    assert_int_equal(dependency_need_of(f.needs, 8), DEPENDENCY_REQUIRED);
}

static void truncated_structures_are_refused_and_change_nothing(void **state) {
    (void)state;
    struct dependency_structure s = {0}, before;
    struct dependency_frame f;
    for (size_t len = 0; len < sizeof l3t3_key; len++) {
        uint8_t *exact = malloc(len + 1);
        memcpy(exact + 1, l3t3_key, len);
        assert_int_equal(dependency_parse(&f, &s, exact + 1, len), len == 3 ? -EPROTO : -EBADMSG);
        assert_int_equal(s.template_count, 0);
        free(exact);
    }
    assert_int_equal(dependency_parse(&f, &s, l1t2_key, sizeof l1t2_key), 0);
    before = s;
    assert_int_equal(dependency_parse(&f, &s, l3t3_key, sizeof l3t3_key - 1), -EBADMSG);
    assert_memory_equal(&s, &before, sizeof s);
}

static void frames_before_any_structure_wait(void **state) {
    (void)state;
    struct dependency_structure s = {0};
    struct dependency_frame f;
    assert_int_equal(dependency_parse(&f, &s, l1t2_later, sizeof l1t2_later), -EPROTO);
    assert_int_equal(dependency_parse(&f, &s, l3t3_s1t0, sizeof l3t3_s1t0), -EPROTO);
}

static void templates_the_structure_lacks_are_refused(void **state) {
    (void)state;
    struct dependency_structure s = {0};
    struct dependency_frame f;
    assert_int_equal(dependency_parse(&f, &s, l1t2_key, sizeof l1t2_key), 0); /* templates 6, 7, 8 */
    for (uint8_t id = 0; id < 64; id++) {
        const uint8_t frame[] = {id, 0, 1};
        assert_int_equal(dependency_parse(&f, &s, frame, sizeof frame), id >= 6 && id <= 8 ? 0 : -EBADMSG);
    }
}

/* Writes descriptors bit by bit. */
struct pen {
    uint8_t bytes[512];
    size_t pos;
};

static void put(struct pen *p, uint32_t value, unsigned n) {
    for (; n > 0; n--, p->pos++) {
        p->bytes[p->pos / 8] |= (uint8_t)((value >> (n - 1) & 1) << (7 - p->pos % 8));
    }
}

/* Up to the structure's layers: a key frame with a structure, offset 0, `targets` decode targets. */
static void begin(struct pen *p, unsigned targets, unsigned flags) {
    memset(p, 0, sizeof *p);
    put(p, 3, 2);
    put(p, 0, 6);
    put(p, 7, 16);
    put(p, 0x10 | flags, 5);
    put(p, 0, 6);
    put(p, targets - 1, 5);
}

static int parse(const struct pen *p, struct dependency_frame *f, struct dependency_structure *s) {
    memset(s, 0, sizeof *s);
    return dependency_parse(f, s, p->bytes, sizeof p->bytes);
}

static void layers_and_templates_are_bounded(void **state) {
    (void)state;
    struct dependency_structure s;
    struct dependency_frame f;
    struct pen p;
    for (unsigned count = 60; count <= 70; count++) { /* templates of one layer */
        begin(&p, 1, 0);
        for (unsigned i = 1; i < count; i++) {
            put(&p, 0, 2);
        }
        put(&p, 3, 2);
        assert_int_equal(parse(&p, &f, &s), count <= DEPENDENCY_TEMPLATES_MAX ? 0 : -EBADMSG);
    }
    for (unsigned step = 1; step <= 2; step++) { /* temporal, then spatial layers */
        unsigned most = step == 1 ? DEPENDENCY_TEMPORAL_MAX : DEPENDENCY_SPATIAL_MAX;
        for (unsigned layers = 1; layers <= most + 2; layers++) {
            begin(&p, 1, 0);
            for (unsigned i = 1; i < layers; i++) {
                put(&p, step, 2);
            }
            put(&p, 3, 2);
            assert_int_equal(parse(&p, &f, &s), layers <= most ? 0 : -EBADMSG);
        }
    }
}

static void dependencies_are_bounded(void **state) {
    (void)state;
    struct dependency_structure s;
    struct dependency_frame f;
    struct pen p;
    for (unsigned count = 0; count <= DEPENDENCY_FDIFFS_MAX + 1; count++) {
        begin(&p, 1, 0);
        put(&p, 3, 2); /* one template */
        put(&p, 2, 2);
        for (unsigned i = 0; i < count; i++) {
            put(&p, 1, 1);
            put(&p, i, 4);
        }
        assert_int_equal(parse(&p, &f, &s), count <= DEPENDENCY_FDIFFS_MAX ? 0 : -EBADMSG);
        assert_true(count > DEPENDENCY_FDIFFS_MAX || (f.fdiff_count == count && f.keyframe == (count == 0)));
    }
    for (unsigned count = 0; count <= DEPENDENCY_FDIFFS_MAX + 1; count++) { /* the frame's own */
        begin(&p, 1, 2);
        put(&p, 3, 2);
        put(&p, 2, 2);
        put(&p, 0, 1); /* no template dependencies */
        put(&p, 0, 1); /* no chains: ns(2) */
        put(&p, 0, 1); /* no sizes */
        for (unsigned i = 0; i < count; i++) {
            put(&p, 3, 2);
            put(&p, 0xabc, 12);
        }
        assert_int_equal(parse(&p, &f, &s), count <= DEPENDENCY_FDIFFS_MAX ? 0 : -EBADMSG);
        assert_true(count == 0 || count > DEPENDENCY_FDIFFS_MAX || f.fdiffs[count - 1] == 0xabd);
    }
}

static void every_number_of_targets_and_chains_is_read(void **state) {
    (void)state;
    struct dependency_structure s;
    struct dependency_frame f;
    struct pen p;
    for (unsigned targets = 1; targets <= DEPENDENCY_TARGETS_MAX; targets++) {
        begin(&p, targets, 0x0c); /* active targets, own needs */
        put(&p, 3, 2);
        for (unsigned i = 0; i < targets; i++) {
            put(&p, 2, 2);
        }
        put(&p, 0, 1);
        /* As many chains as targets: the highest of ns(targets + 1) is all ones. */
        unsigned width = 0;
        for (unsigned x = targets + 1; x > 0; x >>= 1) {
            width++;
        }
        bool whole = ((targets + 1) & targets) == 0; /* a power of two: one bit less */
        unsigned short_codes = (1U << width) - (targets + 1);
        put(&p, whole ? targets : targets + short_codes, whole ? width - 1 : width);
        for (unsigned i = 0; i < targets; i++) {
            put(&p, 0, targets == 1 ? 0 : 31 - (unsigned)__builtin_clz(targets)); /* ns(targets): chain 0 */
        }
        for (unsigned i = 0; i < targets; i++) {
            put(&p, i & 15, 4);
        }
        put(&p, 0, 1);
        put(&p, 1, targets); /* target 0 is active */
        for (unsigned i = 0; i < targets; i++) {
            put(&p, 3, 2);
        }
        assert_int_equal(parse(&p, &f, &s), 0);
        assert_true(s.chain_count == targets && f.active_targets == 1);
        assert_int_equal(f.chain_fdiffs[targets - 1], (targets - 1) & 15);
        assert_int_equal(dependency_need_of(f.needs, targets - 1), DEPENDENCY_REQUIRED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_temporal_layers_are_read),
        cmocka_unit_test(three_spatial_layers_are_read),
        cmocka_unit_test(truncated_structures_are_refused_and_change_nothing),
        cmocka_unit_test(frames_before_any_structure_wait),
        cmocka_unit_test(templates_the_structure_lacks_are_refused),
        cmocka_unit_test(layers_and_templates_are_bounded),
        cmocka_unit_test(dependencies_are_bounded),
        cmocka_unit_test(every_number_of_targets_and_chains_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
