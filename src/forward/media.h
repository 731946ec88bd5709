/* A packet of a publisher, decrypted, and what it says of its frame: whether a decoder can begin here, and which layer it
 * belongs to. */
#pragma once

#include "proto/rtp/dependency.h"
#include "proto/rtp/values.h"
#include "proto/rtp/vp8.h"
#include "proto/rtp/vp9.h"

enum media_codec { MEDIA_OPUS, MEDIA_VP8, MEDIA_VP9, MEDIA_H264, MEDIA_AV1, MEDIA_CODECS };

enum { MEDIA_SPATIAL_MAX = 4, MEDIA_TEMPORAL_MAX = 4 };

static inline uint32_t media_clock_hz(enum media_codec codec) { return codec == MEDIA_OPUS ? 48000 : 90000; }

struct media_frame {
    uint8_t sid, tid;       /* below the MAX above */
    bool keyframe;          /* a decoder can begin with this packet */
    bool switch_up;         /* a receiver can step up to this temporal layer here */
    bool layer_end;         /* the last packet of its layer's frame */
    uint8_t spatial_layers; /* of one stream, told with a key frame; 0: not told */
    uint16_t width, height; /* told with a key frame; 0: not told */
    union {
        struct vp8_descriptor vp8;
        struct vp9_descriptor vp9;
    };
};

struct media_packet {
    struct encoding *encoding;
    const uint8_t *data; /* borrowed: the datagram it came in */
    size_t len;
    struct rtp_packet rtp; /* payload_len 0: only padding, which tells that the number is taken */
    struct rtp_ext_values ext;
    struct media_frame frame; /* of a packet with payload */
    uint64_t capture_us;      /* when it was made, on the server's clock */
    enum media_codec codec;
    bool red;     /* its payload is RFC 2198's */
    bool late;    /* numbers above it came before */
    bool restart; /* first of a stream that begins (anew): what came before does not matter */
};

/* Where dependency descriptors are read with. */
struct media_dependency {
    struct dependency_structure *structure; /* of the encoding */
    const struct rtp_ext_value *value;      /* data NULL: the packet has none */
    bool opaque;                            /* payloads are encrypted end to end: they are not looked at */
};

/* -EBADMSG: neither payload nor descriptor can be understood, or a layer beyond the MAX. */
int media_frame_read(struct media_frame *out, enum media_codec codec, const struct rtp_packet *p,
                     const struct media_dependency *d);
