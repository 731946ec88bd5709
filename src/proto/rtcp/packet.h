/* RTCP packets in a datagram (RFC 3550 section 6, RFC 5506 for those that do not begin with a report).
 *
 *   |V=2|P| count |  type  |  words that follow  |  then the body */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rtcp_type {
    RTCP_SR = 200,
    RTCP_RR = 201,
    RTCP_SDES = 202,
    RTCP_BYE = 203,
    RTCP_APP = 204,
    RTCP_RTPFB = 205, /* count is one of enum rtcp_rtpfb */
    RTCP_PSFB = 206,  /* count is one of enum rtcp_psfb */
    RTCP_XR = 207,
};

enum rtcp_rtpfb { RTCP_RTPFB_NACK = 1, RTCP_RTPFB_TWCC = 15 };
enum rtcp_psfb { RTCP_PSFB_PLI = 1, RTCP_PSFB_FIR = 4, RTCP_PSFB_AFB = 15 /* REMB is one */ };

enum { RTCP_HEADER_BYTES = 4, RTCP_COUNT_MAX = 31 };

struct rtcp_packet {
    const uint8_t *body; /* behind the four bytes of header; borrowed */
    size_t len;          /* of body, without padding */
    uint8_t type;        /* enum rtcp_type, or another to pass over */
    uint8_t count;       /* the five bits of count, format or subtype */
};

/* The next packet of a datagram. -ENOENT: no more; -EBADMSG: another version, a length beyond the datagram, or padding
 * that is 0, not whole words, too long, or not in the last packet. */
int rtcp_next(struct rtcp_packet *out, struct reader *r);

/* Begins a packet, whose length rtcp_write_end sets right. Bodies are whole words. */
size_t rtcp_write_begin(struct writer *w, uint8_t type, unsigned count);
void rtcp_write_end(struct writer *w, size_t begin);
