/* RTP headers, header extensions and what they say, sequence arithmetic, RTX, RED. */
#include "proto/rtp/packet.h"

#include "proto/rtp/red.h"
#include "proto/rtp/rtx.h"
#include "proto/rtp/sequence.h"
#include "proto/rtp/values.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* V=2, P, X, two CSRCs, marker, type 111; extension of one word; payload "abc"; two bytes of padding. */
static const uint8_t full[] = {0xb2, 0xef, 0x12, 0x34, 0x00, 0x01, 0x02, 0x03, 0xde, 0xad, 0xbe,
                               0xef, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0xbe, 0xde,
                               0x00, 0x01, 0x10, 0xff, 0x00, 0x00, 'a',  'b',  'c',  0x00, 0x02};
enum { FULL_HEADER = 28 };

static void header_is_read_whole(void **state) {
    (void)state;
    struct rtp_packet p;
    assert_int_equal(rtp_packet_parse(&p, full, sizeof full), 0);
    assert_true(p.marker);
    assert_int_equal(p.payload_type, 111);
    assert_int_equal(p.seq, 0x1234);
    assert_int_equal(p.timestamp, 0x010203);
    assert_int_equal(p.ssrc, 0xdeadbeef);
    assert_int_equal(p.csrc_count, 2);
    assert_int_equal(rtp_packet_csrc(&p, 1), 2);
    assert_int_equal(p.ext_profile, 0xbede);
    assert_int_equal(p.ext_len, 4);
    assert_int_equal(p.header_len, FULL_HEADER);
    assert_int_equal(p.payload_len, 3);
    assert_memory_equal(p.payload, "abc", 3);
    assert_int_equal(p.padding, 2);
    assert_int_equal(rtp_header_bytes(full, sizeof full), FULL_HEADER);
}

static void header_written_is_header_read(void **state) {
    (void)state;
    uint8_t buf[64];
    struct writer w;
    struct rtp_packet p;
    static const uint32_t csrcs[] = {1, 0xffffffff};
    struct rtp_header h = {.timestamp = 77,
                           .ssrc = 0x80000001,
                           .seq = 65535,
                           .payload_type = 96,
                           .marker = true,
                           .csrc_count = 2,
                           .csrcs = csrcs};
    writer_init(&w, buf, sizeof buf);
    rtp_header_write(&w, &h);
    writer_u8(&w, 'x');
    assert_int_equal(rtp_packet_parse(&p, buf, w.len), 0);
    assert_int_equal(p.seq, 65535);
    assert_int_equal(p.ssrc, 0x80000001);
    assert_int_equal(rtp_packet_csrc(&p, 1), 0xffffffff);
    assert_true(p.marker && p.padding == 0 && !p.ext);
    for (size_t cap = 0; cap < 20; cap++) {
        writer_init(&w, buf, cap);
        rtp_header_write(&w, &h);
        assert_true(w.failed);
    }
    h.csrc_count = 16;
    writer_init(&w, buf, sizeof buf);
    rtp_header_write(&w, &h);
    assert_true(w.failed);
}

static void truncated_headers_are_refused(void **state) {
    (void)state;
    for (size_t len = 0; len <= FULL_HEADER; len++) {
        uint8_t *exact = malloc(len + 1);
        struct rtp_packet p;
        memcpy(exact + 1, full, len);
        assert_int_equal(rtp_packet_parse(&p, exact + 1, len), -EBADMSG);
        if (len < FULL_HEADER) {
            assert_int_equal(rtp_header_bytes(exact + 1, len), -EBADMSG);
        }
        free(exact);
    }
}

static void padding_of_nothing_or_of_too_much_is_refused(void **state) {
    (void)state;
    uint8_t packet[sizeof full];
    struct rtp_packet p;
    memcpy(packet, full, sizeof full);
    packet[sizeof full - 1] = 0;
    assert_int_equal(rtp_packet_parse(&p, packet, sizeof packet), -EBADMSG);
    packet[sizeof full - 1] = 6; /* five bytes follow the header */
    assert_int_equal(rtp_packet_parse(&p, packet, sizeof packet), -EBADMSG);
    packet[sizeof full - 1] = 5; /* all of it: a probe */
    assert_int_equal(rtp_packet_parse(&p, packet, sizeof packet), 0);
    assert_int_equal(p.payload_len, 0);
    packet[0] &= 0xdf; /* no P bit: neither payload nor padding */
    assert_int_equal(rtp_packet_parse(&p, packet, FULL_HEADER), -EBADMSG);
    packet[0] = 0x72; /* version 1 */
    assert_int_equal(rtp_packet_parse(&p, packet, sizeof packet), -EBADMSG);
}

