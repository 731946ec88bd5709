#include "net/udp.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct pair {
    struct udp_io *io;
    struct udp_socket a, b;
};

static struct addr parse(const char *text) {
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static bool merge; /* what b receives */

static void open_pair(struct pair *p, const char *bind_a, const char *bind_b) {
    struct addr a = parse(bind_a);
    struct addr b = parse(bind_b);
    p->io = udp_io_new();
    assert_non_null(p->io);
    assert_int_equal(udp_socket_open(&p->a, &a, &(struct udp_options){0}), 0);
    assert_int_equal(udp_socket_open(&p->b, &b, &(struct udp_options){.receive_buffer = 1 << 20, .merge = merge}), 0);
}

static void close_pair(struct pair *p) {
    udp_socket_close(&p->a);
    udp_socket_close(&p->b);
    udp_io_free(p->io);
}

/* Receives until `want` datagrams came; checks that each holds its number and its length. */
static void expect_numbered(struct pair *p, unsigned want, const size_t *lens) {
    unsigned seen = 0;
    for (int tries = 0; seen < want && tries < 200; tries++) {
        struct udp_packet *packets;
        unsigned n = udp_io_receive(p->io, &p->b, &packets);
        for (unsigned i = 0; i < n; i++, seen++) {
            assert_int_equal(packets[i].len, lens[seen]);
            assert_int_equal(packets[i].data[0], (uint8_t)seen);
            assert_true(addr_equal(&packets[i].remote, &p->a.local));
        }
        udp_io_flush(p->io);
        if (n == 0) {
            usleep(1000);
        }
    }
    assert_int_equal(seen, want);
}

static void send_numbered(struct pair *p, unsigned count, const size_t *lens) {
    uint8_t data[4096];
    for (unsigned i = 0; i < count; i++) {
        memset(data, (int)i, sizeof data);
        udp_io_send_copy(p->io, &p->a, data, lens[i], &p->b.local, NULL);
    }
    udp_io_flush(p->io);
}

static void a_run_of_equal_sizes_goes_out_as_one_gso_send(void **state) {
    (void)state;
    struct pair p;
    size_t lens[24];
    for (int i = 0; i < 24; i++) {
        lens[i] = i == 23 ? 100 : 1000;
    }
    open_pair(&p, "127.0.0.1:0", "127.0.0.1:0");
    int64_t calls = metrics_read(METRIC_UDP_SEND_CALLS);
    int64_t gso = metrics_read(METRIC_UDP_GSO_SENDS);
    send_numbered(&p, 24, lens);
    assert_int_equal(metrics_read(METRIC_UDP_SEND_CALLS) - calls, 1);
    assert_int_equal(metrics_read(METRIC_UDP_GSO_SENDS) - gso, 1);
    expect_numbered(&p, 24, lens);
    close_pair(&p);
}

static void what_the_kernel_merged_comes_apart_again(void **state) {
    (void)state;
    struct pair p;
    struct udp_packet *packets;
    size_t lens[24];
    for (int i = 0; i < 24; i++) {
        lens[i] = i == 23 ? 100 : 1000;
    }
    merge = true;
    open_pair(&p, "127.0.0.1:0", "127.0.0.1:0");
    merge = false;
    int64_t calls = metrics_read(METRIC_UDP_RECEIVE_CALLS);
    send_numbered(&p, 24, lens);
    expect_numbered(&p, 24, lens);
    assert_int_equal(metrics_read(METRIC_UDP_RECEIVE_CALLS) - calls, 1);
    send_numbered(&p, 2, lens);
    assert_int_equal(udp_io_receive(p.io, &p.b, &packets), 2);
    assert_false(packets[0].alone);
    assert_ptr_equal(packets[0].data + 1000, packets[1].data);
    send_numbered(&p, 1, lens);
    assert_int_equal(udp_io_receive(p.io, &p.b, &packets), 1);
    assert_true(packets[0].alone);
    close_pair(&p);
}

/* Merging ends with a shorter datagram; a longer one, or one of another sender, begins anew. */
static void mixed_sizes_are_merged_only_where_they_come_apart_the_same(void **state) {
    (void)state;
    struct pair p;
    size_t lens[] = {1000, 1000, 999, 1000, 1, 1200, 1200, 500, 500, 4016, 16, 16};
    merge = true;
    open_pair(&p, "127.0.0.1:0", "127.0.0.1:0");
    merge = false;
    send_numbered(&p, 12, lens);
    expect_numbered(&p, 12, lens);
    close_pair(&p);
}

static void a_head_goes_out_before_each_payload_of_a_run(void **state) {
    (void)state;
    struct pair p;
    struct udp_packet *packets;
    static const uint8_t data[3][500] = {{'a'}, {'b'}, {'c'}};
    open_pair(&p, "127.0.0.1:0", "127.0.0.1:0");
    int64_t calls = metrics_read(METRIC_UDP_SEND_CALLS);
    for (uint8_t i = 0; i < 3; i++) {
        struct udp_payload payload = {.data = data[i], .len = sizeof data[i], .head = {1, 2, 3, i}, .head_len = 4};
        udp_io_send_payload(p.io, &p.a, &payload, &p.b.local, NULL);
    }
    udp_io_flush(p.io);
    assert_int_equal(metrics_read(METRIC_UDP_SEND_CALLS) - calls, 1);
    assert_int_equal(udp_io_receive(p.io, &p.b, &packets), 3);
    for (uint8_t i = 0; i < 3; i++) {
        const uint8_t head[] = {1, 2, 3, i, (uint8_t)('a' + i), 0};
        assert_int_equal(packets[i].len, 504);
        assert_memory_equal(packets[i].data, head, sizeof head);
    }
    close_pair(&p);
}

static void mixed_sizes_arrive_whole_and_in_order(void **state) {
    (void)state;
    struct pair p;
    size_t lens[] = {10, 10, 500, 499, 500, 0 + 1, 1, 1, 1200, 1200, 7, 8, 9, 2000, 4000, 4016};
    open_pair(&p, "127.0.0.1:0", "127.0.0.1:0");
    send_numbered(&p, sizeof lens / sizeof *lens, lens);
    expect_numbered(&p, sizeof lens / sizeof *lens, lens);
    close_pair(&p);
}

static void a_burst_after_lone_datagrams_takes_few_calls(void **state) {
    (void)state;
    struct pair p;
    size_t lens[48];
    for (int i = 0; i < 48; i++) {
        lens[i] = 700;
    }
    open_pair(&p, "127.0.0.1:0", "127.0.0.1:0");
    for (int i = 0; i < 40; i++) {
        send_numbered(&p, 1, lens);
        expect_numbered(&p, 1, lens);
    }
    int64_t calls = metrics_read(METRIC_UDP_RECEIVE_CALLS);
    send_numbered(&p, 48, lens);
    expect_numbered(&p, 48, lens);
    assert_in_range(metrics_read(METRIC_UDP_RECEIVE_CALLS) - calls, 1, 10);
    close_pair(&p);
}

static void segments_over_the_mtu_are_sent_singly(void **state) {
    (void)state;
    struct pair p;
    size_t lens[] = {4000, 4000, 4000};
    open_pair(&p, "[::1]:0", "[::1]:0");
    send_numbered(&p, 3, lens);
    expect_numbered(&p, 3, lens);
    close_pair(&p);
}

static void an_oversize_datagram_is_dropped_not_truncated(void **state) {
    (void)state;
    struct pair p;
    size_t after[] = {5};
    static uint8_t big[UDP_DATAGRAM_MAX + 1];
    open_pair(&p, "127.0.0.1:0", "127.0.0.1:0");
    int64_t before = metrics_read(METRIC_UDP_DROPPED_OVERSIZE);
    udp_io_send(p.io, &p.a, big, sizeof big, &p.b.local, NULL);
    udp_io_flush(p.io);
    send_numbered(&p, 1, after);
    expect_numbered(&p, 1, after);
    assert_int_equal(metrics_read(METRIC_UDP_DROPPED_OVERSIZE) - before, 1);
    close_pair(&p);
}

static void a_wildcard_socket_knows_and_keeps_the_local_address(void **state) {
    (void)state;
    struct pair p;
    struct udp_packet *packets;
    open_pair(&p, "127.0.0.1:0", "0.0.0.0:0");
    struct addr to = parse("127.0.0.5:0");
    to.port = p.b.local.port;
    udp_io_send(p.io, &p.a, "ping", 4, &to, NULL);
    udp_io_flush(p.io);
    assert_int_equal(udp_io_receive(p.io, &p.b, &packets), 1);
    assert_true(addr_equal(&packets[0].local, &to));
    udp_io_send(p.io, &p.b, "pong", 4, &packets[0].remote, &packets[0].local);
    udp_io_flush(p.io);
    assert_int_equal(udp_io_receive(p.io, &p.a, &packets), 1);
    assert_true(addr_equal(&packets[0].remote, &to));
    close_pair(&p);
}

static void many_destinations_from_one_socket_all_get_theirs(void **state) {
    (void)state;
    enum { COUNT = 40 };
    struct udp_socket sinks[COUNT];
    struct pair p;
    struct udp_packet *packets;
    open_pair(&p, "127.0.0.1:0", "127.0.0.1:0");
    struct addr any = parse("127.0.0.1:0");
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(udp_socket_open(&sinks[i], &any, &(struct udp_options){0}), 0);
    }
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < COUNT; i++) {
            udp_io_send_copy(p.io, &p.a, &i, sizeof i, &sinks[i].local, NULL);
        }
    }
    udp_io_flush(p.io);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(udp_io_receive(p.io, &sinks[i], &packets), 12);
        for (int k = 0; k < 12; k++) {
            assert_memory_equal(packets[k].data, &i, sizeof i);
        }
        udp_socket_close(&sinks[i]);
    }
    close_pair(&p);
}

