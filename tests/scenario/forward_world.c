#include "scenario/forward_world.h"

#include "proto/rtp/rtx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const uint8_t payload_types[MEDIA_CODECS] = {PT_OPUS, PT_VP8, PT_VP9, PT_H264, PT_AV1};

void world_init(struct world *w) {
    memset(w, 0, sizeof *w);
    w->now_us = 1000000000;
    w->sent = calloc(WORLD_SENT_MAX, sizeof *w->sent);
    assert_non_null(w->sent);
    w->transport.cname = "turnout";
    w->transport.unix_us = UINT64_C(1700000000000000);
    rtp_ext_profile_init(&w->transport.ext, false);
    rtp_ext_profile_set(&w->transport.ext, RTP_EXT_MID, 9);
    rtp_ext_profile_set(&w->transport.ext, RTP_EXT_TRANSPORT_SEQ, 3);
    rtp_ext_profile_set(&w->transport.ext, RTP_EXT_ABS_SEND_TIME, 2);
    rtp_ext_profile_set(&w->transport.ext, RTP_EXT_AUDIO_LEVEL, 6);
    struct slot_payloads payloads = {.red = 0};
    for (unsigned codec = 0; codec < MEDIA_CODECS; codec++) {
        payloads.of[codec] = (uint8_t)(payload_types[codec] + 10);
        payloads.rtx[codec] = codec == MEDIA_OPUS ? 0 : (uint8_t)(payload_types[codec] + 10 + PT_RTX);
    }
    struct slot_options options = {.transport = &w->transport,
                                   .mid = "v0",
                                   .payloads = &payloads,
                                   .ssrc = 0x5107,
                                   .rtx_ssrc = 0x5108,
                                   .first_seq = 32700,
                                   .first_rtx_seq = 77,
                                   .first_timestamp = 0xffff0000};
    slot_init(&w->slot, &options);
}

void world_deinit(struct world *w) {
    slot_unbind(&w->slot, w->now_us);
    free(w->sent);
}

void sender_init(struct sender *s, uint32_t number, const struct sender_shape *shape) {
    static const char *const rids[WORLD_ENCODINGS] = {"q", "h", "f"};
    memset(s, 0, sizeof *s);
    publisher_init(&s->publisher, 0x0e0e);
    rtp_ext_profile_set(&s->publisher.ext, RTP_EXT_MID, 4);
    rtp_ext_profile_set(&s->publisher.ext, RTP_EXT_RID, 5);
    rtp_ext_profile_set(&s->publisher.ext, RTP_EXT_AUDIO_LEVEL, 1);
    for (unsigned codec = 0; codec < MEDIA_CODECS; codec++) {
        uint8_t type = payload_types[codec];
        s->publisher.payloads[type] = (struct publication_payload){.known = true, .codec = (enum media_codec)codec};
        s->publisher.payloads[type + PT_RTX] = (struct publication_payload){.known = true, .rtx = true, .rtx_of = type};
    }
    s->publisher.payloads[PT_RED] = (struct publication_payload){.known = true, .red = true, .codec = MEDIA_OPUS};
    struct publication_options options = {
        .number = number, .mid = "m", .video = shape->codec != MEDIA_OPUS, .encoding_count = shape->encodings};
    for (unsigned i = 0; i < shape->encodings; i++) {
        uint32_t ssrc = number * 100 + i + 1;
        bool simulcast = shape->encodings > 1;
        options.encodings[i] =
            (struct publication_encoding){simulcast ? rids[i] : NULL, simulcast ? 0 : ssrc, ssrc + 50};
        s->sources[i] = (struct source){.codec = shape->codec,
                                        .ssrc = ssrc,
                                        .rid = simulcast ? rids[i] : NULL,
                                        .seq = (uint16_t)(ssrc * 7919),
                                        .timestamp = ssrc * 2654435761U,
                                        .picture_id = (uint16_t)(ssrc * 31 & 0x7fff),
                                        .tl0 = (uint8_t)(ssrc * 5),
                                        .keyidx = (uint8_t)(ssrc & 31),
                                        .temporal = shape->temporal,
                                        .spatial = shape->spatial,
                                        .key_next = true};
    }
    s->source_count = shape->encodings;
    s->publication = publication_new(&options);
    assert_non_null(s->publication);
    assert_int_equal(publisher_add(&s->publisher, s->publication), 0);
}

void sender_deinit(struct world *w, struct sender *s) {
    if (w->slot.publication == s->publication) {
        slot_unbind(&w->slot, w->now_us);
    }
    publisher_remove(&s->publisher, s->publication);
    publication_free(s->publication);
}

/* ------------------------------------------------------------------ packets */

