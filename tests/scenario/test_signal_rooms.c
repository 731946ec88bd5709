/* Who is in a room, and who is told what. */
#include "signal_world.h"

#include <errno.h>
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
    return 0;
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

static void the_first_join_opens_the_room_and_says_everything(void **state) {
    (void)state;
    json_t *reply = client_join(&w, alice, "alice@hall:named");
    assert_string_equal(at(reply, "self.identity"), "alice");
    assert_string_equal(at(reply, "self.name"), "Given");
    assert_string_equal(at(reply, "self.state"), "active");
    assert_string_equal(at(reply, "room.name"), "hall");
    assert_string_equal(at(reply, "room.mode"), "mesh");
    assert_string_equal(at(reply, "server.node"), "n");
    assert_string_equal(at(reply, "iceServers.0.username"), "alice");
    assert_int_equal(number_at(reply, "iceTtl"), 600);
    assert_int_equal(number_at(reply, "resumeTimeout"), 60);
    assert_int_equal(number_at(reply, "self.joinOrder"), 1);
    assert_int_equal(number_at(reply, "self.joinedAt"), 1700000000000);
    assert_int_equal(number_at(reply, "room.maxParticipants"), SIGNAL_MESH_CAPACITY);
    assert_int_equal(number_at(reply, "seq"), 0);
    assert_true(json_is_false(json_object_get(reply, "resumed")));
    assert_int_equal(json_array_size(json_object_get(reply, "participants")), 0);
    assert_int_equal(strlen(alice->key), RESUME_KEY_SIZE - 1);
    json_decref(reply);
    client_expect_quiet(alice);
}

static void the_second_sees_the_first_and_the_first_hears_of_it(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    json_t *reply = client_join(&w, bob, "bob@hall");
    assert_string_equal(at(reply, "participants.0.sid"), alice->sid);
    assert_int_equal(number_at(reply, "self.joinOrder"), 2);
    json_decref(reply);
    json_t *event = client_event(alice, "participant-joined");
    assert_string_equal(at(event, "participant.sid"), bob->sid);
    assert_null(json_object_get(json_object_get(event, "participant"), "permissions"));
    assert_int_equal(number_at(event, "seq"), 1);
    json_decref(event);
    client_expect_quiet(bob);
}

static void rooms_do_not_hear_each_other(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "alice@kitchen");
    client_expect_quiet(alice);
    client_expect(bob, "", "\"method\":\"chat\",\"text\":\"hello\"");
    client_expect_quiet(alice);
}

static void leaving_is_answered_told_and_closed_with_1000(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall");
    client_drain(alice);
    client_expect(bob, "", "\"method\":\"leave\"");
    assert_int_equal(bob->close_code, 1000);
    json_t *event = client_event(alice, "participant-left");
    assert_string_equal(at(event, "participant"), bob->sid);
    assert_string_equal(at(event, "reason"), "left");
    json_decref(event);
}

static void a_closed_tab_has_left(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall");
    client_drain(alice);
    client_break(bob, 1001);
    json_t *event = client_event(alice, "participant-left");
    assert_string_equal(at(event, "reason"), "left");
    json_decref(event);
}

static void a_killed_connection_is_away_then_times_out(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall");
    client_drain(alice);
    client_break(bob, 1006);
    json_t *event = client_event(alice, "participant-updated");
    assert_string_equal(at(event, "participant.state"), "away");
    json_decref(event);
    world_sleep(&w, 59.9);
    client_expect_quiet(alice);
    world_check(&w);
    world_sleep(&w, 0.3);
    event = client_event(alice, "participant-left");
    assert_string_equal(at(event, "reason"), "timeout");
    json_decref(event);
}

