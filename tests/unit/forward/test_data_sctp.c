/* Data channels on libusrsctp, with libusrsctp as the client, too; in memory. */
#include "lib/data_world.h"

#include "base/bytes.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND 1000000ULL

static struct forward_data_stack *stack;
static uint64_t clock_us = 100 * SECOND;

static unsigned entries(const char *folder) {
    DIR *dir = opendir(folder);
    unsigned n = 0;
    assert_non_null(dir);
    while (readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n;
}

static int start(void **state) {
    (void)state;
    return forward_data_sctp_new(&stack, clock_us);
}

static int stop(void **state) {
    (void)state;
    stack->free(stack);
    return 0;
}

static int setup(void **state) {
    struct data_world *w = calloc(1, sizeof *w);
    *state = w;
    return data_world_init(w, stack, clock_us);
}

static int teardown(void **state) {
    struct data_world *w = *state;
    clock_us = w->now_us;
    data_world_deinit(w);
    free(w);
    assert_true(stack->deadline(stack) == UINT64_MAX); /* nothing is left */
    return 0;
}

static void connect_open(struct data_world *w, enum dcep_reliability reliability) {
    assert_true(data_world_connect(w));
    assert_int_equal(data_world_open(w, 2, reliability, false), 0);
    data_world_run(w, SECOND);
    assert_int_equal(w->opened, 1);
    assert_int_equal(w->acks, 1);
}

/* But one thread that sleeps: libusrsctp starts it whatever it is told. */
static void stack_has_no_socket_and_no_thread_for_timers(void **state) {
    (void)state;
    assert_int_equal(entries("/proc/self/task"), 2 + 2); /* with . and .. */
    unsigned files = entries("/proc/self/fd");
    struct forward_data_stack *second;
    assert_int_equal(forward_data_sctp_new(&second, 0), -EBUSY);
    stop(NULL);
    assert_int_equal(entries("/proc/self/fd"), files);
    start(NULL);
}

static void channel_opens_with_names_and_kind(void **state) {
    struct data_world *w = *state;
    connect_open(w, DCEP_RETRANSMITS);
    assert_int_equal(w->channel.id, 2);
    assert_true(w->channel.lossy);
    assert_true(w->channel.ordered);
    assert_string_equal(w->label, "chat");
    assert_string_equal(w->protocol, "v1");
    assert_int_equal(forward_data_channel_count(w->server), 1);
}

static void text_bytes_and_empty_messages_go_both_ways(void **state) {
    static const uint32_t ppids[] = {DCEP_PPID_STRING, DCEP_PPID_BINARY, DCEP_PPID_STRING_EMPTY,
                                     DCEP_PPID_BINARY_EMPTY};
    struct data_world *w = *state;
    connect_open(w, DCEP_RELIABLE);
    w->echo = true;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(data_world_send(w, 2, ppids[i], "x", 1), 0);
        data_world_run(w, SECOND);
        assert_int_equal(w->messages, i + 1);
        assert_int_equal(w->text, i % 2 == 0);
        assert_int_equal(w->len, i < 2);
        assert_int_equal(w->client_messages, i + 1);
        assert_int_equal(w->client_ppid, ppids[i]);
    }
}

static void send_numbered(struct data_world *w, unsigned count) {
    uint8_t bytes[100] = {0};
    for (unsigned i = 0; i < count; i++) {
        store_be32(bytes, i);
        assert_int_equal(data_world_send(w, 2, DCEP_PPID_BINARY, bytes, sizeof bytes), 0);
        for (unsigned k = 0; i > w->client_messages + 200 && k < 1000; k++) {
            data_world_run(w, SECOND / 10);
        }
    }
}

static void reliable_messages_survive_loss_and_reordering_in_order(void **state) {
    struct data_world *w = *state;
    connect_open(w, DCEP_RELIABLE);
    w->echo = true;
    w->loss_percent = 10;
    w->shuffle = true;
    send_numbered(w, 1000);
    data_world_run(w, 300 * SECOND);
    assert_int_equal(w->messages, 1000);
    assert_int_equal(w->client_messages, 1000);
    assert_false(w->client_disorder);
    assert_int_equal(forward_data_buffered(w->server), 0);
}

