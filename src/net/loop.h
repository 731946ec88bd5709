/* One thread's event loop: a libevent base, a timing wheel, and an inbox through which other threads run
 * functions here. Everything a thread owns hangs on its loop; nothing else is shared. */
#pragma once

#include "base/wheel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct loop;

enum { LOOP_POST_BYTES = 112 };

/* name (borrowed for life) appears in logs; inbox_slots bounds posts that wait. NULL: no memory. */
struct loop *loop_new(const char *name, size_t inbox_slots);
void loop_free(struct loop *loop);

/* Runs until loop_stop. 0 or -EIO. Call from the thread that will own the loop. */
int loop_run(struct loop *loop);
/* From any thread. */
void loop_stop(struct loop *loop);

struct event_base *loop_base(struct loop *loop);
const char *loop_name(const struct loop *loop);
/* Monotonic microseconds as of the last refresh: cheap, up to one sleep old. */
uint64_t loop_now_us(const struct loop *loop);
/* Reads the clock and keeps it for loop_now_us: what a handler does once per batch. */
uint64_t loop_refresh_now(struct loop *loop);
/* When the loop last went round, monotonic microseconds; any thread may ask. A sleeping loop does not go
 * round: a watchdog posts something first. */
uint64_t loop_last_turn_us(const struct loop *loop);

/* A timer on the loop's wheel (65 ms ticks, never early). Embedded in its owner. */
struct loop_timer {
    struct wheel_timer timer;
    void (*fired)(void *ctx);
    void *ctx;
};

void loop_timer_init(struct loop_timer *t, void (*fired)(void *ctx), void *ctx);
void loop_timer_set(struct loop *loop, struct loop_timer *t, uint64_t delay_us);
void loop_timer_cancel(struct loop *loop, struct loop_timer *t);

/* Runs fn(copy of data) on the loop's thread, soon and in order per sender. n <= LOOP_POST_BYTES; larger
 * things go as pointers whose ownership moves. -ENOBUFS when the inbox is full: the caller keeps what it
 * wanted to send. Any thread, wait-free. */
int loop_post(struct loop *loop, void (*fn)(void *data), const void *data, size_t n);

/* Runs what was posted and not run yet. For the end: after the loops' threads have been joined and before anything
 * that posts point to is freed, so that buffers on their way are not lost. */
void loop_drain(struct loop *loop);

/* Tells how many datagrams a handler has taken, and whether they came through the socket that the waiter waits at. True
 * while the loop gathers (net/gather.h): turns are small then, and what the datagrams have led to is better sent at once
 * than after the turn. */
bool loop_took_datagrams(struct loop *loop, unsigned count, bool at_waiter);
/* wait: waits at one socket, a few milliseconds at most, takes what comes and returns how many datagrams that were. */
void loop_set_waiter(struct loop *loop, unsigned (*wait)(void *ctx), void *ctx);

/* Called once after each batch of events, before the loop sleeps again: the place to flush what was queued.
 */
void loop_set_after_batch(struct loop *loop, void (*fn)(void *ctx), void *ctx);
