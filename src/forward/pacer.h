/* Spreads what one receiver is sent over time, in ticks of 5 ms. Audio never waits. While the receiver is sent less than
 * 80 % of its rate nothing does; beyond that retransmissions and then video wait for their turn, in order, so that
 * packets of one frame stay together. What waits is bounded in number and in time: the highest layers are dropped first.
 * Probes are filled with what waits and then with padding.
 *
 * No clock, no allocation but for the pool, which the receivers of a worker share. Packets are the owner's, by pointer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PACER_TICK_US = 5000,
    PACER_QUEUE = 384,       /* packets that wait for one receiver, of either kind */
    PACER_AGE_US = 300000,   /* older ones are dropped */
    PACER_LAYER_US = 100000, /* with a queue longer than this the layers above the lowest are */
};

enum pacer_kind { PACER_AUDIO, PACER_RETRANSMISSION, PACER_VIDEO };

struct pacer_packet {
    void *packet;
    uint16_t bytes; /* of the whole datagram */
    uint8_t kind;   /* enum pacer_kind */
    uint8_t layer;  /* of video: 0 is what must come, higher ones are dropped first */
};

/* arg: of pacer_init. Each packet pushed comes back through one of send and drop, once. */
struct pacer_hooks {
    /* probe: the number of the probe it is part of, or 0. */
    void (*send)(void *arg, const struct pacer_packet *packet, uint8_t probe);
    void (*drop)(void *arg, const struct pacer_packet *packet);
    /* Send one packet of padding of at most so many bytes; what it had, 0: none can be sent now. */
    size_t (*pad)(void *arg, size_t bytes, uint8_t probe);
};

struct pacer_pool;
/* Places for so many waiting packets, at most 65535. NULL: no memory. */
struct pacer_pool *pacer_pool_new(unsigned places);
void pacer_pool_free(struct pacer_pool *pool);

struct pacer_queue {
    uint16_t head, tail; /* places, 0: none */
    uint16_t count;
};

struct pacer {
    struct pacer_pool *pool;
    const struct pacer_hooks *hooks;
    void *arg;
    uint64_t rate_bps;
    uint64_t tick_us; /* the last */
    int64_t credit;   /* bytes that may leave now; below zero: sent ahead */
    int64_t load;     /* bytes sent beyond 80 % of the rate lately, never below zero */
    uint64_t load_us;
    uint64_t queued_bytes;
    struct pacer_queue queue[2]; /* retransmissions, video */
    uint8_t probe;               /* the number of the present one, 0: none */
    int64_t probe_credit;
    uint64_t probe_bps, probe_left;
};

/* pool, hooks, arg: borrowed for life. */
void pacer_init(struct pacer *p, struct pacer_pool *pool, const struct pacer_hooks *hooks, void *arg);
/* Drops what waits. */
void pacer_deinit(struct pacer *p);
/* Bit/s of whole datagrams that may be sent, audio included (bwe_target). */
void pacer_set_rate(struct pacer *p, uint64_t rate_bps, uint64_t now_us);
/* Sends now or queues, or drops this or a less important one when there is no place. */
void pacer_push(struct pacer *p, const struct pacer_packet *packet, uint64_t now_us);
/* A probe (bwe_probe_wanted): so many bytes at that rate, from the next tick on. number: not 0. */
struct pacer_burst {
    uint8_t number;
    uint64_t rate_bps;
    uint64_t bytes;
};
void pacer_probe(struct pacer *p, const struct pacer_burst *probe, uint64_t now_us);
/* Every 5 ms while pacer_busy. */
void pacer_tick(struct pacer *p, uint64_t now_us);
/* Does anything wait, or a probe run? */
bool pacer_busy(const struct pacer *p);
/* How long what waits will take at the present rate. */
uint64_t pacer_delay_us(const struct pacer *p);
