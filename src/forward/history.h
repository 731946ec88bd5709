/* What a slot has sent: for each of its last packets eight bytes that say which packet of which source it was, and how
 * its picture id was moved, so that it can be sent again just as it was (RFC 4588). Numbers left free for packets that may
 * come late stand in it, too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTORY_PACKETS = 1024 };

enum history_state {
    HISTORY_NONE,     /* only padding, or nothing, was sent with this number */
    HISTORY_RESERVED, /* for a packet of the source that has not come yet */
    HISTORY_SENT,
};

struct history_entry {
    uint16_t source_seq;
    uint16_t id_offset; /* added to the source's picture id */
    uint16_t resent_ms; /* low bits of when it was last repeated */
    uint8_t era;        /* the slot's, see struct slot_era */
    uint8_t state : 2;  /* enum history_state */
    uint8_t marker : 1; /* set though the source's packet has none: its picture ends here */
    uint8_t resent : 1; /* it was repeated */
    uint8_t : 4;
};
_Static_assert(sizeof(struct history_entry) == 8, "eight bytes for each packet");

struct history {
    struct history_entry of[HISTORY_PACKETS];
    uint16_t last; /* highest number */
    bool started;
};

/* Zeroed: nothing was sent. */
static inline bool history_has(const struct history *h, uint16_t seq) {
    return h->started && (uint16_t)(h->last - seq) < HISTORY_PACKETS;
}
static inline struct history_entry *history_at(struct history *h, uint16_t seq) {
    return &h->of[seq % HISTORY_PACKETS];
}

/* Places an entry with the number after the last one; the first with `seq`. Returns the number. */
uint16_t history_push(struct history *h, const struct history_entry *entry, uint16_t seq);
/* Leaves count numbers free for source packets from first on. */
void history_reserve(struct history *h, const struct history_entry *first, uint16_t count);
/* The number kept free for a source packet of an era: 0, or -ENOENT. */
int history_find_reserved(struct history *h, uint16_t source_seq, uint8_t era, uint16_t *out);