static unsigned receive_count(struct pair *p, struct udp_socket *s, struct udp_packet **packets, unsigned want) {
    unsigned n = 0;
    for (int tries = 0; n == 0 && tries < 200; tries++) {
        n = udp_io_receive(p->io, s, packets);
        usleep(n == 0 ? 1000 : 0);
    }
    assert_int_equal(n, want);
    return n;
}

/* A relay port that closes flushes while the rest of the batch is still to be queued. */
static void what_is_queued_after_a_flush_within_a_batch_is_sent_unchanged(void **state) {
    (void)state;
    struct pair p;
    struct udp_packet *packets;
    const uint8_t first[] = {1, 1, 1, 1}, later[] = {2, 2, 2, 2};
    open_pair(&p, "127.0.0.1:0", "127.0.0.1:0");
    udp_io_send(p.io, &p.a, first, sizeof first, &p.b.local, NULL);
    udp_io_flush(p.io);
    receive_count(&p, &p.b, &packets, 1);
    udp_io_flush(p.io);
    udp_io_send(p.io, &p.b, packets[0].data, packets[0].len, &p.a.local, NULL);
    struct sockaddr_storage to;
    socklen_t to_len = addr_to_sockaddr(&p.b.local, &to);
    assert_int_equal(sendto(p.a.fd, later, sizeof later, 0, (struct sockaddr *)&to, to_len), sizeof later);
    receive_count(&p, &p.b, &packets, 1);
    assert_memory_equal(packets[0].data, later, sizeof later);
    udp_io_flush(p.io);
    receive_count(&p, &p.a, &packets, 1);
    assert_memory_equal(packets[0].data, first, sizeof first);
    close_pair(&p);
}

