/* Every field of every method: what is refused, and with which code. */
#include "../../scenario/signal_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct world w;

#define alice (&w.clients[0])
#define bob   (&w.clients[1])

static int setup(void **state) {
    (void)state;
    world_init(&w);
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

/* Each of a list of requests by a joined client gets that code, closes nothing and tells nobody. */
static void all_get(const char *code, const char *const *requests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        world_sleep(&w, 0.02);
        client_expect(alice, code, "%s", requests[i]);
        assert_int_equal(alice->close_code, 0);
        client_expect_quiet(bob);
    }
}

#define ALL_GET(code, list) all_get(code, list, sizeof(list) / sizeof((list)[0]))
#define PUBLISH(track)      "\"method\":\"publish\",\"track\":{" track "}"
#define CAMERA              "\"kind\":\"video\",\"source\":\"camera\""

static void malformed_tracks_are_refused(void **state) {
    static const char *const bad[] = {
        "\"method\":\"publish\"",
        "\"method\":\"publish\",\"track\":\"t\"",
        "\"method\":\"publish\",\"track\":null",
        PUBLISH(CAMERA),
        PUBLISH("\"id\":\"\"," CAMERA),
        PUBLISH("\"id\":\"a b\"," CAMERA),
        PUBLISH("\"id\":\"\xc3\xa4\"," CAMERA),
        PUBLISH("\"id\":7," CAMERA),
        PUBLISH("\"id\":\"0123456789012345678901234567890123456789012345678901234567890123x\"," CAMERA),
        PUBLISH("\"id\":\"t\",\"source\":\"camera\""),
        PUBLISH("\"id\":\"t\",\"kind\":\"video\""),
        PUBLISH("\"id\":\"t\",\"kind\":\"audio\",\"source\":\"camera\""),
        PUBLISH("\"id\":\"t\",\"kind\":\"video\",\"source\":\"microphone\""),
        PUBLISH("\"id\":\"t\",\"kind\":\"video\",\"source\":\"screen_share\""),
        PUBLISH("\"id\":\"t\",\"kind\":\"smell\",\"source\":\"camera\""),
        PUBLISH("\"id\":\"t\"," CAMERA ",\"muted\":1"),
        PUBLISH("\"id\":\"t\"," CAMERA ",\"width\":-1"),
        PUBLISH("\"id\":\"t\"," CAMERA ",\"height\":16385"),
        PUBLISH("\"id\":\"t\"," CAMERA ",\"height\":\"720\""),
        PUBLISH("\"id\":\"t\"," CAMERA ",\"name\":\"a\\nb\""),
        PUBLISH("\"id\":\"t\"," CAMERA ",\"name\":[]"),
        "\"method\":\"unpublish\"",
        "\"method\":\"unpublish\",\"track\":{}",
        "\"method\":\"mute\",\"track\":\"t\"",
        "\"method\":\"mute\",\"track\":\"t\",\"muted\":\"yes\"",
        "\"method\":\"mute\",\"muted\":true",
    };
    (void)state;
    ALL_GET("bad-request", bad);
}