/* A packet around an extension block. */
static size_t with_block(uint8_t *out, uint16_t profile, const uint8_t *block, size_t len) {
    struct writer w;
    struct rtp_header h = {.extension = true};
    writer_init(&w, out, 2048);
    rtp_header_write(&w, &h);
    writer_u16(&w, profile);
    writer_u16(&w, (uint16_t)((len + 3) / 4));
    writer_bytes(&w, block, len);
    writer_zeros(&w, (4 - len % 4) % 4);
    writer_u8(&w, 'x');
    return w.len;
}

static void elements_of_both_forms_are_found(void **state) {
    (void)state;
    static const uint8_t one[] = {0x10, 0xaa, 0x00, 0x00, 0x32, 1, 2, 3, 0xe0, 0xbb};
    static const uint8_t two[] = {0x01, 0x00, 0x00, 0xff, 0x02, 5, 6, 0x0f, 0x01, 7};
    uint8_t packet[2048];
    struct rtp_packet p;
    struct rtp_ext e;
    assert_int_equal(rtp_packet_parse(&p, packet, with_block(packet, 0xbede, one, sizeof one)), 0);
    assert_int_equal(rtp_ext_find(&p, 1, &e), 0);
    assert_true(e.len == 1 && e.data[0] == 0xaa);
    assert_int_equal(rtp_ext_find(&p, 3, &e), 0);
    assert_true(e.len == 3 && e.data[2] == 3);
    assert_int_equal(rtp_ext_find(&p, 14, &e), 0);
    assert_int_equal(rtp_ext_find(&p, 2, &e), -ENOENT);
    for (uint16_t app = 0; app < 16; app++) { /* the low four bits may be anything */
        size_t len = with_block(packet, (uint16_t)(0x1000 | app), two, sizeof two);
        assert_int_equal(rtp_packet_parse(&p, packet, len), 0);
        assert_int_equal(rtp_ext_find(&p, 1, &e), 0);
        assert_int_equal(e.len, 0);
        assert_int_equal(rtp_ext_find(&p, 255, &e), 0);
        assert_true(e.len == 2 && e.data[1] == 6);
        assert_int_equal(rtp_ext_find(&p, 15, &e), 0);
    }
    assert_int_equal(rtp_packet_parse(&p, packet, with_block(packet, 0xabcd, one, sizeof one)), 0);
    assert_int_equal(rtp_ext_find(&p, 1, &e), -ENOENT);
}

static void block_ends_at_reserved_ids(void **state) {
    (void)state;
    static const uint8_t fifteen[] = {0x10, 0xaa, 0xf0, 0xbb, 0x20, 0xcc};
    static const uint8_t zero[] = {0x10, 0xaa, 0x01, 0xbb, 0xbb, 0x20, 0xcc};
    uint8_t packet[2048];
    struct rtp_packet p;
    struct rtp_ext e;
    rtp_packet_parse(&p, packet, with_block(packet, 0xbede, fifteen, sizeof fifteen));
    assert_int_equal(rtp_ext_find(&p, 1, &e), 0);
    assert_int_equal(rtp_ext_find(&p, 2, &e), -ENOENT);
    rtp_packet_parse(&p, packet, with_block(packet, 0xbede, zero, sizeof zero));
    assert_int_equal(rtp_ext_find(&p, 1, &e), 0);
    assert_int_equal(rtp_ext_find(&p, 2, &e), -ENOENT);
}

