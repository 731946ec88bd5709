/* When a busy loop should wait a moment before it looks at its sockets again. Falling asleep and being woken costs about as
 * much as relaying a datagram. Where datagrams come one by one, fast and evenly, a short pause lets a few gather and saves
 * most of that; where they come in bursts or slowly, a pause would only be one more sleep, and nobody waits. */
#pragma once

#include <stdint.h>

enum {
    GATHER_PAUSE_US = 20,
    GATHER_RATE_MIN = 20000,  /* datagrams per second; below nobody waits */
    GATHER_WINDOW_US = 2000,  /* this often it is judged anew */
    GATHER_REST_WINDOWS = 64, /* after pauses that were in vain */
};

/* Zeroed, it is ready. */
struct gather {
    uint64_t window_us;         /* when the window began */
    uint64_t sleeps;            /* of the thread, until then */
    uint32_t datagrams, pauses; /* of the window */
    uint32_t rest;              /* windows to go before it may begin */
    uint32_t pause_us;          /* in force */
};

/* After a turn of the loop that took that many datagrams (0: nothing changes). Returns how long to wait now: 0 or
 * GATHER_PAUSE_US. sleeps: how often the thread has slept so far, these pauses among it; called once per window. */
uint32_t gather_turn(struct gather *g, uint32_t datagrams, uint64_t now_us, uint64_t (*sleeps)(void));
