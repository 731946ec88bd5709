#include "forward/history.h"

#include <errno.h>

uint16_t history_push(struct history *h, const struct history_entry *entry, uint16_t seq) {
    h->last = h->started ? (uint16_t)(h->last + 1) : seq;
    h->started = true;
    *history_at(h, h->last) = *entry;
    return h->last;
}

void history_reserve(struct history *h, const struct history_entry *first, uint16_t count) {
    struct history_entry entry = *first;
    entry.state = HISTORY_RESERVED;
    for (uint16_t i = 0; i < count; i++, entry.source_seq++) {
        history_push(h, &entry, 0);
    }
}

int history_find_reserved(struct history *h, uint16_t source_seq, uint8_t era, uint16_t *out) {
    for (uint16_t back = 0; back < HISTORY_PACKETS && h->started; back++) {
        uint16_t seq = (uint16_t)(h->last - back);
        const struct history_entry *e = history_at(h, seq);
        if (e->state == HISTORY_NONE) {
            continue;
        }
        if (e->era != era || (int16_t)(uint16_t)(source_seq - e->source_seq) > 0) {
            return -ENOENT; /* all before it are older */
        }
        if (e->source_seq == source_seq) {
            *out = seq;
            return e->state == HISTORY_RESERVED ? 0 : -ENOENT;
        }
    }
    return -ENOENT;
}
