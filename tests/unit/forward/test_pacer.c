/* What leaves a pacer, in which order and when. */
#include "forward/pacer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { PLACES = 1000, LOG = 4096, RATE = 960000 /* 600 bytes a tick */ };

static struct pacer_pool *pool;
static struct pacer p;
static uint64_t now;
static struct {
    uintptr_t id;
    uint8_t probe;
} sent[LOG];
static unsigned sent_count, dropped, padding_packets;
static uint64_t sent_bytes, padded_bytes;
static bool can_pad;

static void on_send(void *arg, const struct pacer_packet *packet, uint8_t probe) {
    (void)arg;
    assert_in_range(sent_count, 0, LOG - 1);
    sent[sent_count].id = (uintptr_t)packet->packet;
    sent[sent_count++].probe = probe;
    sent_bytes += packet->bytes;
}

static void on_drop(void *arg, const struct pacer_packet *packet) {
    (void)arg;
    assert_int_not_equal(packet->kind, PACER_AUDIO);
    dropped++;
}

static size_t on_pad(void *arg, size_t bytes, uint8_t probe) {
    (void)arg;
    assert_int_not_equal(probe, 0);
    size_t n = !can_pad ? 0 : bytes < 250 ? bytes : 250;
    padding_packets += n > 0;
    padded_bytes += n;
    return n;
}

static const struct pacer_hooks hooks = {.send = on_send, .drop = on_drop, .pad = on_pad};

static int setup(void **state) {
    (void)state;
    pool = pacer_pool_new(PLACES);
    assert_non_null(pool);
    now = 1000000;
    sent_count = dropped = padding_packets = 0;
    sent_bytes = padded_bytes = 0;
    can_pad = true;
    pacer_init(&p, pool, &hooks, NULL);
    pacer_set_rate(&p, RATE, now);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    pacer_deinit(&p);
    pacer_pool_free(pool);
    return 0;
}

static void push(enum pacer_kind kind, uintptr_t id, uint16_t bytes, uint8_t layer) {
    struct pacer_packet packet = {.packet = (void *)id, .bytes = bytes, .kind = (uint8_t)kind, .layer = layer};
    pacer_push(&p, &packet, now);
}

/* So much video that what follows has to wait. */
static void load(void) {
    for (unsigned i = 0; i < 10; i++) {
        push(PACER_VIDEO, 1000 + i, 1000, 0);
    }
    assert_true(pacer_busy(&p));
}

static void tick(unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        pacer_tick(&p, now += PACER_TICK_US);
    }
}

static void below_eighty_percent_of_the_rate_nothing_waits(void **state) {
    (void)state;
    for (unsigned i = 0; i < 1000; i++) { /* ten seconds of 79 % */
        push(PACER_VIDEO, i, RATE / 8 / 100 * 79 / 100, 0);
        assert_int_equal(sent_count, i + 1);
        now += 10000;
    }
    assert_false(pacer_busy(&p));
}

static void what_exceeds_the_rate_leaves_at_the_rate(void **state) {
    (void)state;
    load();
    sent_bytes = 0;
    for (unsigned i = 0; i < 400; i++) { /* two seconds of twice the rate */
        push(PACER_VIDEO, i, 600, 0);
        push(PACER_VIDEO, i, 600, 0);
        tick(1);
    }
    assert_in_range(sent_bytes, 400 * 600 * 95 / 100, 400 * 600 * 105 / 100);
}

static void audio_never_waits(void **state) {
    (void)state;
    load();
    unsigned before = sent_count;
    push(PACER_AUDIO, 7, 100, 0);
    assert_int_equal(sent_count, before + 1);
    assert_int_equal(sent[before].id, 7);
}

static void audio_leaves_less_of_the_rate_for_video(void **state) {
    (void)state;
    load();
    for (unsigned i = 0; i < 10; i++) {
        push(PACER_VIDEO, i, 1000, 0);
    }
    tick(4);
    uint64_t before = sent_bytes;
    for (unsigned i = 0; i < 10; i++) {
        push(PACER_AUDIO, i, 300, 0);
        tick(1);
    }
    assert_in_range(sent_bytes - before, 5000, 7000);
}

static void retransmissions_overtake_video_in_their_own_order(void **state) {
    (void)state;
    load();
    unsigned before = sent_count;
    push(PACER_RETRANSMISSION, 1, 100, 0);
    push(PACER_RETRANSMISSION, 2, 100, 0);
    tick(40);
    assert_int_equal(sent[before].id, 1);
    assert_int_equal(sent[before + 1].id, 2);
    for (unsigned i = before + 3; i < sent_count; i++) {
        assert_int_equal(sent[i].id, sent[i - 1].id + 1);
    }
    assert_false(pacer_busy(&p));
}

static void with_a_long_queue_higher_layers_go_and_the_lowest_stays(void **state) {
    (void)state;
    load();
    for (unsigned i = 0; i < 20; i++) { /* of 1000 bytes, 8 ms each */
        push(PACER_VIDEO, i, 1000, i % 2);
    }
    assert_in_range(dropped, 5, 10);
    unsigned lowest = 0;
    tick(100);
    for (unsigned i = 0; i < sent_count; i++) {
        lowest += sent[i].id < 1000 && sent[i].id % 2 == 0;
    }
    assert_int_equal(lowest, 10);
}

