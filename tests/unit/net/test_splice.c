/* Two joined streams over socket pairs, and TCP sockets that listen and connect from one port. */
#include "net/splice.h"

#include "base/list.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tcp_socket.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { TURNS = 2000 };

static struct world {
    struct loop *loop;
    struct list streams;
    struct splice *splice;
    int first, second; /* the far ends */
    size_t moved[2];
    size_t room; /* bytes that may pass in this turn of a test, when limited */
    bool limited;
    unsigned ended;
} w;

static void on_moved(void *ctx, bool from_first, size_t bytes) {
    (void)ctx;
    w.moved[!from_first] += bytes;
    w.room -= w.limited ? bytes : 0;
}

static void on_ended(void *ctx) {
    (void)ctx;
    w.ended++;
    w.splice = NULL;
}

static size_t room(void *ctx, size_t want, uint64_t *wait_us) {
    (void)ctx;
    *wait_us = 1000;
    return w.room < want ? w.room : want;
}

static struct stream *make_stream(int *far) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    *far = pair[0];
    struct stream *s = stream_new(w.loop, pair[1], NULL, &w.streams);
    assert_non_null(s);
    return s;
}

static void start(bool limited) {
    memset(&w, 0, sizeof w);
    w.loop = loop_new("test", 64);
    w.limited = limited;
    list_init(&w.streams);
    struct stream *first = make_stream(&w.first);
    struct stream *second = make_stream(&w.second);
    struct splice_handlers handlers = {.room = limited ? room : NULL, .moved = on_moved, .ended = on_ended};
    w.splice = splice_new(w.loop, first, second, &handlers);
    assert_non_null(w.splice);
}

static void stop(void) {
    if (w.splice) {
        splice_close(w.splice);
    }
    stream_free_group(&w.streams);
    close(w.first);
    close(w.second);
    loop_free(w.loop);
}

static void turn(void) { event_base_loop(loop_base(w.loop), EVLOOP_NONBLOCK); }

/* Reads up to cap bytes as they come; *end: the stream has ended. */
static size_t collect(int fd, char *out, size_t cap, bool *end) {
    size_t len = 0;
    *end = false;
    for (int i = 0; i < TURNS && len < cap && !*end; i++) {
        turn();
        ssize_t n = recv(fd, out + len, cap - len, 0);
        len += n > 0 ? (size_t)n : 0;
        *end = n == 0;
    }
    return len;
}

static void bytes_pass_both_ways(void **state) {
    char got[16];
    bool end;
    (void)state;
    start(false);
    assert_int_equal(write(w.first, "hello", 5), 5);
    assert_int_equal(write(w.second, "back", 4), 4);
    assert_int_equal(collect(w.second, got, 5, &end), 5);
    assert_memory_equal(got, "hello", 5);
    assert_int_equal(collect(w.first, got, 4, &end), 4);
    assert_memory_equal(got, "back", 4);
    assert_int_equal(w.moved[0], 5);
    assert_int_equal(w.moved[1], 4);
    stop();
}

static void an_end_passes_and_the_other_way_goes_on(void **state) {
    char got[16];
    bool end;
    (void)state;
    start(false);
    assert_false(splice_is_stuck(w.splice));
    assert_int_equal(write(w.first, "last", 4), 4);
    shutdown(w.first, SHUT_WR);
    assert_int_equal(collect(w.second, got, sizeof got, &end), 4);
    assert_true(end);
    assert_true(splice_is_stuck(w.splice));
    assert_int_equal(write(w.second, "more", 4), 4);
    assert_int_equal(collect(w.first, got, 4, &end), 4);
    assert_int_equal(w.ended, 0);
    shutdown(w.second, SHUT_WR);
    assert_int_equal(collect(w.first, got, sizeof got, &end), 0);
    assert_true(end);
    assert_int_equal(w.ended, 1);
    stop();
}

