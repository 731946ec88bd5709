/* Who is a proxy, and the ways back to clients behind one. */
#include "net/proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct five_tuple client_number(unsigned n) {
    struct five_tuple client = {.transport = TRANSPORT_UDP};
    char text[ADDR_TEXT_MAX];
    snprintf(text, sizeof text, "10.%u.%u.%u:4711", n >> 16 & 255, n >> 8 & 255, n & 255);
    assert_int_equal(addr_parse(&client.remote, text), 0);
    assert_int_equal(addr_parse(&client.local, "192.0.2.1:3478"), 0);
    return client;
}

static struct addr via_port(uint16_t port) {
    struct addr via;
    assert_int_equal(addr_parse(&via, "198.51.100.9:1"), 0);
    via.port = port;
    return via;
}

static uint16_t port_found(struct proxy_paths *paths, unsigned n) {
    struct five_tuple client = client_number(n);
    const struct addr *via = proxy_paths_find(paths, &client.remote, &client.local);
    return via ? via->port : 0;
}

static void learn(struct proxy_paths *paths, unsigned n, uint16_t port, bool known, uint64_t now_us) {
    struct five_tuple client = client_number(n);
    struct addr via = via_port(port);
    proxy_paths_learn(paths, &client, &via, known, now_us);
}

static void only_listed_sources_are_proxies(void **state) {
    struct proxy_sources sources;
    struct prefix list[2];
    struct addr a, b, c;
    (void)state;
    assert_int_equal(prefix_parse(&list[0], "198.51.100.0/24"), 0);
    assert_int_equal(prefix_parse(&list[1], "2001:db8::9"), 0);
    assert_int_equal(addr_parse(&a, "198.51.100.7:1"), 0);
    assert_int_equal(addr_parse(&b, "[2001:db8::9]:2"), 0);
    assert_int_equal(addr_parse(&c, "[2001:db8::8]:2"), 0);
    proxy_sources_set(&sources, list, 2);
    for (int i = 0; i < 2; i++) { /* also when it is remembered */
        assert_true(proxy_sources_contain(&sources, &a));
        assert_true(proxy_sources_contain(&sources, &b));
        assert_true(proxy_sources_contain(&sources, &b));
        assert_false(proxy_sources_contain(&sources, &c));
        assert_false(proxy_sources_contain(&sources, &c));
    }
    proxy_sources_set(&sources, list, 1);
    assert_false(proxy_sources_contain(&sources, &b));
    proxy_sources_set(&sources, NULL, 0);
    assert_false(proxy_sources_contain(&sources, &a));
}

static void a_client_is_answered_through_its_proxy(void **state) {
    struct proxy_paths *paths = proxy_paths_new();
    struct five_tuple client = client_number(1);
    struct addr via = via_port(7), moved = via_port(8);
    (void)state;
    assert_int_equal(port_found(paths, 1), 0);
    assert_false(proxy_paths_touch(paths, &client, &via, 1));
    proxy_paths_learn(paths, &client, &via, false, 1);
    assert_int_equal(port_found(paths, 1), 7);
    assert_false(proxy_paths_touch(paths, &client, &via, 2)); /* a stranger may have become known */
    proxy_paths_learn(paths, &client, &via, true, 2);
    assert_true(proxy_paths_touch(paths, &client, &via, 3));
    assert_false(proxy_paths_touch(paths, &client, &moved, 4));
    proxy_paths_learn(paths, &client, &moved, true, 4);
    assert_int_equal(port_found(paths, 1), 8);
    client.local.port = 5349; /* another listener, another way */
    assert_null(proxy_paths_find(paths, &client.remote, &client.local));
    client.local.port = 3478;
    proxy_paths_forget(paths, &client);
    assert_int_equal(port_found(paths, 1), 0);
    proxy_paths_free(paths);
}

static void strangers_never_take_the_place_of_known_clients(void **state) {
    enum { KNOWN = 2 * PROXY_PATHS_MAX, STRANGERS = 200000 }; /* so that most places are taken */
    struct proxy_paths *paths = proxy_paths_new();
    static uint16_t before[KNOWN];
    (void)state;
    for (unsigned n = 0; n < KNOWN; n++) {
        learn(paths, n, (uint16_t)(n % 60000 + 1), true, 1000);
    }
    learn(paths, KNOWN, 9, false, 2000); /* whoever came last is found anyway */
    for (unsigned n = 0; n < KNOWN; n++) {
        before[n] = port_found(paths, n);
    }
    for (unsigned n = KNOWN; n < KNOWN + STRANGERS; n++) {
        learn(paths, n, 9, false, 2000);
        assert_int_equal(port_found(paths, n), 9); /* the answer to what just came finds its way */
    }
    for (unsigned n = 0; n < KNOWN; n++) {
        assert_int_equal(port_found(paths, n), before[n]);
    }
    proxy_paths_free(paths);
}

static void known_clients_long_silent_give_way(void **state) {
    struct proxy_paths *paths = proxy_paths_new();
    const uint64_t later = 1 + PROXY_PATH_IDLE_US + 1;
    unsigned kept = 0, taken = 0;
    (void)state;
    for (unsigned n = 0; n < 2 * PROXY_PATHS_MAX; n++) {
        learn(paths, n, 1, true, 1);
    }
    for (unsigned n = 0; n < 2 * PROXY_PATHS_MAX; n++) {
        kept += port_found(paths, n) == 1;
    }
    assert_in_range(kept, PROXY_PATHS_MAX * 9 / 10, PROXY_PATHS_MAX + 1);
    for (unsigned n = 0; n < 1000; n++) {
        learn(paths, 1 << 20 | n, 2, false, later);
    }
    for (unsigned n = 0; n < 1000; n++) {
        taken += port_found(paths, 1 << 20 | n) == 2;
    }
    assert_in_range(taken, 990, 1000);
    proxy_paths_free(paths);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_listed_sources_are_proxies),
        cmocka_unit_test(a_client_is_answered_through_its_proxy),
        cmocka_unit_test(strangers_never_take_the_place_of_known_clients),
        cmocka_unit_test(known_clients_long_silent_give_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
