#include "signal/history.h"

#include "signal/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_FIRST = 16 };

void history_init(struct history *h) { memset(h, 0, sizeof *h); }

void history_deinit(struct history *h) {
    history_clear(h, h->lost_seq);
    free(h->entries);
    history_init(h);
}

void history_clear(struct history *h, uint64_t seq) {
    for (uint32_t i = 0; i < h->count; i++) {
        event_text_unref(h->entries[i].text);
    }
    h->count = 0;
    h->bytes = 0;
    h->lost_seq = seq;
}

static void remove_at(struct history *h, uint32_t i) {
    h->bytes -= h->entries[i].text->len;
    event_text_unref(h->entries[i].text);
    h->count--;
    memmove(h->entries + i, h->entries + i + 1, (h->count - i) * sizeof *h->entries);
}

static int reserve(struct history *h) {
    if (h->count < h->cap) {
        return 0;
    }
    uint32_t cap = h->cap ? h->cap * 2 : ENTRIES_FIRST;
    struct history_entry *entries = realloc(h->entries, cap * sizeof *entries);
    if (!entries) {
        return -ENOMEM;
    }
    h->entries = entries;
    h->cap = cap;
    return 0;
}

static unsigned drop_superseded(struct history *h, const struct event_text *text) {
    unsigned dropped = 0;
    for (uint32_t i = h->count; i > 0; i--) {
        if (event_text_supersedes(text, h->entries[i - 1].text)) {
            remove_at(h, i - 1);
            dropped++;
        }
    }
    return dropped;
}

unsigned history_push(struct history *h, uint64_t seq, struct event_text *text, bool coalesce) {
    unsigned superseded = coalesce ? drop_superseded(h, text) : 0;
    while (h->count > 0 && (h->count == SIGNAL_HISTORY_EVENTS || h->bytes + text->len > SIGNAL_HISTORY_BYTES)) {
        h->lost_seq = h->entries[0].seq;
        remove_at(h, 0);
    }
    if (reserve(h) < 0) {
        history_clear(h, seq);
        return superseded;
    }
    h->entries[h->count++] = (struct history_entry){.seq = seq, .text = event_text_ref(text)};
    h->bytes += text->len;
    return superseded;
}

bool history_reaches(const struct history *h, uint64_t seq) { return seq >= h->lost_seq; }

const struct history_entry *history_after(const struct history *h, uint64_t seq) {
    for (uint32_t i = 0; i < h->count; i++) {
        if (h->entries[i].seq > seq) {
            return &h->entries[i];
        }
    }
    return NULL;
}