static void a_side_that_does_not_read_stops_the_other(void **state) {
    static char block[65536];
    size_t written = 0;
    (void)state;
    start(false);
    for (int i = 0; i < TURNS; i++) {
        ssize_t n = write(w.first, block, sizeof block);
        written += n > 0 ? (size_t)n : 0;
        turn();
    }
    size_t held = w.moved[0];
    assert_true(written < (2U << 20));
    turn();
    assert_int_equal(w.moved[0], held); /* nothing is read any more */
    assert_true(splice_is_stuck(w.splice));
    for (size_t got = 0; got < written;) { /* and all comes once it reads */
        char *out = malloc(written);
        bool end;
        size_t n = collect(w.second, out, written - got, &end);
        free(out);
        assert_true(n > 0 && !end);
        got += n;
    }
    assert_int_equal(w.moved[0], written);
    stop();
}

static void a_broken_side_ends_both_after_what_was_sent(void **state) {
    char got[16];
    bool end;
    (void)state;
    start(false);
    assert_int_equal(write(w.first, "last", 4), 4);
    close(w.first);
    w.first = open("/dev/null", 0);
    assert_int_equal(collect(w.second, got, sizeof got, &end), 4);
    assert_true(end);
    assert_int_equal(write(w.second, "to nobody", 9), 9);
    for (int i = 0; i < TURNS && w.ended == 0; i++) {
        turn();
    }
    assert_int_equal(w.ended, 1);
    stop();
}

static void no_more_passes_than_there_is_room_for(void **state) {
    char got[100];
    bool end;
    (void)state;
    start(true);
    w.room = 30;
    assert_int_equal(write(w.first, got, 100), 100);
    assert_int_equal(collect(w.second, got, sizeof got, &end), 30);
    w.room = 70;
    size_t more = 0;
    for (int i = 0; i < 40 && more < 70; i++) { /* the timer's tick is 65 ms */
        usleep(10000);
        more += collect(w.second, got, 70 - more, &end);
    }
    assert_int_equal(more, 70);
    stop();
}

static struct addr loopback(void) {
    struct addr a;
    assert_int_equal(addr_parse(&a, "127.0.0.1:0"), 0);
    return a;
}

static void a_listening_port_connects_and_excludes_other_listeners(void **state) {
    struct addr one = loopback(), two = loopback();
    (void)state;
    int a = tcp_socket_listen(&one, 4), b = tcp_socket_listen(&two, 4);
    assert_true(a >= 0 && b >= 0);
    assert_int_equal(tcp_socket_local(a, &one), 0);
    assert_int_equal(tcp_socket_local(b, &two), 0);
    assert_int_equal(tcp_socket_listen(&one, 4), -EADDRINUSE);
    int out = tcp_socket_connect(&one, &two);
    assert_true(out >= 0);
    struct pollfd p = {.fd = out, .events = POLLOUT};
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(tcp_socket_result(out), 0);
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    int in = accept(b, (struct sockaddr *)&sa, &len);
    struct addr from;
    assert_int_equal(addr_from_sockaddr(&from, (struct sockaddr *)&sa, len), 0);
    assert_true(addr_equal(&from, &one));
    tcp_socket_reset(in);
    close(out);
    close(b);
    out = tcp_socket_connect(&one, &two); /* nobody listens any more */
    p.fd = out;
    assert_true(out == -ECONNREFUSED || (out >= 0 && poll(&p, 1, 5000) == 1 && tcp_socket_result(out) < 0));
    if (out >= 0) {
        close(out);
    }
    close(a);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN); /* as tcp_new does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_both_ways),
        cmocka_unit_test(an_end_passes_and_the_other_way_goes_on),
        cmocka_unit_test(a_side_that_does_not_read_stops_the_other),
        cmocka_unit_test(a_broken_side_ends_both_after_what_was_sent),
        cmocka_unit_test(no_more_passes_than_there_is_room_for),
        cmocka_unit_test(a_listening_port_connects_and_excludes_other_listeners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
