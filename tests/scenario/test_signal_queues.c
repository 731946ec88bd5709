/* Bounds: slow readers, floods, oversize, connections that never join, and a crowd that comes and goes. */
#include "signal_world.h"

#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct world w;
static char text4000[4001];

#define alice (&w.clients[0])
#define bob   (&w.clients[1])

static int setup(void **state) {
    (void)state;
    world_init(&w);
    memset(text4000, 'x', sizeof text4000 - 1);
    client_enter(&w, alice, "alice@hall:own");
    client_enter(&w, bob, "bob@hall");
    client_drain(alice);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

static void alice_says(int times) {
    for (int i = 0; i < times; i++) {
        world_sleep(&w, 0.01);
        client_expect(alice, "", "\"method\":\"chat\",\"text\":\"%s\"", text4000);
    }
}

static void a_slow_reader_is_spared_then_caught_up(void **state) {
    (void)state;
    client_stall(bob, true);
    alice_says(50); /* 200 kB: more than the connection is given */
    assert_in_range(bob->queued, SIGNAL_LAG_HIGH, SIGNAL_LAG_HIGH + 8192);
    client_stall(bob, false);
    assert_true(json_array_size(bob->inbox) < 50);
    world_sleep(&w, 0.3);
    for (int i = 1; i <= 50; i++) {
        json_t *event = client_event(bob, "chat");
        assert_int_equal(number_at(event, "seq"), i);
        json_decref(event);
    }
    client_expect_quiet(bob);
    assert_int_equal(bob->close_code, 0);
    alice_says(1);
    client_expect_event(bob, "chat"); /* at once again */
}

static void presence_is_coalesced_for_a_slow_reader(void **state) {
    (void)state;
    client_stall(bob, true);
    alice_says(40);
    for (int i = 0; i < 300; i++) {
        world_sleep(&w, 0.01);
        client_expect(alice, "", "\"method\":\"update\",\"name\":\"%d\"", i);
    }
    client_stall(bob, false);
    world_sleep(&w, 0.3);
    for (int i = 0; i < 40; i++) {
        client_expect_event(bob, "chat");
    }
    json_t *event = client_event(bob, "participant-updated");
    assert_string_equal(at(event, "participant.name"), "299");
    json_decref(event);
    client_expect_quiet(bob);
    assert_int_equal(bob->close_code, 0);
}

static void a_reader_that_stays_slow_is_cut_and_may_resume(void **state) {
    (void)state;
    client_stall(bob, true);
    alice_says(40);
    world_sleep(&w, 9.5);
    assert_int_equal(bob->close_code, 0);
    world_sleep(&w, 1);
    assert_int_equal(bob->close_code, 4005);
    json_t *last = json_array_get(bob->wire, json_array_size(bob->wire) - 1);
    assert_string_equal(at(last, "reason"), "slow-consumer");
    assert_true(json_is_true(json_object_get(last, "reconnect")));
    client_drain(alice);
    json_t *reply = client_resume(&w, bob, bob->seq);
    assert_true(json_is_true(json_object_get(reply, "resumed")));
    assert_true(json_is_false(json_object_get(reply, "snapshot")));
    json_decref(reply);
    world_sleep(&w, 1);
    for (int i = 0; i < 40; i++) {
        client_expect_event(bob, "chat");
    }
}

static void a_reader_whose_history_overflows_is_cut_early(void **state) {
    (void)state;
    client_stall(bob, true);
    alice_says(110); /* 128 kB given, 256 kB held, 56 kB too many */
    world_sleep(&w, 0.3);
    assert_int_equal(bob->close_code, 4005);
    json_t *reply = client_resume(&w, bob, bob->seq);
    assert_true(json_is_true(json_object_get(reply, "snapshot")));
    json_decref(reply);
}

static void replies_to_who_never_reads_are_bounded(void **state) {
    (void)state;
    client_stall(bob, true);
    for (int i = 0; i < 4000 && bob->link; i++) {
        world_sleep(&w, 0.01);
        client_send(bob, "{\"id\":1,\"method\":\"ice-servers\"}", 31);
        bob->queued += 1024; /* others' traffic on the same line */
    }
    assert_int_equal(bob->close_code, 4005);
}

static void a_flood_is_cut_after_the_burst(void **state) {
    (void)state;
    world_sleep(&w, 10);
    for (int i = 0; i < SIGNAL_BURST; i++) {
        client_expect(bob, "", "\"method\":\"ping\"");
    }
    assert_int_equal(bob->close_code, 0);
    client_send(bob, "{\"id\":1,\"method\":\"ping\"}", 24);
    assert_int_equal(bob->close_code, 4007);
    json_t *event = client_event(bob, "disconnect");
    assert_string_equal(at(event, "reason"), "rate-limited");
    json_decref(event);
}

static void the_steady_rate_is_allowed(void **state) {
    (void)state;
    for (int i = 0; i < 3 * SIGNAL_BURST; i++) {
        world_sleep(&w, 1.0 / SIGNAL_RATE);
        client_expect(bob, "", "\"method\":\"ping\"");
    }
}

static void a_silent_connection_is_closed_after_ten_seconds(void **state) {
    (void)state;
    client_connect(&w, bob + 1);
    world_sleep(&w, 9.9);
    assert_int_equal(bob[1].close_code, 0);
    world_sleep(&w, 0.3);
    assert_int_equal(bob[1].close_code, 4006);
    assert_int_equal(bob->close_code, 0); /* who joined may be silent */
}

static void failed_joins_are_counted(void **state) {
    struct client *eve = bob + 1;
    (void)state;
    client_connect(&w, eve);
    client_expect(eve, "expired", "\"method\":\"join\",\"resume\":{\"key\":\"k\",\"seq\":0}");
    client_expect(eve, "bad-request", "\"method\":\"join\"");
    assert_int_equal(eve->close_code, 0);
    client_expect(eve, "forbidden", "\"method\":\"join\",\"token\":\"e@hall:nojoin\"");
    assert_int_equal(eve->close_code, 4001);
    client_connect(&w, eve);
    client_expect(eve, "unauthorized", "\"method\":\"join\",\"token\":\"bad\"");
    assert_int_equal(eve->close_code, 4001);
    client_connect(&w, eve);
    client_expect(eve, "expired", "\"method\":\"join\",\"token\":\"old\"");
    assert_int_equal(eve->close_code, 4001);
    assert_int_equal(w.refused, 2);
}

/* A message of len bytes. */
static void send_sized(struct client *c, size_t len) {
    char *text = malloc(len);
    assert_non_null(text);
    int n = snprintf(text, len, "{\"id\":1,\"method\":\"ping\",\"x\":\"");
    memset(text + n, 'x', len - (size_t)n);
    memcpy(text + len - 2, "\"}", 2);
    client_send(c, text, len);
    free(text);
}

static void oversized_messages_close(void **state) {
    (void)state;
    send_sized(bob, SIGNAL_MESSAGE_MAX);
    assert_int_equal(bob->close_code, 0);
    send_sized(bob, SIGNAL_MESSAGE_MAX + 1);
    assert_int_equal(bob->close_code, 1009);
    client_connect(&w, bob + 1);
    send_sized(bob + 1, SIGNAL_JOIN_MAX);
    assert_int_equal(bob[1].close_code, 0);
    send_sized(bob + 1, SIGNAL_JOIN_MAX + 1);
    assert_int_equal(bob[1].close_code, 1009);
}

static void what_is_no_request_closes_with_4000(void **state) {
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"id\":0,\"method\":\"ping\"}",
        "{\"id\":-1,\"method\":\"ping\"}",
        "{\"id\":1.5,\"method\":\"ping\"}",
        "{\"id\":\"1\",\"method\":\"ping\"}",
        "{\"id\":9007199254740993,\"method\":\"ping\"}",
        "{\"id\":1}",
        "{\"id\":1,\"method\":7}",
        "{\"id\":1,\"id\":1,\"method\":\"ping\"}",
        "{\"id\":1,\"method\":\"ping\",\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
        "{\"id\":1,\"method\":\"a-name-that-is-much-too-long-to-be-one\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        client_connect(&w, bob + 1);
        client_send(bob + 1, bad[i], strlen(bad[i]));
        assert_int_equal(bob[1].close_code, 4000);
    }
}

