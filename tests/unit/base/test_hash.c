/* The hash table against a plain array, and the keyed hash. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ITEMS = 2000 };

struct item {
    uint64_t hash;
    unsigned number;
    bool in;
};

static bool same_number(const void *item, const void *wanted) {
    return ((const struct item *)item)->number == *(const unsigned *)wanted;
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* With few distinct hashes, so that runs collide and wrap around the end. */
static void compare_with_array(uint64_t hash_mask, uint32_t seed) {
    static struct item items[ITEMS];
    struct hash_table t;
    size_t in = 0;
    hash_table_init(&t);
    for (unsigned i = 0; i < ITEMS; i++) {
        items[i] = (struct item){.hash = (next_random(&seed) * 2654435761ULL) & hash_mask, .number = i};
    }
    for (unsigned step = 0; step < 20000; step++) {
        struct item *it = &items[next_random(&seed) % ITEMS];
        if (it->in) {
            assert_true(hash_table_remove(&t, it->hash, it));
        } else {
            assert_int_equal(hash_table_insert(&t, it->hash, it), 0);
        }
        it->in = !it->in;
        in += it->in ? 1 : (size_t)-1;
        assert_int_equal(t.count, in);
        struct item *other = &items[next_random(&seed) % ITEMS];
        assert_ptr_equal(hash_table_find(&t, other->hash, same_number, &other->number), other->in ? other : NULL);
        assert_int_equal(hash_table_remove(&t, other->hash, &items[0] + ITEMS), 0);
    }
    uint32_t cursor = 0;
    size_t seen = 0;
    for (struct item *it; (it = hash_table_next(&t, &cursor)); seen++) {
        assert_true(it->in);
        it->in = false; /* none comes twice */
    }
    assert_int_equal(seen, in);
    hash_table_deinit(&t);
}

static void table_does_what_an_array_does(void **state) {
    (void)state;
    compare_with_array(UINT64_MAX, 1);
}

static void table_holds_with_colliding_hashes(void **state) {
    (void)state;
    compare_with_array(0x3f, 2);
    compare_with_array(0xffffffff0000000fULL, 3);
}

static void table_holds_with_runs_around_the_end(void **state) {
    (void)state;
    struct hash_table t;
    struct item items[6];
    hash_table_init(&t);
    for (unsigned i = 0; i < 6; i++) {
        items[i] = (struct item){.hash = i < 4 ? 7 : 0, .number = i}; /* of eight slots the last, then the first */
        assert_int_equal(hash_table_insert(&t, items[i].hash, &items[i]), 0);
    }
    for (unsigned gone = 0; gone < 6; gone++) {
        assert_true(hash_table_remove(&t, items[gone].hash, &items[gone]));
        for (unsigned i = 0; i < 6; i++) {
            assert_ptr_equal(hash_table_find(&t, items[i].hash, same_number, &i), i > gone ? &items[i] : NULL);
        }
    }
    hash_table_deinit(&t);
}

static void empty_table_owns_nothing(void **state) {
    (void)state;
    struct hash_table t;
    uint32_t cursor = 0;
    unsigned number = 1;
    hash_table_init(&t);
    assert_null(t.slots);
    assert_null(hash_table_find(&t, 1, same_number, &number));
    assert_null(hash_table_next(&t, &cursor));
    assert_false(hash_table_remove(&t, 1, &number));
    hash_table_deinit(&t);
}

/* What CPython's siphash13 says of bytes 0, 1, 2 ... with a zero key (PYTHONHASHSEED=0). */
static void hash_is_siphash_1_3(void **state) {
    (void)state;
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {{1, 0x68a914128e01e473ULL},  {7, 0x2f098ab0c751325aULL},  {8, 0xead411e67ebe2eeaULL},
                   {9, 0x75927f9d95124362ULL},  {15, 0xf30eb725bb91c9eaULL}, {16, 0x8972188433a5c5b7ULL},
                   {24, 0x31185a47af932f3aULL}, {40, 0x95bc321ab41d8206ULL}};
    struct hash_key key = {0, 0};
    uint8_t data[64];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        assert_true(hash_bytes(&key, data, vectors[i].len) == vectors[i].hash);
    }
}

static void hash_depends_on_every_byte_the_length_and_the_key(void **state) {
    (void)state;
    struct hash_key key = {1, 2}, other = {1, 3};
    uint8_t data[40] = {0};
    for (size_t n = 0; n < sizeof data; n++) {
        uint64_t h = hash_bytes(&key, data, n);
        assert_true(h == hash_bytes(&key, data, n));
        assert_true(h != hash_bytes(&key, data, n + 1));
        assert_true(h != hash_bytes(&other, data, n));
        for (size_t bit = 0; bit < n * 8; bit++) {
            data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_true(h != hash_bytes(&key, data, n));
            data[bit / 8] = 0;
        }
    }
}

static void hash_spreads_neighbours_evenly(void **state) {
    (void)state;
    enum { BUCKETS = 256, KEYS = BUCKETS * 200 };
    unsigned counts[BUCKETS] = {0};
    struct hash_key key;
    hash_key_random(&key);
    for (uint32_t i = 0; i < KEYS; i++) {
        counts[hash_bytes(&key, &i, sizeof i) % BUCKETS]++;
    }
    for (size_t i = 0; i < BUCKETS; i++) { /* eight standard deviations of 200 */
        assert_in_range(counts[i], 87, 313);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_does_what_an_array_does),
        cmocka_unit_test(table_holds_with_colliding_hashes),
        cmocka_unit_test(table_holds_with_runs_around_the_end),
        cmocka_unit_test(empty_table_owns_nothing),
        cmocka_unit_test(hash_is_siphash_1_3),
        cmocka_unit_test(hash_depends_on_every_byte_the_length_and_the_key),
        cmocka_unit_test(hash_spreads_neighbours_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