static void lossy_messages_are_given_up_when_lost(void **state) {
    uint8_t bytes[100] = {0};
    struct data_world *w = *state;
    const struct dcep_payload p = {.data = bytes, .len = sizeof bytes};
    connect_open(w, DCEP_RETRANSMITS); /* of none */
    w->loss_percent = 20;
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(forward_data_send(w->server, 2, &p), 0);
        data_world_run(w, SECOND / 50);
    }
    w->loss_percent = 0;
    data_world_run(w, 30 * SECOND);
    assert_in_range(w->client_messages, 300, 499);
    assert_int_equal(forward_data_buffered(w->server), 0);
}

static void largest_message_passes_and_packets_fit_the_mtu(void **state) {
    static uint8_t bytes[FORWARD_MESSAGE_BYTES_MAX];
    struct data_world *w = *state;
    connect_open(w, DCEP_RELIABLE);
    w->echo = true;
    assert_int_equal(data_world_send(w, 2, DCEP_PPID_BINARY, bytes, sizeof bytes), 0);
    data_world_run(w, 5 * SECOND);
    assert_int_equal(w->len, sizeof bytes);
    assert_int_equal(w->client_len, sizeof bytes);
    assert_in_range(w->largest, FORWARD_SCTP_MTU - 8, FORWARD_SCTP_MTU);
}

static void larger_message_closes_its_channel_alone(void **state) {
    static uint8_t bytes[200 * 1024];
    static const size_t sizes[] = {FORWARD_MESSAGE_BYTES_MAX + 1, sizeof bytes};
    struct data_world *w = *state;
    connect_open(w, DCEP_RELIABLE);
    for (unsigned i = 0; i < 2; i++) { /* one that comes whole, one that comes in pieces */
        uint16_t stream = (uint16_t)(4 + 2 * i);
        assert_int_equal(data_world_open(w, stream, DCEP_RELIABLE, false), 0);
        assert_int_equal(data_world_send(w, stream, DCEP_PPID_BINARY, bytes, sizes[i]), 0);
        data_world_run(w, 20 * SECOND);
        assert_int_equal(w->closed, i + 1);
        assert_int_equal(w->why, FORWARD_CHANNEL_TOO_BIG);
        assert_true(w->client_in_resets & 1ULL << stream);
    }
    assert_int_equal(w->messages, 0);
    assert_int_equal(data_world_send(w, 2, DCEP_PPID_STRING, "still", 5), 0);
    data_world_run(w, SECOND);
    assert_int_equal(w->messages, 1);
}

static void client_closes_and_opens_the_stream_again(void **state) {
    struct data_world *w = *state;
    connect_open(w, DCEP_RELIABLE);
    for (unsigned i = 1; i <= 3; i++) {
        w->client_in_resets = 0;
        stack->reset(stack, w->client, 1ULL << 2);
        data_world_run(w, 2 * SECOND);
        assert_int_equal(w->closed, i);
        assert_int_equal(w->why, FORWARD_CHANNEL_CLOSED);
        assert_true(w->client_in_resets & 1ULL << 2); /* ours, in answer */
        assert_int_equal(data_world_open(w, 2, DCEP_RELIABLE, false), 0);
        data_world_run(w, SECOND);
        assert_int_equal(w->opened, i + 1);
    }
}

static void server_closes_after_what_it_sent(void **state) {
    static uint8_t bytes[32 * 1024];
    struct data_world *w = *state;
    const struct dcep_payload p = {.data = bytes, .len = sizeof bytes};
    connect_open(w, DCEP_RELIABLE);
    assert_int_equal(forward_data_send(w->server, 2, &p), 0);
    assert_int_equal(forward_data_close(w->server, 2), 0);
    assert_int_equal(forward_data_close(w->server, 2), -ENOENT);
    assert_int_equal(forward_data_send(w->server, 2, &p), -ENOENT);
    data_world_run(w, 10 * SECOND);
    assert_int_equal(w->client_messages, 1);
    assert_true(w->client_in_resets & 1ULL << 2);
    assert_int_equal(w->closed, 0);
}

