/* Writing transport-wide feedback. */
#include "proto/rtcp/twcc.h"

enum { NOT_RECEIVED, SMALL_DELTA, LARGE_DELTA };
enum { VECTOR_BIT = 0x8000, TWO_BIT_SYMBOLS = 0x4000, RUN_MAX = 0x1fff, ONE_BIT_COUNT = 14, TWO_BIT_COUNT = 7 };
enum { FIXED_BYTES = 20, SMALL_MAX = 255, GAP_MAX = 32767, STATUSES_MAX = 65535 };

/* The arrivals that one packet tells of. */
struct plan {
    const struct rtcp_twcc_arrival *arrivals;
    size_t count;
    int64_t reference; /* in 64 ms */
};

static int64_t tick_of(const struct rtcp_twcc_arrival *a) { return a->arrival_us / RTCP_TWCC_TICK_US; }

static int64_t delta_of(const struct plan *p, size_t i) {
    int64_t before = i > 0 ? tick_of(&p->arrivals[i - 1]) : p->reference * RTCP_TWCC_REFERENCE_TICKS;
    return tick_of(&p->arrivals[i]) - before;
}

static unsigned symbol_of(const struct plan *p, size_t i) {
    int64_t delta = delta_of(p, i);
    return delta >= 0 && delta <= SMALL_MAX ? SMALL_DELTA : LARGE_DELTA;
}

static uint16_t offset_of(const struct plan *p, size_t i) {
    return (uint16_t)(p->arrivals[i].seq - p->arrivals[0].seq);
}

static unsigned statuses_of(const struct plan *p) { return offset_of(p, p->count - 1) + 1U; }

/* How many arrivals can stand in one packet by their times and numbers. */
static size_t count_expressible(struct plan *p, size_t count) {
    unsigned statuses = 1;
    size_t i = 1;
    for (; i < count; i++) {
        uint16_t gap = (uint16_t)(p->arrivals[i].seq - p->arrivals[i - 1].seq);
        int64_t delta = delta_of(p, i);
        if (gap == 0 || gap > GAP_MAX || statuses + gap > STATUSES_MAX || delta < INT16_MIN || delta > INT16_MAX) {
            break;
        }
        statuses += gap;
    }
    return i;
}

/* Where the writing of chunks is: at a status, and the first arrival not before it. */
struct cursor {
    unsigned status;
    size_t next;
};

/* The length of the run of equal statuses that begins here; sets its symbol. */
static unsigned run_at(const struct plan *p, const struct cursor *at, unsigned *symbol) {
    unsigned gap = offset_of(p, at->next) - at->status;
    if (gap > 0) {
        *symbol = NOT_RECEIVED;
        return gap < RUN_MAX ? gap : RUN_MAX;
    }
    unsigned n = 1;
    *symbol = symbol_of(p, at->next);
    while (at->next + n < p->count && n < RUN_MAX && offset_of(p, at->next + n) == at->status + n &&
           symbol_of(p, at->next + n) == *symbol) {
        n++;
    }
    return n;
}

/* The next statuses, one each of out; what lies beyond the last is "not received". Returns the highest symbol. */
static unsigned look_ahead(const struct plan *p, const struct cursor *at, unsigned out[ONE_BIT_COUNT]) {
    unsigned highest = NOT_RECEIVED;
    size_t next = at->next;
    for (unsigned i = 0; i < ONE_BIT_COUNT; i++) {
        out[i] = NOT_RECEIVED;
        if (next < p->count && offset_of(p, next) == at->status + i) {
            out[i] = symbol_of(p, next++);
        }
        highest = out[i] > highest ? out[i] : highest;
    }
    return highest;
}

static void move_on(const struct plan *p, struct cursor *at, unsigned n) {
    at->status += n;
    while (at->next < p->count && offset_of(p, at->next) < at->status) {
        at->next++;
    }
}

/* The next chunk: a run where it says more than a vector would, else a vector of what fits. */
static uint16_t next_chunk(const struct plan *p, struct cursor *at) {
    unsigned symbol, symbols[ONE_BIT_COUNT], word = VECTOR_BIT;
    unsigned run = run_at(p, at, &symbol);
    if (run >= ONE_BIT_COUNT || (symbol == LARGE_DELTA && run >= TWO_BIT_COUNT)) {
        move_on(p, at, run);
        return (uint16_t)(symbol << 13 | run);
    }
    if (look_ahead(p, at, symbols) <= SMALL_DELTA) {
        for (unsigned i = 0; i < ONE_BIT_COUNT; i++) {
            word |= symbols[i] << (ONE_BIT_COUNT - 1 - i);
        }
        move_on(p, at, ONE_BIT_COUNT);
        return (uint16_t)word;
    }
    for (unsigned i = 0; i < TWO_BIT_COUNT; i++) {
        word |= symbols[i] << (2 * (TWO_BIT_COUNT - 1 - i));
    }
    move_on(p, at, TWO_BIT_COUNT);
    return (uint16_t)(word | TWO_BIT_SYMBOLS);
}

static size_t bytes_of(const struct plan *p) {
    struct cursor at = {0};
    size_t bytes = FIXED_BYTES;
    while (at.next < p->count) {
        next_chunk(p, &at);
        bytes += 2;
    }
    for (size_t i = 0; i < p->count; i++) {
        bytes += symbol_of(p, i); /* a small delta has one byte, a large one two */
    }
    return (bytes + 3) & ~(size_t)3;
}

static void write_plan(struct writer *w, const struct rtcp_twcc_out *out, const struct plan *p) {
    size_t begin = rtcp_write_begin(w, RTCP_RTPFB, RTCP_RTPFB_TWCC);
    writer_u32(w, out->sender);
    writer_u32(w, out->media);
    writer_u16(w, p->arrivals[0].seq);
    writer_u16(w, (uint16_t)statuses_of(p));
    writer_u32(w, (uint32_t)p->reference << 8 | out->feedback_count);
    for (struct cursor at = {0}; at.next < p->count;) {
        writer_u16(w, next_chunk(p, &at));
    }
    for (size_t i = 0; i < p->count; i++) {
        if (symbol_of(p, i) == SMALL_DELTA) {
            writer_u8(w, (uint8_t)delta_of(p, i));
        } else {
            writer_u16(w, (uint16_t)delta_of(p, i));
        }
    }
    writer_zeros(w, (4 - (w->len - begin) % 4) % 4);
    rtcp_write_end(w, begin);
}

size_t rtcp_twcc_write(struct writer *w, const struct rtcp_twcc_out *out, size_t bytes_max) {
    size_t room = w->cap - w->len < bytes_max ? w->cap - w->len : bytes_max;
    if (out->count == 0 || w->failed) {
        return 0;
    }
    struct plan p = {.arrivals = out->arrivals};
    p.reference = tick_of(&p.arrivals[0]) / RTCP_TWCC_REFERENCE_TICKS;
    p.count = count_expressible(&p, out->count);
    while (p.count > 0 && bytes_of(&p) > room) {
        p.count = p.count * 3 / 4;
    }
    if (p.count > 0) {
        write_plan(w, out, &p);
    }
    return p.count;
}
