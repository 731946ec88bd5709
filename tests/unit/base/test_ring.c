/* The ring between threads: order, bounds, nothing lost or torn. */
#include "base/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MESSAGES = 200000, PRODUCERS = 2 };

struct message {
    uint32_t producer;
    uint32_t number;
    uint32_t check[5];
};

static void messages_come_in_order_and_a_full_ring_refuses(void **state) {
    (void)state;
    struct ring *r = ring_new(5, sizeof(int)); /* rounded up to eight */
    assert_non_null(r);
    for (int round = 0; round < 10; round++) {
        assert_null(ring_peek(r));
        for (int i = 0; i < 8; i++) {
            int *slot = ring_claim(r);
            assert_non_null(slot);
            *slot = round * 100 + i;
            ring_commit(r, slot);
        }
        assert_null(ring_claim(r));
        for (int i = 0; i < 8; i++) {
            assert_int_equal(*(int *)ring_peek_after(r, (size_t)i), round * 100 + i);
        }
        assert_null(ring_peek_after(r, 8));
        for (int i = 0; i < 8; i++) {
            int *slot = ring_peek(r);
            assert_non_null(slot);
            assert_int_equal(*slot, round * 100 + i);
            assert_ptr_equal(ring_peek(r), slot); /* peeking takes nothing */
            ring_release(r);
        }
    }
    ring_free(r);
    ring_free(NULL);
}

static void uncommitted_claim_holds_back_what_follows(void **state) {
    (void)state;
    struct ring *r = ring_new(4, sizeof(int));
    int *first = ring_claim(r), *second = ring_claim(r);
    *first = 1;
    *second = 2;
    ring_commit(r, second);
    assert_null(ring_peek(r));
    ring_commit(r, first);
    assert_int_equal(*(int *)ring_peek(r), 1);
    ring_release(r);
    assert_int_equal(*(int *)ring_peek(r), 2);
    ring_release(r);
    assert_null(ring_peek(r));
    ring_free(r);
}

static void slots_do_not_overlap(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 15, 16, 17, 48, 49, 64, 112, 1500};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct ring *r = ring_new(8, sizes[k]);
        uint8_t *slots[8];
        for (size_t i = 0; i < 8; i++) {
            slots[i] = ring_claim(r);
            memset(slots[i], (int)i, sizes[k]);
            assert_int_equal((uintptr_t)slots[i] % 16, 0);
        }
        for (size_t i = 0; i < 8; i++) {
            ring_commit(r, slots[i]);
        }
        for (size_t i = 0; i < 8; i++) {
            uint8_t *slot = ring_peek(r);
            for (size_t b = 0; b < sizes[k]; b++) {
                assert_int_equal(slot[b], i);
            }
            ring_release(r);
        }
        ring_free(r);
    }
}

struct producer {
    struct ring *ring;
    uint32_t number;
};

static void *produce(void *arg) {
    struct producer *p = arg;
    for (uint32_t i = 0; i < MESSAGES;) {
        struct message *m = ring_claim(p->ring);
        if (!m) {
            sched_yield();
            continue;
        }
        m->producer = p->number;
        m->number = i;
        for (size_t k = 0; k < 5; k++) {
            m->check[k] = i * 2654435761U + (uint32_t)k;
        }
        ring_commit(p->ring, m);
        i++;
    }
    return NULL;
}

static void consume(struct ring *r) {
    uint32_t expected[PRODUCERS] = {0};
    for (uint32_t seen = 0; seen < MESSAGES * PRODUCERS;) {
        struct message *m = ring_peek(r);
        if (!m) {
            sched_yield();
            continue;
        }
        assert_true(m->producer < PRODUCERS);
        assert_int_equal(m->number, expected[m->producer]++);
        for (size_t k = 0; k < 5; k++) {
            assert_int_equal(m->check[k], (uint32_t)(m->number * 2654435761U + (uint32_t)k));
        }
        ring_release(r);
        seen++;
    }
    assert_null(ring_peek(r));
}

static void two_producers_lose_and_tear_nothing(void **state) {
    (void)state;
    struct ring *r = ring_new(64, sizeof(struct message));
    pthread_t threads[PRODUCERS];
    struct producer producers[PRODUCERS];
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){r, i};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    consume(r);
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
    }
    ring_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_in_order_and_a_full_ring_refuses),
        cmocka_unit_test(uncommitted_claim_holds_back_what_follows),
        cmocka_unit_test(slots_do_not_overlap),
        cmocka_unit_test(two_producers_lose_and_tear_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
