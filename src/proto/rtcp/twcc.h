/* Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): which packets of a
 * connection came, and when.
 *
 *   | base sequence number (16) | packet status count (16) |
 *   | reference time, 64 ms units (24)  | feedback count (8) |
 *   chunks of 16 bits (runs, or vectors of 14 one-bit or 7 two-bit symbols), then a delta for each packet that came:
 *   8 bits (0 to 63.75 ms) or 16 (signed), in 250 us */
#pragma once

#include "proto/rtcp/feedback.h"

enum { RTCP_TWCC_TICK_US = 250, RTCP_TWCC_REFERENCE_TICKS = 256 };

struct rtcp_twcc {
    uint16_t base_seq;
    uint16_t status_count; /* at least 1 */
    int32_t reference;     /* 24 bits, signed; in 64 ms */
    uint8_t feedback_count;
    const uint8_t *chunks; /* borrowed */
    const uint8_t *deltas;
    const uint8_t *end;
};

/* Reads the header and walks the chunks once: bounded by the bytes that are there, whatever the counts claim.
 * -EBADMSG: truncated, no status, an undefined symbol, or fewer deltas than packets that came. */
int rtcp_twcc_parse(struct rtcp_twcc *out, const struct rtcp_feedback *f);

/* What happened to one packet, or to a run of packets that did not come. */
struct rtcp_twcc_step {
    uint16_t seq;   /* of the first */
    uint16_t count; /* 1 when received */
    bool received;
    int64_t arrival_us; /* on the receiver's clock, which begins anywhere */
};

struct rtcp_twcc_iter {
    const uint8_t *chunk, *delta; /* the next ones */
    const struct rtcp_twcc *feedback;
    int64_t ticks; /* of the last arrival */
    uint16_t seq;  /* of the next packet */
    uint16_t left; /* statuses not yet given */
    uint16_t word; /* the current chunk */
    uint16_t run;  /* statuses left in it */
    uint8_t at;    /* the next symbol of a vector */
};

/* feedback is borrowed until the iteration ends. */
void rtcp_twcc_begin(struct rtcp_twcc_iter *it, const struct rtcp_twcc *feedback);
/* True: out is the next step, in the order of sequence numbers. */
bool rtcp_twcc_next(struct rtcp_twcc_iter *it, struct rtcp_twcc_step *out);

/* Packets that came. */
struct rtcp_twcc_arrival {
    uint16_t seq;
    int64_t arrival_us; /* not negative */
};

struct rtcp_twcc_out {
    uint32_t sender, media;
    uint8_t feedback_count;
    const struct rtcp_twcc_arrival *arrivals; /* by sequence number, ascending modulo 2^16, none twice; borrowed */
    size_t count;
};

/* Writes one packet of at most `bytes_max` bytes for the first arrivals. Returns how many it tells of, which is all of
 * them unless there was no room, or a time too far from the one before, or a gap of half the number space: then call
 * again with the rest. 0: nothing was written: no arrivals, or no room for one. */
size_t rtcp_twcc_write(struct writer *w, const struct rtcp_twcc_out *out, size_t bytes_max);
