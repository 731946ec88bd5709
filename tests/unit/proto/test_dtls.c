/* A server's session against OpenSSL's client in memory, over a network that loses, repeats and reorders. */
#include "proto/dtls/fragments.h"
#include "proto/dtls/hello.h"
#include "proto/dtls/session.h"

#include "lib/dtls_client.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world {
    SSL_CTX *server_ctx;
    struct dtls_session *server;
    struct dtls_client client;
    struct queue from_server;
    uint8_t key[DTLS_COOKIE_KEY_BYTES];
    struct five_tuple tuple;
    struct dtls_fragments *fragments;
    uint8_t got[DATAGRAM];
    long got_len;
};

static void from_server(void *ctx, const uint8_t *data, size_t len) {
    struct world *w = ctx;
    push(&w->from_server, data, len);
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    w->server_ctx = dtls_context_new();
    dtls_client_init(&w->client);
    w->fragments = dtls_fragments_new();
    give_certificate(w->server_ctx);
    addr_parse(&w->tuple.remote, "192.0.2.7:5000");
    addr_parse(&w->tuple.local, "192.0.2.1:5349");
    w->tuple.transport = TRANSPORT_DTLS;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    dtls_session_free(w->server);
    dtls_client_deinit(&w->client);
    SSL_CTX_free(w->server_ctx);
    dtls_fragments_free(w->fragments);
    free(w);
    return 0;
}

/* ---- the network */

static void begin(struct world *w, const struct dtls_hello *hello) {
    uint8_t record[5000];
    const struct dtls_sink sink = {.send = from_server, .ctx = w};
    long len = dtls_hello_record_write(record, sizeof record, hello);
    assert_true(len > 0);
    w->server = dtls_session_new(SSL_new(w->server_ctx), &sink);
    assert_non_null(w->server);
    assert_int_equal(dtls_session_begin(w->server, record, (size_t)len), 0);
    assert_int_equal(dtls_session_read(w->server, w->got, sizeof w->got), -EAGAIN);
}

/* What a server does with a datagram that belongs to no session. */
static void hello_to_server(struct world *w, const uint8_t *data, size_t len) {
    struct dtls_record record;
    struct dtls_fragment fragment;
    struct dtls_hello hello;
    struct reader r, body;
    uint8_t whole[DTLS_HELLO_BYTES_MAX], cookie[DTLS_COOKIE_BYTES], answer[DTLS_VERIFY_REQUEST_BYTES];
    reader_init(&r, data, len);
    assert_int_equal(dtls_record_next(&record, &r), 0);
    reader_init(&body, record.body, record.len);
    assert_int_equal(dtls_fragment_next(&fragment, &body), 0);
    long n = dtls_fragments_add(w->fragments, &w->tuple, &fragment, 1, whole);
    assert_true(n >= 0);
    if (n == 0) {
        return;
    }
    assert_int_equal(dtls_hello_parse(&hello, whole, (size_t)n), 0);
    hello.sequence = record.sequence;
    hello.message_seq = fragment.message_seq;
    if (dtls_cookie_valid(w->key, &w->tuple, &hello, 5)) {
        begin(w, &hello);
        return;
    }
    dtls_cookie_make(cookie, w->key, &w->tuple, &hello, 5);
    dtls_verify_request_write(answer, &hello, cookie);
    push(&w->from_server, answer, sizeof answer);
}

static void to_server(struct world *w, const uint8_t *data, size_t len) {
    long n;
    if (!w->server) {
        hello_to_server(w, data, len);
        return;
    }
    if (dtls_session_input(w->server, data, len) < 0) {
        return;
    }
    while ((n = dtls_session_read(w->server, w->got, sizeof w->got)) > 0) {
        w->got_len = n;
    }
}

enum order { IN_ORDER, REVERSED, TWICE };

static void carry(struct world *w, struct queue *q, bool up, enum order order) {
    struct queue *now = malloc(sizeof *now);
    *now = *q;
    q->count = 0;
    for (unsigned i = 0; i < now->count * (order == TWICE ? 2 : 1); i++) {
        unsigned at = order == REVERSED ? now->count - 1 - i : order == TWICE ? i / 2 : i;
        if (up) {
            to_server(w, now->items[at].data, now->items[at].len);
        } else {
            dtls_client_input(&w->client, now->items[at].data, now->items[at].len);
        }
    }
    free(now);
}

