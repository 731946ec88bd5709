/* Administration over HTTP, and WebSockets. */
#include "fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- administration --- */

static void rooms_are_opened_listed_shown_and_closed(void **state) {
    struct http_request req = {
        .method = "POST",
        .path = "/v1/rooms",
        .headers = {{"Authorization",
                     token_for("key1", "", "", JWT_GRANT_ROOM_CREATE | JWT_GRANT_ROOM_LIST | JWT_GRANT_ROOM_ADMIN)},
                    {"Content-Type", "application/json"}},
        .body = "{\"name\":\"hall\",\"metadata\":\"m\",\"maxParticipants\":3,\"emptyTimeout\":9}"};
    (void)state;
    expect(&req, 200, "");
    assert_string_equal(text_at(json_object_get(req.reply, "room"), "metadata"), "m");
    req.body = NULL;
    req.method = "GET";
    expect(&req, 200, "");
    assert_int_equal(json_array_size(json_object_get(req.reply, "rooms")), 1);
    req.path = "/v1/rooms/hall";
    expect(&req, 200, "");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(req.reply, "room"), "maxParticipants")), 3);
    req.path = "/v1/rooms/none";
    expect(&req, 404, "not-found");
    req.method = "DELETE";
    expect(&req, 404, "not-found");
    req.path = "/v1/rooms/hall";
    expect(&req, 204, "");
    expect(&req, 404, "not-found");
    fake_request_free(&req);
}

static void bad_rooms_are_refused(void **state) {
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"name\":\"\"}",
        "{\"name\":\"a\\nb\"}",
        "{\"name\":\"r\",\"metadata\":7}",
        "{\"name\":\"r\",\"maxParticipants\":-1}",
        "{\"name\":\"r\",\"emptyTimeout\":604801}",
    };
    struct http_request req = {.method = "POST",
                               .path = "/v1/rooms",
                               .headers = {{"Authorization", token_for("key1", "", "", JWT_GRANT_ROOM_CREATE)},
                                           {"Content-Type", "application/json"}}};
    struct signal_stats stats;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        req.body = bad[i];
        expect(&req, 400, "bad-request");
    }
    req.headers[1].value = "text/plain";
    expect(&req, 415, "unsupported");
    signal_get_stats(fixture.service, &stats);
    assert_int_equal(stats.rooms, 0);
    fake_request_free(&req);
}

static void administration_needs_its_grant_its_room_and_its_key(void **state) {
    static const struct {
        const char *method;
        const char *path;
        uint32_t grant;
    } rows[] = {
        {"GET", "/v1/rooms", JWT_GRANT_ROOM_LIST},
        {"POST", "/v1/rooms", JWT_GRANT_ROOM_CREATE},
        {"GET", "/v1/rooms/hall", JWT_GRANT_ROOM_ADMIN},
        {"DELETE", "/v1/rooms/hall", JWT_GRANT_ROOM_ADMIN},
        {"DELETE", "/v1/rooms/hall/participants/a", JWT_GRANT_ROOM_ADMIN},
        {"POST", "/v1/rooms/hall/participants/a/mute", JWT_GRANT_ROOM_ADMIN},
    };
    const uint32_t all = JWT_GRANT_ROOM_LIST | JWT_GRANT_ROOM_CREATE | JWT_GRANT_ROOM_ADMIN | JWT_GRANT_ROOM_JOIN;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_request req = {.method = rows[i].method,
                                   .path = rows[i].path,
                                   .headers = {{NULL, NULL}, {"Content-Type", "application/json"}}};
        expect(&req, 401, "unauthorized");
        req.headers[0] = (struct fake_pair){"Authorization", token_for("key1", "", "", all & ~rows[i].grant)};
        expect(&req, 403, "forbidden");
        req.headers[0].value = token_for("weak", "", "", all);
        expect(&req, 403, "forbidden");
        if (rows[i].grant == JWT_GRANT_ROOM_ADMIN) {
            req.headers[0].value = token_for("key1", "", "kitchen", all);
            expect(&req, 403, "forbidden");
        }
        fake_request_free(&req);
    }
}

/* --- WebSocket --- */

static struct ws *open_ws(void) {
    struct http_request req = {
        .method = "GET", .path = "/v1/signal", .headers = {{"Upgrade", "websocket"}, {"Host", "call.example"}}};
    fake_request(&req);
    assert_int_equal(req.status, 101);
    return fake_ws_open();
}

