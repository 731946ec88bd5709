#include "relay/ports.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static const struct relay_ports_range small = {20010, 20017};

static struct addr loopback(void);

static int open_port(struct relay_ports *ports, struct relay_ports_range range, enum relay_port_kind kind,
                     unsigned worker, struct udp_socket sockets[2]) {
    struct relay_ports_wanted wanted = {.range = range, .kind = kind, .address = loopback(), .worker = worker};
    return relay_ports_open(ports, &wanted, sockets);
}

/* A loopback address of this process's own: other programs' ports are not in the way. */
static struct addr loopback(void) {
    unsigned pid = (unsigned)getpid();
    uint8_t ip[4] = {127, (uint8_t)(64 + (pid >> 16) % 64), (uint8_t)(pid >> 8), (uint8_t)(pid | 1)};
    struct addr a;
    assert_int_equal(addr_from_bytes(&a, ip, 4, 0), 0);
    return a;
}

static void a_range_is_used_up_and_comes_back_whole(void **state) {
    (void)state;
    struct relay_ports *ports = relay_ports_new();
    struct udp_socket s[9][2];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8; i++) {
            assert_int_equal(open_port(ports, small, RELAY_PORT_ANY, 0, s[i]), 0);
            assert_in_range(s[i][0].local.port, small.first, small.last);
        }
        assert_int_equal(open_port(ports, small, RELAY_PORT_ANY, 0, s[8]), -EADDRINUSE);
        for (int i = 0; i < 8; i++) {
            relay_ports_close(ports, &s[i][0]);
        }
    }
    relay_ports_free(ports);
}

static void ports_of_tcp_are_of_the_same_numbers(void **state) {
    (void)state;
    struct relay_ports *ports = relay_ports_new();
    struct udp_socket s[9][2];
    for (int i = 0; i < 9; i++) {
        struct relay_ports_wanted wanted = {.range = small, .address = loopback(), .stream = i % 2};
        assert_int_equal(relay_ports_open(ports, &wanted, s[i]), i < 8 ? 0 : -EADDRINUSE);
        for (int k = 0; k < i && i < 8; k++) {
            assert_int_not_equal(s[k][0].local.port, s[i][0].local.port);
        }
    }
    for (int i = 0; i < 8; i++) {
        relay_ports_close(ports, &s[i][0]);
        assert_int_equal(relay_ports_owner(ports, AF_INET, s[i][0].local.port), RELAY_PORT_FREE);
    }
    relay_ports_free(ports);
}

static void even_ports_are_even_and_pairs_adjacent(void **state) {
    (void)state;
    struct relay_ports *ports = relay_ports_new();
    struct udp_socket even[2], pair[2];
    assert_int_equal(open_port(ports, small, RELAY_PORT_EVEN, 0, even), 0);
    assert_int_equal(even[0].local.port % 2, 0);
    assert_int_equal(open_port(ports, small, RELAY_PORT_PAIR, 0, pair), 0);
    assert_int_equal(pair[0].local.port % 2, 0);
    assert_int_equal(pair[1].local.port, pair[0].local.port + 1);
    relay_ports_close(ports, &even[0]);
    relay_ports_close(ports, &pair[0]);
    relay_ports_close(ports, &pair[1]);
    relay_ports_free(ports);
}

static void a_pair_never_leaves_the_range(void **state) {
    (void)state;
    struct relay_ports *ports = relay_ports_new();
    struct relay_ports_range odd = {20020, 20020};
    struct udp_socket s[2];
    assert_int_equal(open_port(ports, odd, RELAY_PORT_PAIR, 0, s), -EADDRINUSE);
    assert_int_equal(relay_ports_owner(ports, AF_INET, 20020), RELAY_PORT_FREE);
    relay_ports_free(ports);
}

static void a_failed_pair_gives_its_first_port_back(void **state) {
    (void)state;
    struct relay_ports *ports = relay_ports_new();
    struct relay_ports_range two = {20022, 20023};
    struct addr at = loopback();
    struct udp_socket s[2], blocker;
    at.port = 20023;
    assert_int_equal(udp_socket_open(&blocker, &at, &(struct udp_options){0}), 0);
    at.port = 0;
    assert_int_equal(open_port(ports, two, RELAY_PORT_PAIR, 0, s), -EADDRINUSE);
    assert_int_equal(relay_ports_owner(ports, AF_INET, 20022), RELAY_PORT_FREE);
    udp_socket_close(&blocker);
    relay_ports_free(ports);
}

static void ports_of_other_programs_are_passed_over(void **state) {
    (void)state;
    struct relay_ports *ports = relay_ports_new();
    struct relay_ports_range two = {20024, 20025};
    struct addr at = loopback();
    struct udp_socket s[2], blocker;
    at.port = 20024;
    assert_int_equal(udp_socket_open(&blocker, &at, &(struct udp_options){0}), 0);
    at.port = 0;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(open_port(ports, two, RELAY_PORT_ANY, 0, s), 0);
        assert_int_equal(s[0].local.port, 20025);
        relay_ports_close(ports, &s[0]);
    }
    udp_socket_close(&blocker);
    relay_ports_free(ports);
}

static void the_owner_of_a_port_is_known(void **state) {
    (void)state;
    struct relay_ports *ports = relay_ports_new();
    struct udp_socket s[2];
    assert_int_equal(open_port(ports, small, RELAY_PORT_ANY, 7, s), 0);
    assert_int_equal(relay_ports_owner(ports, AF_INET, s[0].local.port), 7);
    assert_int_equal(relay_ports_owner(ports, AF_INET6, s[0].local.port), RELAY_PORT_FREE);
    relay_ports_close(ports, &s[0]);
    relay_ports_free(ports);
}

static void fifty_ports_in_a_row_show_no_order(void **state) {
    (void)state;
    struct relay_ports *ports = relay_ports_new();
    struct relay_ports_range wide = {20100, 30000};
    struct udp_socket s[50][2];
    int rising = 0;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(open_port(ports, wide, RELAY_PORT_ANY, 0, s[i]), 0);
        rising += i > 0 && s[i][0].local.port > s[i - 1][0].local.port;
    }
    assert_in_range(rising, 10, 40);
    for (int i = 0; i < 50; i++) {
        relay_ports_close(ports, &s[i][0]);
    }
    relay_ports_free(ports);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_is_used_up_and_comes_back_whole),
        cmocka_unit_test(ports_of_tcp_are_of_the_same_numbers),
        cmocka_unit_test(even_ports_are_even_and_pairs_adjacent),
        cmocka_unit_test(a_pair_never_leaves_the_range),
        cmocka_unit_test(a_failed_pair_gives_its_first_port_back),
        cmocka_unit_test(ports_of_other_programs_are_passed_over),
        cmocka_unit_test(the_owner_of_a_port_is_known),
        cmocka_unit_test(fifty_ports_in_a_row_show_no_order),
    };
    return cmocka_run_group_tests_name("relay/ports", tests, NULL, NULL);
}
