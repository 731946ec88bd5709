/* Redundant audio (RFC 2198): older payloads in front of the new one.
 *
 *   |1| block PT (7) | timestamp offset (14) | block length (10) |   each older block
 *   |0| block PT (7) |                                               the new one, then the blocks' data in order */
#pragma once

#include "proto/rtp/packet.h"

enum { RTP_RED_BLOCKS_MAX = 16 };

struct rtp_red_block {
    const uint8_t *data;       /* borrowed */
    uint16_t len;              /* may be 0 in an older block */
    uint16_t timestamp_offset; /* how much older than the packet's timestamp */
    uint8_t payload_type;
};

struct rtp_red {
    struct rtp_red_block blocks[RTP_RED_BLOCKS_MAX]; /* as they stand: the new one is the last */
    size_t count;                                    /* at least 1 */
};

/* -EBADMSG: truncated, more than RTP_RED_BLOCKS_MAX, or a new block without data. */
int rtp_red_parse(struct rtp_red *out, const uint8_t *payload, size_t len);

/* Makes a packet of the new block alone, with its payload type, in place. Returns by how many bytes the packet now begins
 * later (and is shorter), or -EBADMSG. */
long rtp_red_unwrap(uint8_t *packet, size_t len);
