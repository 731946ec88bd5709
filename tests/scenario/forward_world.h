/* Publishers that make packets, slots that take them, and what the slots sent, read again: in virtual time. */
#pragma once

#include "forward/feedback.h"
#include "forward/publisher.h"

enum { WORLD_SENT_MAX = 4096, WORLD_ENCODINGS = 3, FRAME_US = 33333, FRAME_PACKETS = 3 };

/* Payload types of publishers and, 10 higher, of receivers. */
enum { PT_OPUS = 50, PT_RED = 51, PT_VP8 = 52, PT_VP9 = 53, PT_H264 = 54, PT_AV1 = 55, PT_RTX = 20 /* added */ };

/* One stream of a sender. */
struct source {
    enum media_codec codec;
    uint32_t ssrc;
    const char *rid;
    uint16_t seq, rtx_seq;
    uint32_t timestamp;
    uint16_t picture_id;
    uint8_t tl0, keyidx;
    unsigned frames;   /* made */
    unsigned temporal; /* layers of VP8: 1 or 2 */
    unsigned spatial;  /* layers of VP9: 1 or 2 */
    bool key_next;
};

struct sender {
    struct publisher publisher;
    struct publication *publication;
    struct source sources[WORLD_ENCODINGS];
    unsigned source_count;
    unsigned requests, nacks; /* PLIs and NACKed numbers it got */
    uint32_t requested_ssrc;
};

struct sent {
    uint8_t bytes[1500];
    size_t len;
    struct rtp_packet rtp;
    struct media_frame frame;
    enum media_codec codec;
    uint64_t at_us;
    bool repeated;
};

struct world {
    uint64_t now_us;
    struct slot_transport transport;
    struct slot slot;
    struct sent *sent; /* WORLD_SENT_MAX */
    size_t sent_count;
};

void world_init(struct world *w);
void world_deinit(struct world *w);
/* encodings: simulcast ones; spatial and temporal: layers in each. */
struct sender_shape {
    enum media_codec codec;
    unsigned encodings, spatial, temporal;
};
void sender_init(struct sender *s, uint32_t number, const struct sender_shape *shape);
void sender_deinit(struct world *w, struct sender *s);

/* Makes packet i (below FRAME_PACKETS) of the source's next frame. The last one ends the frame. */
size_t source_make(struct source *s, unsigned i, uint8_t *out);
/* Gives a packet to the publisher, and to the slot what comes of it. Returns publisher_input's code. */
int world_deliver(struct world *w, struct sender *s, const uint8_t *bytes, size_t len);
/* One frame of every encoding, all delivered; then FRAME_US pass. PLIs that were asked for are followed. */
void world_frame(struct world *w, struct sender *s);
void world_frames(struct world *w, struct sender *s, unsigned count);
/* Sends the sender the RTCP that is due. */
void world_rtcp(struct world *w, struct sender *s);
/* The receiver asks for a number again. True: it was repeated. */
bool world_nack(struct world *w, uint16_t seq);
void world_show(struct world *w, struct sender *s, int spatial, int temporal);
/* From `from` on: numbers go up by one, timestamps never back, picture ids by at most one, a marker ends each picture. */
void assert_continuous(const struct world *w, size_t from);
