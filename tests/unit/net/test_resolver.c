#include "net/resolver.h"

#include "net/loop.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct loop *loop;
    struct resolver *resolver;
    unsigned answers, tag;
    struct addr addrs[2];
};

static void done(void *ctx, unsigned tag, const struct addr addrs[2]) {
    struct world *w = ctx;
    w->answers++;
    w->tag = tag;
    memcpy(w->addrs, addrs, sizeof w->addrs);
}

static void open_world(struct world *w) {
    memset(w, 0, sizeof *w);
    w->loop = loop_new("test", 16);
    w->resolver = resolver_new(w->loop, done, w);
    assert_true(w->loop && w->resolver);
}

static void close_world(struct world *w) {
    resolver_free(w->resolver);
    loop_free(w->loop);
}

static void assert_addr(const struct addr *a, const char *expected) {
    struct addr wanted;
    assert_int_equal(addr_parse(&wanted, expected), 0);
    assert_true(addr_equal(a, &wanted));
}

static void numbers_are_answered_at_once(void **state) {
    struct world w;
    (void)state;
    open_world(&w);
    resolver_ask(w.resolver, 3, "192.0.2.1", 3478);
    assert_true(w.answers == 1 && w.tag == 3 && w.addrs[1].family == AF_UNSPEC);
    assert_addr(&w.addrs[0], "192.0.2.1:3478");
    resolver_ask(w.resolver, 4, "2001:db8::1", 5);
    assert_true(w.answers == 2 && w.tag == 4 && w.addrs[0].family == AF_UNSPEC);
    assert_addr(&w.addrs[1], "[2001:db8::1]:5");
    close_world(&w);
}

static void names_of_etc_hosts_need_no_network(void **state) {
    struct world w;
    (void)state;
    open_world(&w);
    resolver_ask(w.resolver, 0, "localhost", 3478);
    for (int i = 0; i < 100 && w.answers == 0; i++) {
        event_base_loop(loop_base(w.loop), EVLOOP_NONBLOCK);
    }
    assert_int_equal(w.answers, 1);
    assert_true(addr_is_loopback(&w.addrs[0]) || addr_is_loopback(&w.addrs[1]));
    close_world(&w);
}

/* Nobody needs to wait for the end of a question, and nothing leaks (sanitizers look). */
static void a_question_may_be_replaced_or_dropped_while_it_waits(void **state) {
    struct world w;
    (void)state;
    open_world(&w);
    resolver_ask(w.resolver, 0, "first.invalid", 3478);
    resolver_ask(w.resolver, 0, "second.invalid", 3478);
    resolver_ask(w.resolver, 0, "192.0.2.1", 3478);
    resolver_ask(w.resolver, 1, "third.invalid", 3478);
    assert_int_equal(w.answers, 1);
    close_world(&w);
    assert_int_equal(w.answers, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_answered_at_once),
        cmocka_unit_test(names_of_etc_hosts_need_no_network),
        cmocka_unit_test(a_question_may_be_replaced_or_dropped_while_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
