/* One client's data channels (RFC 8831): SCTP over its DTLS transport, DCEP on it. The client opens channels, at most one
 * per even stream number below FORWARD_STREAMS; either side closes them. Two kinds matter to whoever sends:
 *
 *   reliable  a message comes or the channel closes; when too much waits the sender is told
 *   lossy     any channel with a limit to retransmissions or lifetime; when too much waits messages are dropped
 *
 * Bounds: FORWARD_STREAMS, FORWARD_MESSAGE_BYTES_MAX, FORWARD_BUFFERED_MAX, FORWARD_LOSSY_BUFFERED_MAX. No I/O and no
 * clock; see data_stack.h for the thread that all this belongs to. */
#pragma once

#include "forward/data_stack.h"

struct forward_data;

/* What waits of an association while lossy messages are still taken, in bytes. */
enum { FORWARD_LOSSY_BUFFERED_MAX = 64 * 1024 };

struct forward_channel {
    uint16_t id; /* the stream */
    bool lossy;
    bool ordered;
    const char *label; /* UTF-8, not terminated; borrowed */
    size_t label_len;
    const char *protocol;
    size_t protocol_len;
};

enum forward_channel_end {
    FORWARD_CHANNEL_CLOSED,  /* by the client, or with its association */
    FORWARD_CHANNEL_TOO_BIG, /* a message over FORWARD_MESSAGE_BYTES_MAX came */
    FORWARD_CHANNEL_ILLEGAL, /* opened a second time */
};

/* None of these may free the channels. */
struct forward_data_events {
    void *ctx;
    /* An SCTP packet for forward_transport_send_sctp; must not call anything here. */
    void (*packet)(void *ctx, const uint8_t *data, size_t len);
    void (*opened)(void *ctx, const struct forward_channel *channel);
    void (*message)(void *ctx, uint16_t channel, const struct dcep_payload *payload);
    /* Not told of what forward_data_close closed. */
    void (*closed)(void *ctx, uint16_t channel, enum forward_channel_end why);
    /* The association has ended, after every channel. */
    void (*gone)(void *ctx);
};

struct forward_data_counts {
    uint64_t received; /* messages */
    uint64_t sent;
    uint64_t dropped_lossy;   /* too much waited */
    uint64_t dropped_strange; /* on no channel, or with an identifier that is none */
    uint64_t refused;         /* channels with a bad opening */
};

/* stack is borrowed. -ENOMEM, -ENOBUFS. */
int forward_data_new(struct forward_data **out, struct forward_data_stack *stack,
                     const struct forward_data_events *events, uint64_t now_us);
/* Aborts the association, without events but packets. NULL is ignored. */
void forward_data_free(struct forward_data *d);

/* A packet from the sctp callback of the transport. */
void forward_data_input(struct forward_data *d, const uint8_t *packet, size_t len);
/* Queues a message. A lossy one that is dropped is no error. -ENOENT: no such channel; -EMSGSIZE: over
 * FORWARD_MESSAGE_BYTES_MAX; -ENOBUFS: too much waits, on a reliable channel; -EIO: the association has ended. */
int forward_data_send(struct forward_data *d, uint16_t channel, const struct dcep_payload *payload);
/* What was sent before still goes out. -ENOENT. */
int forward_data_close(struct forward_data *d, uint16_t channel);

/* Bytes that wait to be sent or acknowledged. */
size_t forward_data_buffered(const struct forward_data *d);
unsigned forward_data_channel_count(const struct forward_data *d);
const struct forward_data_counts *forward_data_counts(const struct forward_data *d);