static void waiting_at_a_socket_ends_with_a_datagram_or_soon(void **state) {
    (void)state;
    struct udp_socket s;
    struct udp_io *io = udp_io_new();
    struct udp_packet *packets;
    struct addr at = parse("127.0.0.1:0");
    assert_int_equal(udp_socket_open(&s, &at, &(struct udp_options){.waitable = true}), 0);
    uint64_t began_us = clock_now_us();
    assert_int_equal(udp_io_wait(io, &s, &packets), 0);
    assert_true(clock_now_us() - began_us < 1000000);
    assert_int_equal(udp_io_receive(io, &s, &packets), 0); /* this one does not wait */
    udp_io_send(io, &s, "a", 1, &s.local, NULL);
    udp_io_send(io, &s, "b", 1, &s.local, NULL);
    udp_io_flush(io);
    assert_int_equal(udp_io_wait(io, &s, &packets), 2);
    udp_socket_close(&s);
    udp_io_free(io);
}

static void a_taken_port_is_an_error(void **state) {
    (void)state;
    struct pair p;
    struct udp_socket again;
    open_pair(&p, "127.0.0.1:0", "127.0.0.1:0");
    assert_int_equal(udp_socket_open(&again, &p.a.local, &(struct udp_options){0}), -EADDRINUSE);
    close_pair(&p);
}