/* --- a crowd --- */

static uint32_t seed;

static uint32_t below(uint32_t n) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static void one_act(struct client *c, unsigned number) {
    char token[64];
    if (!c->link) {
        bool resumes = c->key[0] && below(3) == 0;
        snprintf(token, sizeof token, "p%u@room%u%s", number, below(12), below(9) ? ":own" : ":hidden,own");
        json_decref(resumes ? client_resume(&w, c, c->seq) : client_join(&w, c, token));
        return;
    }
    switch (below(9)) {
    case 0:
        client_break(c, 1006);
        break;
    case 1:
        client_break(c, 1000);
        break;
    case 2:
        client_stall(c, !c->stalled);
        break;
    case 3:
        json_decref(client_request(c, "\"method\":\"chat\",\"text\":\"%s\"", text4000));
        break;
    case 4:
        json_decref(client_request(c, "\"method\":\"update\",\"name\":\"%u\"", below(100)));
        break;
    case 5:
        json_decref(client_request(
            c, "\"method\":\"publish\",\"track\":{\"id\":\"%u\",\"kind\":\"video\",\"source\":\"screen\"}", below(30)));
        break;
    case 6:
        json_decref(client_request(c, "\"method\":\"mute\",\"track\":\"%u\",\"muted\":%s", below(30),
                                   below(2) ? "true" : "false"));
        break;
    case 7:
        json_decref(client_request(c, "\"method\":\"unpublish\",\"track\":\"%u\"", below(30)));
        break;
    default:
        json_decref(client_request(c, "\"method\":\"leave\""));
        break;
    }
}