static bool both_open(const struct world *w) {
    return w->server && dtls_session_state(w->server) == DTLS_OPEN && SSL_is_init_finished(w->client.ssl);
}

static void shake_hands(struct world *w, enum order order) {
    dtls_client_turn(&w->client);
    for (int i = 0; i < 20 && !both_open(w); i++) {
        carry(w, &w->client.out, true, order);
        carry(w, &w->from_server, false, order);
    }
    assert_true(both_open(w));
}

static void exchange(struct world *w) {
    assert_int_equal(SSL_write(w->client.ssl, "to server", 9), 9);
    carry(w, &w->client.out, true, IN_ORDER);
    assert_int_equal(w->got_len, 9);
    assert_memory_equal(w->got, "to server", 9);
    assert_int_equal(dtls_session_write(w->server, "back", 4), 0);
    assert_int_equal(w->from_server.count, 1);
    carry(w, &w->from_server, false, IN_ORDER);
    assert_int_equal(w->client.got_len, 4);
}

/* ---- tests */

static void handshake_and_data(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 1400);
    shake_hands(w, IN_ORDER);
    assert_string_equal(SSL_get_version(w->client.ssl), "DTLSv1.2");
    exchange(w);
}

static void hello_in_pieces_is_put_together(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 256);
    dtls_client_turn(&w->client);
    assert_true(w->client.out.count > 0);
    shake_hands(w, IN_ORDER);
    exchange(w);
    assert_int_equal(dtls_fragments_count(w->fragments), 0);
}

static void reordered_pieces_and_flights(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 256);
    shake_hands(w, REVERSED);
    exchange(w);
}

static void repeated_datagrams(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 1400);
    shake_hands(w, TWICE);
    exchange(w);
}

static void lost_flight_is_sent_again(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 1400);
    dtls_client_turn(&w->client);
    while (!w->server) {
        carry(w, &w->client.out, true, IN_ORDER);
        if (!w->server) {
            carry(w, &w->from_server, false, IN_ORDER);
        }
    }
    assert_true(w->from_server.count > 0);
    w->from_server.count = 0;
    uint64_t delay = dtls_session_delay_us(w->server);
    assert_true(delay > 0 && delay <= 1000000);
    struct timespec nap = {.tv_sec = 1, .tv_nsec = 20000000};
    nanosleep(&nap, NULL);
    assert_int_equal(dtls_session_timeout(w->server), 0);
    assert_true(w->from_server.count > 0);
    carry(w, &w->from_server, false, IN_ORDER);
    shake_hands(w, IN_ORDER);
    assert_true(dtls_session_delay_us(w->server) == UINT64_MAX);
    exchange(w);
}

static void flights_fit_the_mtu(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 1400);
    dtls_client_turn(&w->client);
    for (int i = 0; i < 20 && !both_open(w); i++) {
        carry(w, &w->client.out, true, IN_ORDER);
        for (unsigned k = 0; k < w->from_server.count; k++) {
            assert_true(w->from_server.items[k].len <= DTLS_MTU);
        }
        carry(w, &w->from_server, false, IN_ORDER);
    }
    assert_true(both_open(w));
}