static void element_beyond_its_block_is_refused(void **state) {
    (void)state;
    static const uint8_t one[] = {0x10, 0xaa, 0x21, 0xbb}; /* the second says two bytes, one is left */
    static const uint8_t two[] = {0x01, 0x00, 0x02, 0x05};
    uint8_t packet[2048];
    struct rtp_packet p;
    struct rtp_ext_values v;
    struct rtp_ext_profile profile;
    rtp_ext_profile_init(&profile, false);
    assert_int_equal(rtp_ext_profile_set(&profile, RTP_EXT_AUDIO_LEVEL, 1), 0);
    rtp_packet_parse(&p, packet, with_block(packet, 0xbede, one, sizeof one));
    assert_int_equal(rtp_ext_collect(&v, &profile, &p), -EBADMSG);
    assert_non_null(v.of[RTP_EXT_AUDIO_LEVEL].data);
    rtp_packet_parse(&p, packet, with_block(packet, 0x1000, two, sizeof two));
    assert_int_equal(rtp_ext_collect(&v, &profile, &p), -EBADMSG);
}

static void profile_refuses_ids_it_cannot_send(void **state) {
    (void)state;
    struct rtp_ext_profile p;
    rtp_ext_profile_init(&p, false);
    assert_int_equal(rtp_ext_profile_set(&p, RTP_EXT_MID, 0), -EINVAL);
    assert_int_equal(rtp_ext_profile_set(&p, RTP_EXT_MID, 15), -EINVAL);
    assert_int_equal(rtp_ext_profile_set(&p, RTP_EXT_MID, 14), 0);
    assert_int_equal(rtp_ext_profile_set(&p, RTP_EXT_RID, 14), -EINVAL);
    assert_int_equal(rtp_ext_profile_set(&p, RTP_EXT_MID, 3), -EINVAL);
    rtp_ext_profile_init(&p, true);
    assert_int_equal(rtp_ext_profile_set(&p, RTP_EXT_MID, 256), -EINVAL);
    assert_int_equal(rtp_ext_profile_set(&p, RTP_EXT_MID, 255), 0);
}

static void uris_lead_to_their_kinds(void **state) {
    (void)state;
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        const char *uri = rtp_ext_uri((enum rtp_ext_kind)kind);
        assert_int_equal(rtp_ext_kind_of(uri, strlen(uri)), kind);
        assert_int_equal(rtp_ext_kind_of(uri, strlen(uri) - 1), -ENOENT);
    }
}

static struct rtp_ext_value value(const void *data, uint8_t len) { return (struct rtp_ext_value){data, len}; }

/* Writes values with one profile and reads them with another, as a packet passes from one client to the next. */
static void block_is_rewritten_from_profile_to_profile(void **state) {
    (void)state;
    struct rtp_ext_profile in, out;
    struct rtp_ext_values v = {0}, again;
    uint8_t packet[2048];
    struct rtp_packet p;
    struct writer w;
    static const uint8_t mid[17] = "seventeen-letters";
    for (int mixed = 0; mixed < 2; mixed++) {
        rtp_ext_profile_init(&in, true);
        rtp_ext_profile_init(&out, mixed);
        for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
            rtp_ext_profile_set(&in, (enum rtp_ext_kind)kind, (unsigned)kind + 20);
            rtp_ext_profile_set(&out, (enum rtp_ext_kind)kind, (unsigned)kind + 1);
        }
        v.of[RTP_EXT_AUDIO_LEVEL] = value("\x85", 1);
        v.of[RTP_EXT_ABS_CAPTURE_TIME] = value("12345678abcdefgh", 16);
        v.of[RTP_EXT_MID] = value(mid, sizeof mid);
        for (int pass = 0; pass < 2; pass++) {
            const struct rtp_ext_profile *profile = pass == 0 ? &in : &out;
            struct rtp_header h = {.extension = true};
            writer_init(&w, packet, sizeof packet);
            rtp_header_write(&w, &h);
            rtp_ext_write(&w, profile, &v);
            assert_int_equal(w.len, RTP_HEADER_BYTES + rtp_ext_bytes(profile, &v));
            writer_u8(&w, 'x');
            assert_int_equal(rtp_packet_parse(&p, packet, w.len), 0);
            assert_int_equal(rtp_ext_collect(&again, profile, &p), 0);
            assert_int_equal(p.ext_profile, pass == 0 || mixed ? RTP_EXT_TWO_BYTE : RTP_EXT_ONE_BYTE);
            assert_memory_equal(again.of[RTP_EXT_ABS_CAPTURE_TIME].data, "12345678abcdefgh", 16);
            assert_int_equal(again.of[RTP_EXT_AUDIO_LEVEL].data[0], 0x85);
            /* Too long for the one-byte form: left out where that is all there is. */
            assert_int_equal(again.of[RTP_EXT_MID].len, pass == 0 || mixed ? sizeof mid : 0);
        }
    }
}

