#include "proto/srtp/streams.h"

#include "base/error.h"
#include "proto/srtp/srtp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)SRTP_WINDOW_BITS == (int)SRTP_WINDOW_PACKETS, "the window that srtp.h promises");

enum { SLOTS_MIN = 4, SEQUENCE_NUMBERS = 65536, HALF = 32768 };

static uint64_t bit_of(uint64_t index) { return UINT64_C(1) << index % 64; }
static size_t word_of(uint64_t index) { return index % SRTP_WINDOW_BITS / 64; }

int srtp_window_check(const struct srtp_window *w, uint64_t index) {
    if (!w->started || index > w->highest) {
        return 0;
    }
    bool old = w->highest - index >= SRTP_WINDOW_BITS;
    return old || (w->bits[word_of(index)] & bit_of(index)) ? -ERR_REPLAY : 0;
}

void srtp_window_add(struct srtp_window *w, uint64_t index) {
    if (!w->started) {
        w->started = true;
        w->highest = index;
    } else if (index > w->highest) {
        if (index - w->highest >= SRTP_WINDOW_BITS) {
            memset(w->bits, 0, sizeof w->bits);
        } else {
            for (uint64_t i = w->highest + 1; i < index; i++) {
                w->bits[word_of(i)] &= ~bit_of(i);
            }
        }
        w->highest = index;
    }
    w->bits[word_of(index)] |= bit_of(index);
}

int64_t srtp_window_guess(const struct srtp_window *w, uint16_t seq) {
    if (!w->started) {
        return seq;
    }
    uint16_t last = (uint16_t)w->highest;
    int32_t ahead = (int32_t)seq - last;
    if (last < HALF && ahead > HALF) {
        ahead -= SEQUENCE_NUMBERS;
    } else if (last >= HALF && ahead < -HALF) {
        ahead += SEQUENCE_NUMBERS;
    }
    return (int64_t)w->highest + ahead;
}

void srtp_streams_deinit(struct srtp_streams *t) {
    free(t->slots);
    memset(t, 0, sizeof *t);
}

/* Fibonacci hashing; the table is small, so that chosen SSRCs cost little. */
static uint32_t home_of(const struct srtp_streams *t, uint32_t ssrc) {
    return (ssrc * 0x9e3779b1U >> 16) & (t->cap - 1);
}

struct srtp_stream *srtp_streams_find(const struct srtp_streams *t, uint32_t ssrc) {
    if (t->count == 0) {
        return NULL;
    }
    for (uint32_t i = home_of(t, ssrc); t->slots[i].used; i = (i + 1) & (t->cap - 1)) {
        if (t->slots[i].ssrc == ssrc) {
            return &t->slots[i];
        }
    }
    return NULL;
}

static struct srtp_stream *free_slot(const struct srtp_streams *t, uint32_t ssrc) {
    uint32_t i = home_of(t, ssrc);
    while (t->slots[i].used) {
        i = (i + 1) & (t->cap - 1);
    }
    return &t->slots[i];
}

static int grow(struct srtp_streams *t) {
    struct srtp_streams bigger = {.cap = t->cap > 0 ? t->cap * 2 : SLOTS_MIN, .count = t->count};
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < t->cap; i++) {
        if (t->slots[i].used) {
            *free_slot(&bigger, t->slots[i].ssrc) = t->slots[i];
        }
    }
    free(t->slots);
    *t = bigger;
    return 0;
}

int srtp_streams_add(struct srtp_streams *t, uint32_t ssrc, struct srtp_stream **out) {
    if (t->count >= SRTP_STREAMS_MAX) {
        return -ENOBUFS;
    }
    if ((t->count + 1) * 4 > t->cap * 3) { /* a quarter stays free, so that searches end soon */
        int rc = grow(t);
        if (rc < 0) {
            return rc;
        }
    }
    struct srtp_stream *slot = free_slot(t, ssrc);
    memset(slot, 0, sizeof *slot);
    slot->ssrc = ssrc;
    slot->used = true;
    t->count++;
    *out = slot;
    return 0;
}

void srtp_streams_remove(struct srtp_streams *t, uint32_t ssrc) {
    struct srtp_stream *gone = srtp_streams_find(t, ssrc);
    if (!gone) {
        return;
    }
    uint32_t mask = t->cap - 1;
    uint32_t hole = (uint32_t)(gone - t->slots);
    /* What follows moves up when its way from home leads over the hole. */
    for (uint32_t i = (hole + 1) & mask; t->slots[i].used; i = (i + 1) & mask) {
        if (((i - home_of(t, t->slots[i].ssrc)) & mask) >= ((i - hole) & mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole].used = false;
    t->count--;
}