static bool is_upper_temporal(const struct source *s) { return s->temporal > 1 && !s->key_next && s->frames % 2 == 1; }

static void make_vp8(const struct source *s, unsigned i, struct writer *w) {
    bool upper = is_upper_temporal(s);
    writer_u8(w, i == 0 ? 0x90 : 0x80);
    writer_u8(w, 0xf0);
    writer_u16(w, 0x8000 | s->picture_id);
    writer_u8(w, s->tl0);
    writer_u8(w, (uint8_t)((upper ? 0x60 : 0) | s->keyidx)); /* the upper layer depends on layer 0 alone */
    static const uint8_t header[] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01};
    writer_u8(w, s->key_next ? header[0] : 0x11);
    writer_bytes(w, header + 1, sizeof header - 1);
}

/* The frame's packets are shared out to the spatial layers, the first to the lowest. */
static void make_vp9(const struct source *s, unsigned i, struct writer *w) {
    unsigned sid = s->spatial > 1 && i > 0 ? 1 : 0;
    bool first = i == 0 || (s->spatial > 1 && i == 1), last = i + 1 == FRAME_PACKETS || (s->spatial > 1 && i == 0);
    writer_u8(w, (uint8_t)(0xa0 | (s->key_next ? 0 : 0x40) | (first ? 8 : 0) | (last ? 4 : 0)));
    writer_u16(w, 0x8000 | s->picture_id);
    writer_u8(w, (uint8_t)(sid << 1 | sid));
    writer_u8(w, s->tl0);
    writer_u32(w, 0x12345678);
}

static void make_h264(const struct source *s, unsigned i, struct writer *w) {
    writer_u8(w, s->key_next && i == 0 ? 0x67 : s->key_next ? 0x65 : 0x41);
    writer_u32(w, 0x12345678);
}

/* One OBU with its size left out: a sequence header and a key frame in a new sequence, or a frame. */
static void make_av1(const struct source *s, unsigned i, struct writer *w) {
    if (s->key_next && i == 0) {
        static const uint8_t start[] = {0x28, 0x02, 0x08, 0x00, 0x30, 0x10, 0x00};
        writer_bytes(w, start, sizeof start);
        return;
    }
    writer_u8(w, 0x10);
    writer_u8(w, 0x30);
    writer_u8(w, 0x30); /* show_existing_frame 0, frame_type 1 */
    writer_u8(w, 0);
}

static void make_opus(const struct source *s, unsigned i, struct writer *w) {
    (void)i;
    writer_u32(w, s->seq);
}

size_t source_make(struct source *s, unsigned i, uint8_t *out) {
    static void (*const makers[])(const struct source *, unsigned, struct writer *) = {make_opus, make_vp8, make_vp9,
                                                                                       make_h264, make_av1};
    struct rtp_ext_profile profile;
    struct rtp_ext_values values = {0};
    struct writer w;
    bool last = i + 1 == FRAME_PACKETS;
    rtp_ext_profile_init(&profile, false);
    rtp_ext_profile_set(&profile, RTP_EXT_MID, 4);
    rtp_ext_profile_set(&profile, RTP_EXT_RID, 5);
    values.of[RTP_EXT_MID] = (struct rtp_ext_value){(const uint8_t *)"m", 1};
    if (s->rid) {
        values.of[RTP_EXT_RID] = (struct rtp_ext_value){(const uint8_t *)s->rid, (uint8_t)strlen(s->rid)};
    }
    writer_init(&w, out, 1500);
    rtp_header_write(&w, &(struct rtp_header){.timestamp = s->timestamp,
                                              .ssrc = s->ssrc,
                                              .seq = s->seq++,
                                              .payload_type = payload_types[s->codec],
                                              .marker = last,
                                              .extension = true});
    rtp_ext_write(&w, &profile, &values);
    makers[s->codec](s, i, &w);
    writer_zeros(&w, 100);
    if (last) {
        s->frames++;
        s->key_next = false;
        s->timestamp += s->codec == MEDIA_OPUS ? 1600 : 3000;
        s->picture_id = (s->picture_id + 1) & 0x7fff;
        s->tl0 = (uint8_t)(s->tl0 + !is_upper_temporal(s));
    }
    assert_false(w.failed);
    return w.len;
}

