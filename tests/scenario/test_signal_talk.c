/* What participants do in a room: tracks, chat, messages from peer to peer; and what admins do to them. */
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

#define TRACK(id) "\"method\":\"publish\",\"track\":{\"id\":\"" id "\",\"kind\":\"video\",\"source\":\"camera\"}"

static void tracks_are_published_muted_and_taken_back(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall");
    client_drain(alice);
    client_expect(bob, "",
                  "\"method\":\"publish\",\"track\":{\"id\":\"cam\",\"kind\":\"video\",\"source\":\"camera\","
                  "\"width\":1280,\"height\":720,\"name\":\"front\"}");
    json_t *event = client_event(alice, "track-published");
    assert_string_equal(at(event, "participant"), bob->sid);
    assert_string_equal(at(event, "track.id"), "cam");
    assert_string_equal(at(event, "track.name"), "front");
    assert_int_equal(number_at(event, "track.height"), 720);
    json_decref(event);
    client_expect(bob, "", "\"method\":\"mute\",\"track\":\"cam\",\"muted\":true");
    event = client_event(alice, "track-muted");
    assert_true(json_is_true(json_object_get(event, "muted")));
    json_decref(event);
    client_expect(bob, "", "\"method\":\"mute\",\"track\":\"cam\",\"muted\":true"); /* nothing new: nobody is told */
    json_t *reply = client_join(&w, carol, "carol@hall");
    assert_true(json_is_true(json_object_get(
        json_array_get(json_object_get(json_array_get(json_object_get(reply, "participants"), 1), "tracks"), 0),
        "muted")));
    json_decref(reply);
    client_expect_event(alice, "participant-joined");
    client_expect(bob, "", "\"method\":\"unpublish\",\"track\":\"cam\"");
    client_expect_event(alice, "track-unpublished");
    client_expect(bob, "not-found", "\"method\":\"unpublish\",\"track\":\"cam\"");
    client_expect(bob, "not-found", "\"method\":\"mute\",\"track\":\"cam\",\"muted\":true");
    client_drain(bob);
    client_expect_quiet(bob); /* never told of its own doing */
}

static void publishing_needs_the_right_and_has_a_bound(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall:mute");
    client_expect(alice, "forbidden", TRACK("a"));
    client_enter(&w, bob, "bob@hall:voice,two");
    client_expect(bob, "forbidden", TRACK("a"));
    client_expect(bob, "",
                  "\"method\":\"publish\",\"track\":{\"id\":\"a\",\"kind\":\"audio\",\"source\":\"microphone\"}");
    client_expect(bob, "",
                  "\"method\":\"publish\",\"track\":{\"id\":\"b\",\"kind\":\"audio\",\"source\":\"microphone\"}");
    client_expect(bob, "",
                  "\"method\":\"publish\",\"track\":{\"id\":\"b\",\"kind\":\"audio\",\"source\":\"microphone\"}");
    client_expect(bob, "too-large",
                  "\"method\":\"publish\",\"track\":{\"id\":\"c\",\"kind\":\"audio\",\"source\":\"microphone\"}");
    client_enter(&w, carol, "carol@hall:low");
    client_expect(
        carol, "forbidden",
        "\"method\":\"publish\",\"track\":{\"id\":\"a\",\"kind\":\"video\",\"source\":\"camera\",\"height\":361}");
    for (int i = 0; i < SIGNAL_TRACKS_MAX; i++) {
        client_expect(
            carol, "",
            "\"method\":\"publish\",\"track\":{\"id\":\"t%d\",\"kind\":\"video\",\"source\":\"screen\",\"height\":360}",
            i);
    }
    client_expect(carol, "too-large", TRACK("more"));
}

static void tracks_may_come_with_the_join(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_connect(&w, bob);
    client_expect(bob, "",
                  "\"method\":\"join\",\"token\":\"bob@hall\",\"tracks\":[{\"id\":\"m\",\"kind\":\"audio\","
                  "\"source\":\"microphone\",\"muted\":true}]");
    json_t *event = client_event(alice, "participant-joined");
    assert_int_equal(json_array_size(json_object_get(json_object_get(event, "participant"), "tracks")), 1);
    json_decref(event);
    client_connect(&w, carol);
    client_expect(carol, "forbidden",
                  "\"method\":\"join\",\"token\":\"carol@hall:mute\",\"tracks\":[{\"id\":\"m\","
                  "\"kind\":\"audio\",\"source\":\"microphone\"}]");
    client_expect_quiet(alice);
}

