/* A publication (a microphone, a camera, a screen) as its receivers see it: encodings, layers with their bitrates, the
 * slots it is sent to, and what its sender is asked for. */
#pragma once

#include "base/list.h"
#include "forward/encoding.h"

enum {
    PUBLICATION_ENCODINGS_MAX = 4,
    PUBLICATION_MID_MAX = 16,
    PUBLICATION_KEY_INTERVAL_US = 500000, /* between requests for key frames, all of its encodings' together */
    PUBLICATION_PAUSE_US = 2000000,       /* without anybody who wants an encoding */
};

/* What a payload type means. */
struct publication_payload {
    bool known;
    bool red;       /* RFC 2198 around codec */
    bool rtx;       /* RFC 4588 */
    bool nack;      /* the sender repeats what is asked for */
    uint8_t rtx_of; /* payload type */
    enum media_codec codec;
};

struct publication_encoding {
    const char *rid;         /* NULL: there is one encoding, without a rid */
    uint32_t ssrc, rtx_ssrc; /* as signalled, or 0: learnt from extensions */
};

struct publication_options {
    uint32_t number; /* in the room: the CSRC of what is forwarded */
    const char *mid;
    bool video;
    bool opaque;                                                      /* end-to-end encrypted */
    struct publication_encoding encodings[PUBLICATION_ENCODINGS_MAX]; /* small to large */
    unsigned encoding_count;
};

struct publication {
    struct list slots;                          /* of those bound to it */
    struct list in_publisher;                   /* where it stands in its publisher's list */
    const struct encoding_clock *clock;         /* the publisher's */
    const struct rtp_ext_profile *ext;          /* the publisher's */
    const struct publication_payload *payloads; /* the publisher's, by type */
    uint32_t number;
    char mid[PUBLICATION_MID_MAX + 1];
    bool video;
    enum media_codec codec; /* of the last packet */
    bool started;           /* a packet came */
    uint64_t key_asked_us;  /* 0: never */
    unsigned encoding_count;
    struct encoding encodings[];
};

/* NULL: no memory. -> publisher_add. */
struct publication *publication_new(const struct publication_options *options);
/* No slot may be bound to it: slot_unbind those of its list before. NULL is ignored. */
void publication_free(struct publication *p);

/* A receiver cannot go on without a key frame of this encoding; requests are merged. */
void publication_want_key(struct publication *p, unsigned encoding);
/* The encodings (a bit each) whose sender is to be asked now; notes that it was done. */
unsigned publication_keys_due(struct publication *p, uint64_t now_us);
/* Encodings (a bit each) that nobody has wanted for a while, for signaling to pause at the sender. */
unsigned publication_unwanted(const struct publication *p, uint64_t now_us);
/* Slots tell what they want of it. */
void publication_want(struct publication *p, unsigned encoding);
void publication_unwant(struct publication *p, unsigned encoding, uint64_t now_us);

/* A layer that can be chosen: a simulcast encoding or a spatial layer of the only one. */
struct publication_layer {
    uint16_t width, height;           /* 0: not known */
    uint8_t temporal_count;           /* 0: nothing came in the last second */
    uint32_t bps[MEDIA_TEMPORAL_MAX]; /* temporal layers up to this one; of this spatial layer alone */
};
/* Small to large; returns how many. */
unsigned publication_layers(const struct publication *p, struct publication_layer out[MEDIA_SPATIAL_MAX],
                            uint64_t now_us);
/* Does a spatial layer need those below? */
static inline bool publication_is_svc(const struct publication *p) {
    return p->encoding_count == 1 && p->encodings[0].spatial_layers > 1;
}