static void good_tracks_are_taken(void **state) {
    static const char *const good[] = {
        PUBLISH("\"id\":\"t\"," CAMERA),
        PUBLISH("\"id\":\"0123456789012345678901234567890123456789012345678901234567890123\"," CAMERA),
        PUBLISH("\"id\":\"_-\",\"kind\":\"audio\",\"source\":\"screen-audio\",\"muted\":true,\"name\":\"\xc3\xa4\""),
        PUBLISH("\"id\":\"T\",\"kind\":\"video\",\"source\":\"screen\",\"width\":16384,\"height\":0,\"later\":{}"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        client_expect(alice, "", "%s", good[i]);
        client_expect_event(bob, "track-published");
    }
}

static void malformed_profiles_are_refused(void **state) {
    static const char *const bad[] = {
        "\"method\":\"update\",\"name\":7",
        "\"method\":\"update\",\"name\":\"\\u0007\"",
        "\"method\":\"update\",\"name\":\"\\u0085\"",
        "\"method\":\"update\",\"metadata\":{}",
        "\"method\":\"update\",\"attributes\":[]",
        "\"method\":\"update\",\"attributes\":{\"a\":1}",
        "\"method\":\"update\",\"attributes\":{\"\":\"a\"}",
    };
    char big[8192];
    (void)state;
    ALL_GET("bad-request", bad);
    snprintf(big, sizeof big, "\"method\":\"update\",\"name\":\"%0257d\"", 0);
    all_get("bad-request", (const char *[]){big}, 1);
    snprintf(big, sizeof big, "\"method\":\"update\",\"metadata\":\"%04097d\"", 0);
    all_get("bad-request", (const char *[]){big}, 1);
    snprintf(big, sizeof big, "\"method\":\"update\",\"attributes\":{\"a\":\"%04094d\"}", 0);
    all_get("bad-request", (const char *[]){big}, 1);
    snprintf(big, sizeof big, "\"method\":\"update\",\"attributes\":{\"a\":\"%04093d\"}", 0);
    client_expect(alice, "", "%s", big);
}

static void malformed_chats_are_refused(void **state) {
    static const char *const bad[] = {
        "\"method\":\"chat\"",
        "\"method\":\"chat\",\"text\":\"\"",
        "\"method\":\"chat\",\"text\":7",
        "\"method\":\"chat\",\"text\":\"\\u0007\"",
        "\"method\":\"chat\",\"text\":\"x\",\"to\":\"p_1\"",
        "\"method\":\"chat\",\"text\":\"x\",\"to\":[]",
        "\"method\":\"chat\",\"text\":\"x\",\"to\":[1]",
        "\"method\":\"chat\",\"text\":\"x\",\"to\":[\"p_0123456789abc\"]",
    };
    (void)state;
    ALL_GET("bad-request", bad);
}

/* "method":"chat" with n times the character. */
static char *chat_of(const char *character, size_t n) {
    size_t width = strlen(character);
    char *request = malloc(64 + n * width);
    assert_non_null(request);
    size_t len = (size_t)snprintf(request, 64, "\"method\":\"chat\",\"text\":\"");
    for (size_t i = 0; i < n; i++) {
        memcpy(request + len, character, width);
        len += width;
    }
    memcpy(request + len, "\"", 2);
    return request;
}

static void a_chat_is_bounded_in_characters_not_bytes(void **state) {
    char *most = chat_of("\xf0\x9f\x98\x80", SIGNAL_CHAT_CHARS_MAX);
    char *more = chat_of("x", SIGNAL_CHAT_CHARS_MAX + 1);
    (void)state;
    client_expect(alice, "", "%s", most);
    client_expect_event(bob, "chat");
    client_expect(alice, "too-large", "%s", more);
    client_expect_quiet(bob);
    free(most);
    free(more);
}

static void at_most_64_are_addressed(void **state) {
    char request[2048] = "\"method\":\"chat\",\"text\":\"x\",\"to\":[\"p_0\"";
    size_t len = strlen(request);
    (void)state;
    for (int i = 1; i < SIGNAL_CHAT_TO_MAX; i++) {
        len += (size_t)snprintf(request + len, sizeof request - len, ",\"p_%d\"", i);
    }
    memcpy(request + len, "]", 2);
    all_get("not-found", (const char *[]){request}, 1);
    memcpy(request + len, ",\"p_64\"]", 9);
    all_get("bad-request", (const char *[]){request}, 1);
}

static void malformed_peer_messages_are_refused(void **state) {
    static const char *const bad[] = {
        "\"method\":\"peer\"",
        "\"method\":\"peer\",\"to\":[\"p_1\"],\"generation\":1,\"msg\":1,\"type\":\"offer\",\"data\":1",
        "\"method\":\"peer\",\"to\":\"p_0123456789abc\",\"generation\":1,\"msg\":1,\"type\":\"offer\",\"data\":1",
        "\"method\":\"peer\",\"to\":\"p_1\",\"msg\":1,\"type\":\"offer\",\"data\":1",
        "\"method\":\"peer\",\"to\":\"p_1\",\"generation\":-1,\"msg\":1,\"type\":\"offer\",\"data\":1",
        "\"method\":\"peer\",\"to\":\"p_1\",\"generation\":4294967296,\"msg\":1,\"type\":\"offer\",\"data\":1",
        "\"method\":\"peer\",\"to\":\"p_1\",\"generation\":1,\"type\":\"offer\",\"data\":1",
        "\"method\":\"peer\",\"to\":\"p_1\",\"generation\":1,\"msg\":\"1\",\"type\":\"offer\",\"data\":1",
        "\"method\":\"peer\",\"to\":\"p_1\",\"generation\":1,\"msg\":1,\"data\":1",
        "\"method\":\"peer\",\"to\":\"p_1\",\"generation\":1,\"msg\":1,\"type\":\"Offer\",\"data\":1",
        "\"method\":\"peer\",\"to\":\"p_1\",\"generation\":1,\"msg\":1,\"type\":\"\",\"data\":1",
        "\"method\":\"peer\",\"to\":\"p_1\",\"generation\":1,\"msg\":1,\"type\":\"offer\"",
    };
    (void)state;
    ALL_GET("bad-request", bad);
}

static void peer_data_is_bounded_and_may_be_null(void **state) {
    size_t cap = SIGNAL_PEER_DATA_MAX + 512;
    char *request = malloc(cap);
    assert_non_null(request);
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        int n = snprintf(request, cap,
                         "\"method\":\"peer\",\"to\":\"%s\",\"generation\":%d,\"msg\":0,\"type\":\"x\",\"data\":\"",
                         bob->sid, (int)alice->generation);
        memset(request + n, 'x', SIGNAL_PEER_DATA_MAX - 2 + (size_t)extra);
        memcpy(request + n + SIGNAL_PEER_DATA_MAX - 2 + extra, "\"", 2);
        client_expect(alice, extra ? "too-large" : "", "%s", request);
    }
    client_expect_event(bob, "peer");
    client_expect_quiet(bob);
    client_expect(alice, "",
                  "\"method\":\"peer\",\"to\":\"%s\",\"generation\":%d,\"msg\":0,\"type\":\"end\",\"data\":null",
                  bob->sid, (int)alice->generation);
    json_t *event = client_event(bob, "peer");
    assert_true(json_is_null(json_object_get(event, "data")));
    json_decref(event);
    free(request);
}