static void chat_reaches_all_or_the_named(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall");
    client_enter(&w, carol, "carol@hall");
    client_drain(alice);
    client_drain(bob);
    json_t *reply = client_request(alice, "\"method\":\"chat\",\"text\":\"hi\\nall\"");
    assert_string_equal(at(reply, "message.id"), "m1");
    json_decref(reply);
    json_t *event = client_event(bob, "chat");
    assert_string_equal(at(event, "text"), "hi\nall");
    assert_string_equal(at(event, "from"), alice->sid);
    assert_string_equal(at(event, "id"), "m1");
    assert_null(json_object_get(event, "to"));
    json_decref(event);
    client_expect_event(carol, "chat");
    client_expect_quiet(alice);
    client_expect(alice, "", "\"method\":\"chat\",\"text\":\"psst\",\"to\":[\"%s\",\"p_gone\"]", carol->sid);
    event = client_event(carol, "chat");
    assert_string_equal(at(event, "to.0"), carol->sid);
    json_decref(event);
    client_expect_quiet(bob);
    client_expect(alice, "not-found", "\"method\":\"chat\",\"text\":\"psst\",\"to\":[\"p_gone\"]");
    client_expect(alice, "not-found", "\"method\":\"chat\",\"text\":\"psst\",\"to\":[\"%s\"]", alice->sid);
    client_enter(&w, bob + 5, "quiet@hall:silent");
    client_expect(bob + 5, "forbidden", "\"method\":\"chat\",\"text\":\"x\"");
}

static void profiles_change_only_with_the_right(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall:own");
    client_drain(alice);
    client_expect(alice, "forbidden", "\"method\":\"update\",\"name\":\"A\"");
    client_expect(bob, "",
                  "\"method\":\"update\",\"name\":\"Bob\",\"metadata\":\"m\",\"attributes\":{\"a\":\"1\",\"b\":\"2\"}");
    json_t *event = client_event(alice, "participant-updated");
    assert_string_equal(at(event, "participant.name"), "Bob");
    assert_string_equal(at(event, "participant.attributes.a"), "1");
    json_decref(event);
    json_t *reply = client_request(bob, "\"method\":\"update\",\"attributes\":{\"a\":\"\",\"b\":\"3\"}");
    assert_string_equal(at(reply, "participant.name"), "Bob");
    assert_string_equal(at(reply, "participant.metadata"), "m");
    assert_string_equal(at(reply, "participant.attributes.a"), "");
    assert_string_equal(at(reply, "participant.attributes.b"), "3");
    json_decref(reply);
}

static void a_name_given_by_the_token_stays(void **state) {
    (void)state;
    client_connect(&w, alice);
    json_t *reply =
        client_request(alice, "\"method\":\"join\",\"token\":\"a@hall:named\",\"name\":\"Other\",\"metadata\":\"m\"");
    assert_string_equal(at(reply, "self.name"), "Given");
    assert_string_equal(at(reply, "self.metadata"), "");
    json_decref(reply);
    client_connect(&w, bob);
    reply = client_request(bob, "\"method\":\"join\",\"token\":\"b@hall\",\"name\":\"Mine\"");
    assert_string_equal(at(reply, "self.name"), "Mine"); /* the token has none */
    json_decref(reply);
    client_connect(&w, carol);
    reply = client_request(carol,
                           "\"method\":\"join\",\"token\":\"c@hall:named,own\",\"name\":\"Other\",\"metadata\":\"m\"");
    assert_string_equal(at(reply, "self.name"), "Other");
    assert_string_equal(at(reply, "self.metadata"), "m");
    json_decref(reply);
}

#define PEER \
    "\"method\":\"peer\",\"to\":\"%s\",\"generation\":%d,\"msg\":7,\"type\":\"offer\",\"data\":{\"sdp\":\"v=0\"}"

