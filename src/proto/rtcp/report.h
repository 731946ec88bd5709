/* Sender and receiver reports, source descriptions, BYE (RFC 3550 section 6.4 to 6.6). */
#pragma once

#include "proto/rtcp/packet.h"

/* What a receiver says of one source. */
struct rtcp_block {
    uint32_t ssrc;
    uint8_t fraction_lost;   /* of 256, since the report before */
    int32_t lost;            /* 24 bits; negative with duplicates */
    uint32_t highest_seq;    /* 16 bits of cycles, 16 of sequence number */
    uint32_t jitter;         /* in timestamp units */
    uint32_t last_sr;        /* the middle 32 bits of the NTP time of the last SR; 0: none */
    uint32_t delay_since_sr; /* in 1/65536 s */
};

struct rtcp_sender_info {
    uint64_t ntp; /* 32.32 fixed point seconds since 1900 */
    uint32_t rtp_timestamp;
    uint32_t packets;
    uint32_t bytes; /* of payload */
};

struct rtcp_report {
    uint32_t ssrc; /* of the reporter */
    bool is_sender;
    struct rtcp_sender_info sender; /* of an SR */
    const uint8_t *blocks;          /* block_count of them; borrowed */
    uint8_t block_count;
};

/* An SR or an RR. -EBADMSG: neither, or too short for its count. */
int rtcp_report_parse(struct rtcp_report *out, const struct rtcp_packet *p);
/* Block i, below block_count. */
struct rtcp_block rtcp_report_block(const struct rtcp_report *report, size_t i);
/* blocks: block_count of them, at most RTCP_COUNT_MAX; what report says in `blocks` is not looked at. */
void rtcp_report_write(struct writer *w, const struct rtcp_report *report, const struct rtcp_block *blocks);

/* A source's canonical name. */
struct rtcp_cname {
    uint32_t ssrc;
    const char *name; /* borrowed, not terminated */
    uint8_t len;
};

/* The CNAMEs of an SDES packet, at most cap; other items are passed over. Returns how many, or -EBADMSG. */
long rtcp_sdes_cnames(const struct rtcp_packet *p, struct rtcp_cname *out, size_t cap);
void rtcp_sdes_write(struct writer *w, const struct rtcp_cname *cname);

/* The SSRCs of a BYE, at most cap. Returns how many, or -EBADMSG. */
long rtcp_bye_sources(const struct rtcp_packet *p, uint32_t *out, size_t cap);
void rtcp_bye_write(struct writer *w, const uint32_t *ssrcs, unsigned count);
