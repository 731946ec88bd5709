/* Two streams joined: what one sends the other gets, both ways, with bounded buffers. Whoever reads slowly stops the
 * other; an end of one side is passed on and the other way goes on. One loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct splice;
struct stream;

enum { SPLICE_BUFFER_BYTES = 64 * 1024 }; /* each way, about: reading stops beyond it */

struct splice_handlers {
    /* How many bytes, at most want, may be read now, from either side. 0: none for *wait_us microseconds. NULL: as many as
     * there are. */
    size_t (*room)(void *ctx, size_t want, uint64_t *wait_us);
    /* Bytes were read from the first stream (from_first) or from the second, and queued for the other. */
    void (*moved)(void *ctx, bool from_first, size_t bytes);
    /* Both ways have ended, or one stream broke; splice and streams are gone. */
    void (*ended)(void *ctx);
    void *ctx;
};

/* Takes both streams, paused. The callbacks come from the loop. NULL: no memory, both are closed. */
struct splice *splice_new(struct loop *loop, struct stream *first, struct stream *second,
                          const struct splice_handlers *handlers);
/* Closes both at once. No callback. */
void splice_close(struct splice *s);
/* One way has ended already, or bytes wait for a side that does not read: it should not stay so for long. */
bool splice_is_stuck(const struct splice *s);
