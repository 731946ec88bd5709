#include "relay/busiest.h"

#include "relay/internal.h"

#include <stdlib.h>
#include <string.h>

enum { INTERVAL_MIN_US = 900 * 1000 };

/* The counters as they were at a time. */
struct relay_sample {
    uint64_t at_us;
    struct turn_counter from_client, to_client;
    uint64_t dropped;
    struct relay_session_rates rates; /* of the interval that ended then */
};

static uint64_t per_second(uint64_t now, uint64_t before, uint64_t us) { return (now - before) * 1000000 / us; }

/* Rates since the look before this one, but of about a second at least; at first since the session began. */
static struct relay_session_rates look(const struct relay *relay, struct turn_allocation *a) {
    uint64_t now = loop_now_us(relay->options.loop);
    struct relay_sample *s = a->sample;
    if (!s) {
        s = a->sample = calloc(1, sizeof *s);
        if (!s) {
            return (struct relay_session_rates){0};
        }
        s->at_us = a->created_us;
    }
    uint64_t us = now > s->at_us ? now - s->at_us : 0;
    if (us < INTERVAL_MIN_US) {
        return s->rates;
    }
    s->rates = (struct relay_session_rates){
        .up_bps = per_second(a->from_client.bytes * 8, s->from_client.bytes * 8, us),
        .down_bps = per_second(a->to_client.bytes * 8, s->to_client.bytes * 8, us),
        .up_pps = per_second(a->from_client.packets, s->from_client.packets, us),
        .down_pps = per_second(a->to_client.packets, s->to_client.packets, us),
        .dropped_pps = per_second(a->dropped, s->dropped, us),
    };
    s->at_us = now;
    s->from_client = a->from_client;
    s->to_client = a->to_client;
    s->dropped = a->dropped;
    return s->rates;
}

void relay_session_look(const struct relay *relay, struct turn_allocation *a, struct relay_session *out) {
    relay_session_describe(relay, a, out);
    out->rates = look(relay, a);
}

void relay_session_forget(struct turn_allocation *a) {
    free(a->sample);
    a->sample = NULL;
}

/* ---- the busiest ---- */

static uint64_t weight(enum relay_order order, const struct relay_session_rates *r) {
    switch (order) {
    case RELAY_BY_PACKETS:
        return r->up_pps + r->down_pps;
    case RELAY_BY_UP:
        return r->up_bps;
    case RELAY_BY_DOWN:
        return r->down_bps;
    case RELAY_BY_DROPPED:
        return r->dropped_pps;
    case RELAY_BY_BITRATE:
        break;
    }
    return r->up_bps + r->down_bps;
}

static uint64_t weight_at(const struct relay_busiest *b, unsigned i) { return weight(b->order, &b->top[i].rates); }

static void find_least(struct relay_busiest *b) {
    b->least = 0;
    for (unsigned i = 1; i < b->count; i++) {
        if (weight_at(b, i) < weight_at(b, b->least)) {
            b->least = i;
        }
    }
}

/* The table may grow between two looks, and a session then be seen again. */
static bool has_session(const struct relay_busiest *b, const char *id) {
    for (unsigned i = 0; i < b->count; i++) {
        if (strcmp(b->top[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static void consider(struct relay_busiest *b, const struct relay *relay, struct turn_allocation *a) {
    struct relay_session_rates rates = look(relay, a);
    bool full = b->count >= b->wanted;
    if (b->wanted == 0 || (full && weight(b->order, &rates) <= weight_at(b, b->least)) || has_session(b, a->id)) {
        return;
    }
    unsigned at = full ? b->least : b->count++;
    relay_session_describe(relay, a, &b->top[at]);
    b->top[at].rates = rates;
    find_least(b);
}

bool relay_busiest_look(struct relay *relay, struct relay_busiest *b) {
    loop_refresh_now(relay->options.loop);
    for (unsigned i = 0; i < RELAY_LOOK_MAX; i++) {
        struct turn_allocation *a = turn_server_next(relay->server, &b->cursor);
        if (!a) {
            b->cursor = 0;
            return false;
        }
        consider(b, relay, a);
    }
    return true;
}

void relay_busiest_sort(struct relay_busiest *b) {
    for (unsigned i = 0; i < b->count; i++) {
        unsigned best = i;
        for (unsigned k = i + 1; k < b->count; k++) {
            best = weight_at(b, k) > weight_at(b, best) ? k : best;
        }
        struct relay_session swap = b->top[i];
        b->top[i] = b->top[best];
        b->top[best] = swap;
    }
}
