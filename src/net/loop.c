#include "net/loop.h"

#include "base/cacheline.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/ring.h"
#include "net/gather.h"

#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct posted {
    void (*fn)(void *data);
    _Alignas(16) uint8_t data[LOOP_POST_BYTES];
};

struct loop {
    const char *name;
    struct event_base *base;
    struct wheel wheel;
    uint64_t now_us;
    uint64_t armed_us; /* deadline the timer event waits for; UINT64_MAX: none */
    struct event *timer_event;
    struct event *wake_event;
    struct ring *inbox;
    void (*after_batch)(void *ctx);
    void *after_batch_ctx;
    struct gather gather;
    unsigned datagrams, of_one; /* of this turn */
    unsigned (*wait)(void *ctx);
    void *wait_ctx;
    int wake_fd;
    int timer_fd;
    _Atomic uint64_t last_turn_us;
    /* Written by other threads. */
    _Alignas(CACHE_LINE) _Atomic int wake_sent; /* the eventfd already holds a wake-up */
    _Atomic int stopping;
};

enum { POSTS_PER_WAKE = 1024 };

static void wake(struct loop *loop) {
    uint64_t one = 1;
    if (atomic_exchange_explicit(&loop->wake_sent, 1, memory_order_acq_rel) == 0) {
        ssize_t ignored = write(loop->wake_fd, &one, sizeof one);
        (void)ignored; /* EAGAIN would mean a full counter, which wakes as well */
    }
}

static void fire_timer(struct wheel_timer *timer, void *ctx) {
    struct loop_timer *t = (struct loop_timer *)(void *)((char *)timer - offsetof(struct loop_timer, timer));
    (void)ctx;
    t->fired(t->ctx);
}

/* A timerfd, not a libevent timeout: with a timeout every sleep in epoll_wait sets and cancels a kernel timer. */
static void arm(struct loop *loop, uint64_t deadline_us) {
    struct itimerspec at = {
        .it_value = {.tv_sec = (time_t)(deadline_us / 1000000), .tv_nsec = (long)(deadline_us % 1000000) * 1000 + 1}};
    loop->armed_us = deadline_us;
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void on_timer(evutil_socket_t fd, short events, void *arg) {
    struct loop *loop = arg;
    uint64_t count;
    (void)events;
    ssize_t ignored = read(fd, &count, sizeof count);
    (void)ignored; /* EAGAIN: set anew in between */
    loop->armed_us = UINT64_MAX;
    wheel_advance(&loop->wheel, loop_refresh_now(loop), fire_timer, loop);
    uint64_t deadline = wheel_deadline_us(&loop->wheel);
    if (deadline != UINT64_MAX) {
        arm(loop, deadline);
    }
}

static void on_wake(evutil_socket_t fd, short events, void *arg) {
    struct loop *loop = arg;
    uint64_t count;
    (void)events;
    ssize_t ignored = read(fd, &count, sizeof count);
    (void)ignored;
    atomic_store_explicit(&loop->wake_sent, 0, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    for (int i = 0; i < POSTS_PER_WAKE; i++) {
        struct posted *post = ring_peek(loop->inbox);
        if (!post) {
            return;
        }
        post->fn(post->data);
        ring_release(loop->inbox);
    }
    wake(loop); /* let sockets have their turn before the rest */
}

static int open_base(struct loop *loop) {
    struct event_config *config = event_config_new();
    if (!config) {
        return -ENOMEM;
    }
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    return loop->base ? 0 : -ENOMEM;
}

static int open_events(struct loop *loop) {
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0) {
        return -errno;
    }
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->timer_fd < 0) {
        return -errno;
    }
    loop->timer_event = event_new(loop->base, loop->timer_fd, EV_READ | EV_PERSIST, on_timer, loop);
    loop->wake_event = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    if (!loop->timer_event || !loop->wake_event || event_add(loop->wake_event, NULL) < 0 ||
        event_add(loop->timer_event, NULL) < 0) {
        return -ENOMEM;
    }
    return 0;
}