/* THREATS of a stranger who knows the five-tuple but no key. */
static void garbage_does_not_end_a_session(void **state) {
    static const uint8_t app[] = {23, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 'h', 'i'};
    static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};
    static const uint8_t huge[35] = {22, 0xfe, 0xfd, 0,  0, 0, 0, 0, 0, 0, 9, 0, 22,
                                     1,  9,    0xeb, 16, 0, 1, 0, 0, 0, 0, 0, 10};
    static const uint8_t empty[25] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 12, 16, 0, 0, 66, 0, 2};
    static const uint8_t forged[] = {23, 0xfe, 0xfd, 0,  1,  0,  0,  0,  0,  0,  50, 0,  40, 1,  2,  3,  4,  5,
                                     6,  7,    8,    9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
                                     24, 25,   26,   27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40};
    struct world *w = *state;
    dtls_client_start(&w->client, 1400);
    dtls_client_turn(&w->client);
    while (!w->server) {
        carry(w, &w->client.out, true, IN_ORDER);
        carry(w, &w->from_server, false, IN_ORDER);
    }
    for (int round = 0; round < 2; round++) {
        assert_int_equal(dtls_session_input(w->server, app, sizeof app), -EBADMSG);
        assert_int_equal(dtls_session_input(w->server, alert, sizeof alert), -EBADMSG);
        assert_int_equal(dtls_session_input(w->server, huge, sizeof huge), -EBADMSG);
        assert_int_equal(dtls_session_input(w->server, empty, sizeof empty), -EBADMSG);
        for (size_t n = 0; n < sizeof forged; n++) {
            assert_int_equal(dtls_session_input(w->server, forged, n), -EBADMSG);
        }
        to_server(w, forged, sizeof forged);
        assert_true(dtls_session_state(w->server) < DTLS_CLOSED);
        shake_hands(w, IN_ORDER);
        exchange(w);
    }
}

static void close_tells_the_other_side(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 1400);
    shake_hands(w, IN_ORDER);
    SSL_shutdown(w->client.ssl);
    carry(w, &w->client.out, true, IN_ORDER);
    assert_int_equal(dtls_session_state(w->server), DTLS_CLOSED);
    dtls_session_close(w->server);
    assert_int_equal(w->from_server.count, 1);
    assert_int_equal(dtls_session_write(w->server, "x", 1), -EPROTO);
}

static void cookie_is_bound_to_address_hello_and_time(void **state) {
    struct world *w = *state;
    uint8_t with[26 + 16 + 48 + DTLS_COOKIE_BYTES] = {0xfe, 0xfd}, cookie[DTLS_COOKIE_BYTES];
    uint8_t plain[42] = {0xfe, 0xfd, [36] = 0, [37] = 2, 0xc0, 0x2b, 1, 0};
    struct dtls_hello hello;
    assert_int_equal(dtls_hello_parse(&hello, plain, sizeof plain), 0);
    dtls_cookie_make(cookie, w->key, &w->tuple, &hello, DTLS_COOKIE_SLOT_US);
    assert_false(dtls_cookie_valid(w->key, &w->tuple, &hello, DTLS_COOKIE_SLOT_US));
    with[35] = DTLS_COOKIE_BYTES;
    memcpy(with + 36, cookie, sizeof cookie);
    memcpy(with + 36 + DTLS_COOKIE_BYTES, plain + 36, 6);
    size_t len = 42 + DTLS_COOKIE_BYTES;
    assert_int_equal(dtls_hello_parse(&hello, with, len), 0);
    assert_true(dtls_cookie_valid(w->key, &w->tuple, &hello, DTLS_COOKIE_SLOT_US));
    assert_true(dtls_cookie_valid(w->key, &w->tuple, &hello, DTLS_COOKIE_SLOT_US * 3ULL - 1));
    assert_false(dtls_cookie_valid(w->key, &w->tuple, &hello, DTLS_COOKIE_SLOT_US * 3ULL));
    w->tuple.remote.port++;
    assert_false(dtls_cookie_valid(w->key, &w->tuple, &hello, DTLS_COOKIE_SLOT_US));
    w->tuple.remote.port--;
    with[10] ^= 1; /* the random */
    assert_false(dtls_cookie_valid(w->key, &w->tuple, &hello, DTLS_COOKIE_SLOT_US));
    with[10] ^= 1;
    with[len - 3] ^= 1; /* a suite */
    assert_false(dtls_cookie_valid(w->key, &w->tuple, &hello, DTLS_COOKIE_SLOT_US));
    with[1] = 0xff;
    assert_int_equal(dtls_hello_parse(&hello, with, len), -EPROTO);
    uint8_t alert[DTLS_ALERT_BYTES];
    dtls_version_alert_write(alert, 0x123456789abc);
    assert_memory_equal(alert, "\x15\xfe\xff\0\0\x12\x34\x56\x78\x9a\xbc\0\x02\x02\x46", sizeof alert);
    for (size_t n = 0; n < len; n++) {
        assert_int_equal(dtls_hello_parse(&hello, with, n), -EBADMSG);
    }
}