static void the_same_identity_replaces_the_older_session(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall");
    client_drain(alice);
    json_t *reply = client_join(&w, carol, "bob@hall");
    assert_int_equal(json_array_size(json_object_get(reply, "participants")), 1);
    json_decref(reply);
    assert_int_equal(bob->close_code, 4002);
    json_t *event = client_event(bob, "disconnect");
    assert_string_equal(at(event, "reason"), "duplicate-identity");
    assert_true(json_is_false(json_object_get(event, "reconnect")));
    assert_null(json_object_get(event, "seq"));
    json_decref(event);
    event = client_event(alice, "participant-left");
    assert_string_equal(at(event, "reason"), "duplicate-identity");
    json_decref(event);
    event = client_event(alice, "participant-joined");
    assert_string_equal(at(event, "participant.sid"), carol->sid);
    json_decref(event);
}

static void a_replaced_session_cannot_be_resumed(void **state) {
    (void)state;
    client_enter(&w, bob, "bob@hall");
    client_enter(&w, carol, "bob@hall");
    json_t *reply = client_resume(&w, bob, 0);
    assert_string_equal(at(reply, "error.code"), "expired");
    json_decref(reply);
    assert_int_equal(bob->close_code, 0);
    client_expect(bob, "", "\"method\":\"join\",\"token\":\"else@hall\""); /* the same connection may join */
}

static void a_full_room_is_refused_but_not_to_its_own(void **state) {
    char token[32];
    (void)state;
    for (int i = 0; i < SIGNAL_MESH_CAPACITY; i++) {
        snprintf(token, sizeof token, "p%d@hall", i);
        client_enter(&w, &w.clients[i], token);
    }
    json_t *reply = client_join(&w, &w.clients[20], "late@hall");
    assert_string_equal(at(reply, "error.code"), "room-full");
    json_decref(reply);
    client_enter(&w, &w.clients[21], "p3@hall"); /* replaces */
    client_break(&w.clients[5], 1000);
    client_expect(&w.clients[20], "", "\"method\":\"join\",\"token\":\"late@hall\"");
    world_check(&w);
}

static void the_configured_bound_is_kept(void **state) {
    (void)state;
    world_deinit(&w);
    world_init_config(&w, &(struct rooms_config){.max_participants = 2, .auto_create = true});
    client_enter(&w, alice, "a@hall");
    client_enter(&w, bob, "b@hall");
    json_t *reply = client_join(&w, carol, "c@hall");
    assert_string_equal(at(reply, "error.code"), "room-full");
    json_decref(reply);
}

static void unknown_and_forbidden_rooms_look_alike(void **state) {
    (void)state;
    world_deinit(&w);
    world_init_config(&w, &(struct rooms_config){.auto_create = false, .empty_timeout_us = 1000000});
    client_enter(&w, alice, "a@open:create");
    json_t *unknown = client_join(&w, bob, "b@nowhere");
    json_t *forbidden = client_join(&w, carol, "c@open:nojoin");
    assert_string_equal(at(unknown, "error.code"), "forbidden");
    assert_true(json_equal(json_object_get(unknown, "error"), json_object_get(forbidden, "error")));
    json_decref(unknown);
    json_decref(forbidden);
    client_expect(bob, "", "\"method\":\"join\",\"token\":\"b@open\"");
}

static void empty_rooms_are_reaped_and_start_anew(void **state) {
    (void)state;
    json_t *first = client_join(&w, alice, "alice@hall");
    client_break(alice, 1000);
    world_sleep(&w, 29.5);
    assert_non_null(rooms_find(dialect_rooms(w.dialect), "hall"));
    json_t *second = client_join(&w, alice, "alice@hall");
    assert_string_equal(at(first, "room.sid"), at(second, "room.sid"));
    world_sleep(&w, 100);
    assert_non_null(rooms_find(dialect_rooms(w.dialect), "hall"));
    client_break(alice, 1000);
    world_sleep(&w, 30.5);
    assert_null(rooms_find(dialect_rooms(w.dialect), "hall"));
    json_t *third = client_join(&w, alice, "alice@hall");
    assert_string_not_equal(at(first, "room.sid"), at(third, "room.sid"));
    assert_int_not_equal(number_at(first, "room.generation"), number_at(third, "room.generation"));
    json_decref(first);
    json_decref(second);
    json_decref(third);
}

