/* Credentials and tokens over HTTP. */
#include "fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool list_is(const json_t *list, const char *const *wanted, size_t count) {
    bool same = json_array_size(list) == count;
    for (size_t i = 0; same && i < count; i++) {
        same = strcmp(json_string_value(json_array_get(list, i)), wanted[i]) == 0;
    }
    return same;
}

static void ice_servers_name_what_listens_under_the_host_asked_for(void **state) {
    static const char *const stun[] = {"stun:call.example:3478"};
    static const char *const turn[] = {"turn:call.example:3478?transport=udp", "turn:call.example:3478?transport=tcp",
                                       "turns:call.example:5349?transport=tcp"};
    struct http_request req = {.method = "GET",
                               .path = "/v1/ice-servers",
                               .headers = {{"Authorization", token_for("key1", "alice", "r", JWT_GRANT_ROOM_JOIN)},
                                           {"Host", "call.example:8443"}}};
    (void)state;
    expect(&req, 200, "");
    const json_t *servers = json_object_get(req.reply, "iceServers");
    assert_true(list_is(json_object_get(json_array_get(servers, 0), "urls"), stun, 1));
    assert_true(list_is(json_object_get(json_array_get(servers, 1), "urls"), turn, 3));
    assert_string_equal(text_at(json_array_get(servers, 1), "username"), "1700000600:alice");
    assert_string_equal(text_at(json_array_get(servers, 1), "credential"), "pass");
    assert_int_equal(json_integer_value(json_object_get(req.reply, "ttl")), 600);
    fake_request_free(&req);
}

static void the_public_url_wins_and_ipv6_stays_bracketed(void **state) {
    static const char *const turn[] = {"turn:[2001:db8::1]:3478?transport=udp",
                                       "turn:[2001:db8::1]:3478?transport=tcp"};
    struct http_request req = {
        .method = "GET",
        .path = "/turn",
        .headers = {{"Host", "elsewhere"}},
        .query = {{"service", "turn"}, {"username", "bob"}, {"key", "key1.secret"}},
    };
    (void)state;
    fixture.config.http.public_url = "https://[2001:db8::1]:8443/call";
    fixture.config.tls.certificate = "";
    signal_reconfigure(fixture.service, &fixture.config);
    expect(&req, 200, "");
    assert_true(list_is(json_object_get(req.reply, "uris"), turn, 2));
    fake_request_free(&req);
}

static void turn_on_port_443_of_https_is_named_and_on_other_ports_is_not(void **state) {
    static const char *const turn[] = {"turn:call.example:3478?transport=udp", "turn:call.example:3478?transport=tcp",
                                       "turns:call.example:5349?transport=tcp", "turns:call.example:443?transport=tcp"};
    struct addr https[3];
    struct http_request req = {
        .method = "GET", .path = "/turn", .headers = {{"Host", "call.example"}}, .query = {{"key", "key1.secret"}}};
    (void)state;
    assert_int_equal(addr_parse(&https[0], "0.0.0.0:8443"), 0);
    assert_int_equal(addr_parse(&https[1], "0.0.0.0:443"), 0);
    assert_int_equal(addr_parse(&https[2], "[::]:443"), 0);
    fixture.config.http.tls_listen = (struct config_addrs){.count = 3, .items = https};
    signal_reconfigure(fixture.service, &fixture.config);
    expect(&req, 200, "");
    assert_true(list_is(json_object_get(req.reply, "uris"), turn, 4));
    fake_request_free(&req);
}

static void a_host_that_is_none_names_nothing(void **state) {
    static const char *const bad[] = {"", "a b", "a\"b", "x@y", "[::1", "host:port", "h/p"};
    struct http_request req = {.method = "GET", .path = "/turn", .query = {{"key", "key1.secret"}}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        req.headers[0] = (struct fake_pair){"Host", bad[i]};
        expect(&req, 200, "");
        assert_int_equal(json_array_size(json_object_get(req.reply, "uris")), 0);
    }
    fake_request_free(&req);
}

