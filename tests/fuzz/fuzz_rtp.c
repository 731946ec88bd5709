/* RTP packets: whatever parses lies inside the input; its extensions written anew for another profile read the same; RTX
 * and RED unwrap in place to packets. The first byte chooses the profile to write.
 * covers: src/proto/rtp/packet.c src/proto/rtp/extension.c src/proto/rtp/values.c src/proto/rtp/rtx.c
 * covers: src/proto/rtp/red.c */
#include "proto/rtp/packet.h"

#include "proto/rtp/red.h"
#include "proto/rtp/rtx.h"
#include "proto/rtp/values.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COPY_BYTES = 4096 };

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static bool inside(const uint8_t *p, size_t n, const uint8_t *data, size_t size) {
    return p >= data && n <= size && (size_t)(p - data) <= size - n;
}

static void read_values(const struct rtp_ext_values *v) {
    struct rtp_audio_level level;
    struct rtp_text text;
    struct rtp_capture_time capture;
    struct rtp_orientation orientation;
    struct rtp_playout_delay delay;
    uint32_t time;
    uint16_t seq;
    bool screen;
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        if (v->of[kind].data) {
            rtp_audio_level_read(&level, &v->of[kind]);
            rtp_text_read(&text, &v->of[kind]);
            rtp_transport_seq_read(&seq, &v->of[kind]);
            rtp_send_time_read(&time, &v->of[kind]);
            rtp_capture_time_read(&capture, &v->of[kind]);
            rtp_orientation_read(&orientation, &v->of[kind]);
            rtp_playout_delay_read(&delay, &v->of[kind]);
            rtp_content_type_read(&screen, &v->of[kind]);
        }
    }
}

static void write_values(const struct rtp_ext_profile *to, const struct rtp_ext_values *v) {
    struct rtp_header h = {.extension = true};
    struct rtp_ext_values again;
    struct rtp_packet p;
    struct writer w;
    size_t block = rtp_ext_bytes(to, v);
    if (block == 0) {
        return;
    }
    uint8_t *exact = malloc(RTP_HEADER_BYTES + block + 1);
    check(exact != NULL);
    writer_init(&w, exact, RTP_HEADER_BYTES + block + 1);
    rtp_header_write(&w, &h);
    rtp_ext_write(&w, to, v);
    writer_u8(&w, 1);
    check(!w.failed && w.len == w.cap);
    check(rtp_packet_parse(&p, exact, w.len) == 0 && rtp_ext_collect(&again, to, &p) == 0);
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        bool kept = again.of[kind].data != NULL;
        check(!kept || (v->of[kind].data && again.of[kind].len == v->of[kind].len &&
                        memcmp(again.of[kind].data, v->of[kind].data, again.of[kind].len) == 0));
        check(kept || !to->mixed || !v->of[kind].data || to->id_of[kind] == 0);
    }
    free(exact);
}

static void rewrite_extensions(const struct rtp_packet *p, uint8_t choice) {
    struct rtp_ext_profile from, to;
    struct rtp_ext_values v;
    rtp_ext_profile_init(&from, true);
    rtp_ext_profile_init(&to, choice & 1);
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        rtp_ext_profile_set(&from, (enum rtp_ext_kind)kind, (unsigned)kind + 1);
        if (choice >> (1 + kind % 7) & 1) {
            rtp_ext_profile_set(&to, (enum rtp_ext_kind)kind, 13U - (unsigned)kind);
        }
    }
    rtp_ext_collect(&v, &from, p);
    read_values(&v);
    write_values(&to, &v);
}

static void unwrap(const uint8_t *data, size_t size) {
    static uint8_t copy[COPY_BYTES];
    struct rtp_packet p;
    struct rtp_red red;
    memcpy(copy, data, size);
    if (rtp_rtx_unwrap(copy, size, &(struct rtp_rtx_original){7, 96}) == 0) {
        check(rtp_packet_parse(&p, copy + RTP_RTX_OSN_BYTES, size - RTP_RTX_OSN_BYTES) == 0);
        check(p.ssrc == 7 && p.payload_type == 96 && p.payload_len > 0);
    }
    memcpy(copy, data, size);
    long moved = rtp_red_unwrap(copy, size);
    if (moved >= 0) {
        check(rtp_packet_parse(&p, copy + moved, size - (size_t)moved) == 0 && p.payload_len > 0);
    }
    if (rtp_red_parse(&red, data, size) == 0) {
        for (size_t i = 0; i < red.count; i++) {
            check(inside(red.blocks[i].data, red.blocks[i].len, data, size));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rtp_packet p;
    if (size < 1 || size > COPY_BYTES) {
        return 0;
    }
    uint8_t choice = data[0];
    data++;
    size--;
    unwrap(data, size);
    long header = rtp_header_bytes(data, size);
    if (rtp_packet_parse(&p, data, size) < 0) {
        return 0;
    }
    check(header == p.header_len && p.header_len + p.payload_len + p.padding == (int)size);
    check(inside(p.payload, p.payload_len, data, size) && (!p.ext || inside(p.ext, p.ext_len, data, size)));
    check(p.csrc_count == 0 || inside(p.csrcs, (size_t)4 * p.csrc_count, data, size));
    rewrite_extensions(&p, choice);
    return 0;
}