struct loop *loop_new(const char *name, size_t inbox_slots) {
    struct loop *loop = cacheline_alloc(sizeof *loop);
    if (!loop) {
        return NULL;
    }
    loop->name = name;
    loop->wake_fd = -1;
    loop->timer_fd = -1;
    loop->armed_us = UINT64_MAX;
    loop->now_us = clock_now_us();
    wheel_init(&loop->wheel, loop->now_us);
    loop->inbox = ring_new(inbox_slots, sizeof(struct posted));
    if (!loop->inbox || open_base(loop) < 0 || open_events(loop) < 0) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop) {
    if (!loop) {
        return;
    }
    if (loop->timer_event) {
        event_free(loop->timer_event);
    }
    if (loop->wake_event) {
        event_free(loop->wake_event);
    }
    if (loop->base) {
        event_base_free(loop->base);
    }
    if (loop->wake_fd >= 0) {
        close(loop->wake_fd);
    }
    if (loop->timer_fd >= 0) {
        close(loop->timer_fd);
    }
    ring_free(loop->inbox);
    free(loop);
}

void loop_set_waiter(struct loop *loop, unsigned (*wait)(void *ctx), void *ctx) {
    loop->wait = wait;
    loop->wait_ctx = ctx;
}

bool loop_took_datagrams(struct loop *loop, unsigned count, bool at_waiter) {
    loop->datagrams += count;
    loop->of_one += at_waiter ? count : 0;
    return loop->gather.on;
}

static uint64_t count_sleeps(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_nvcsw : 0;
}

/* One turn: waits for what comes first, at all sockets or, when that pays, at the one the owner waits at. */
static int turn(struct loop *loop) {
    if (loop->gather.on && loop->wait(loop->wait_ctx) == 0) {
        gather_end(&loop->gather);
    }
    if (event_base_loop(loop->base, loop->gather.on ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE) < 0) {
        log_error("loop", "event loop failed", LF_TEXT("thread", loop->name), LF_ERROR(-errno));
        return -EIO;
    }
    if (loop->after_batch) {
        loop->after_batch(loop->after_batch_ctx);
    }
    atomic_store_explicit(&loop->last_turn_us, loop_refresh_now(loop), memory_order_relaxed);
    if (loop->wait) {
        gather_turn(&loop->gather, loop->datagrams, loop->of_one, loop->now_us, count_sleeps);
    }
    loop->datagrams = loop->of_one = 0;
    return 0;
}

int loop_run(struct loop *loop) {
    int rc = 0;
    while (rc == 0 && !atomic_load_explicit(&loop->stopping, memory_order_relaxed)) {
        rc = turn(loop);
    }
    return rc;
}

static void noop(void *data) { (void)data; }

void loop_stop(struct loop *loop) {
    atomic_store(&loop->stopping, 1);
    loop_post(loop, noop, NULL, 0);
    wake(loop);
}

struct event_base *loop_base(struct loop *loop) {
    return loop->base;
}

const char *loop_name(const struct loop *loop) { return loop->name; }

uint64_t loop_now_us(const struct loop *loop) { return loop->now_us; }

uint64_t loop_refresh_now(struct loop *loop) {
    loop->now_us = clock_now_us();
    return loop->now_us;
}

uint64_t loop_last_turn_us(const struct loop *loop) {
    return atomic_load_explicit(&loop->last_turn_us, memory_order_relaxed);
}

void loop_timer_init(struct loop_timer *t, void (*fired)(void *ctx), void *ctx) {
    wheel_timer_init(&t->timer);
    t->fired = fired;
    t->ctx = ctx;
}

void loop_timer_set(struct loop *loop, struct loop_timer *t, uint64_t delay_us) {
    uint64_t now = loop_refresh_now(loop);
    wheel_set(&loop->wheel, &t->timer, now + delay_us);
    uint64_t deadline = t->timer.deadline_tick * WHEEL_TICK_US;
    if (deadline < loop->armed_us) {
        arm(loop, deadline);
    }
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *t) { wheel_cancel(&loop->wheel, &t->timer); }

int loop_post(struct loop *loop, void (*fn)(void *data), const void *data, size_t n) {
    if (n > LOOP_POST_BYTES) {
        return -EMSGSIZE;
    }
    struct posted *post = ring_claim(loop->inbox);
    if (!post) {
        return -ENOBUFS;
    }
    post->fn = fn;
    if (n > 0) {
        memcpy(post->data, data, n);
    }
    ring_commit(loop->inbox, post);
    atomic_thread_fence(memory_order_seq_cst);
    wake(loop);
    return 0;
}

void loop_drain(struct loop *loop) {
    struct posted *post;
    while ((post = ring_peek(loop->inbox)) != NULL) {
        post->fn(post->data);
        ring_release(loop->inbox);
    }
}

void loop_set_after_batch(struct loop *loop, void (*fn)(void *ctx), void *ctx) {
    loop->after_batch = fn;
    loop->after_batch_ctx = ctx;
}