static void ice_servers_need_a_token_that_may_join(void **state) {
    struct http_request req = {.method = "GET", .path = "/v1/ice-servers"};
    (void)state;
    expect(&req, 401, "unauthorized");
    assert_int_equal(fixture.refusals, 0);
    req.query[0] = (struct fake_pair){"access_token", "nonsense"};
    expect(&req, 401, "unauthorized");
    assert_int_equal(fixture.refusals, 1);
    req.headers[0] = (struct fake_pair){"Authorization", "Basic eDp5"};
    expect(&req, 401, "unauthorized");
    req.headers[0].value = token_for("unknown", "alice", "r", JWT_GRANT_ROOM_JOIN);
    expect(&req, 401, "unauthorized");
    req.headers[0].value = token_for("key1", "alice", "r", 0);
    expect(&req, 403, "forbidden");
    req.headers[0].value = token_for("key1", "", "r", JWT_GRANT_ROOM_JOIN);
    expect(&req, 403, "forbidden");
    assert_int_equal(fixture.issued, 0);
    req.headers[0].name = NULL;
    req.query[0].value = token_for("key1", "alice", "r", JWT_GRANT_ROOM_JOIN) + 7;
    expect(&req, 200, "");
    fake_request_free(&req);
}

static void requests_are_limited_by_source_and_by_subject(void **state) {
    struct http_request req = {.method = "GET",
                               .path = "/v1/ice-servers",
                               .headers = {{"Authorization", token_for("key1", "alice", "r", JWT_GRANT_ROOM_JOIN)}}};
    (void)state;
    fixture.limited_subject = "";
    expect(&req, 429, "rate-limited");
    assert_string_equal(req.retry_after, "7");
    fixture.limited_subject = "alice";
    expect(&req, 429, "rate-limited");
    assert_int_equal(fixture.issued, 0);
    fixture.limited_subject = "bob";
    expect(&req, 200, "");
    fake_request_free(&req);
}

static void no_credentials_is_503(void **state) {
    struct http_request req = {.method = "GET", .path = "/turn", .query = {{"key", "key1.secret"}}};
    (void)state;
    fixture.credentials_rc = -EIO;
    expect(&req, 503, "unavailable");
    fake_request_free(&req);
}

static void turn_takes_get_and_post_key_and_api(void **state) {
    struct http_request get = {.method = "GET",
                               .path = "/turn",
                               .headers = {{"Host", "h"}},
                               .query = {{"service", "turn"}, {"username", "bob"}, {"api", "key1.secret"}}};
    struct http_request post = {
        .method = "POST",
        .path = "/turn",
        .headers = {{"Host", "h"}, {"Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"}},
        .body = "service=turn&username=b%C3%B6b+x&key=key1.secret"};
    (void)state;
    expect(&get, 200, "");
    assert_string_equal(text_at(get.reply, "username"), "1700000600:bob");
    assert_string_equal(text_at(get.reply, "password"), "pass");
    assert_int_equal(json_integer_value(json_object_get(get.reply, "ttl")), 600);
    assert_int_equal(json_array_size(json_object_get(get.reply, "uris")), 3);
    expect(&post, 200, "");
    assert_string_equal(text_at(post.reply, "username"), "1700000600:b\xc3\xb6"
                                                         "b x");
    get.query[1] = (struct fake_pair){"api", "key1.secret"};
    expect(&get, 200, "");
    assert_string_equal(text_at(get.reply, "username"), "1700000600:key1"); /* nobody named: the key itself */
    fake_request_free(&get);
    fake_request_free(&post);
}

static void a_token_names_its_own_user_whatever_is_asked(void **state) {
    struct http_request req = {.method = "GET",
                               .path = "/turn",
                               .headers = {{"Authorization", token_for("key1", "alice", "r", JWT_GRANT_ROOM_JOIN)}},
                               .query = {{"service", "turn"}, {"username", "invented"}}};
    (void)state;
    expect(&req, 200, "");
    assert_string_equal(text_at(req.reply, "username"), "1700000600:alice");
    fake_request_free(&req);
}

