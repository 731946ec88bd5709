/* One receiver's line through estimator, allocator and pacer together: a publisher of three encodings (150, 500 and
 * 1500 kbit/s), an audio stream, and a bottleneck in virtual time (50 ms of RTT, 100 ms of buffer) that narrows and
 * widens again. */
#include "forward/allocator.h"
#include "forward/pacer.h"
#include "proto/bwe/bwe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ONE_WAY_MS = 25, BUFFER_MS = 100, FEEDBACK_MS = 50, QUEUE = 4096, AUDIO_BYTES = 120, PACKET = 1200 };

static const struct allocator_source camera = {
    .spatial_count = 3,
    .spatial = {{320, 180, 30, 3, {60000, 100000, 150000}},
                {640, 360, 30, 3, {200000, 330000, 500000}},
                {1280, 720, 30, 3, {600000, 1000000, 1500000}}},
};

struct passing {
    uint16_t seq, bytes;
    bool audio;
};

static struct world {
    unsigned ms;
    uint64_t line_bps;
    struct bwe *bwe;
    struct pacer_pool *pool;
    struct pacer pacer;
    struct allocator allocator;
    struct allocator_slot slot;
    uint16_t seq;               /* the next */
    uint16_t reported;          /* the next that feedback tells of */
    unsigned arrival_ms[65536]; /* 0: not yet, 1: lost */
    struct passing queue[QUEUE];
    unsigned head, tail;
    uint64_t queued_bytes, served_bits;
    unsigned audio_sent, audio_lost;
    unsigned switches;
} w;

static void transmit(uint16_t bytes, bool audio, uint8_t probe) {
    struct bwe_sending sending = {.seq = w.seq, .bytes = bytes, .probe = probe, .now_us = w.ms * 1000ull};
    bwe_sent(w.bwe, &sending);
    w.audio_sent += audio;
    bool fits = w.queued_bytes * 8000 < w.line_bps * BUFFER_MS && w.tail - w.head < QUEUE;
    w.arrival_ms[w.seq] = !fits;
    w.audio_lost += audio && !fits;
    if (fits) {
        w.queue[w.tail++ % QUEUE] = (struct passing){w.seq, bytes, audio};
        w.queued_bytes += bytes;
    }
    w.seq++;
}

static void on_send(void *arg, const struct pacer_packet *packet, uint8_t probe) {
    (void)arg;
    transmit(packet->bytes, packet->kind == PACER_AUDIO, probe);
}

static void on_drop(void *arg, const struct pacer_packet *packet) {
    (void)arg;
    assert_int_not_equal(packet->kind, PACER_AUDIO);
}

static size_t on_pad(void *arg, size_t bytes, uint8_t probe) {
    (void)arg;
    uint16_t n = bytes < 250 ? (uint16_t)bytes : 250;
    transmit(n, false, probe);
    return n;
}

static const struct pacer_hooks hooks = {.send = on_send, .drop = on_drop, .pad = on_pad};

static void begin(uint64_t line_bps) {
    memset(&w, 0, sizeof w);
    w.ms = 1000;
    w.line_bps = line_bps;
    w.bwe = bwe_new(&(struct bwe_options){0}, w.ms * 1000ull);
    w.pool = pacer_pool_new(2000);
    pacer_init(&w.pacer, w.pool, &hooks, NULL);
    w.slot.source = &camera;
    allocator_init(&w.allocator, &w.slot, 1);
    w.allocator.audio_bps = AUDIO_BYTES * 8 * 50;
}

static void end(void) {
    pacer_deinit(&w.pacer);
    pacer_pool_free(w.pool);
    bwe_free(w.bwe);
}

/* What the line carries in a millisecond. */
static void serve(void) {
    w.served_bits += w.line_bps / 1000;
    while (w.head != w.tail && w.served_bits >= w.queue[w.head % QUEUE].bytes * 8u) {
        struct passing *p = &w.queue[w.head++ % QUEUE];
        w.served_bits -= p->bytes * 8u;
        w.queued_bytes -= p->bytes;
        w.arrival_ms[p->seq] = w.ms + ONE_WAY_MS;
    }
    w.served_bits = w.head == w.tail ? 0 : w.served_bits;
}

