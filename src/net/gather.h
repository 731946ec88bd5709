/* When a busy loop should wait at one socket instead of at all. Falling asleep and being woken costs about as much as
 * relaying a datagram. Where datagrams come one by one, fast, and a good part of them through one socket, a loop that is
 * woken by that socket alone, and looks at the others then, sleeps half as often; what comes to the others waits no longer
 * than one datagram of that socket is away from the next. At low rates, and where datagrams come in bursts, all sockets
 * wake the loop. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    GATHER_RATE_MIN = 20000, /* datagrams per second of the one socket: the others wait 50 us on average, at most */
    GATHER_WINDOW_US = 2000, /* this often it is judged anew */
};

/* Zeroed, it is ready. */
struct gather {
    uint64_t window_us; /* when the window began */
    uint64_t sleeps;    /* of the thread, until then */
    uint32_t datagrams, of_one;
    bool on;
};

/* After a turn of the loop that took that many datagrams, of_one of them through the one socket. Returns whether to wait
 * at that socket. sleeps: how often the thread has slept so far; called once per window. */
bool gather_turn(struct gather *g, uint32_t datagrams, uint32_t of_one, uint64_t now_us, uint64_t (*sleeps)(void));
/* The one socket was silent for too long. */
void gather_end(struct gather *g);