static void what_waits_is_bounded_by_refusal_or_by_dropping(void **state) {
    static uint8_t bytes[16 * 1024];
    struct data_world *w = *state;
    const struct dcep_payload p = {.data = bytes, .len = sizeof bytes};
    connect_open(w, DCEP_RELIABLE);
    assert_int_equal(data_world_open(w, 4, DCEP_RETRANSMITS, true), 0);
    data_world_run(w, SECOND);
    w->cut = true;
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(forward_data_send(w->server, 4, &p), 0);
    }
    assert_true(forward_data_buffered(w->server) <= FORWARD_LOSSY_BUFFERED_MAX);
    assert_int_equal(forward_data_counts(w->server)->dropped_lossy, 4);
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < 100; i++) {
        rc = forward_data_send(w->server, 2, &p);
    }
    assert_int_equal(rc, -ENOBUFS);
    assert_true(forward_data_buffered(w->server) <= FORWARD_BUFFERED_MAX);
    w->cut = false;
    data_world_run(w, 60 * SECOND);
    assert_int_equal(forward_data_buffered(w->server), 0);
    assert_int_equal(forward_data_send(w->server, 2, &p), 0);
}

static void client_that_leaves_is_told_of_after_its_channels(void **state) {
    struct data_world *w = *state;
    const struct dcep_payload p = {.data = (const uint8_t *)"x", .len = 1};
    connect_open(w, DCEP_RELIABLE);
    stack->close(stack, w->client);
    data_world_run(w, SECOND);
    assert_int_equal(w->closed, 1);
    assert_int_equal(w->gone, 1);
    assert_int_equal(forward_data_send(w->server, 2, &p), -ENOENT);
}

static void silence_alone_ends_no_association(void **state) {
    struct data_world *w = *state;
    connect_open(w, DCEP_RELIABLE);
    size_t before = w->carried;
    data_world_run(w, 600 * SECOND);
    assert_int_equal(w->carried, before); /* not even a heartbeat */
    assert_int_equal(w->gone, 0);
    assert_int_equal(data_world_send(w, 2, DCEP_PPID_STRING, "x", 1), 0);
    data_world_run(w, SECOND);
    assert_int_equal(w->messages, 1);
}

static void unknown_numbers_are_ignored(void **state) {
    struct data_world *w = *state;
    const struct forward_sctp_message m = {.data = (const uint8_t *)"x", .len = 1};
    const uint32_t strange[] = {0, 1, UINT32_MAX, w->client + 0x10000};
    for (unsigned i = 0; i < 4; i++) {
        stack->input(stack, strange[i], (const uint8_t *)"x", 1);
        stack->reset(stack, strange[i], 1);
        stack->close(stack, strange[i]);
        assert_int_equal(stack->send(stack, strange[i], &m), -ENOTCONN);
        assert_int_equal(stack->buffered(stack, strange[i]), 0);
    }
    connect_open(w, DCEP_RELIABLE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack_has_no_socket_and_no_thread_for_timers),
        T(channel_opens_with_names_and_kind),
        T(text_bytes_and_empty_messages_go_both_ways),
        T(reliable_messages_survive_loss_and_reordering_in_order),
        T(lossy_messages_are_given_up_when_lost),
        T(largest_message_passes_and_packets_fit_the_mtu),
        T(larger_message_closes_its_channel_alone),
        T(client_closes_and_opens_the_stream_again),
        T(server_closes_after_what_it_sent),
        T(what_waits_is_bounded_by_refusal_or_by_dropping),
        T(client_that_leaves_is_told_of_after_its_channels),
        T(silence_alone_ends_no_association),
        T(unknown_numbers_are_ignored),
    };
    return cmocka_run_group_tests_name("data_sctp", tests, start, stop);
}
