#include "proto/rtp/extension.h"

#include <errno.h>

enum { ONE_BYTE_IDS = 14, ONE_BYTE_STOP = 15, ONE_BYTE_LENGTH = 16, FORM_BITS = 0xfff0 };

void rtp_ext_begin(struct rtp_ext_iter *it, const struct rtp_packet *p) {
    it->two_byte = (p->ext_profile & FORM_BITS) == RTP_EXT_TWO_BYTE;
    bool known = it->two_byte || p->ext_profile == RTP_EXT_ONE_BYTE;
    reader_init(&it->r, p->ext, p->ext && known ? p->ext_len : 0);
}

/* An ID that ends the block: 15, and 0 with a length (RFC 8285 section 4.2). */
static int stop(struct rtp_ext_iter *it) {
    reader_bytes(&it->r, reader_left(&it->r));
    return -ENOENT;
}

int rtp_ext_next(struct rtp_ext_iter *it, struct rtp_ext *out) {
    while (reader_left(&it->r) > 0) {
        uint8_t first = reader_u8(&it->r);
        if (first == 0) {
            continue; /* padding */
        }
        if (it->two_byte) {
            out->id = first;
            out->len = reader_u8(&it->r);
        } else {
            out->id = first >> 4;
            out->len = (uint8_t)((first & 15) + 1);
            if (out->id == 0 || out->id == ONE_BYTE_STOP) {
                return stop(it);
            }
        }
        out->data = reader_bytes(&it->r, out->len);
        return it->r.failed ? -EBADMSG : 0;
    }
    return -ENOENT;
}

int rtp_ext_find(const struct rtp_packet *p, uint8_t id, struct rtp_ext *out) {
    struct rtp_ext_iter it;
    rtp_ext_begin(&it, p);
    while (rtp_ext_next(&it, out) == 0) {
        if (out->id == id) {
            return 0;
        }
    }
    return -ENOENT;
}

static const char *const uris[RTP_EXT_KINDS] = {
    [RTP_EXT_TRANSPORT_SEQ] = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    [RTP_EXT_ABS_SEND_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    [RTP_EXT_AUDIO_LEVEL] = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    [RTP_EXT_MID] = "urn:ietf:params:rtp-hdrext:sdes:mid",
    [RTP_EXT_RID] = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    [RTP_EXT_REPAIRED_RID] = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    [RTP_EXT_ABS_CAPTURE_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    [RTP_EXT_VIDEO_ORIENTATION] = "urn:3gpp:video-orientation",
    [RTP_EXT_PLAYOUT_DELAY] = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    [RTP_EXT_CONTENT_TYPE] = "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
    [RTP_EXT_DEPENDENCY] = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
};

const char *rtp_ext_uri(enum rtp_ext_kind kind) { return uris[kind]; }

int rtp_ext_kind_of(const char *uri, size_t len) {
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        if (strlen(uris[kind]) == len && memcmp(uris[kind], uri, len) == 0) {
            return kind;
        }
    }
    return -ENOENT;
}

void rtp_ext_profile_init(struct rtp_ext_profile *p, bool mixed) {
    memset(p, 0, sizeof *p);
    p->mixed = mixed;
}

int rtp_ext_profile_set(struct rtp_ext_profile *p, enum rtp_ext_kind kind, unsigned id) {
    unsigned highest = p->mixed ? RTP_EXT_IDS - 1 : ONE_BYTE_IDS;
    if (id == 0 || id > highest || p->kind_of[id] != 0 || p->id_of[kind] != 0) {
        return -EINVAL;
    }
    p->kind_of[id] = (uint8_t)(kind + 1U);
    p->id_of[kind] = (uint8_t)id;
    return 0;
}

int rtp_ext_collect(struct rtp_ext_values *out, const struct rtp_ext_profile *p, const struct rtp_packet *packet) {
    struct rtp_ext_iter it;
    struct rtp_ext e;
    int rc;
    memset(out, 0, sizeof *out);
    rtp_ext_begin(&it, packet);
    while ((rc = rtp_ext_next(&it, &e)) == 0) {
        uint8_t kind = p->kind_of[e.id];
        if (kind > 0 && !out->of[kind - 1].data) {
            out->of[kind - 1] = (struct rtp_ext_value){e.data, e.len};
        }
    }
    return rc == -ENOENT ? 0 : rc;
}

static bool is_written(const struct rtp_ext_profile *p, const struct rtp_ext_values *v, int kind) {
    return p->id_of[kind] != 0 && v->of[kind].data;
}

static bool fits_one_byte(const struct rtp_ext_profile *p, const struct rtp_ext_values *v, int kind) {
    return p->id_of[kind] <= ONE_BYTE_IDS && v->of[kind].len >= 1 && v->of[kind].len <= ONE_BYTE_LENGTH;
}

struct layout {
    size_t bytes;  /* of the elements, without padding */
    bool two_byte; /* some element needs it, and it is allowed */
};

static struct layout lay_out(const struct rtp_ext_profile *p, const struct rtp_ext_values *v) {
    struct layout out = {0};
    size_t data = 0, small = 0, count = 0, small_count = 0;
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        if (is_written(p, v, kind)) {
            bool fits = fits_one_byte(p, v, kind);
            data += v->of[kind].len;
            count++;
            small += fits ? v->of[kind].len : 0;
            small_count += fits;
        }
    }
    out.two_byte = p->mixed && small_count < count;
    out.bytes = out.two_byte ? data + 2 * count : small + small_count;
    return out;
}

static size_t padded(size_t bytes) { return (bytes + 3) & ~(size_t)3; }

size_t rtp_ext_bytes(const struct rtp_ext_profile *p, const struct rtp_ext_values *v) {
    struct layout l = lay_out(p, v);
    return l.bytes > 0 ? RTP_EXT_HEADER_BYTES + padded(l.bytes) : 0;
}

void rtp_ext_write(struct writer *w, const struct rtp_ext_profile *p, const struct rtp_ext_values *v) {
    struct layout l = lay_out(p, v);
    if (l.bytes == 0) {
        return;
    }
    writer_u16(w, l.two_byte ? RTP_EXT_TWO_BYTE : RTP_EXT_ONE_BYTE);
    writer_u16(w, (uint16_t)(padded(l.bytes) / 4));
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        const struct rtp_ext_value *value = &v->of[kind];
        if (!is_written(p, v, kind) || (!l.two_byte && !fits_one_byte(p, v, kind))) {
            continue;
        }
        if (l.two_byte) {
            writer_u8(w, p->id_of[kind]);
            writer_u8(w, value->len);
        } else {
            writer_u8(w, (uint8_t)(p->id_of[kind] << 4 | (value->len - 1)));
        }
        writer_bytes(w, value->data, value->len);
    }
    writer_zeros(w, padded(l.bytes) - l.bytes);
}