static struct ws *join_ws(const char *identity) {
    char text[JWT_TOKEN_SIZE + 64];
    struct ws *ws = open_ws();
    snprintf(text, sizeof text, "{\"id\":1,\"method\":\"join\",\"token\":\"%s\"}",
             token_for("key1", identity, "hall", JWT_GRANT_ROOM_JOIN) + 7);
    fake_ws_text(ws, text);
    assert_true(json_is_true(json_object_get(json_array_get(ws->sent, 0), "ok")));
    return ws;
}

static void a_websocket_joins_with_servers_named_after_its_host(void **state) {
    struct ws *ws = join_ws("alice");
    const json_t *reply = json_array_get(ws->sent, 0);
    const json_t *turn = json_array_get(json_object_get(reply, "iceServers"), 1);
    struct signal_stats stats;
    (void)state;
    assert_string_equal(json_string_value(json_array_get(json_object_get(turn, "urls"), 0)),
                        "turn:call.example:3478?transport=udp");
    assert_string_equal(text_at(turn, "username"), "1700000600:alice");
    signal_get_stats(fixture.service, &stats);
    assert_int_equal(stats.rooms, 1);
    assert_int_equal(stats.participants, 1);
    assert_int_equal(stats.websockets, 1);
    assert_int_equal(stats.away, 0);
    fake_ws_closed(ws, 1006);
    signal_get_stats(fixture.service, &stats);
    assert_int_equal(stats.away, 1);
    assert_int_equal(stats.websockets, 0);
    fake_sleep(1.2);
    fake_sleep(1.2);
    signal_get_stats(fixture.service, &stats);
    assert_int_equal(stats.participants, 0);
    assert_int_equal(stats.rooms, 0);
    assert_false(fake_timer_is_set());
}

static void admins_reach_sessions_over_http(void **state) {
    struct ws *alice = join_ws("alice");
    struct ws *bob = join_ws("bob");
    struct http_request req = {.method = "POST",
                               .path = "/v1/rooms/hall/participants/alice/mute",
                               .headers = {{"Authorization", NULL}, {"Content-Type", "application/json"}},
                               .body = "{\"track\":\"t\"}"};
    (void)state;
    fake_ws_text(alice,
                 "{\"id\":2,\"method\":\"publish\",\"track\":{\"id\":\"t\",\"kind\":\"video\",\"source\":\"camera\"}}");
    req.headers[0].value = token_for("key1", "", "hall", JWT_GRANT_ROOM_ADMIN);
    expect(&req, 204, "");
    assert_string_equal(text_at(json_array_get(alice->sent, json_array_size(alice->sent) - 1), "event"), "track-muted");
    req.body = "{\"track\":\"none\"}";
    expect(&req, 404, "not-found");
    req.body = "{\"track\":7}";
    expect(&req, 400, "bad-request");
    req.body = NULL;
    req.method = "DELETE";
    req.path = "/v1/rooms/hall/participants/alice";
    req.query[0] = (struct fake_pair){"ban", "x"};
    expect(&req, 400, "bad-request");
    req.query[0].value = "60";
    expect(&req, 204, "");
    assert_int_equal(alice->close_code, 4003);
    req.query[0].name = NULL;
    expect(&req, 404, "not-found");
    req.path = "/v1/rooms/hall";
    expect(&req, 204, "");
    assert_int_equal(bob->close_code, 4004);
    fake_ws_closed(alice, 1006);
    fake_ws_closed(bob, 1006);
    fake_request_free(&req);
}

static void a_request_that_is_no_upgrade_leaks_nothing(void **state) {
    struct http_request req = {.method = "GET", .path = "/v1/signal"};
    (void)state;
    fake_request(&req);
    assert_int_equal(req.status, 426);
}

static void a_stopping_service_takes_no_websocket(void **state) {
    struct http_request req = {.method = "GET", .path = "/v1/signal", .headers = {{"Upgrade", "websocket"}}};
    struct ws *ws = join_ws("alice");
    (void)state;
    signal_shutdown(fixture.service);
    assert_int_equal(ws->close_code, 1001);
    fake_ws_closed(ws, 1001);
    fake_request(&req);
    assert_int_equal(req.status, 503);
    fake_request_free(&req);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(rooms_are_opened_listed_shown_and_closed),
        CASE(bad_rooms_are_refused),
        CASE(administration_needs_its_grant_its_room_and_its_key),
        CASE(a_websocket_joins_with_servers_named_after_its_host),
        CASE(admins_reach_sessions_over_http),
        CASE(a_request_that_is_no_upgrade_leaks_nothing),
        CASE(a_stopping_service_takes_no_websocket),
    };
    return cmocka_run_group_tests_name("signal/service", tests, NULL, NULL);
}
