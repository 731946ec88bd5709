/* What a session remembers of each SSRC: how far its packets have come, and which of the last ones were there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SRTP_WINDOW_BITS = 512, SRTP_WINDOW_WORDS = SRTP_WINDOW_BITS / 64 };

/* A replay window (RFC 3711 section 3.3.2): a ring of bits, one for each of the last SRTP_WINDOW_BITS indices. */
struct srtp_window {
    uint64_t highest;
    uint64_t bits[SRTP_WINDOW_WORDS];
    bool started; /* a packet was there: highest means something */
};

/* 0: not seen yet; -ERR_REPLAY: seen, or too old to tell. */
int srtp_window_check(const struct srtp_window *w, uint64_t index);
void srtp_window_add(struct srtp_window *w, uint64_t index);
/* The 48-bit index that a 16-bit sequence number most likely stands for (RFC 3711 section 3.3.1, appendix A). Negative
 * when it lies before index 0: a packet of before the beginning. A window that has not started gives the number itself. */
int64_t srtp_window_guess(const struct srtp_window *w, uint16_t seq);

struct srtp_stream {
    uint32_t ssrc;
    bool used;
    struct srtp_window rtp, rtcp;
};

/* Open addressing; grows by doubling up to a bound, so that a session with few SSRCs is small. */
struct srtp_streams {
    struct srtp_stream *slots;
    uint32_t cap; /* a power of two, or 0 */
    uint32_t count;
};

void srtp_streams_deinit(struct srtp_streams *t);
/* NULL: none. The pointer is good until the next add or remove. */
struct srtp_stream *srtp_streams_find(const struct srtp_streams *t, uint32_t ssrc);
/* Adds an SSRC that is not there. -ENOBUFS: SRTP_STREAMS_MAX are; -ENOMEM. */
int srtp_streams_add(struct srtp_streams *t, uint32_t ssrc, struct srtp_stream **out);
void srtp_streams_remove(struct srtp_streams *t, uint32_t ssrc);
