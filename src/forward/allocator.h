/* What each video slot of one receiver is sent, so that all of it fits its line. Slots of a higher priority come first;
 * among equals everybody gets the lowest layer before anyone gets a better one, and then all rise together. No slot gets
 * a larger picture than its tile needs. Audio is set aside before. What does not fit is dropped at once, temporal layers
 * first; better layers come only when the estimate has exceeded their need by a margin for some time, so that a noisy
 * estimate switches nothing.
 *
 * No clock, no allocation: the slots are the owner's array, the time is an argument. One update of 49 slots is a few
 * microseconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    ALLOCATOR_SLOTS = 64,
    ALLOCATOR_SPATIAL = 4,
    ALLOCATOR_TEMPORAL = 4,
};

/* A simulcast encoding, or a spatial layer of SVC. */
struct allocator_spatial {
    uint16_t width, height; /* 0: not known */
    uint8_t fps;            /* with all temporal layers; 0: not known */
    uint8_t temporal_count; /* 0: not sent, nor could it be */
    /* Bit/s of temporal layers 0 to t together, measured or, when the sender has paused it, nominal. Of this spatial
     * layer alone: those below, which SVC needs, are added here. */
    uint32_t bps[ALLOCATOR_TEMPORAL];
};

/* What a publication offers, small to large; one for all its receivers. */
struct allocator_source {
    bool svc;    /* a spatial layer needs those below */
    bool screen; /* detail is worth more than motion, and it is the last video to go */
    uint8_t spatial_count;
    struct allocator_spatial spatial[ALLOCATOR_SPATIAL];
};

/* -1 and -1: nothing is sent. */
struct allocator_target {
    int8_t spatial;
    int8_t temporal;
};

enum allocator_verdict {
    ALLOCATOR_SENT,
    ALLOCATOR_IDLE,   /* nothing is bound, or it has no layer */
    ALLOCATOR_HIDDEN, /* paused by the receiver or not visible */
    ALLOCATOR_CAPPED, /* every layer is higher than the slot's max_height */
    ALLOCATOR_NARROW, /* the line does not carry it */
};

struct allocator_slot {
    /* The owner's; allocator_touch after a change. */
    const struct allocator_source *source; /* borrowed while it stands here; NULL: nothing bound */
    uint16_t width, height;                /* of the tile in device pixels, 0: any */
    uint16_t max_height;                   /* of token and room, compared with the shorter side; 0: any */
    uint8_t priority;                      /* higher comes first */
    bool hidden;                           /* paused by the receiver, or its tile is not visible */
    bool speaking;                         /* the active speaker: the last of its priority to go, but for a screen */

    /* The allocator's. The target outlives a change of source; the owner resets it with allocator_slot_reset. */
    struct allocator_target target;
    struct allocator_target wanted; /* what it would get on a free line */
    uint8_t verdict;                /* enum allocator_verdict */
};

struct allocator {
    struct allocator_slot *slots;
    unsigned count;
    uint64_t audio_bps; /* the owner's: set aside for audio */
    uint64_t max_bps;   /* the owner's: maxReceiveBitrate, with audio; 0: none */

    /* Of the last update, bit/s with audio. */
    uint64_t sum_bps;    /* what the targets need */
    uint64_t wanted_bps; /* an estimate at which every slot gets what it wants: how far probing is of use */

    bool touched;
    bool rising; /* something better has fitted since rising_us ... */
    uint64_t rising_us;
    uint64_t rising_bps; /* ... at this estimate or a higher one */
    uint64_t raised_us;  /* the last rise, 0: none */
    uint64_t failed_us;  /* the last rise that failed */
    uint64_t settle_us;  /* how long a rise must have fitted: longer after one that failed */
};

/* slots: borrowed for life; count at most ALLOCATOR_SLOTS. Resets the slots' results. */
void allocator_init(struct allocator *a, struct allocator_slot *slots, unsigned count);
/* The pool grew: the array may have moved, old slots kept their places. */
void allocator_resize(struct allocator *a, struct allocator_slot *slots, unsigned count);
/* A slot was bound, shown, resized ...: what now fits is given at the next update, without waiting. */
void allocator_touch(struct allocator *a);
/* Before another source is bound to the slot: it begins with nothing. */
void allocator_slot_reset(struct allocator_slot *slot);
/* To be called with each new estimate (bit/s) and after a touch, ten times a second or so. True when a target has
 * changed. */
bool allocator_update(struct allocator *a, uint64_t estimate_bps, uint64_t now_us);
/* Bit/s of a source up to a target; 0 for none or layers there are not. */
uint32_t allocator_cost(const struct allocator_source *source, struct allocator_target target);