static void a_thousand_come_and_go_and_nothing_is_left(void **state) {
    (void)state;
    client_break(alice, 1000);
    client_break(bob, 1000);
    seed = 7;
    for (unsigned number = 0, acts = 0; number < 1000; acts++) {
        struct client *c = &w.clients[below(WORLD_CLIENTS_MAX)];
        number += !c->link;
        one_act(c, number);
        if (!c->stalled) {
            client_drain(c);
        }
        world_sleep(&w, below(200) / 1000.0);
        if (acts % 10 == 0) {
            world_check(&w);
        }
    }
    for (size_t i = 0; i < WORLD_CLIENTS_MAX; i++) {
        client_break(&w.clients[i], below(2) ? 1000 : 1006);
    }
    world_sleep(&w, 60 + 30 + 1);
    assert_int_equal(dialect_rooms(w.dialect)->by_name.count, 0);
    assert_int_equal(dialect_rooms(w.dialect)->by_resume_key.count, 0);
    assert_int_equal(metrics_read(METRIC_ROOMS), 0);
    assert_int_equal(metrics_read(METRIC_TRACKS), 0);
    assert_int_equal(metrics_read(METRIC_PARTICIPANTS_ACTIVE), 0);
    assert_int_equal(metrics_read(METRIC_PARTICIPANTS_AWAY), 0);
    assert_int_equal(metrics_read(METRIC_SIGNAL_CONNECTIONS_JOINED), 0);
    assert_int_equal(metrics_read(METRIC_SIGNAL_CONNECTIONS_JOINING), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_slow_reader_is_spared_then_caught_up),
        CASE(presence_is_coalesced_for_a_slow_reader),
        CASE(a_reader_that_stays_slow_is_cut_and_may_resume),
        CASE(a_reader_whose_history_overflows_is_cut_early),
        CASE(replies_to_who_never_reads_are_bounded),
        CASE(a_flood_is_cut_after_the_burst),
        CASE(the_steady_rate_is_allowed),
        CASE(a_silent_connection_is_closed_after_ten_seconds),
        CASE(failed_joins_are_counted),
        CASE(oversized_messages_close),
        CASE(what_is_no_request_closes_with_4000),
        CASE(a_thousand_come_and_go_and_nothing_is_left),
    };
    return cmocka_run_group_tests_name("signal/queues", tests, NULL, NULL);
}
