#include "proto/rtp/values.h"

#include <errno.h>

int rtp_audio_level_read(struct rtp_audio_level *out, const struct rtp_ext_value *v) {
    if (v->len < 1) { /* longer ones are padded (RFC 6464 section 3) */
        return -EBADMSG;
    }
    out->voice = v->data[0] & 0x80;
    out->below_dbov = v->data[0] & 0x7f;
    return 0;
}

uint8_t rtp_audio_level_write(uint8_t out[1], const struct rtp_audio_level *level) {
    out[0] = (uint8_t)((level->voice ? 0x80 : 0) | (level->below_dbov & 0x7f));
    return 1;
}

int rtp_text_read(struct rtp_text *out, const struct rtp_ext_value *v) {
    if (v->len == 0) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < v->len; i++) {
        if (v->data[i] <= ' ' || v->data[i] > '~') {
            return -EBADMSG;
        }
    }
    *out = (struct rtp_text){(const char *)v->data, v->len};
    return 0;
}

int rtp_transport_seq_read(uint16_t *out, const struct rtp_ext_value *v) {
    if (v->len != 2 && v->len != 4) {
        return -EBADMSG;
    }
    *out = load_be16(v->data);
    return 0;
}

uint8_t rtp_transport_seq_write(uint8_t out[2], uint16_t seq) {
    store_be16(out, seq);
    return 2;
}

static uint32_t load_be24(const uint8_t *p) { return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]; }

static void store_be24(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 16);
    store_be16(p + 1, (uint16_t)v);
}

uint32_t rtp_send_time_of(uint64_t time_us) {
    /* Whole seconds first, so that no product overflows. */
    uint64_t seconds = time_us / 1000000, rest = time_us % 1000000;
    return (uint32_t)((seconds << 18) + (rest << 18) / 1000000) & 0xffffff;
}

int32_t rtp_send_time_diff_us(uint32_t a, uint32_t b) {
    int32_t ticks = (int32_t)((a - b) << 8) / 256; /* the 24-bit difference, its sign kept */
    return (int32_t)((int64_t)ticks * 1000000 / (1 << 18));
}

int rtp_send_time_read(uint32_t *out, const struct rtp_ext_value *v) {
    if (v->len != 3) {
        return -EBADMSG;
    }
    *out = load_be24(v->data);
    return 0;
}

uint8_t rtp_send_time_write(uint8_t out[3], uint32_t send_time) {
    store_be24(out, send_time);
    return 3;
}

int rtp_capture_time_read(struct rtp_capture_time *out, const struct rtp_ext_value *v) {
    if (v->len != 8 && v->len != 16) {
        return -EBADMSG;
    }
    out->ntp = load_be64(v->data);
    out->has_offset = v->len == 16;
    out->offset = out->has_offset ? (int64_t)load_be64(v->data + 8) : 0;
    return 0;
}

uint8_t rtp_capture_time_write(uint8_t out[16], const struct rtp_capture_time *t) {
    store_be64(out, t->ntp);
    if (!t->has_offset) {
        return 8;
    }
    store_be64(out + 8, (uint64_t)t->offset);
    return 16;
}

int rtp_orientation_read(struct rtp_orientation *out, const struct rtp_ext_value *v) {
    if (v->len != 1) {
        return -EBADMSG;
    }
    out->back_camera = v->data[0] & 8;
    out->flip = v->data[0] & 4;
    out->rotation = (uint16_t)((v->data[0] & 3) * 90);
    return 0;
}

uint8_t rtp_orientation_write(uint8_t out[1], const struct rtp_orientation *o) {
    out[0] = (uint8_t)((o->back_camera ? 8 : 0) | (o->flip ? 4 : 0) | (o->rotation / 90 & 3));
    return 1;
}

int rtp_playout_delay_read(struct rtp_playout_delay *out, const struct rtp_ext_value *v) {
    if (v->len != 3) {
        return -EBADMSG;
    }
    uint32_t both = load_be24(v->data);
    out->min_ms = (uint16_t)((both >> 12) * 10);
    out->max_ms = (uint16_t)((both & 0xfff) * 10);
    return out->min_ms <= out->max_ms ? 0 : -EBADMSG;
}

uint8_t rtp_playout_delay_write(uint8_t out[3], const struct rtp_playout_delay *d) {
    store_be24(out, (uint32_t)(d->min_ms / 10 & 0xfff) << 12 | (d->max_ms / 10 & 0xfff));
    return 3;
}

int rtp_content_type_read(bool *screen, const struct rtp_ext_value *v) {
    if (v->len != 1) {
        return -EBADMSG;
    }
    *screen = v->data[0] & 1;
    return 0;
}

uint8_t rtp_content_type_write(uint8_t out[1], bool screen) {
    out[0] = screen;
    return 1;
}
