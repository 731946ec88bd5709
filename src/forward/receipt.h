/* What came of one stream of a publisher: duplicates, gaps, and the numbers of its receiver reports (RFC 3550 section
 * 6.4.1, appendix A.1, A.3 and A.8). */
#pragma once

#include "proto/rtcp/report.h"
#include "proto/rtp/sequence.h"

enum {
    RECEIPT_WINDOW = 1024,  /* older packets count as duplicates */
    RECEIPT_JUMP_MAX = 3000 /* a jump ahead that is larger begins anew */
};

/* Zeroed, but for clock_hz: nothing came yet. */
struct receipt {
    uint64_t seen[RECEIPT_WINDOW / 64]; /* a bit for each of the last, by sequence number */
    struct rtp_unwrap unwrap;
    int64_t first;     /* unwrapped, as the highest is */
    uint64_t received; /* repetitions not counted */
    uint64_t reported_expected, reported_received;
    uint64_t sr_us;     /* when the last SR came; 0: none */
    uint32_t sr_middle; /* of its NTP time */
    uint32_t clock_hz;
    int64_t transit;    /* arrival less timestamp, of the packet before, in timestamp units */
    uint32_t jitter_16; /* 16 times the jitter */
    bool has_transit;
};

struct receipt_packet {
    uint32_t timestamp;
    uint16_t seq;
    bool repeated; /* came by RTX: no sign of what the path lost */
};

enum receipt_kind {
    RECEIPT_NEXT,      /* higher than all before; gap says how many were jumped over */
    RECEIPT_LATE,      /* fills a gap */
    RECEIPT_DUPLICATE, /* or older than the window: to be dropped */
    RECEIPT_RESTART,   /* the numbers jumped: the source began anew, nothing before it matters */
};

struct receipt_result {
    enum receipt_kind kind;
    uint16_t gap;
};

struct receipt_result receipt_note(struct receipt *r, const struct receipt_packet *p, uint64_t now_us);
void receipt_note_sr(struct receipt *r, uint64_t ntp, uint64_t now_us);
/* The block of the next report, whose fraction counts from the one before. */
struct rtcp_block receipt_report(struct receipt *r, uint32_t ssrc, uint64_t now_us);
