/* What data.c needs of an SCTP stack (RFC 9260 over DTLS, RFC 8261): associations known by numbers, packets and messages.
 * One implementation stands on libusrsctp (data_sctp.c); tests have their own.
 *
 * Who calls: one thread, the same from new to free. libusrsctp keeps its state in globals with locks of their own and
 * allocates for every message, so it has no place on a media worker, where a room's other packets would wait for it. It
 * belongs to the control thread: that is where the rooms are whose members a message goes to, so it comes in and goes out
 * to all of them without another crossing. Workers keep ICE and DTLS and pass SCTP packets, up to FORWARD_SCTP_MTU bytes
 * each, over the rings both ways. Another thread of its own would only add a crossing more.
 *
 * No call comes back into the stack from within an event: a message that arrives is held until the stack has returned,
 * then told. So events may send, reset and open, but must not close the association they are told of, nor free the stack. */
#pragma once

#include "proto/dcep/dcep.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FORWARD_SCTP_MTU = 1180,               /* of an SCTP packet: with DTLS, UDP and TURN it fits 1280 */
    FORWARD_SCTP_PORT = 5000,              /* both sides', for a=sctp-port */
    FORWARD_STREAMS = 64,                  /* each way */
    FORWARD_MESSAGE_BYTES_MAX = 64 * 1024, /* for a=max-message-size */
    FORWARD_BUFFERED_MAX = 256 * 1024,     /* bytes that wait to be sent or acknowledged, of an association */
};

struct forward_sctp_message {
    uint16_t stream;
    uint32_t ppid;
    bool unordered;
    enum dcep_reliability reliability; /* to send only, as limit is */
    uint32_t limit;
    const uint8_t *data; /* borrowed */
    size_t len;
};

struct forward_link_events {
    void *ctx;
    /* A packet for the peer; borrowed. Must not call the stack. */
    void (*packet)(void *ctx, const uint8_t *data, size_t len);
    /* The association stands, at first or anew: every stream is as at the beginning. */
    void (*up)(void *ctx);
    /* A whole message; data NULL: it is longer than FORWARD_MESSAGE_BYTES_MAX and not kept. */
    void (*message)(void *ctx, const struct forward_sctp_message *m);
    /* These streams (a bit each) were reset by the peer (incoming), or the peer has agreed to our reset. */
    void (*reset)(void *ctx, uint64_t streams, bool incoming);
    /* Nothing more comes but the caller's close. */
    void (*gone)(void *ctx);
};

struct forward_link_options {
    struct forward_link_events events;
    bool active; /* sends the INIT; else waits for the peer's, as servers do */
    uint64_t now_us;
};

struct forward_data_stack {
    /* *link is the association's number, never 0. -ENOBUFS: too many; -ENOMEM. */
    int (*open)(struct forward_data_stack *s, const struct forward_link_options *options, uint32_t *link);
    /* Aborts what stands; no event comes from then on. An unknown number is ignored, here and below. */
    void (*close)(struct forward_data_stack *s, uint32_t link);
    /* A packet of the peer; anything that is none is dropped. */
    void (*input)(struct forward_data_stack *s, uint32_t link, const uint8_t *data, size_t len);
    /* -ENOTCONN: not up; -EAGAIN: too much waits; -EIO. */
    int (*send)(struct forward_data_stack *s, uint32_t link, const struct forward_sctp_message *m);
    /* Resets our side of these streams, after what was sent there. Asked for again until the peer agrees. */
    void (*reset)(struct forward_data_stack *s, uint32_t link, uint64_t streams);
    /* Bytes that wait to be sent or acknowledged. */
    size_t (*buffered)(const struct forward_data_stack *s, uint32_t link);
    /* To be called when due; UINT64_MAX: never. */
    uint64_t (*deadline)(const struct forward_data_stack *s);
    void (*timeout)(struct forward_data_stack *s, uint64_t now_us);
    void (*free)(struct forward_data_stack *s); /* after every link was closed */
};

/* The stack on libusrsctp, in its mode without threads and without sockets; yet the library starts one thread, which looks
 * after changes of addresses and sleeps for ever here. Block signals before. There is one state per process. -EBUSY: there
 * is one already; -ENOTSUP: turnout was built without libusrsctp (clients' data goes by signaling then). Its timers
 * follow now_us; round trips, lifetimes and what is old enough to be sent again it takes from the wall clock. */
int forward_data_sctp_new(struct forward_data_stack **out, uint64_t now_us);

/* May an SCTP stack see this packet? A whole common header with our ports and whole chunks, of types that were
 * negotiated: neither AUTH nor ASCONF nor anything else that no browser uses. */
bool forward_sctp_sound(const uint8_t *data, size_t len);
