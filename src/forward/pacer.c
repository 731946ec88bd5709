#include "forward/pacer.h"

#include <stdlib.h>

enum {
    BURST_US = 40000,   /* so much above 80 % of the rate is no load yet: a frame comes at once */
    CATCH_UP_TICKS = 4, /* ticks that came late are made up for, no more of them */
};

struct place {
    struct pacer_packet packet;
    uint64_t since_us;
    uint16_t next;
};

struct pacer_pool {
    uint16_t unused; /* the first free place, 0: none */
    struct place places[];
};

struct pacer_pool *pacer_pool_new(unsigned places) {
    struct pacer_pool *pool = calloc(1, sizeof *pool + (places + 1) * sizeof pool->places[0]);
    for (unsigned i = places; pool != NULL && i > 0; i--) {
        pool->places[i].next = pool->unused;
        pool->unused = (uint16_t)i;
    }
    return pool;
}

void pacer_pool_free(struct pacer_pool *pool) { free(pool); }

void pacer_init(struct pacer *p, struct pacer_pool *pool, const struct pacer_hooks *hooks, void *arg) {
    *p = (struct pacer){.pool = pool, .hooks = hooks, .arg = arg};
}

static uint64_t bytes_in(uint64_t rate_bps, uint64_t us) { return rate_bps / 8 * us / 1000000; }

uint64_t pacer_delay_us(const struct pacer *p) {
    return p->rate_bps == 0 ? 0 : p->queued_bytes * 8 * 1000000 / p->rate_bps;
}

bool pacer_busy(const struct pacer *p) { return p->queued_bytes > 0 || p->probe != 0; }

/* Takes out the place after prev, 0: the first. */
static void take(struct pacer *p, struct pacer_queue *q, uint16_t prev, struct pacer_packet *out) {
    struct place *places = p->pool->places;
    uint16_t i = prev == 0 ? q->head : places[prev].next;
    *out = places[i].packet;
    *(prev == 0 ? &q->head : &places[prev].next) = places[i].next;
    q->tail = q->tail == i ? prev : q->tail;
    q->count--;
    p->queued_bytes -= out->bytes;
    places[i].next = p->pool->unused;
    p->pool->unused = i;
}

static void drop_after(struct pacer *p, struct pacer_queue *q, uint16_t prev) {
    struct pacer_packet packet;
    take(p, q, prev, &packet);
    p->hooks->drop(p->arg, &packet);
}

void pacer_deinit(struct pacer *p) {
    for (unsigned k = 0; k < 2; k++) {
        while (p->queue[k].count > 0) {
            drop_after(p, &p->queue[k], 0);
        }
    }
}

static void drain(struct pacer *p, uint64_t now_us) {
    if (now_us <= p->load_us) {
        return;
    }
    uint64_t us = now_us - p->load_us < 1000000 ? now_us - p->load_us : 1000000;
    p->load -= (int64_t)(bytes_in(p->rate_bps, us) * 4 / 5);
    p->load = p->load < 0 ? 0 : p->load;
    p->load_us = now_us;
}

void pacer_set_rate(struct pacer *p, uint64_t rate_bps, uint64_t now_us) {
    drain(p, now_us);
    p->rate_bps = rate_bps;
}

static void leave(struct pacer *p, const struct pacer_packet *packet, uint8_t probe) {
    p->load += packet->bytes;
    p->hooks->send(p->arg, packet, probe);
}

/* Drops all video above a layer. False when there was none. */
static bool drop_above(struct pacer *p, uint8_t layer) {
    struct pacer_queue *q = &p->queue[1];
    bool any = false;
    for (uint16_t prev = 0, i = q->head; i != 0; i = prev == 0 ? q->head : p->pool->places[prev].next) {
        if (p->pool->places[i].packet.layer > layer) {
            drop_after(p, q, prev);
            any = true;
        } else {
            prev = i;
        }
    }
    return any;
}

static uint8_t highest_layer(const struct pacer *p) {
    uint8_t layer = 0;
    for (uint16_t i = p->queue[1].head; i != 0; i = p->pool->places[i].next) {
        layer = p->pool->places[i].packet.layer > layer ? p->pool->places[i].packet.layer : layer;
    }
    return layer;
}

static bool has_place(const struct pacer *p, const struct pacer_queue *q) {
    return p->pool->unused != 0 && q->count < PACER_QUEUE;
}