static void record(struct world *w, const struct slot_packet *packet, enum media_codec codec) {
    struct sent *s = &w->sent[w->sent_count++];
    assert_true(w->sent_count < WORLD_SENT_MAX);
    memcpy(s->bytes, packet->srtp.packet, packet->srtp.written_len);
    if (packet->srtp.rest_len > 0) {
        memcpy(s->bytes + packet->srtp.written_len, packet->srtp.rest, packet->srtp.rest_len);
    }
    s->len = packet->srtp.written_len + packet->srtp.rest_len;
    s->codec = codec;
    s->at_us = w->now_us;
    s->repeated = packet->repeated;
    assert_int_equal(rtp_packet_parse(&s->rtp, s->bytes, s->len), 0);
    assert_int_equal(s->rtp.header_len, packet->srtp.header_len);
    static const struct rtp_ext_value none;
    if (!s->repeated) {
        struct dependency_structure structure = {0};
        assert_int_equal(
            media_frame_read(&s->frame, codec, &s->rtp, &(struct media_dependency){&structure, &none, false}), 0);
    }
}

int world_deliver(struct world *w, struct sender *s, const uint8_t *bytes, size_t len) {
    uint8_t datagram[1500], room[1800];
    struct media_packet p;
    struct slot_packet out;
    uint16_t seq;
    memcpy(datagram, bytes, len);
    int rc = publisher_input(&s->publisher, datagram, len, w->now_us, &p);
    if (rc == 0 && slot_accept(&w->slot, &p, w->now_us, &seq) == 0) {
        assert_int_equal(slot_write(&w->slot, seq, &p, &(struct slot_room){room, sizeof room, w->now_us}, &out), 0);
        record(w, &out, p.codec);
    }
    return rc;
}

void world_frame(struct world *w, struct sender *s) {
    for (unsigned e = 0; e < s->source_count; e++) {
        uint8_t bytes[1500];
        for (unsigned i = 0; i < FRAME_PACKETS; i++) {
            size_t len = source_make(&s->sources[e], i, bytes);
            assert_int_equal(world_deliver(w, s, bytes, len), 0);
        }
    }
    w->now_us += FRAME_US;
    world_rtcp(w, s);
}

void world_frames(struct world *w, struct sender *s, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        world_frame(w, s);
    }
}

static void follow(struct sender *s, const struct rtcp_packet *p) {
    struct rtcp_feedback f;
    uint16_t seqs[64];
    if (rtcp_feedback_parse(&f, p) < 0) {
        return;
    }
    if (p->type == RTCP_RTPFB) {
        s->nacks += (unsigned)rtcp_nack_sequences(&f, seqs, 64);
        return;
    }
    s->requests++;
    s->requested_ssrc = f.media;
    for (unsigned i = 0; i < s->source_count; i++) {
        s->sources[i].key_next |= s->sources[i].ssrc == f.media;
    }
}

void world_rtcp(struct world *w, struct sender *s) {
    uint8_t bytes[1200];
    struct writer out;
    struct reader r;
    struct rtcp_packet p;
    writer_init(&out, bytes, sizeof bytes);
    publisher_write_rtcp(&s->publisher, &out, w->now_us);
    assert_false(out.failed);
    reader_init(&r, bytes, out.len);
    while (rtcp_next(&p, &r) == 0) {
        follow(s, &p);
    }
    assert_int_equal(reader_left(&r), 0);
}

bool world_nack(struct world *w, uint16_t seq) {
    uint8_t room[1800];
    struct slot_packet out;
    if (slot_repeat(&w->slot, seq, &(struct slot_room){room, sizeof room, w->now_us}, &out) < 0) {
        return false;
    }
    record(w, &out, MEDIA_VP8);
    return true;
}

void world_show(struct world *w, struct sender *s, int spatial, int temporal) {
    assert_int_equal(slot_bind(&w->slot, s->publication, w->now_us), 0);
    slot_set_target(&w->slot, (struct slot_target){(int8_t)spatial, (int8_t)temporal}, w->now_us);
}

static int picture_id_of(const struct sent *s) {
    return s->codec == MEDIA_VP8 ? s->frame.vp8.picture_id : s->codec == MEDIA_VP9 ? s->frame.vp9.picture_id : -1;
}

void assert_continuous(const struct world *w, size_t from) {
    const struct sent *before = &w->sent[from];
    int id = picture_id_of(before);
    for (size_t i = from + 1; i < w->sent_count; i++) {
        const struct sent *s = &w->sent[i];
        uint32_t step = s->rtp.timestamp - before->rtp.timestamp;
        int id_now = picture_id_of(s);
        assert_int_equal((uint16_t)(s->rtp.seq - before->rtp.seq), 1);
        assert_int_equal(s->rtp.ssrc, w->slot.ssrc);
        assert_true(step <= (s->at_us - before->at_us + 20000) * 9 / 100);
        if (id >= 0 && id_now >= 0) { /* ids may have stood still where a codec without them was shown */
            assert_int_equal((id_now - id) & 0x7fff, step > 0 ? 1 : 0);
        }
        id = id_now >= 0 ? id_now : id;
        before = s;
    }
}
