#include "forward/channels.h"

#include <errno.h>
#include <stdlib.h>

/* A stream number is free, or a channel, or waits for the resets of both sides before it is free again. */
enum channel_state { CHANNEL_FREE, CHANNEL_OPEN, CHANNEL_CLOSING };

struct channel {
    uint8_t state; /* enum channel_state */
    bool unordered;
    bool ours_reset;   /* while closing: the peer has agreed to our reset */
    bool theirs_reset; /* while closing: the peer has reset its side */
    enum dcep_reliability reliability;
    uint32_t limit;
};

struct forward_data {
    struct forward_data_stack *stack;
    struct forward_data_events events;
    struct forward_data_counts counts;
    uint32_t link;
    bool gone;
    unsigned open;
    struct channel channels[FORWARD_STREAMS];
};

static uint64_t bit(uint16_t stream) { return 1ULL << stream; }

/* ---- closing */

static void free_when_both_agree(struct channel *c) {
    if (c->state == CHANNEL_CLOSING && c->ours_reset && c->theirs_reset) {
        *c = (struct channel){0};
    }
}

/* Our side is reset; the stream is free when both are (RFC 8831 section 6.7). */
static void start_closing(struct forward_data *d, uint16_t stream) {
    struct channel *c = &d->channels[stream];
    d->open -= c->state == CHANNEL_OPEN;
    *c = (struct channel){.state = CHANNEL_CLOSING};
    d->stack->reset(d->stack, d->link, bit(stream));
}

static void end_channel(struct forward_data *d, uint16_t stream, enum forward_channel_end why) {
    start_closing(d, stream);
    d->events.closed(d->events.ctx, stream, why);
}

/* The association is no longer what the channels were opened on. */
static void forget_channels(struct forward_data *d) {
    for (uint16_t i = 0; i < FORWARD_STREAMS; i++) {
        bool open = d->channels[i].state == CHANNEL_OPEN;
        d->channels[i] = (struct channel){0};
        if (open) {
            d->open--;
            d->events.closed(d->events.ctx, i, FORWARD_CHANNEL_CLOSED);
        }
    }
}

/* ---- what the stack tells */

static void on_packet(void *ctx, const uint8_t *data, size_t len) {
    struct forward_data *d = ctx;
    d->events.packet(d->events.ctx, data, len);
}

static void on_up(void *ctx) { forget_channels(ctx); }

static void on_gone(void *ctx) {
    struct forward_data *d = ctx;
    d->gone = true;
    forget_channels(d);
    d->events.gone(d->events.ctx);
}

static void acknowledge(struct forward_data *d, uint16_t stream) {
    static const uint8_t ack[] = {DCEP_ACK};
    const struct forward_sctp_message m = {.stream = stream, .ppid = DCEP_PPID_CONTROL, .data = ack, .len = sizeof ack};
    if (d->stack->send(d->stack, d->link, &m) < 0) {
        end_channel(d, stream, FORWARD_CHANNEL_CLOSED); /* the client would wait for ever */
    }
}

/* Streams of DTLS clients are even (RFC 8832 section 6); a bad opening is answered by a reset alone. */
static void take_open(struct forward_data *d, const struct forward_sctp_message *m) {
    struct channel *c = &d->channels[m->stream];
    struct dcep_open open;
    if (c->state == CHANNEL_OPEN) {
        d->counts.refused++;
        end_channel(d, m->stream, FORWARD_CHANNEL_ILLEGAL);
        return;
    }
    if (c->state == CHANNEL_CLOSING && !c->theirs_reset) { /* else its side is new, though our reset's answer is lost */
        d->counts.refused++;
        return;
    }
    if (m->stream % 2 != 0 || dcep_open_parse(&open, m->data, m->len) < 0) {
        d->counts.refused++;
        start_closing(d, m->stream);
        return;
    }
    *c = (struct channel){
        .state = CHANNEL_OPEN, .unordered = open.unordered, .reliability = open.reliability, .limit = open.limit};
    d->open++;
    const struct forward_channel told = {.id = m->stream,
                                         .lossy = open.reliability != DCEP_RELIABLE,
                                         .ordered = !open.unordered,
                                         .label = open.label,
                                         .label_len = open.label_len,
                                         .protocol = open.protocol,
                                         .protocol_len = open.protocol_len};
    d->events.opened(d->events.ctx, &told);
    if (c->state == CHANNEL_OPEN) { /* not closed by the event */
        acknowledge(d, m->stream);
    }
}

