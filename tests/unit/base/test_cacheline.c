/* Cache lines of one's own. */
#include "base/cacheline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void two_allocations_never_share_a_line(void **state) {
    enum { COUNT = 100 };
    uint8_t *all[COUNT];
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        size_t n = i * 7 + 1;
        all[i] = cacheline_alloc(n);
        assert_non_null(all[i]);
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(all[i][k], 0);
        }
        memset(all[i], 0xff, n);
        for (size_t k = 0; k < i; k++) {
            uintptr_t last = ((uintptr_t)all[i] + n - 1) / CACHE_LINE, first = (uintptr_t)all[i] / CACHE_LINE;
            uintptr_t other_first = (uintptr_t)all[k] / CACHE_LINE;
            uintptr_t other_last = ((uintptr_t)all[k] + k * 7) / CACHE_LINE;
            assert_true(last < other_first || first > other_last);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        free(all[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_allocations_never_share_a_line)};
    return cmocka_run_group_tests_name("base/cacheline", tests, NULL, NULL);
}