static void malformed_joins_are_refused(void **state) {
    static const char *const bad[] = {
        "\"method\":\"join\"",
        "\"method\":\"join\",\"token\":7",
        "\"method\":\"join\",\"resume\":\"key\"",
        "\"method\":\"join\",\"resume\":{\"key\":\"k\"}",
        "\"method\":\"join\",\"resume\":{\"seq\":1}",
        "\"method\":\"join\",\"resume\":{\"key\":\"0123456789012345678901234567890123\",\"seq\":1}",
        "\"method\":\"join\",\"resume\":{\"key\":\"k\",\"seq\":-1}",
        "\"method\":\"join\",\"token\":\"c@hall\",\"client\":7",
        "\"method\":\"join\",\"token\":\"c@hall\",\"offer\":{}",
        "\"method\":\"join\",\"token\":\"c@hall\",\"name\":\"\\n\"",
        "\"method\":\"join\",\"token\":\"c@hall\",\"metadata\":7",
        "\"method\":\"join\",\"token\":\"c@hall\",\"attributes\":7",
        "\"method\":\"join\",\"token\":\"c@hall\",\"tracks\":{}",
        "\"method\":\"join\",\"token\":\"c@hall\",\"tracks\":[1]",
        "\"method\":\"join\",\"token\":\"c@hall\",\"tracks\":[{\"id\":\"t\"," CAMERA "},{\"id\":\"t\"," CAMERA "}]",
        "\"method\":\"join\",\"token\":\"c@hall\",\"tracks\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
    };
    struct client *carol = bob + 1;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        client_connect(&w, carol);
        client_expect(carol, "bad-request", "%s", bad[i]);
        assert_int_equal(carol->close_code, 0);
        client_break(carol, 1000);
    }
    client_expect_quiet(alice);
    client_connect(&w, carol);
    client_expect(carol, "",
                  "\"method\":\"join\",\"token\":\"c@hall\",\"client\":\"x/1\",\"offer\":\"v=0\",\"later\":1");
}

static void nothing_but_join_comes_first(void **state) {
    static const char *const before[] = {"chat", "ice-servers", "leave",     "mute",  "peer",
                                         "ping", "publish",     "unpublish", "update"};
    (void)state;
    client_connect(&w, bob + 1);
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        client_expect(bob + 1, "bad-request", "\"method\":\"%s\"", before[i]);
    }
    client_expect(bob, "conflict", "\"method\":\"join\",\"token\":\"b@hall\"");
    client_expect(bob, "unsupported", "\"method\":\"dance\"");
    client_expect(bob, "unsupported", "\"method\":\"\"");
}

static void ice_servers_are_fresh_rated_or_empty(void **state) {
    (void)state;
    json_t *reply = client_request(alice, "\"method\":\"ice-servers\"");
    assert_string_equal(at(reply, "iceServers.0.username"), "alice");
    assert_int_equal(number_at(reply, "iceTtl"), 600);
    json_decref(reply);
    w.limited = true;
    client_expect(alice, "rate-limited", "\"method\":\"ice-servers\"");
    client_enter(&w, bob + 1, "c@hall"); /* the join's own are not counted */
    w.limited = false;
    w.no_credentials = true;
    reply = client_request(alice, "\"method\":\"ice-servers\"");
    assert_int_equal(json_array_size(json_object_get(reply, "iceServers")), 0);
    json_decref(reply);
}

static void ping_tells_the_time(void **state) {
    (void)state;
    json_t *reply = client_request(alice, "\"method\":\"ping\"");
    assert_int_equal(number_at(reply, "time"), w.now.wall_ms);
    json_decref(reply);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(malformed_tracks_are_refused),
        CASE(good_tracks_are_taken),
        CASE(malformed_profiles_are_refused),
        CASE(malformed_chats_are_refused),
        CASE(a_chat_is_bounded_in_characters_not_bytes),
        CASE(at_most_64_are_addressed),
        CASE(malformed_peer_messages_are_refused),
        CASE(peer_data_is_bounded_and_may_be_null),
        CASE(malformed_joins_are_refused),
        CASE(nothing_but_join_comes_first),
        CASE(ice_servers_are_fresh_rated_or_empty),
        CASE(ping_tells_the_time),
    };
    return cmocka_run_group_tests_name("signal/dialect", tests, NULL, NULL);
}