static void bad_turn_requests_are_refused(void **state) {
    static const struct {
        const char *type;
        const char *body;
        unsigned status;
    } rows[] = {
        {"application/x-www-form-urlencoded", "service=stun&key=key1.secret", 400},
        {"application/x-www-form-urlencoded", "key=key1.secret&username=", 400},
        {"application/x-www-form-urlencoded", "key=key1.secret&username=a%0Ab", 400},
        {"application/x-www-form-urlencoded", "key=key1.secret&username=a%0", 400},
        {"application/x-www-form-urlencoded", "key=key1.secret&username=a%00b", 400},
        {"application/x-www-form-urlencoded", "key=key1.secret&username=%FF", 400},
        {"application/x-www-form-urlencoded", "key=%", 400},
        {"application/json", "{\"key\":\"key1.secret\"}", 400},
        {NULL, "key=key1.secret", 400},
        {"application/x-www-form-urlencoded", "key=key1.wrong&username=a", 401},
        {"application/x-www-form-urlencoded", "key=key1.weak&username=a", 403},
        {"application/x-www-form-urlencoded", "username=a", 401},
    };
    struct http_request req = {.method = "POST", .path = "/turn"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        req.headers[0] = (struct fake_pair){rows[i].type ? "Content-Type" : NULL, rows[i].type};
        req.body = rows[i].body;
        fake_request(&req);
        assert_int_equal(req.status, rows[i].status);
    }
    assert_int_equal(fixture.refusals, 2);
    assert_int_equal(fixture.issued, 0);
    fixture.limited_subject = "";
    req.headers[0] = (struct fake_pair){"Content-Type", "application/x-www-form-urlencoded"};
    req.body = "key=key1.wrong&username=a"; /* guessing is slowed down */
    expect(&req, 429, "rate-limited");
    req.body = "key=key1.secret&username=a"; /* a key's holder serves many */
    expect(&req, 200, "");
    fake_request_free(&req);
}

/* --- the page --- */

static void development_tokens_open_the_room_they_name(void **state) {
    struct http_request req = {.method = "POST",
                               .path = "/v1/dev/token",
                               .headers = {{"Content-Type", "application/json"}},
                               .body = "{\"room\":\"hall\",\"name\":\"Al\"}"};
    char auth[JWT_TOKEN_SIZE + 16];
    (void)state;
    expect(&req, 200, "");
    assert_int_equal(strncmp(text_at(req.reply, "identity"), "guest-", 6), 0);
    snprintf(auth, sizeof auth, "Bearer %s", text_at(req.reply, "token"));
    struct http_request ice = {.method = "GET", .path = "/v1/ice-servers", .headers = {{"Authorization", auth}}};
    expect(&ice, 200, "");
    struct http_request admin = {.method = "GET", .path = "/v1/rooms", .headers = {{"Authorization", auth}}};
    expect(&admin, 403, "forbidden");
    req.body = "{\"room\":\"hall\",\"identity\":\"me\"}";
    expect(&req, 200, "");
    assert_string_equal(text_at(req.reply, "identity"), "me");

    fixture.config.auth.development = false; /* after a reload they are worth nothing */
    signal_reconfigure(fixture.service, &fixture.config);
    expect(&ice, 401, "unauthorized");
    expect(&req, 404, "not-found");
    fake_request_free(&ice);
    fake_request_free(&admin);
    fake_request_free(&req);
}

static void bad_wishes_for_development_tokens_are_refused(void **state) {
    static const char *const bad[] = {"{}",
                                      "{\"room\":\"\"}",
                                      "{\"room\":7}",
                                      "{\"room\":\"r\",\"identity\":\"\"}",
                                      "{\"room\":\"r\",\"identity\":\"\\u0001\"}",
                                      "{\"room\":\"r\",\"name\":\"\\n\"}"};
    struct http_request req = {
        .method = "POST", .path = "/v1/dev/token", .headers = {{"Content-Type", "application/json"}}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        req.body = bad[i];
        expect(&req, 400, "bad-request");
    }
    fake_request_free(&req);
}

static void the_page_is_told_the_mode_and_no_secret(void **state) {
    struct http_request req = {.method = "GET", .path = "/v1/config"};
    (void)state;
    expect(&req, 200, "");
    assert_true(json_is_true(json_object_get(req.reply, "development")));
    assert_true(strlen(text_at(req.reply, "version")) > 0);
    assert_int_equal(json_object_size(req.reply), 2);
    fake_request_free(&req);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(ice_servers_name_what_listens_under_the_host_asked_for),
        CASE(the_public_url_wins_and_ipv6_stays_bracketed),
        CASE(a_host_that_is_none_names_nothing),
        CASE(turn_on_port_443_of_https_is_named_and_on_other_ports_is_not),
        CASE(ice_servers_need_a_token_that_may_join),
        CASE(requests_are_limited_by_source_and_by_subject),
        CASE(no_credentials_is_503),
        CASE(turn_takes_get_and_post_key_and_api),
        CASE(a_token_names_its_own_user_whatever_is_asked),
        CASE(bad_turn_requests_are_refused),
        CASE(development_tokens_open_the_room_they_name),
        CASE(bad_wishes_for_development_tokens_are_refused),
        CASE(the_page_is_told_the_mode_and_no_secret),
    };
    return cmocka_run_group_tests_name("signal/http", tests, NULL, NULL);
}
