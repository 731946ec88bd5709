/* Feedback messages: NACK and PLI (RFC 4585), FIR (RFC 5104), REMB (draft-alvestrand-rmcat-remb-03). Transport-wide
 * feedback has a file of its own.
 *
 * Each begins with the SSRC of who sends it and that of the media it is about. */
#pragma once

#include "proto/rtcp/packet.h"

struct rtcp_feedback {
    uint32_t sender;
    uint32_t media;       /* 0 where the message names its sources itself (FIR, REMB) */
    const uint8_t *items; /* the rest; borrowed */
    size_t len;
};

/* Any RTPFB or PSFB packet. -EBADMSG: neither, or too short. */
int rtcp_feedback_parse(struct rtcp_feedback *out, const struct rtcp_packet *p);

/* The lost sequence numbers of a NACK, in the order they stand, at most cap. A datagram holds a few thousand.
 * Returns how many, or -EBADMSG: not whole items. */
long rtcp_nack_sequences(const struct rtcp_feedback *f, uint16_t *out, size_t cap);
/* seqs: ascending (modulo 2^16), at least one. */
struct rtcp_nack {
    uint32_t sender;
    uint32_t media;
    const uint16_t *seqs; /* borrowed */
    size_t count;
};
void rtcp_nack_write(struct writer *w, const struct rtcp_nack *nack);

void rtcp_pli_write(struct writer *w, uint32_t sender, uint32_t media);

struct rtcp_fir {
    uint32_t ssrc; /* whose key frame is wanted */
    uint8_t seq;   /* another one asks anew */
};
/* At most cap. Returns how many, or -EBADMSG. */
long rtcp_fir_entries(const struct rtcp_feedback *f, struct rtcp_fir *out, size_t cap);
void rtcp_fir_write(struct writer *w, uint32_t sender, const struct rtcp_fir *fir);

enum { RTCP_REMB_SSRCS_MAX = 255 };
struct rtcp_remb {
    uint64_t bitrate_bps;
    const uint8_t *ssrcs; /* ssrc_count times four bytes; borrowed */
    uint8_t ssrc_count;
};
/* -ENOENT: another application's feedback; -EBADMSG. A bitrate beyond 64 bits becomes UINT64_MAX. */
int rtcp_remb_parse(struct rtcp_remb *out, const struct rtcp_feedback *f);
/* The bitrate is rounded down to 18 significant bits. */
struct rtcp_remb_out {
    uint32_t sender;
    uint64_t bitrate_bps;
    const uint32_t *ssrcs; /* borrowed */
    uint8_t ssrc_count;
};
void rtcp_remb_write(struct writer *w, const struct rtcp_remb_out *remb);
