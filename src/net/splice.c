#include "net/splice.h"

#include "net/loop.h"
#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>

enum { CHUNK = 16 * 1024, READ_BUDGET = 64 * 1024 };

struct side {
    struct splice *splice;
    struct side *other;
    struct stream *stream;
    struct loop_timer wait; /* for room */
    bool ended;             /* nothing more comes from here */
    bool waiting;
};

struct splice {
    struct loop *loop;
    struct side first, second;
    struct splice_handlers handlers;
};

static void splice_free(struct splice *s) {
    loop_timer_cancel(s->loop, &s->first.wait);
    loop_timer_cancel(s->loop, &s->second.wait);
    free(s);
}

void splice_close(struct splice *s) {
    stream_free(s->first.stream);
    stream_free(s->second.stream);
    splice_free(s);
}

/* A side that stands still gets what is queued for it. */
static void finish(struct splice *s) {
    struct splice_handlers handlers = s->handlers;
    stream_finish(s->first.stream);
    stream_finish(s->second.stream);
    splice_free(s);
    handlers.ended(handlers.ctx);
}

/* Both ways are over and all has been taken by the kernel. True when the splice is gone. */
static bool finish_if_done(struct splice *s) {
    bool done = s->first.ended && s->second.ended && stream_queued(s->first.stream) == 0 &&
                stream_queued(s->second.stream) == 0;
    if (done) {
        finish(s);
    }
    return done;
}

static void side_ended(struct side *side) {
    side->ended = true;
    stream_pause(side->stream);
    stream_shutdown(side->other->stream);
    finish_if_done(side->splice);
}

static void stop_waiting(void *ctx) {
    struct side *side = ctx;
    side->waiting = false;
    if (!side->ended) {
        stream_resume(side->stream);
        stream_again(side->stream);
    }
}

/* How much may be read; 0: reading has stopped for a while, and the sender's window fills. */
static size_t room_for(struct side *side) {
    const struct splice_handlers *handlers = &side->splice->handlers;
    uint64_t wait_us;
    size_t room = handlers->room ? handlers->room(handlers->ctx, CHUNK, &wait_us) : CHUNK;
    if (room == 0) {
        side->waiting = true;
        stream_pause(side->stream);
        loop_timer_set(side->splice->loop, &side->wait, wait_us);
    }
    return room;
}

/* One read, queued for the other side. Its number of bytes, or what stream_read or stream_write said. */
static long move(struct side *side) {
    unsigned char chunk[CHUNK];
    struct splice *s = side->splice;
    size_t room = room_for(side);
    long n = room > 0 ? stream_read(side->stream, chunk, room) : -EAGAIN;
    if (n <= 0) {
        return n;
    }
    int rc = stream_write(side->other->stream, chunk, (size_t)n);
    if (rc < 0) {
        return rc;
    }
    s->handlers.moved(s->handlers.ctx, side == &s->first, (size_t)n);
    return n;
}

static void on_readable(void *ctx) {
    struct side *side = ctx;
    long budget = READ_BUDGET;
    while (stream_queued(side->other->stream) < SPLICE_BUFFER_BYTES) {
        long n = budget > 0 ? move(side) : -EAGAIN;
        if (n == -EAGAIN && budget <= 0) {
            stream_again(side->stream);
        }
        if (n == -EAGAIN) {
            return;
        }
        if (n == 0) {
            side_ended(side);
            return;
        }
        if (n < 0) {
            finish(side->splice);
            return;
        }
        budget -= n;
    }
    stream_pause(side->stream); /* until the other has taken it */
}

static void on_drained(void *ctx) {
    struct side *side = ctx;
    if (!finish_if_done(side->splice) && !side->other->ended && !side->other->waiting) {
        stream_resume(side->other->stream);
    }
}

static void on_broken(void *ctx, int rc) {
    struct side *side = ctx;
    (void)rc;
    finish(side->splice);
}

static const struct stream_owner splicing = {.readable = on_readable, .drained = on_drained, .broken = on_broken};

static void start(struct side *side) {
    loop_timer_init(&side->wait, stop_waiting, side);
    stream_set_owner(side->stream, &splicing, side);
    stream_resume(side->stream);
    stream_again(side->stream);
}

struct splice *splice_new(struct loop *loop, struct stream *first, struct stream *second,
                          const struct splice_handlers *handlers) {
    struct splice *s = calloc(1, sizeof *s);
    if (!s) {
        stream_free(first);
        stream_free(second);
        return NULL;
    }
    s->loop = loop;
    s->handlers = *handlers;
    s->first = (struct side){.splice = s, .other = &s->second, .stream = first};
    s->second = (struct side){.splice = s, .other = &s->first, .stream = second};
    start(&s->first);
    start(&s->second);
    return s;
}

bool splice_is_stuck(const struct splice *s) {
    return s->first.ended || s->second.ended || stream_queued(s->first.stream) > 0 ||
           stream_queued(s->second.stream) > 0;
}