static void peers_are_relayed_to_one_and_within_the_generation(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall");
    client_enter(&w, carol, "carol@hall");
    client_drain(alice);
    client_drain(bob);
    client_expect(alice, "", PEER, bob->sid, (int)alice->generation);
    json_t *event = client_event(bob, "peer");
    assert_string_equal(at(event, "from"), alice->sid);
    assert_string_equal(at(event, "type"), "offer");
    assert_string_equal(at(event, "data.sdp"), "v=0");
    assert_int_equal(number_at(event, "msg"), 7);
    assert_int_equal(number_at(event, "generation"), alice->generation);
    json_decref(event);
    client_expect_quiet(carol);
    json_t *reply = client_request(alice, PEER, bob->sid, (int)alice->generation + 1);
    assert_string_equal(at(reply, "error.code"), "conflict");
    assert_int_equal(number_at(reply, "error.generation"), alice->generation);
    json_decref(reply);
    client_expect(alice, "not-found", PEER, "p_gone", (int)alice->generation);
    client_expect(alice, "not-found", PEER, alice->sid, (int)alice->generation);
    client_expect_quiet(bob);
    client_enter(&w, bob + 4, "deaf@hall:deaf");
    client_drain(alice);
    client_expect(alice, "forbidden", PEER, bob[4].sid, (int)alice->generation);
    client_expect(bob + 4, "forbidden", PEER, alice->sid, (int)alice->generation);
}

static void a_generation_of_an_earlier_room_is_stale(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    int old = (int)alice->generation;
    client_break(alice, 1000);
    world_sleep(&w, 31);
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall");
    client_expect(bob, "conflict", PEER, alice->sid, old);
    client_expect(bob, "", PEER, alice->sid, (int)alice->generation);
}

static void peers_reach_who_is_away_when_back(void **state) {
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall");
    client_break(bob, 1006);
    client_expect(alice, "", PEER, bob->sid, (int)alice->generation);
    json_decref(client_resume(&w, bob, 0));
    client_expect_event(bob, "peer");
}

static void admins_mute_kick_ban_and_close(void **state) {
    struct rooms *rooms = dialect_rooms(w.dialect);
    (void)state;
    client_enter(&w, alice, "alice@hall");
    client_enter(&w, bob, "bob@hall");
    client_expect(bob, "", TRACK("a"));
    client_expect(bob, "", TRACK("b"));
    client_drain(alice);
    struct room *room = rooms_find(rooms, "hall");
    assert_int_equal(rooms_mute(room, "bob", "a"), 0);
    client_expect_event(alice, "track-muted");
    client_expect_event(bob, "track-muted"); /* the owner has to know */
    assert_int_equal(rooms_mute(room, "bob", NULL), 0);
    client_expect_event(bob, "track-muted");
    client_expect_quiet(bob); /* a was muted already */
    assert_int_equal(rooms_mute(room, "bob", "none"), -ENOENT);
    assert_int_equal(rooms_mute(room, "nobody", NULL), -ENOENT);

    assert_int_equal(rooms_kick(rooms, room, "bob", 100, &w.now), 0);
    dialect_settle(w.dialect, &w.now);
    client_expect_event(bob, "disconnect");
    assert_int_equal(bob->close_code, 4003);
    world_sleep(&w, 0); /* the connection ends */
    client_break(bob, 4003);
    client_drain(alice);
    json_t *reply = client_join(&w, bob, "bob@hall");
    assert_string_equal(at(reply, "error.code"), "forbidden");
    json_decref(reply);
    world_sleep(&w, 9);
    client_break(bob, 1000);
    world_sleep(&w, 92);
    client_enter(&w, bob, "bob@hall");
    client_drain(alice);
    assert_int_equal(rooms_kick(rooms, room, "nobody", 0, &w.now), -ENOENT);

    assert_int_equal(rooms_close(rooms, "hall", &w.now), 0);
    dialect_settle(w.dialect, &w.now);
    assert_int_equal(alice->close_code, 4004);
    assert_int_equal(bob->close_code, 4004);
    assert_null(rooms_find(rooms, "hall"));
    assert_int_equal(rooms_close(rooms, "hall", &w.now), -ENOENT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(tracks_are_published_muted_and_taken_back),
        CASE(publishing_needs_the_right_and_has_a_bound),
        CASE(tracks_may_come_with_the_join),
        CASE(chat_reaches_all_or_the_named),
        CASE(profiles_change_only_with_the_right),
        CASE(a_name_given_by_the_token_stays),
        CASE(peers_are_relayed_to_one_and_within_the_generation),
        CASE(a_generation_of_an_earlier_room_is_stale),
        CASE(peers_reach_who_is_away_when_back),
        CASE(admins_mute_kick_ban_and_close),
    };
    return cmocka_run_group_tests_name("signal/talk", tests, NULL, NULL);
}