static void extension_block_never_overflows(void **state) {
    (void)state;
    static uint8_t big[255];
    struct rtp_ext_profile profile;
    struct rtp_ext_values v;
    struct writer w;
    rtp_ext_profile_init(&profile, true);
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        rtp_ext_profile_set(&profile, (enum rtp_ext_kind)kind, (unsigned)kind + 1);
        v.of[kind] = value(big, sizeof big);
    }
    size_t need = rtp_ext_bytes(&profile, &v);
    assert_int_equal(need, 4 + (257 * RTP_EXT_KINDS + 3) / 4 * 4);
    for (size_t cap = 0; cap <= need; cap++) {
        uint8_t *exact = malloc(cap + 1);
        writer_init(&w, exact, cap);
        rtp_ext_write(&w, &profile, &v);
        assert_int_equal(w.failed, cap < need);
        assert_true(w.len <= cap);
        free(exact);
    }
    memset(&v, 0, sizeof v);
    assert_int_equal(rtp_ext_bytes(&profile, &v), 0);
    writer_init(&w, big, sizeof big);
    rtp_ext_write(&w, &profile, &v);
    assert_int_equal(w.len, 0);
}

static void values_round_trip(void **state) {
    (void)state;
    uint8_t b[16];
    struct rtp_audio_level level = {.below_dbov = 127, .voice = true}, level2;
    struct rtp_ext_value v = value(b, rtp_audio_level_write(b, &level));
    assert_int_equal(rtp_audio_level_read(&level2, &v), 0);
    assert_true(level2.voice && level2.below_dbov == 127 && b[0] == 0xff);
    uint16_t seq;
    v = value(b, rtp_transport_seq_write(b, 0xfedc));
    assert_int_equal(rtp_transport_seq_read(&seq, &v), 0);
    assert_int_equal(seq, 0xfedc);
    struct rtp_capture_time t = {.ntp = 0x0102030405060708, .offset = -5, .has_offset = true}, t2;
    v = value(b, rtp_capture_time_write(b, &t));
    assert_int_equal(rtp_capture_time_read(&t2, &v), 0);
    assert_true(t2.ntp == t.ntp && t2.offset == -5 && t2.has_offset);
    t.has_offset = false;
    v = value(b, rtp_capture_time_write(b, &t));
    assert_int_equal(v.len, 8);
    assert_int_equal(rtp_capture_time_read(&t2, &v), 0);
    assert_false(t2.has_offset);
    for (uint8_t i = 0; i < 16; i++) {
        struct rtp_orientation o;
        uint8_t o2;
        v = value(&i, 1);
        assert_int_equal(rtp_orientation_read(&o, &v), 0);
        rtp_orientation_write(&o2, &o);
        assert_int_equal(o2, i);
    }
    struct rtp_playout_delay d = {.min_ms = 100, .max_ms = RTP_PLAYOUT_DELAY_MS_MAX}, d2;
    v = value(b, rtp_playout_delay_write(b, &d));
    assert_memory_equal(b, "\x00\xaf\xff", 3);
    assert_int_equal(rtp_playout_delay_read(&d2, &v), 0);
    assert_true(d2.min_ms == 100 && d2.max_ms == RTP_PLAYOUT_DELAY_MS_MAX);
    bool screen = false;
    v = value(b, rtp_content_type_write(b, true));
    assert_int_equal(rtp_content_type_read(&screen, &v), 0);
    assert_true(screen);
    struct rtp_text text;
    v = value("hi", 2);
    assert_int_equal(rtp_text_read(&text, &v), 0);
    assert_memory_equal(text.text, "hi", 2);
}