static void a_rate_that_falls_sheds_the_layers_that_wait(void **state) {
    (void)state;
    load();
    for (unsigned i = 0; i < 5; i++) {
        push(PACER_VIDEO, i, 1000, 1);
    }
    assert_int_equal(dropped, 0);
    pacer_set_rate(&p, RATE / 4, now);
    tick(1);
    assert_int_equal(dropped, 5);
}

static void what_waited_too_long_is_dropped(void **state) {
    (void)state;
    pacer_set_rate(&p, 8000, now);
    load();
    unsigned before = sent_count;
    tick(PACER_AGE_US / PACER_TICK_US + 2);
    assert_int_equal(dropped + sent_count, 10);
    assert_in_range(sent_count - before, 0, 1);
    assert_false(pacer_busy(&p));
}

static void a_receiver_cannot_take_the_places_of_the_others(void **state) {
    (void)state;
    for (unsigned i = 0; i < PLACES; i++) {
        push(PACER_VIDEO, i, 1000, 0);
    }
    assert_int_equal(p.queue[1].count, PACER_QUEUE);
    struct pacer other;
    pacer_init(&other, pool, &hooks, NULL);
    pacer_set_rate(&other, 8000, now);
    struct pacer_packet packet = {.bytes = 1000, .kind = PACER_VIDEO};
    dropped = 0;
    for (unsigned i = 0; i < 100; i++) {
        pacer_push(&other, &packet, now);
    }
    assert_int_equal(dropped, 0);
    pacer_deinit(&other);
}

static void with_every_place_taken_the_lowest_layer_displaces_a_higher_one(void **state) {
    (void)state;
    pacer_set_rate(&p, 800000000, now);
    for (unsigned i = 0; i < 4000; i++) {
        push(PACER_VIDEO, i, 1200, 1);
    }
    assert_int_equal(p.queue[1].count, PACER_QUEUE);
    dropped = 0;
    push(PACER_VIDEO, 9999, 1200, 0);
    assert_int_equal(p.queue[1].count, 1);
    assert_int_equal(dropped, PACER_QUEUE);
}

static void every_place_is_free_again_afterwards(void **state) {
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < PLACES; i++) {
            push((enum pacer_kind)(PACER_RETRANSMISSION + i % 2), i, (uint16_t)(100 + i % 1000), (uint8_t)(i % 3));
        }
        tick(3);
        sent_count = 0;
    }
    pacer_deinit(&p);
    assert_int_equal(p.queued_bytes, 0);
    pacer_set_rate(&p, 8000, now);
    dropped = 0;
    load();
    for (unsigned i = 0; i < PACER_QUEUE; i++) {
        push(PACER_RETRANSMISSION, i, 100, 0);
    }
    assert_int_equal(dropped, 0);
}

static void a_probe_runs_at_its_rate_over_what_waits_and_then_padding(void **state) {
    (void)state;
    load();
    unsigned before = sent_count;
    uint64_t waiting = p.queued_bytes;
    struct pacer_burst probe = {.number = 3, .rate_bps = 8 * RATE, .bytes = waiting + 4000};
    pacer_probe(&p, &probe, now);
    tick(1);
    assert_in_range(padded_bytes + sent_bytes, 4800, 4800 + sent_bytes);
    tick(3);
    assert_int_equal(padded_bytes, 4000);
    assert_int_equal(sent[before].probe, 3);
    assert_int_equal(p.probe, 0);
    assert_false(pacer_busy(&p));
}

static void a_probe_without_anything_to_send_ends(void **state) {
    (void)state;
    can_pad = false;
    struct pacer_burst probe = {.number = 1, .rate_bps = RATE, .bytes = 5000};
    pacer_probe(&p, &probe, now);
    tick(1);
    assert_false(pacer_busy(&p));
    assert_int_equal(padding_packets, 0);
}

static void without_a_probe_nothing_is_padded(void **state) {
    (void)state;
    load();
    tick(200);
    assert_int_equal(padding_packets, 0);
}

static void a_tick_that_comes_late_sends_no_flood(void **state) {
    (void)state;
    pacer_set_rate(&p, RATE * 10, now);
    for (unsigned i = 0; i < 200; i++) {
        push(PACER_VIDEO, i, 1000, 0);
    }
    uint64_t before = sent_bytes;
    pacer_tick(&p, now += 200000);
    assert_in_range(sent_bytes - before, 6000, 4 * 6000 + 1000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(below_eighty_percent_of_the_rate_nothing_waits),
        TEST(what_exceeds_the_rate_leaves_at_the_rate),
        TEST(audio_never_waits),
        TEST(audio_leaves_less_of_the_rate_for_video),
        TEST(retransmissions_overtake_video_in_their_own_order),
        TEST(with_a_long_queue_higher_layers_go_and_the_lowest_stays),
        TEST(a_rate_that_falls_sheds_the_layers_that_wait),
        TEST(what_waited_too_long_is_dropped),
        TEST(a_receiver_cannot_take_the_places_of_the_others),
        TEST(with_every_place_taken_the_lowest_layer_displaces_a_higher_one),
        TEST(every_place_is_free_again_afterwards),
        TEST(a_probe_runs_at_its_rate_over_what_waits_and_then_padding),
        TEST(a_probe_without_anything_to_send_ends),
        TEST(without_a_probe_nothing_is_padded),
        TEST(a_tick_that_comes_late_sends_no_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
