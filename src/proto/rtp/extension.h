/* RTP header extensions (RFC 8285), both forms: elements of a block, what a session negotiated, and the block of a
 * packet that goes out.
 *
 *   one byte (profile 0xBEDE):   | ID (4) | length - 1 (4) | data ...     IDs 1 to 14, 1 to 16 bytes
 *   two bytes (profile 0x1000):  | ID (8) | length (8)     | data ...     IDs 1 to 255, 0 to 255 bytes
 *   a zero byte between elements is padding; the block is a multiple of four bytes */
#pragma once

#include "proto/rtp/packet.h"

enum { RTP_EXT_ONE_BYTE = 0xbede, RTP_EXT_TWO_BYTE = 0x1000, RTP_EXT_IDS = 256 };

/* ------------------------------------------------------------------ elements of a packet */

struct rtp_ext {
    const uint8_t *data; /* borrowed */
    uint8_t id;
    uint8_t len;
};

struct rtp_ext_iter {
    struct reader r;
    bool two_byte;
};

/* A packet without a block, or with one of neither form, has no elements. */
void rtp_ext_begin(struct rtp_ext_iter *it, const struct rtp_packet *p);
/* 0: out is the next element; -ENOENT: no more; -EBADMSG: an element that reaches beyond the block. */
int rtp_ext_next(struct rtp_ext_iter *it, struct rtp_ext *out);
/* The first element with that ID. -ENOENT. */
int rtp_ext_find(const struct rtp_packet *p, uint8_t id, struct rtp_ext *out);

/* ------------------------------------------------------------------ what was negotiated */

/* Those we know; the order is the one in which they are written. */
enum rtp_ext_kind {
    RTP_EXT_TRANSPORT_SEQ,
    RTP_EXT_ABS_SEND_TIME,
    RTP_EXT_AUDIO_LEVEL,
    RTP_EXT_MID,
    RTP_EXT_RID,
    RTP_EXT_REPAIRED_RID,
    RTP_EXT_ABS_CAPTURE_TIME,
    RTP_EXT_VIDEO_ORIENTATION,
    RTP_EXT_PLAYOUT_DELAY,
    RTP_EXT_CONTENT_TYPE,
    RTP_EXT_DEPENDENCY,
    RTP_EXT_KINDS,
};

const char *rtp_ext_uri(enum rtp_ext_kind kind);
/* The kind of a URI of an a=extmap line, or -ENOENT. */
int rtp_ext_kind_of(const char *uri, size_t len);

/* Which ID stands for which kind in one media section. */
struct rtp_ext_profile {
    uint8_t kind_of[RTP_EXT_IDS]; /* kind + 1, or 0 */
    uint8_t id_of[RTP_EXT_KINDS]; /* 0: not negotiated */
    bool mixed;                   /* a=extmap-allow-mixed: we may send the two-byte form */
};

void rtp_ext_profile_init(struct rtp_ext_profile *p, bool mixed);
/* -EINVAL: ID 0 (or over 14 without mixed, where only the one-byte form is sent), or an ID or kind that is taken. */
int rtp_ext_profile_set(struct rtp_ext_profile *p, enum rtp_ext_kind kind, unsigned id);

/* ------------------------------------------------------------------ values by kind */

struct rtp_ext_value {
    const uint8_t *data; /* borrowed; NULL: absent */
    uint8_t len;
};

struct rtp_ext_values {
    struct rtp_ext_value of[RTP_EXT_KINDS];
};

/* Sorts a packet's elements by kind; unknown ones are passed over, of two of a kind the first counts.
 * -EBADMSG: an element reaches beyond the block; those before it are there. */
int rtp_ext_collect(struct rtp_ext_values *out, const struct rtp_ext_profile *p, const struct rtp_packet *packet);

/* Bytes of the block (its header counted) that rtp_ext_write makes of these values; 0: none, the X bit is 0. Values that
 * were not negotiated, or that the form allowed cannot hold, are left out. */
size_t rtp_ext_bytes(const struct rtp_ext_profile *p, const struct rtp_ext_values *v);
void rtp_ext_write(struct writer *w, const struct rtp_ext_profile *p, const struct rtp_ext_values *v);
