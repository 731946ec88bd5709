/* Packets of a publisher that did not come, to be asked for again (RFC 4585 section 6.2.1). Bounded in number, tries and
 * age; a try waits for a round trip. Time is an argument. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MISSING_MAX = 128,              /* sequence numbers at a time */
    MISSING_TRIES = 8,              /* then it is given up */
    MISSING_AGE_US = 1000000,       /* and after this time */
    MISSING_REORDER_US = 5000,      /* before the first try: it may only be late */
    MISSING_INTERVAL_US_MIN = 20000 /* between tries, however short the round trip */
};

struct missing_packet {
    uint64_t since_us;
    uint64_t next_us;
    uint16_t seq;
    uint8_t tries;
};

/* Zeroed: nothing is missing. Ascending by sequence number. */
struct missing {
    struct missing_packet packets[MISSING_MAX];
    size_t count;
};

/* first to first + count - 1 were jumped over. False: more than there is room for; nothing is missing now, since asking
 * is of no use: ask for a key frame. */
bool missing_note(struct missing *m, uint16_t first, size_t count, uint64_t now_us);
/* It came after all. */
void missing_found(struct missing *m, uint16_t seq);
/* Sequence numbers to ask for now, ascending, at most cap; their next try is set. Those beyond tries and age are dropped.
 * Returns how many. */
size_t missing_due(struct missing *m, uint64_t now_us, uint64_t rtt_us, uint16_t *out, size_t cap);
/* When missing_due has something to do; UINT64_MAX: nothing is missing. */
uint64_t missing_deadline(const struct missing *m);
