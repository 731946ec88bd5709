/* Dropped connections: away, resumed with replay or snapshot, and races of several connections for one session. */
#include "signal_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct world w;

#define alice (&w.clients[0])
#define bob   (&w.clients[1])
#define carol (&w.clients[2])

static int setup(void **state) {
    (void)state;
    world_init(&w);
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall:own");
    client_drain(alice);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

static bool flag_at(const json_t *object, const char *key) { return json_is_true(json_object_get(object, key)); }

static void missed_events_are_replayed_in_order_after_the_reply(void **state) {
    (void)state;
    client_break(bob, 1006);
    for (int i = 0; i < 3; i++) {
        client_expect(alice, "", "\"method\":\"chat\",\"text\":\"%d\"", i);
    }
    json_t *reply = client_resume(&w, bob, bob->seq);
    assert_true(flag_at(reply, "resumed"));
    assert_false(flag_at(reply, "snapshot"));
    assert_null(json_object_get(reply, "participants"));
    assert_int_equal(number_at(reply, "seq"), 0);
    assert_string_equal(at(reply, "self.state"), "active");
    json_decref(reply);
    for (int i = 0; i < 3; i++) {
        char text[8];
        json_t *event = client_event(bob, "chat");
        snprintf(text, sizeof text, "%d", i);
        assert_string_equal(at(event, "text"), text);
        assert_int_equal(number_at(event, "seq"), i + 1);
        json_decref(event);
    }
    client_expect_quiet(bob);
}

static void only_what_was_missed_is_replayed(void **state) {
    (void)state;
    client_expect(alice, "", "\"method\":\"chat\",\"text\":\"seen\"");
    client_expect_event(bob, "chat");
    client_expect(alice, "", "\"method\":\"chat\",\"text\":\"lost on the way\"");
    client_break(bob, 1006); /* it was sent, but never looked at */
    json_decref(client_resume(&w, bob, bob->seq));
    json_t *event = client_event(bob, "chat");
    assert_string_equal(at(event, "text"), "lost on the way");
    json_decref(event);
    client_expect_quiet(bob);
}

static void the_same_session_goes_on(void **state) {
    char sid[SID_SIZE];
    char key[RESUME_KEY_SIZE];
    (void)state;
    client_expect(bob, "",
                  "\"method\":\"publish\",\"track\":{\"id\":\"t\",\"kind\":\"audio\",\"source\":\"microphone\"}");
    client_drain(alice);
    memcpy(sid, bob->sid, sizeof sid);
    memcpy(key, bob->key, sizeof key);
    client_break(bob, 1006);
    client_expect_event(alice, "participant-updated");
    json_t *reply = client_resume(&w, bob, 0);
    assert_string_equal(at(reply, "self.sid"), sid);
    assert_string_equal(at(reply, "resumeKey"), key);
    assert_string_equal(at(reply, "self.tracks.0.id"), "t");
    json_decref(reply);
    json_t *event = client_event(alice, "participant-updated");
    assert_string_equal(at(event, "participant.state"), "active");
    assert_int_equal(json_array_size(json_object_get(json_object_get(event, "participant"), "tracks")), 1);
    json_decref(event);
    client_expect_quiet(alice); /* nobody left or joined */
    world_sleep(&w, 120);
    client_expect_quiet(alice);
}

static void a_gap_gives_a_snapshot(void **state) {
    (void)state;
    client_break(bob, 1006);
    for (int i = 0; i <= SIGNAL_HISTORY_EVENTS; i++) {
        world_sleep(&w, 0.1);
        client_expect(alice, "", "\"method\":\"chat\",\"text\":\"%d\"", i);
    }
    json_t *reply = client_resume(&w, bob, 0);
    assert_true(flag_at(reply, "resumed"));
    assert_true(flag_at(reply, "snapshot"));
    assert_int_equal(number_at(reply, "seq"), SIGNAL_HISTORY_EVENTS + 1);
    assert_string_equal(at(reply, "participants.0.identity"), "alice");
    json_decref(reply);
    client_expect_quiet(bob);
    client_expect(alice, "", "\"method\":\"chat\",\"text\":\"next\"");
    json_t *event = client_event(bob, "chat");
    assert_int_equal(number_at(event, "seq"), SIGNAL_HISTORY_EVENTS + 2);
    json_decref(event);
}

static void the_oldest_held_event_is_still_replayed(void **state) {
    (void)state;
    client_break(bob, 1006);
    for (int i = 0; i <= SIGNAL_HISTORY_EVENTS; i++) {
        world_sleep(&w, 0.1);
        client_expect(alice, "", "\"method\":\"chat\",\"text\":\"%d\"", i);
    }
    json_t *reply = client_resume(&w, bob, 1);
    assert_false(flag_at(reply, "snapshot"));
    json_decref(reply);
    for (int i = 1; i <= SIGNAL_HISTORY_EVENTS; i++) {
        client_expect_event(bob, "chat");
    }
    client_expect_quiet(bob);
}

static void bytes_bound_the_history_too(void **state) {
    static char text[4001];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    client_break(bob, 1006);
    for (int i = 0; i < 70; i++) { /* 280 kB */
        world_sleep(&w, 0.1);
        client_expect(alice, "", "\"method\":\"chat\",\"text\":\"%s\"", text);
    }
    world_check(&w);
    json_t *reply = client_resume(&w, bob, 0);
    assert_true(flag_at(reply, "snapshot"));
    json_decref(reply);
}

static void a_seq_of_the_future_gets_a_snapshot(void **state) {
    (void)state;
    client_break(bob, 1006);
    json_t *reply = client_resume(&w, bob, 99);
    assert_true(flag_at(reply, "snapshot"));
    assert_int_equal(number_at(reply, "seq"), 0);
    json_decref(reply);
}

static void states_are_coalesced_while_away(void **state) {
    (void)state;
    client_enter(&w, carol, "carol@hall:own");
    client_drain(bob);
    client_break(bob, 1006);
    for (int i = 0; i < 40; i++) {
        client_expect(carol, "", "\"method\":\"update\",\"name\":\"%d\"", i);
    }
    client_expect(alice, "", "\"method\":\"chat\",\"text\":\"between\"");
    client_expect(carol, "", "\"method\":\"update\",\"name\":\"last\"");
    json_decref(client_resume(&w, bob, bob->seq));
    client_expect_event(bob, "chat");
    json_t *event = client_event(bob, "participant-updated");
    assert_string_equal(at(event, "participant.name"), "last");
    json_decref(event);
    client_expect_quiet(bob);
}

static void an_unknown_key_is_expired_and_the_token_still_works(void **state) {
    (void)state;
    client_break(bob, 1006);
    world_sleep(&w, 61);
    client_drain(alice);
    json_t *reply = client_resume(&w, bob, 0);
    assert_string_equal(at(reply, "error.code"), "expired");
    json_decref(reply);
    client_expect(bob, "", "\"method\":\"join\",\"token\":\"bob@hall\"");
    client_expect_event(alice, "participant-joined");
}

static void a_second_connection_takes_the_session_over(void **state) {
    (void)state;
    memcpy(carol->key, bob->key, sizeof carol->key);
    json_t *reply = client_resume(&w, carol, 0);
    assert_true(flag_at(reply, "resumed"));
    json_decref(reply);
    assert_int_equal(bob->close_code, 4002);
    client_expect_quiet(bob); /* no disconnect: it is the same client's stale connection */
    client_expect_quiet(alice);
    client_expect(alice, "", "\"method\":\"chat\",\"text\":\"x\"");
    client_expect_event(carol, "chat");
    client_expect_quiet(bob);
}

static void the_stale_connection_dying_later_does_no_harm(void **state) {
    struct link *stale = bob->link;
    (void)state;
    bob->link = NULL; /* the server does not know yet */
    memcpy(carol->key, bob->key, sizeof carol->key);
    json_decref(client_resume(&w, carol, 0));
    link_closed(stale, 1006, &w.now);
    bob->close_code = 0;
    world_check(&w);
    client_expect_quiet(alice);
    client_expect(carol, "", "\"method\":\"ping\"");
}

static void two_resumes_and_a_join_race(void **state) {
    (void)state;
    client_break(bob, 1006);
    json_decref(client_resume(&w, bob, 0));
    memcpy(carol->key, bob->key, sizeof carol->key);
    json_decref(client_resume(&w, carol, 0));
    client_enter(&w, bob + 5, "bob@hall"); /* the same identity by token: the last word */
    assert_int_equal(carol->close_code, 4002);
    client_expect_event(carol, "disconnect");
    json_t *reply = client_resume(&w, bob + 6, 0);
    assert_string_equal(at(reply, "error.code"), "expired"); /* it never had a key */
    json_decref(reply);
    world_check(&w);
}

static void leaving_and_kicking_void_the_key(void **state) {
    (void)state;
    client_expect(bob, "", "\"method\":\"leave\"");
    json_t *reply = client_resume(&w, bob, 0);
    assert_string_equal(at(reply, "error.code"), "expired");
    json_decref(reply);
    assert_int_equal(
        rooms_kick(dialect_rooms(w.dialect), rooms_find(dialect_rooms(w.dialect), "hall"), "alice", 0, &w.now), 0);
    dialect_settle(w.dialect, &w.now);
    client_break(alice, 4003);
    reply = client_resume(&w, alice, 0);
    assert_string_equal(at(reply, "error.code"), "expired");
    json_decref(reply);
}

static void the_window_starts_anew_with_each_drop(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) {
        client_break(bob, 1006);
        world_sleep(&w, 50);
        json_decref(client_resume(&w, bob, bob->seq));
        client_drain(bob);
    }
    client_expect(bob, "", "\"method\":\"ping\"");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(missed_events_are_replayed_in_order_after_the_reply),
        CASE(only_what_was_missed_is_replayed),
        CASE(the_same_session_goes_on),
        CASE(a_gap_gives_a_snapshot),
        CASE(the_oldest_held_event_is_still_replayed),
        CASE(bytes_bound_the_history_too),
        CASE(a_seq_of_the_future_gets_a_snapshot),
        CASE(states_are_coalesced_while_away),
        CASE(an_unknown_key_is_expired_and_the_token_still_works),
        CASE(a_second_connection_takes_the_session_over),
        CASE(the_stale_connection_dying_later_does_no_harm),
        CASE(two_resumes_and_a_join_race),
        CASE(leaving_and_kicking_void_the_key),
        CASE(the_window_starts_anew_with_each_drop),
    };
    return cmocka_run_group_tests_name("signal/resume", tests, NULL, NULL);
}
