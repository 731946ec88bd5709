/* Counters: a block per thread, summed. */
#include "base/metrics.h"

#include <pthread.h>
#include <stdbool.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void *count(void *arg) {
    int64_t n = *(int64_t *)arg;
    for (int i = 0; i < 10000; i++) {
        metrics_add(METRIC_LOG_LINES_HELD, n);
    }
    return NULL;
}

static void shares_of_all_threads_are_summed_and_outlive_them(void **state) {
    (void)state;
    int64_t before = metrics_read(METRIC_LOG_LINES_HELD);
    int64_t shares[] = {1, 2, 3, -4, 5};
    pthread_t threads[5];
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count, &shares[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        pthread_join(threads[i], NULL);
    }
    metrics_inc(METRIC_LOG_LINES_HELD);
    assert_int_equal(metrics_read(METRIC_LOG_LINES_HELD) - before, 7 * 10000 + 1);
}

static void threads_write_to_different_blocks(void **state) {
    (void)state;
    struct metric_block *mine = metrics_register_thread();
    assert_int_equal((uintptr_t)mine % 64, 0);
    assert_ptr_equal(metric_self, mine);
}

static void table_follows_the_rules_of_exposition(void **state) {
    (void)state;
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *m = &metric_table[i];
        size_t n = strlen(m->name);
        assert_int_equal(strspn(m->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), n);
        bool total = n > 6 && strcmp(m->name + n - 6, "_total") == 0;
        assert_int_equal(total, m->type == METRIC_TYPE_COUNTER);
        bool first = i == 0 || strcmp(metric_table[i - 1].name, m->name) != 0;
        for (size_t k = 0; k < i; k++) {
            bool same = strcmp(metric_table[k].name, m->name) == 0;
            assert_false(same && first); /* rows of one name stand together */
            assert_false(same && strcmp(metric_table[k].labels, m->labels) == 0);
        }
        assert_true(!first || m->help[0] != '\0');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_of_all_threads_are_summed_and_outlive_them),
        cmocka_unit_test(threads_write_to_different_blocks),
        cmocka_unit_test(table_follows_the_rules_of_exposition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
