#include "forward/missing.h"

#include "proto/rtp/sequence.h"

#include <string.h>

bool missing_note(struct missing *m, uint16_t first, size_t count, uint64_t now_us) {
    if (count > MISSING_MAX - m->count) {
        m->count = 0;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        m->packets[m->count++] = (struct missing_packet){
            .since_us = now_us, .next_us = now_us + MISSING_REORDER_US, .seq = (uint16_t)(first + i)};
    }
    return true;
}

void missing_found(struct missing *m, uint16_t seq) {
    for (size_t i = 0; i < m->count; i++) {
        if (m->packets[i].seq == seq) {
            m->count--;
            memmove(m->packets + i, m->packets + i + 1, (m->count - i) * sizeof m->packets[0]);
            return;
        }
    }
}

static bool is_given_up(const struct missing_packet *p, uint64_t now_us) {
    return now_us - p->since_us >= MISSING_AGE_US || (p->tries == MISSING_TRIES && now_us >= p->next_us);
}

size_t missing_due(struct missing *m, uint64_t now_us, uint64_t rtt_us, uint16_t *out, size_t cap) {
    uint64_t interval = rtt_us > MISSING_INTERVAL_US_MIN ? rtt_us : MISSING_INTERVAL_US_MIN;
    size_t asked = 0, kept = 0;
    for (size_t i = 0; i < m->count; i++) {
        struct missing_packet p = m->packets[i];
        if (is_given_up(&p, now_us)) {
            continue;
        }
        if (now_us >= p.next_us && asked < cap) {
            out[asked++] = p.seq;
            p.tries++;
            p.next_us = now_us + interval;
        }
        m->packets[kept++] = p;
    }
    m->count = kept;
    return asked;
}

uint64_t missing_deadline(const struct missing *m) {
    uint64_t earliest = UINT64_MAX;
    for (size_t i = 0; i < m->count; i++) {
        earliest = m->packets[i].next_us < earliest ? m->packets[i].next_us : earliest;
    }
    return earliest;
}