static void values_of_wrong_length_or_content_are_refused(void **state) {
    (void)state;
    static const uint8_t bytes[32] = {0xff, 0xf0, 0x00};
    struct rtp_audio_level level;
    struct rtp_capture_time t;
    struct rtp_orientation o;
    struct rtp_playout_delay d;
    struct rtp_text text;
    uint16_t seq;
    uint32_t time;
    bool screen;
    for (uint8_t len = 0; len < 20; len++) {
        struct rtp_ext_value v = value(bytes, len);
        assert_int_equal(rtp_audio_level_read(&level, &v) == 0, len > 0);
        assert_int_equal(rtp_transport_seq_read(&seq, &v) == 0, len == 2 || len == 4);
        assert_int_equal(rtp_send_time_read(&time, &v) == 0, len == 3);
        assert_int_equal(rtp_capture_time_read(&t, &v) == 0, len == 8 || len == 16);
        assert_int_equal(rtp_orientation_read(&o, &v) == 0, len == 1);
        assert_int_equal(rtp_content_type_read(&screen, &v) == 0, len == 1);
        assert_int_equal(rtp_playout_delay_read(&d, &v), -EBADMSG); /* its minimum is over its maximum */
        assert_int_equal(rtp_text_read(&text, &v), -EBADMSG);
    }
    struct rtp_ext_value v = value("a b", 3);
    assert_int_equal(rtp_text_read(&text, &v), -EBADMSG);
}

static void send_time_wraps_after_64_seconds(void **state) {
    (void)state;
    assert_int_equal(rtp_send_time_of(1000000), 1 << 18);
    assert_int_equal(rtp_send_time_of(64000000), 0);
    assert_int_equal(rtp_send_time_of(UINT64_MAX / 2), rtp_send_time_of(UINT64_MAX / 2 % 64000000));
    uint32_t a = rtp_send_time_of(63999000), b = rtp_send_time_of(64001000);
    assert_in_range(rtp_send_time_diff_us(b, a), 1990, 2010);
    assert_in_range(-rtp_send_time_diff_us(a, b), 1990, 2010);
    uint8_t bytes[3];
    struct rtp_ext_value v = value(bytes, rtp_send_time_write(bytes, 0xabcdef));
    assert_int_equal(rtp_send_time_read(&a, &v), 0);
    assert_int_equal(a, 0xabcdef);
}

static void numbers_unwrap_across_borders(void **state) {
    (void)state;
    struct rtp_unwrap u = {0};
    assert_int_equal(rtp_unwrap_seq(&u, 65534), 65534);
    assert_int_equal(rtp_unwrap_seq(&u, 1), 65537);
    assert_int_equal(rtp_unwrap_seq(&u, 65535), 65535); /* late */
    assert_int_equal(rtp_unwrap_seq(&u, 2), 65538);
    for (int i = 0; i < 10; i++) {
        rtp_unwrap_seq(&u, (uint16_t)(u.highest + 30000));
    }
    assert_int_equal(u.highest, 65538 + 300000);
    struct rtp_unwrap t = {0};
    assert_int_equal(rtp_unwrap_timestamp(&t, 0xfffffff0), 0xfffffff0);
    assert_int_equal(rtp_unwrap_timestamp(&t, 0x10), 0x100000010);
    assert_true(rtp_seq_newer(0, 65535) && !rtp_seq_newer(65535, 0) && !rtp_seq_newer(5, 5));
    assert_true(rtp_timestamp_newer(5, 0xffffffff) && !rtp_timestamp_newer(0xffffffff, 5));
}

static void rtx_wraps_and_unwraps(void **state) {
    (void)state;
    uint8_t buf[128];
    struct rtp_packet p, again;
    struct writer w;
    rtp_packet_parse(&p, full, sizeof full);
    writer_init(&w, buf, sizeof buf);
    rtp_rtx_wrap(&w, full, &p, &(struct rtp_rtx_stream){.ssrc = 99, .seq = 7, .payload_type = 112});
    assert_int_equal(w.len, sizeof full); /* two bytes of number, two of padding less */
    assert_int_equal(rtp_packet_parse(&again, buf, w.len), 0);
    assert_true(again.ssrc == 99 && again.seq == 7 && again.payload_type == 112 && again.marker && again.padding == 0);
    assert_int_equal(load_be16(again.payload), 0x1234);
    assert_int_equal(rtp_rtx_unwrap(buf, w.len, &(struct rtp_rtx_original){0xdeadbeef, 111}), 0);
    assert_memory_equal(buf + 3, full + 1, FULL_HEADER - 1 + 3); /* all but the padding bit */
    assert_int_equal(rtp_packet_parse(&again, buf + 2, w.len - 2), 0);
    assert_int_equal(again.payload_len, 3);
}