/* Makes room by dropping higher layers than the packet's; what must come waits, the layers above it go. */
static bool admit(struct pacer *p, struct pacer_queue *q, const struct pacer_packet *packet) {
    bool video = packet->kind == PACER_VIDEO;
    if (video && packet->layer > 0 && pacer_delay_us(p) > PACER_LAYER_US) {
        return false;
    }
    if (!has_place(p, q)) {
        uint8_t highest = highest_layer(p);
        if (highest > 0 && (!video || packet->layer < highest)) {
            drop_above(p, (uint8_t)(highest - 1));
        }
    }
    return has_place(p, q);
}

static void append(struct pacer *p, struct pacer_queue *q, const struct pacer_packet *packet, uint64_t now_us) {
    uint16_t i = p->pool->unused;
    struct place *place = &p->pool->places[i];
    p->pool->unused = place->next;
    *place = (struct place){.packet = *packet, .since_us = now_us};
    *(q->tail == 0 ? &q->head : &p->pool->places[q->tail].next) = i;
    q->tail = i;
    q->count++;
    p->queued_bytes += packet->bytes;
}

void pacer_push(struct pacer *p, const struct pacer_packet *packet, uint64_t now_us) {
    drain(p, now_us);
    bool idle = p->queued_bytes == 0 && p->load <= (int64_t)bytes_in(p->rate_bps, BURST_US);
    if (packet->kind == PACER_AUDIO || idle) {
        p->credit -= packet->bytes;
        leave(p, packet, 0);
        return;
    }
    if (!pacer_busy(p)) { /* what was not used while nothing waited is gone */
        p->tick_us = now_us;
        p->credit = 0;
    }
    struct pacer_queue *q = &p->queue[packet->kind == PACER_VIDEO];
    if (admit(p, q, packet)) {
        append(p, q, packet, now_us);
    } else {
        p->hooks->drop(p->arg, packet);
    }
}

void pacer_probe(struct pacer *p, const struct pacer_burst *probe, uint64_t now_us) {
    if (!pacer_busy(p)) {
        p->tick_us = now_us;
        p->credit = 0;
    }
    p->probe = probe->number;
    p->probe_bps = probe->rate_bps;
    p->probe_left = probe->bytes;
    p->probe_credit = 0;
}

/* Too old, or of a layer there is no time for. */
static void expire(struct pacer *p, uint64_t now_us) {
    for (unsigned k = 0; k < 2; k++) {
        struct pacer_queue *q = &p->queue[k];
        while (q->count > 0 && now_us - p->pool->places[q->head].since_us > PACER_AGE_US) {
            drop_after(p, q, 0);
        }
    }
    for (uint8_t layer = highest_layer(p); layer > 0 && pacer_delay_us(p) > PACER_LAYER_US; layer--) {
        drop_above(p, (uint8_t)(layer - 1));
    }
}

static void send_waiting(struct pacer *p, int64_t *credit, uint8_t probe) {
    while (p->queued_bytes > 0 && *credit > 0) {
        struct pacer_packet packet;
        take(p, &p->queue[p->queue[0].count == 0], 0, &packet);
        *credit -= packet.bytes;
        if (probe != 0) {
            p->probe_left -= packet.bytes < p->probe_left ? packet.bytes : p->probe_left;
        }
        leave(p, &packet, probe);
    }
}

/* A probe has a credit of its own: it is to exceed the rate. */
static void run_probe(struct pacer *p, uint64_t us) {
    p->probe_credit += (int64_t)bytes_in(p->probe_bps, us);
    while (p->probe_left > 0 && p->probe_credit > 0) {
        int64_t credit = 1; /* one packet */
        uint64_t waited = p->queued_bytes;
        send_waiting(p, &credit, p->probe);
        size_t bytes = (size_t)(waited - p->queued_bytes);
        if (bytes == 0) {
            bytes = p->hooks->pad(p->arg, (size_t)p->probe_left, p->probe);
            p->probe_left -= bytes < p->probe_left ? bytes : p->probe_left;
            p->load += (int64_t)bytes;
        }
        if (bytes == 0) {
            p->probe_left = 0;
        }
        p->probe_credit -= (int64_t)bytes;
    }
    p->probe = p->probe_left > 0 ? p->probe : 0;
}

void pacer_tick(struct pacer *p, uint64_t now_us) {
    uint64_t us = now_us - p->tick_us;
    us = us < CATCH_UP_TICKS * PACER_TICK_US ? us : CATCH_UP_TICKS * PACER_TICK_US;
    p->tick_us = now_us;
    drain(p, now_us);
    expire(p, now_us);
    if (p->probe != 0) {
        run_probe(p, us);
    }
    p->credit += (int64_t)bytes_in(p->rate_bps, us);
    send_waiting(p, &p->credit, 0);
    p->credit = p->credit < 0 ? p->credit : 0;
}