static void feedback(void) {
    uint16_t last = w.reported;
    for (uint16_t s = w.reported; s != w.seq; s++) {
        if (w.arrival_ms[s] > 1 && w.arrival_ms[s] + ONE_WAY_MS <= w.ms) {
            last = (uint16_t)(s + 1);
        }
    }
    if (last == w.reported) {
        return;
    }
    bwe_feedback_begin(w.bwe);
    for (; w.reported != last; w.reported++) {
        if (w.arrival_ms[w.reported] > 1) {
            bwe_arrived(w.bwe, w.reported, (int64_t)w.arrival_ms[w.reported] * 1000);
        } else {
            bwe_lost(w.bwe, w.reported, 1);
        }
    }
    bwe_feedback_end(w.bwe, w.ms * 1000ull);
}

static void publish(void) {
    if (w.ms % 20 == 0) {
        struct pacer_packet audio = {.bytes = AUDIO_BYTES, .kind = PACER_AUDIO};
        pacer_push(&w.pacer, &audio, w.ms * 1000ull);
    }
    if (w.ms % 33 != 0 || w.slot.target.spatial < 0) {
        return;
    }
    for (uint64_t left = allocator_cost(&camera, w.slot.target) * 33ull / 8000; left > 0;) {
        uint16_t bytes = left < PACKET ? (uint16_t)left : PACKET;
        struct pacer_packet video = {.bytes = bytes, .kind = PACER_VIDEO};
        pacer_push(&w.pacer, &video, w.ms * 1000ull);
        left -= bytes;
    }
}

static void step(void) {
    uint64_t now_us = ++w.ms * 1000ull;
    struct bwe_probe probe;
    serve();
    if (w.ms % FEEDBACK_MS == 0) {
        feedback();
        if (bwe_deadline(w.bwe) <= now_us) {
            bwe_timeout(w.bwe, now_us);
        }
        pacer_set_rate(&w.pacer, bwe_target(w.bwe), now_us);
        w.switches += allocator_update(&w.allocator, bwe_estimate(w.bwe), now_us);
        bwe_set_wanted(w.bwe, w.allocator.wanted_bps);
    }
    publish();
    if (bwe_probe_wanted(w.bwe, now_us, &probe)) {
        pacer_probe(&w.pacer, &(struct pacer_burst){probe.number, probe.rate_bps, probe.bytes}, now_us);
    }
    if (w.ms % 5 == 0 && pacer_busy(&w.pacer)) {
        pacer_tick(&w.pacer, now_us);
    }
}

static void run(unsigned ms) {
    for (unsigned i = 0; i < ms; i++) {
        step();
    }
}

/* How long until the encoding is at most or at least this one; at most limit_ms. */
static unsigned until(int spatial, bool down, unsigned limit_ms) {
    unsigned ms = 0;
    while (ms < limit_ms && (down ? w.slot.target.spatial > spatial : w.slot.target.spatial < spatial)) {
        step();
        ms++;
    }
    return ms;
}

static void a_line_cut_to_a_tenth_and_back_gets_what_it_carries_in_time(void **state) {
    (void)state;
    begin(4000000);
    unsigned first = until(2, false, 20000);
    run(20000);
    assert_int_equal(w.slot.target.spatial, 2);
    w.audio_sent = w.audio_lost = 0;
    w.line_bps = 400000;
    unsigned low = until(0, true, 10000);
    run(20000);
    assert_int_equal(w.slot.target.spatial, 0);
    w.line_bps = 4000000;
    unsigned high = until(2, false, 30000);
    run(20000);
    print_message(
        "# best layer after %u ms, low %u ms after the cut, best again %u ms after its end; audio lost %u of %u\n",
        first, low, high, w.audio_lost, w.audio_sent);
    assert_in_range(first, 0, 10000);
    assert_in_range(low, 0, 2000);
    assert_in_range(high, 0, 10000);
    assert_in_range(w.audio_lost * 100, 0, w.audio_sent * 3);
    end();
}

static void a_steady_line_of_any_width_is_not_switched_on_and_off(void **state) {
    (void)state;
    unsigned worst = 0;
    for (uint64_t line = 150000; line <= 4000000; line = line * 5 / 4) {
        begin(line);
        run(30000);
        w.switches = w.audio_lost = w.audio_sent = 0;
        run(120000);
        worst = w.switches > worst ? w.switches : worst;
        assert_in_range(w.audio_lost * 100, 0, w.audio_sent * 3);
        end();
    }
    print_message("# at most %u switches in two minutes\n", worst);
    assert_in_range(worst, 0, 24);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_cut_to_a_tenth_and_back_gets_what_it_carries_in_time),
        cmocka_unit_test(a_steady_line_of_any_width_is_not_switched_on_and_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