static void the_hidden_see_and_are_not_seen(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    json_t *reply = client_join(&w, bob, "ghost@hall:hidden");
    assert_int_equal(json_array_size(json_object_get(reply, "participants")), 1);
    json_decref(reply);
    client_expect(bob, "", "\"method\":\"publish\",\"track\":{\"id\":\"t\",\"kind\":\"video\",\"source\":\"camera\"}");
    client_expect_quiet(alice);
    reply = client_join(&w, carol, "carol@hall");
    assert_int_equal(json_array_size(json_object_get(reply, "participants")), 1);
    assert_string_equal(at(reply, "participants.0.identity"), "alice");
    json_decref(reply);
    client_expect_event(bob, "participant-joined");
    client_drain(alice);
    client_expect(alice, "not-found",
                  "\"method\":\"peer\",\"to\":\"%s\",\"generation\":%d,\"msg\":1,\"type\":\"offer\",\"data\":1",
                  bob->sid, (int)alice->generation);
    client_expect(bob, "forbidden",
                  "\"method\":\"peer\",\"to\":\"%s\",\"generation\":%d,\"msg\":1,\"type\":\"offer\",\"data\":1",
                  alice->sid, (int)alice->generation);
    client_break(bob, 1006);
    client_break(bob, 1000);
    client_expect_quiet(alice);
}

static void admins_open_and_change_rooms(void **state) {
    struct rooms *rooms = dialect_rooms(w.dialect);
    struct room_options options = {.metadata = "m", .set_max_participants = true, .max_participants = 1};
    (void)state;
    assert_int_equal(rooms_open(rooms, "hall", &options, &w.now), 0);
    client_enter(&w, alice, "alice@hall");
    json_t *reply = client_join(&w, bob, "bob@hall");
    assert_string_equal(at(reply, "error.code"), "room-full");
    json_decref(reply);
    options = (struct room_options){.set_max_participants = true, .max_participants = 4, .empty_timeout_us = 5000000};
    assert_int_equal(rooms_open(rooms, "hall", &options, &w.now), 0);
    json_t *event = client_event(alice, "room-updated");
    assert_string_equal(at(event, "room.metadata"), "m");
    assert_int_equal(number_at(event, "room.maxParticipants"), 4);
    json_decref(event);
    client_break(alice, 1000);
    world_sleep(&w, 4.9);
    assert_non_null(rooms_find(rooms, "hall"));
    world_sleep(&w, 0.3);
    assert_null(rooms_find(rooms, "hall"));
}

static void a_stopping_server_tells_everybody(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_connect(&w, bob);
    dialect_shutdown(w.dialect, &w.now);
    json_t *event = client_event(alice, "disconnect");
    assert_string_equal(at(event, "reason"), "server-shutdown");
    assert_true(json_is_true(json_object_get(event, "reconnect")));
    json_decref(event);
    assert_int_equal(alice->close_code, 1001);
    assert_int_equal(bob->close_code, 1001);
    client_connect(&w, carol);
    assert_int_equal(carol->close_code, 1001);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(the_first_join_opens_the_room_and_says_everything),
        CASE(the_second_sees_the_first_and_the_first_hears_of_it),
        CASE(rooms_do_not_hear_each_other),
        CASE(leaving_is_answered_told_and_closed_with_1000),
        CASE(a_closed_tab_has_left),
        CASE(a_killed_connection_is_away_then_times_out),
        CASE(the_same_identity_replaces_the_older_session),
        CASE(a_replaced_session_cannot_be_resumed),
        CASE(a_full_room_is_refused_but_not_to_its_own),
        CASE(the_configured_bound_is_kept),
        CASE(unknown_and_forbidden_rooms_look_alike),
        CASE(empty_rooms_are_reaped_and_start_anew),
        CASE(the_hidden_see_and_are_not_seen),
        CASE(admins_open_and_change_rooms),
        CASE(a_stopping_server_tells_everybody),
    };
    return cmocka_run_group_tests_name("signal/rooms", tests, NULL, NULL);
}