/* An unreachable port is reported once, and costs no datagram to somebody else. */
static void icmp_errors_are_read_and_cost_no_other_datagram(void **state) {
    (void)state;
    struct pair p;
    struct udp_socket s;
    struct udp_error error;
    struct addr closed;
    static const size_t lens[] = {10, 10, 10, 10};
    open_pair(&p, "127.0.0.1:0", "127.0.0.1:0");
    udp_socket_close(&p.a);
    assert_int_equal(addr_parse(&closed, "127.0.0.1:0"), 0);
    assert_int_equal(udp_socket_open(&s, &closed, &(struct udp_options){0}), 0);
    closed = s.local;
    udp_socket_close(&s);
    struct addr any_port = closed;
    any_port.port = 0;
    assert_int_equal(udp_socket_open(&p.a, &any_port, &(struct udp_options){.report_errors = true}), 0);
    assert_false(udp_socket_next_error(&p.a, &error));
    for (unsigned i = 0; i < 4; i++) {
        uint8_t data[10];
        memset(data, (int)i, sizeof data);
        udp_io_send_copy(p.io, &p.a, data, sizeof data, &closed, NULL);
        udp_io_flush(p.io);
        udp_io_send_copy(p.io, &p.a, data, sizeof data, &p.b.local, NULL);
        udp_io_flush(p.io);
    }
    assert_true(p.a.errors_waiting);
    expect_numbered(&p, 4, lens);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(udp_socket_next_error(&p.a, &error));
        assert_true(addr_equal(&error.to, &closed));
        assert_int_equal(error.type, 3);
        assert_int_equal(error.code, 3);
    }
    assert_false(udp_socket_next_error(&p.a, &error));
    assert_false(p.a.errors_waiting);
    close_pair(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_of_equal_sizes_goes_out_as_one_gso_send),
        cmocka_unit_test(what_the_kernel_merged_comes_apart_again),
        cmocka_unit_test(mixed_sizes_are_merged_only_where_they_come_apart_the_same),
        cmocka_unit_test(a_head_goes_out_before_each_payload_of_a_run),
        cmocka_unit_test(mixed_sizes_arrive_whole_and_in_order),
        cmocka_unit_test(a_burst_after_lone_datagrams_takes_few_calls),
        cmocka_unit_test(segments_over_the_mtu_are_sent_singly),
        cmocka_unit_test(an_oversize_datagram_is_dropped_not_truncated),
        cmocka_unit_test(a_wildcard_socket_knows_and_keeps_the_local_address),
        cmocka_unit_test(many_destinations_from_one_socket_all_get_theirs),
        cmocka_unit_test(what_is_queued_after_a_flush_within_a_batch_is_sent_unchanged),
        cmocka_unit_test(waiting_at_a_socket_ends_with_a_datagram_or_soon),
        cmocka_unit_test(a_taken_port_is_an_error),
        cmocka_unit_test(icmp_errors_are_read_and_cost_no_other_datagram),
    };
    return cmocka_run_group_tests_name("net/udp", tests, NULL, NULL);
}
