#include "lib/data_world.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <sys/time.h>

#define STEP_US 10000ULL

enum { INIT_AT = 12 }; /* chunks begin there */

/* libusrsctp looks at the wall clock for round trips and for what is old enough to be sent again: it gets our time. */
static uint64_t world_us;

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
    (void)zone;
    tv->tv_sec = (time_t)(world_us / 1000000);
    tv->tv_usec = (suseconds_t)(world_us % 1000000);
    return 0;
}

/* ---- the network */

static unsigned chance(struct data_world *w, unsigned below) {
    w->random = w->random * 1664525U + 1013904223U;
    return (w->random >> 8) % below;
}

static void push(struct data_world *w, bool to_server, const uint8_t *data, size_t len) {
    w->largest = len > w->largest ? len : w->largest;
    if (w->packet_count == WORLD_PACKETS || len > FORWARD_SCTP_MTU || chance(w, 100) < w->loss_percent || w->cut) {
        return;
    }
    struct world_packet *p = &w->packets[w->packet_count++];
    p->to_server = to_server;
    p->len = len;
    memcpy(p->data, data, len);
}

static void swap(struct world_packet *a, struct world_packet *b) {
    struct world_packet kept = *a;
    *a = *b;
    *b = kept;
}

/* The packets that are under way now; what they bring about goes with the next. */
static void carry(struct data_world *w) {
    static struct world_packet batch[WORLD_PACKETS];
    size_t count = w->packet_count;
    memcpy(batch, w->packets, count * sizeof batch[0]);
    w->packet_count = 0;
    for (size_t i = 1; w->shuffle && i < count; i++) {
        swap(&batch[i], &batch[chance(w, (unsigned)i + 1)]);
    }
    for (size_t i = 0; i < count; i++) {
        w->carried++;
        if (batch[i].to_server) {
            forward_data_input(w->server, batch[i].data, batch[i].len);
        } else {
            w->stack->input(w->stack, w->client, batch[i].data, batch[i].len);
        }
    }
}

void data_world_run(struct data_world *w, uint64_t duration_us) {
    for (uint64_t end = w->now_us + duration_us; w->now_us < end;) {
        for (int i = 0; i < 8 && w->packet_count > 0; i++) {
            carry(w);
        }
        world_us = w->now_us += STEP_US;
        w->stack->timeout(w->stack, w->now_us);
    }
}

/* ---- the client */

static void client_packet(void *ctx, const uint8_t *data, size_t len) {
    struct data_world *w = ctx;
    memcpy(w->client_tag, data + 4, sizeof w->client_tag);
    if (data[INIT_AT] == 1) {
        w->client_tsn = load_be32(data + INIT_AT + 16);
    }
    push(w, true, data, len);
}

static void client_up(void *ctx) { ((struct data_world *)ctx)->client_up = true; }

static void client_message(void *ctx, const struct forward_sctp_message *m) {
    struct data_world *w = ctx;
    if (m->ppid == DCEP_PPID_CONTROL) {
        w->acks += dcep_type(m->data, m->len) == DCEP_ACK;
        return;
    }
    uint32_t number = m->len >= 4 ? load_be32(m->data) : 0;
    w->client_disorder |= w->client_messages > 0 && number != w->client_last + 1;
    w->client_last = number;
    w->client_messages++;
    w->client_ppid = m->ppid;
    w->client_len = m->len;
}

static void client_reset(void *ctx, uint64_t streams, bool incoming) {
    struct data_world *w = ctx;
    *(incoming ? &w->client_in_resets : &w->client_out_resets) |= streams;
}

static void client_gone(void *ctx) { ((struct data_world *)ctx)->client_gone = true; }

int data_world_open(struct data_world *w, uint16_t stream, enum dcep_reliability reliability, bool unordered) {
    uint8_t bytes[DCEP_OPEN_BYTES_MAX];
    const struct dcep_open open = {.reliability = reliability,
                                   .unordered = unordered,
                                   .label = "chat",
                                   .label_len = 4,
                                   .protocol = "v1",
                                   .protocol_len = 2};
    long n = dcep_open_write(&open, bytes, sizeof bytes);
    return data_world_send(w, stream, DCEP_PPID_CONTROL, bytes, (size_t)n);
}

int data_world_send(struct data_world *w, uint16_t stream, uint32_t ppid, const void *data, size_t len) {
    const struct forward_sctp_message m = {.stream = stream, .ppid = ppid, .data = data, .len = len};
    return w->stack->send(w->stack, w->client, &m);
}

/* ---- the server */

static void server_packet(void *ctx, const uint8_t *data, size_t len) { push(ctx, false, data, len); }

static void server_opened(void *ctx, const struct forward_channel *channel) {
    struct data_world *w = ctx;
    w->opened++;
    w->channel = *channel;
    memset(w->label, 0, sizeof w->label);
    memset(w->protocol, 0, sizeof w->protocol);
    memcpy(w->label, channel->label, channel->label_len < WORLD_TEXT ? channel->label_len : WORLD_TEXT - 1);
    memcpy(w->protocol, channel->protocol, channel->protocol_len < WORLD_TEXT ? channel->protocol_len : WORLD_TEXT - 1);
}

static void server_message(void *ctx, uint16_t channel, const struct dcep_payload *payload) {
    struct data_world *w = ctx;
    w->messages++;
    w->text = payload->text;
    w->len = payload->len;
    memcpy(w->first, payload->data, payload->len < WORLD_TEXT ? payload->len : WORLD_TEXT);
    if (w->echo) {
        forward_data_send(w->server, channel, payload);
    }
}

static void server_closed(void *ctx, uint16_t channel, enum forward_channel_end why) {
    struct data_world *w = ctx;
    (void)channel;
    w->closed++;
    w->why = why;
}

static void server_gone(void *ctx) { ((struct data_world *)ctx)->gone++; }

/* ---- life */

int data_world_init(struct data_world *w, struct forward_data_stack *stack, uint64_t now_us) {
    const struct forward_data_events events = {.ctx = w,
                                               .packet = server_packet,
                                               .opened = server_opened,
                                               .message = server_message,
                                               .closed = server_closed,
                                               .gone = server_gone};
    const struct forward_link_options options = {.events = {.ctx = w,
                                                            .packet = client_packet,
                                                            .up = client_up,
                                                            .message = client_message,
                                                            .reset = client_reset,
                                                            .gone = client_gone},
                                                 .active = true,
                                                 .now_us = now_us};
    w->stack = stack;
    world_us = w->now_us = now_us;
    w->random = 1;
    int rc = forward_data_new(&w->server, stack, &events, now_us);
    return rc < 0 ? rc : stack->open(stack, &options, &w->client);
}

void data_world_deinit(struct data_world *w) {
    w->stack->close(w->stack, w->client);
    forward_data_free(w->server);
}

bool data_world_connect(struct data_world *w) {
    for (int i = 0; i < 1000 && !w->client_up; i++) {
        data_world_run(w, STEP_US);
    }
    return w->client_up;
}