static void waiting_pieces_are_bounded(void **state) {
    struct world *w = *state;
    uint8_t out[DTLS_HELLO_BYTES_MAX], byte = 7;
    struct dtls_fragment f = {.type = DTLS_CLIENT_HELLO, .message_len = 3, .offset = 0, .len = 1, .data = &byte};
    for (unsigned i = 0; i < DTLS_FRAGMENTS_MAX; i++) {
        w->tuple.remote.ip[2] = (uint8_t)i;
        assert_int_equal(dtls_fragments_add(w->fragments, &w->tuple, &f, 1000, out), 0);
    }
    w->tuple.remote.ip[1]++;
    assert_int_equal(dtls_fragments_add(w->fragments, &w->tuple, &f, 2000, out), -ENOBUFS);
    assert_int_equal(dtls_fragments_count(w->fragments), DTLS_FRAGMENTS_MAX);
    uint64_t later = 1000 + DTLS_FRAGMENTS_WAIT_US;
    for (unsigned i = 0; i < DTLS_FRAGMENTS_PER_SOURCE_MAX; i++) {
        w->tuple.remote.port++;
        assert_int_equal(dtls_fragments_add(w->fragments, &w->tuple, &f, later, out), 0);
    }
    assert_int_equal(dtls_fragments_count(w->fragments), DTLS_FRAGMENTS_PER_SOURCE_MAX);
    f.offset = 2;
    assert_int_equal(dtls_fragments_add(w->fragments, &w->tuple, &f, later, out), 0);
    assert_int_equal(dtls_fragments_add(w->fragments, &w->tuple, &f, later, out), 0);
    f.offset = 1;
    assert_int_equal(dtls_fragments_add(w->fragments, &w->tuple, &f, later, out), 3);
    w->tuple.remote.port = 9;
    assert_int_equal(dtls_fragments_add(w->fragments, &w->tuple, &f, later, out), 0);
    w->tuple.remote.port = 10;
    assert_int_equal(dtls_fragments_add(w->fragments, &w->tuple, &f, later, out), -EDQUOT);
    f.message_len = DTLS_HELLO_BYTES_MAX + 1;
    assert_int_equal(dtls_fragments_add(w->fragments, &w->tuple, &f, later, out), -EMSGSIZE);
}

static void idle_session_gives_its_buffers_back(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 1400);
    shake_hands(w, IN_ORDER);
    exchange(w);
    size_t before = mallinfo2().uordblks;
    dtls_session_trim(w->server);
    size_t trimmed = mallinfo2().uordblks;
    exchange(w);
    dtls_session_trim(w->server);
    size_t full = mallinfo2().uordblks;
    dtls_session_free(w->server);
    w->server = NULL;
    printf("# bytes of a session: %zu, idle: %zu\n", full - mallinfo2().uordblks + before - trimmed,
           full - mallinfo2().uordblks);
}

static void trimmed_session_writes_and_closes(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 1400);
    shake_hands(w, IN_ORDER);
    dtls_session_trim(w->server);
    assert_int_equal(dtls_session_write(w->server, "back", 4), 0);
    carry(w, &w->from_server, false, IN_ORDER);
    assert_int_equal(w->client.got_len, 4);
    dtls_session_trim(w->server);
    dtls_session_close(w->server);
    assert_int_equal(w->from_server.count, 1);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(handshake_and_data),
        T(hello_in_pieces_is_put_together),
        T(reordered_pieces_and_flights),
        T(repeated_datagrams),
        T(lost_flight_is_sent_again),
        T(flights_fit_the_mtu),
        T(garbage_does_not_end_a_session),
        T(close_tells_the_other_side),
        T(cookie_is_bound_to_address_hello_and_time),
        T(waiting_pieces_are_bounded),
        T(trimmed_session_writes_and_closes),
        T(idle_session_gives_its_buffers_back),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
