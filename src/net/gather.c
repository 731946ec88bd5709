#include "net/gather.h"

/* Worth it: nearly every datagram wakes the thread. Once it gathers, that is one in two: less than one in four shows that
 * they come together by themselves. */
static bool pays(const struct gather *g, uint64_t sleeps) {
    return g->datagrams < (g->on ? 8 : 3) * sleeps && g->of_one < g->datagrams;
}

bool gather_turn(struct gather *g, uint32_t datagrams, uint32_t of_one, uint64_t now_us, uint64_t (*sleeps)(void)) {
    g->datagrams += datagrams;
    g->of_one += of_one;
    uint64_t elapsed_us = now_us - g->window_us;
    if (datagrams > 0 && elapsed_us >= GATHER_WINDOW_US) {
        uint64_t slept = sleeps();
        bool fast = (uint64_t)g->of_one * 1000000 >= elapsed_us * GATHER_RATE_MIN;
        g->on = fast && pays(g, slept - g->sleeps);
        g->window_us = now_us;
        g->sleeps = slept;
        g->datagrams = g->of_one = 0;
    }
    return g->on;
}

void gather_end(struct gather *g) { g->on = false; }
