/* What a receiver's RTCP says, given to its slots. */
#pragma once

#include "forward/slot.h"
#include "proto/rtcp/feedback.h"

enum { FEEDBACK_REPEATS_MAX = 256 /* numbers of one NACK; a receiver that lost more wants a key frame */ };

struct feedback {
    struct slot *const *slots; /* of the transport; borrowed */
    unsigned slot_count;
    void *ctx;
    void (*repeat)(void *ctx, struct slot *s, uint16_t seq); /* -> slot_repeat */
    void (*transport)(void *ctx, const struct rtcp_feedback *twcc);
    void (*remb)(void *ctx, uint64_t bps);
};

/* A decrypted compound RTCP packet. -EBADMSG: its end cannot be understood; what stands before it counts. */
int feedback_input(const struct feedback *f, const uint8_t *data, size_t len, uint64_t now_us);
