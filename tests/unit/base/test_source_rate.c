#include "base/source_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct source_rate rate;

static unsigned taken(const char *source, uint64_t limit, uint64_t now_us, unsigned tries) {
    struct addr a;
    unsigned count = 0;
    assert_int_equal(addr_parse(&a, source), 0);
    for (unsigned i = 0; i < tries; i++) {
        count += source_rate_take(&rate, &a, limit, now_us);
    }
    return count;
}

static void a_source_has_its_limit_each_second(void **state) {
    (void)state;
    source_rate_init(&rate);
    assert_int_equal(taken("192.0.2.1:1", 5, 7000000, 20), 5);
    assert_int_equal(taken("192.0.2.1:2", 5, 7999999, 20), 0); /* a port makes no other source */
    assert_int_equal(taken("192.0.2.2:1", 5, 7999999, 20), 5);
    assert_int_equal(taken("192.0.2.1:1", 5, 8000000, 20), 5);
    assert_int_equal(taken("192.0.2.1:1", 8, 8000000, 20), 3); /* a limit may change */
    assert_int_equal(taken("192.0.2.1:1", 0, 8000000, 20), 20);
}

static void an_ipv6_source_is_its_64(void **state) {
    (void)state;
    source_rate_init(&rate);
    assert_int_equal(taken("[2001:db8:1:2::1]:1", 5, 7000000, 20), 5);
    assert_int_equal(taken("[2001:db8:1:2:ffff::]:1", 5, 7000000, 20), 0);
    assert_int_equal(taken("[2001:db8:1:3::1]:1", 5, 7000000, 20), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_has_its_limit_each_second),
        cmocka_unit_test(an_ipv6_source_is_its_64),
    };
    return cmocka_run_group_tests_name("base/source_rate", tests, NULL, NULL);
}
