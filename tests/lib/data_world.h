/* A client's SCTP and the server's channels, both on the one stack of this process, with a network between them that
 * loses and reorders. Time is virtual, also for libusrsctp: gettimeofday is the world's. */
#pragma once

#include "forward/channels.h"

enum { WORLD_PACKETS = 2048, WORLD_TEXT = 64 };

struct world_packet {
    bool to_server;
    size_t len;
    uint8_t data[FORWARD_SCTP_MTU];
};

struct data_world {
    struct forward_data_stack *stack;
    struct forward_data *server;
    uint32_t client; /* link */
    uint64_t now_us;
    unsigned loss_percent;
    bool shuffle;
    bool cut; /* nothing arrives */
    uint32_t random;
    size_t packet_count, carried, largest;
    struct world_packet packets[WORLD_PACKETS];
    uint8_t client_tag[4]; /* verification tag of what the client sends */
    uint32_t client_tsn;   /* of its first DATA chunk */
    /* the client's side */
    bool client_up, client_gone;
    unsigned acks;
    uint64_t client_in_resets, client_out_resets;
    unsigned client_messages;
    size_t client_len;
    uint32_t client_ppid, client_last; /* identifier; the first four bytes */
    bool client_disorder;              /* a message was not the one after the last */
    /* the server's */
    unsigned opened, messages, closed, gone;
    struct forward_channel channel;
    char label[WORLD_TEXT], protocol[WORLD_TEXT];
    enum forward_channel_end why;
    bool text, echo;
    size_t len;
    uint8_t first[WORLD_TEXT];
};

int data_world_init(struct data_world *w, struct forward_data_stack *stack, uint64_t now_us);
void data_world_deinit(struct data_world *w);
/* Carries packets and turns the clock by steps of 10 ms. */
void data_world_run(struct data_world *w, uint64_t duration_us);
/* The association stands; false when not within ten seconds. */
bool data_world_connect(struct data_world *w);
int data_world_open(struct data_world *w, uint16_t stream, enum dcep_reliability reliability, bool unordered);
int data_world_send(struct data_world *w, uint16_t stream, uint32_t ppid, const void *data, size_t len);