static void short_rtx_is_refused_and_probes_are_told_apart(void **state) {
    (void)state;
    uint8_t buf[32] = {0x80, 96};
    const struct rtp_rtx_original original = {1, 2};
    assert_int_equal(rtp_rtx_unwrap(buf, 12, &original), -EBADMSG);
    assert_int_equal(rtp_rtx_unwrap(buf, 13, &original), -EBADMSG);
    assert_int_equal(rtp_rtx_unwrap(buf, 14, &original), -EBADMSG);
    assert_int_equal(rtp_rtx_unwrap(buf, 15, &original), 0);
    memset(buf, 0, sizeof buf);
    buf[0] = 0xa0;
    buf[31] = 20; /* all padding */
    assert_int_equal(rtp_rtx_unwrap(buf, 32, &original), -ENOENT);
    buf[31] = 18; /* two bytes of payload */
    assert_int_equal(rtp_rtx_unwrap(buf, 32, &original), -EBADMSG);
}

/* Two older blocks of 2 and 0 bytes, then "new". */
static const uint8_t red[] = {0xef, 0x07, 0x80, 0x02, 0xef, 0x03, 0xc0, 0x00, 0x6f, 'o', 'l', 'n', 'e', 'w'};

static void red_blocks_are_read(void **state) {
    (void)state;
    struct rtp_red r;
    assert_int_equal(rtp_red_parse(&r, red, sizeof red), 0);
    assert_int_equal(r.count, 3);
    assert_true(r.blocks[0].timestamp_offset == 480 && r.blocks[0].len == 2 && r.blocks[0].payload_type == 111);
    assert_true(r.blocks[1].timestamp_offset == 240 && r.blocks[1].len == 0);
    assert_true(r.blocks[2].timestamp_offset == 0 && r.blocks[2].len == 3);
    assert_memory_equal(r.blocks[2].data, "new", 3);
    for (size_t len = 0; len <= 11; len++) { /* 11: nothing is left for the new block */
        uint8_t *exact = malloc(len + 1);
        memcpy(exact + 1, red, len);
        assert_int_equal(rtp_red_parse(&r, exact + 1, len), -EBADMSG);
        free(exact);
    }
    uint8_t many[4 * (RTP_RED_BLOCKS_MAX + 1)];
    memset(many, 0x80, sizeof many);
    assert_int_equal(rtp_red_parse(&r, many, sizeof many), -EBADMSG);
}

static void red_is_unwrapped_to_its_new_block(void **state) {
    (void)state;
    uint8_t buf[64];
    struct rtp_packet p;
    struct writer w;
    struct rtp_header h = {.ssrc = 5, .seq = 6, .payload_type = 63, .marker = true};
    writer_init(&w, buf, sizeof buf);
    rtp_header_write(&w, &h);
    writer_bytes(&w, red, sizeof red);
    long moved = rtp_red_unwrap(buf, w.len);
    assert_int_equal(moved, sizeof red - 3);
    assert_int_equal(rtp_packet_parse(&p, buf + moved, w.len - (size_t)moved), 0);
    assert_true(p.ssrc == 5 && p.seq == 6 && p.payload_type == 111 && p.marker && p.payload_len == 3);
    assert_memory_equal(p.payload, "new", 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_read_whole),
        cmocka_unit_test(header_written_is_header_read),
        cmocka_unit_test(truncated_headers_are_refused),
        cmocka_unit_test(padding_of_nothing_or_of_too_much_is_refused),
        cmocka_unit_test(elements_of_both_forms_are_found),
        cmocka_unit_test(block_ends_at_reserved_ids),
        cmocka_unit_test(element_beyond_its_block_is_refused),
        cmocka_unit_test(profile_refuses_ids_it_cannot_send),
        cmocka_unit_test(uris_lead_to_their_kinds),
        cmocka_unit_test(block_is_rewritten_from_profile_to_profile),
        cmocka_unit_test(extension_block_never_overflows),
        cmocka_unit_test(values_round_trip),
        cmocka_unit_test(values_of_wrong_length_or_content_are_refused),
        cmocka_unit_test(send_time_wraps_after_64_seconds),
        cmocka_unit_test(numbers_unwrap_across_borders),
        cmocka_unit_test(rtx_wraps_and_unwraps),
        cmocka_unit_test(short_rtx_is_refused_and_probes_are_told_apart),
        cmocka_unit_test(red_blocks_are_read),
        cmocka_unit_test(red_is_unwrapped_to_its_new_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
