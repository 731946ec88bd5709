#include "net/gather.h"

#include <stdbool.h>

/* One by one: nearly every datagram woke the thread. */
static bool should_begin(const struct gather *g, uint64_t sleeps) { return g->rest == 0 && g->datagrams < 2 * sleeps; }

/* In vain: after one pause in four, or more, there was nothing yet, and the thread slept on. */
static bool in_vain(const struct gather *g, uint64_t sleeps) {
    return sleeps > g->pauses && 4 * (sleeps - g->pauses) > g->pauses;
}

static void judge(struct gather *g, uint64_t sleeps, uint64_t elapsed_us) {
    bool fast = (uint64_t)g->datagrams * 1000000 >= elapsed_us * GATHER_RATE_MIN;
    bool gathers = g->pause_us > 0;
    g->rest -= g->rest > 0;
    if (gathers && fast && in_vain(g, sleeps)) {
        g->rest = GATHER_REST_WINDOWS;
    }
    g->pause_us = fast && (gathers ? g->rest == 0 : should_begin(g, sleeps)) ? GATHER_PAUSE_US : 0;
}

uint32_t gather_turn(struct gather *g, uint32_t datagrams, uint64_t now_us, uint64_t (*sleeps)(void)) {
    if (datagrams == 0) {
        return 0;
    }
    g->datagrams += datagrams;
    if (now_us - g->window_us >= GATHER_WINDOW_US) {
        uint64_t slept = sleeps();
        judge(g, slept - g->sleeps, now_us - g->window_us);
        g->window_us = now_us;
        g->sleeps = slept;
        g->datagrams = g->pauses = 0;
    }
    g->pauses += g->pause_us > 0;
    return g->pause_us;
}
