/* The way in: what one participant's transport brings. Packets find their encodings by SSRC, which is signalled or learnt
 * from mid, rid and repaired rid (RFC 8843 section 9.2, RFC 8852); repetitions (RFC 4588) become the packets they repeat. */
#pragma once

#include "forward/publication.h"

enum {
    PUBLISHER_SSRCS_MAX = 64,
    PUBLISHER_REPORT_US = 1000000, /* between receiver reports */
    PUBLISHER_RTT_US = 100000,     /* until a measured one is set */
};

struct publisher_source {
    struct encoding *encoding;
    uint32_t ssrc;
    bool rtx;
};

struct publisher {
    struct rtp_ext_profile ext;
    struct publication_payload payloads[128];
    struct list publications;
    struct publisher_source sources[PUBLISHER_SSRCS_MAX];
    unsigned source_count;
    struct encoding_clock clock;
    uint32_t ssrc;      /* ours, in RTCP toward it */
    uint64_t rtt_us;    /* the owner keeps it up to date */
    uint64_t report_us; /* the next receiver report */
};

/* The owner fills in ext and payloads. */
void publisher_init(struct publisher *p, uint32_t ssrc);
/* The publication stays its owner's. -ENOBUFS: too many SSRCs. */
int publisher_add(struct publisher *p, struct publication *publication);
/* Before publication_free. */
void publisher_remove(struct publisher *p, struct publication *publication);

/* A decrypted RTP packet; a repetition is unwrapped in place. 0: out is to be given to the slots of
 * out->encoding->publication. -ENOENT: not of a publication, or a probe; -EALREADY: a duplicate; -EBADMSG; -ENOBUFS: more
 * SSRCs than there is room for. */
int publisher_input(struct publisher *p, uint8_t *data, size_t len, uint64_t now_us, struct media_packet *out);
/* A decrypted compound RTCP packet: sender reports. -EBADMSG. */
int publisher_input_rtcp(struct publisher *p, const uint8_t *data, size_t len, uint64_t now_us);
/* Writes the RTCP that is due, one compound packet: receiver report, NACK, PLI; nothing when nothing is. The writer has
 * room for 1200 bytes. To be called every few milliseconds and after a gap. */
void publisher_write_rtcp(struct publisher *p, struct writer *w, uint64_t now_us);
