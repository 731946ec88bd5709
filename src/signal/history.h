/* The latest events of one session, kept for a resume: bounded in number and bytes. */
#pragma once

#include "signal/event.h"

struct history_entry {
    uint64_t seq;
    struct event_text *text;
};

struct history {
    struct history_entry *entries; /* rising seq */
    uint32_t count;
    uint32_t cap;
    size_t bytes;
    uint64_t lost_seq; /* up to here events may be missing */
};

void history_init(struct history *h);
void history_deinit(struct history *h);
/* Forgets everything up to seq. */
void history_clear(struct history *h, uint64_t seq);
/* Appends (taking its own reference) and drops the oldest beyond the bounds. coalesce: an older event that this one supersedes
 * goes too. Without memory everything up to seq counts as lost. Returns how many were superseded. */
unsigned history_push(struct history *h, uint64_t seq, struct event_text *text, bool coalesce);
/* Are all events after seq held? */
bool history_reaches(const struct history *h, uint64_t seq);
/* The first event after seq, or NULL. */
const struct history_entry *history_after(const struct history *h, uint64_t seq);