static void on_message(void *ctx, const struct forward_sctp_message *m) {
    struct forward_data *d = ctx;
    struct dcep_payload payload;
    if (m->stream >= FORWARD_STREAMS || d->gone) {
        d->counts.dropped_strange++;
    } else if (m->data && m->ppid == DCEP_PPID_CONTROL) {
        if (dcep_type(m->data, m->len) != DCEP_ACK) { /* which answers what we never send */
            take_open(d, m);
        }
    } else if (d->channels[m->stream].state != CHANNEL_OPEN) {
        d->counts.dropped_strange++;
    } else if (!m->data) {
        end_channel(d, m->stream, FORWARD_CHANNEL_TOO_BIG);
    } else if (dcep_payload_read(&payload, m->ppid, m->data, m->len) < 0) {
        d->counts.dropped_strange++;
    } else {
        d->counts.received++;
        d->events.message(d->events.ctx, m->stream, &payload);
    }
}

static void on_reset(void *ctx, uint64_t streams, bool incoming) {
    struct forward_data *d = ctx;
    for (uint16_t i = 0; i < FORWARD_STREAMS; i++) {
        struct channel *c = &d->channels[i];
        if (!(streams & bit(i)) || c->state == CHANNEL_FREE) {
            continue;
        }
        if (incoming && c->state == CHANNEL_OPEN) {
            end_channel(d, i, FORWARD_CHANNEL_CLOSED);
        }
        c->theirs_reset |= incoming;
        c->ours_reset |= !incoming;
        free_when_both_agree(c);
    }
}

/* ---- life */

int forward_data_new(struct forward_data **out, struct forward_data_stack *stack,
                     const struct forward_data_events *events, uint64_t now_us) {
    struct forward_data *d = calloc(1, sizeof *d);
    *out = NULL;
    if (!d) {
        return -ENOMEM;
    }
    d->stack = stack;
    d->events = *events;
    const struct forward_link_options options = {
        .events =
            {.ctx = d, .packet = on_packet, .up = on_up, .message = on_message, .reset = on_reset, .gone = on_gone},
        .now_us = now_us};
    int rc = stack->open(stack, &options, &d->link);
    if (rc < 0) {
        free(d);
        return rc;
    }
    *out = d;
    return 0;
}

void forward_data_free(struct forward_data *d) {
    if (d) {
        d->stack->close(d->stack, d->link);
        free(d);
    }
}

/* ---- what the owner does */

void forward_data_input(struct forward_data *d, const uint8_t *packet, size_t len) {
    if (!d->gone && forward_sctp_sound(packet, len)) {
        d->stack->input(d->stack, d->link, packet, len);
    }
}

static struct channel *channel_of(struct forward_data *d, uint16_t id) {
    struct channel *c = id < FORWARD_STREAMS ? &d->channels[id] : NULL;
    return c && c->state == CHANNEL_OPEN ? c : NULL;
}

int forward_data_send(struct forward_data *d, uint16_t channel, const struct dcep_payload *payload) {
    const struct channel *c = channel_of(d, channel);
    struct dcep_payload p = *payload;
    if (!c) {
        return -ENOENT;
    }
    if (p.len > FORWARD_MESSAGE_BYTES_MAX) {
        return -EMSGSIZE;
    }
    bool lossy = c->reliability != DCEP_RELIABLE;
    size_t room = lossy ? FORWARD_LOSSY_BUFFERED_MAX : FORWARD_BUFFERED_MAX;
    struct forward_sctp_message m = {
        .stream = channel, .unordered = c->unordered, .reliability = c->reliability, .limit = c->limit};
    m.ppid = dcep_payload_write(&p);
    m.data = p.data;
    m.len = p.len;
    int rc = forward_data_buffered(d) + m.len > room ? -EAGAIN : d->stack->send(d->stack, d->link, &m);
    if (rc == -EAGAIN && lossy) {
        d->counts.dropped_lossy++;
        return 0;
    }
    d->counts.sent += rc == 0;
    return rc == 0 || rc == -EAGAIN ? (rc ? -ENOBUFS : 0) : -EIO;
}

int forward_data_close(struct forward_data *d, uint16_t channel) {
    if (!channel_of(d, channel)) {
        return -ENOENT;
    }
    start_closing(d, channel);
    return 0;
}

size_t forward_data_buffered(const struct forward_data *d) { return d->stack->buffered(d->stack, d->link); }

unsigned forward_data_channel_count(const struct forward_data *d) { return d->open; }

const struct forward_data_counts *forward_data_counts(const struct forward_data *d) { return &d->counts; }
