#include "net/route.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void handler(void *ctx, struct http_request *req) {
    (void)ctx;
    (void)req;
}

static const struct http_route routes[] = {
    {"GET", "/v1/rooms", handler, NULL, 0},
    {"POST", "/v1/rooms", handler, NULL, 0},
    {"DELETE", "/v1/rooms/{room}/participants/{identity}", handler, NULL, 0},
    {"POST", "/v1/whip/{room}", handler, NULL, 0},
    {"*", "/any", handler, NULL, 0},
    {"GET", "/{path*}", handler, NULL, 0},
};

/* The index of the route taken, -1: none. */
static int find(struct route_match *match, struct uri *uri, const char *method, const char *target) {
    assert_int_equal(uri_parse(uri, target), 0);
    route_find(match, routes, sizeof routes / sizeof routes[0], uri, method);
    return match->route ? (int)(match->route - routes) : -1;
}

static int find_only(const char *method, const char *target) {
    struct route_match match;
    struct uri uri;
    int found = find(&match, &uri, method, target);
    uri_deinit(&uri);
    return found;
}

static void method_and_path_choose(void **state) {
    (void)state;
    assert_int_equal(find_only("GET", "/v1/rooms"), 0);
    assert_int_equal(find_only("POST", "/v1/rooms"), 1);
    assert_int_equal(find_only("HEAD", "/v1/rooms"), 0);
    assert_int_equal(find_only("PATCH", "/any"), 4);
    assert_int_equal(find_only("GET", "/"), 5);
    assert_int_equal(find_only("GET", "/app/x.js"), 5);
    assert_int_equal(find_only("GET", "/v1/rooms/"), 5);
    assert_int_equal(find_only("POST", "/v1/whip/"), -1);
    assert_int_equal(find_only("DELETE", "/v1/rooms/a/participants"), -1);
}

static void catch_all_does_not_hide_other_methods(void **state) {
    struct route_match match;
    struct uri uri;
    (void)state;
    assert_int_equal(find(&match, &uri, "GET", "/v1/whip/room"), -1);
    assert_string_equal(match.allow, "POST, OPTIONS");
    uri_deinit(&uri);
    assert_int_equal(find(&match, &uri, "PUT", "/v1/rooms"), -1);
    assert_string_equal(match.allow, "GET, HEAD, OPTIONS, POST");
    uri_deinit(&uri);
}

static void parameters_are_told(void **state) {
    struct route_match match;
    struct uri uri;
    (void)state;
    assert_int_equal(find(&match, &uri, "DELETE", "/v1/rooms/a%20b/participants/me"), 2);
    assert_string_equal(route_param_value(&match, "room"), "a b");
    assert_string_equal(route_param_value(&match, "identity"), "me");
    assert_null(route_param_value(&match, "roo"));
    assert_null(route_param_value(&match, "rooms"));
    uri_deinit(&uri);
    assert_int_equal(find(&match, &uri, "GET", "/a/b%20c/d"), 5);
    assert_string_equal(route_param_value(&match, "path"), "a/b c/d");
    uri_deinit(&uri);
    assert_int_equal(find(&match, &uri, "GET", "/"), 5);
    assert_string_equal(route_param_value(&match, "path"), "");
    uri_deinit(&uri);
}

static int check_path(const char *path) {
    struct http_route route = {"GET", path, handler, NULL, 0};
    return route_check(&route);
}

static void patterns_are_checked(void **state) {
    (void)state;
    assert_int_equal(check_path("/{a}/{b*}"), 0);
    assert_int_equal(check_path("a"), -EINVAL);
    assert_int_equal(check_path("/{a*}/b"), -EINVAL);
    assert_int_equal(check_path("/x{a}"), -EINVAL);
    assert_int_equal(check_path("/{a"), -EINVAL);
    assert_int_equal(check_path("/{}"), -EINVAL);
    assert_int_equal(check_path("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(method_and_path_choose),
        cmocka_unit_test(catch_all_does_not_hide_other_methods),
        cmocka_unit_test(parameters_are_told),
        cmocka_unit_test(patterns_are_checked),
    };
    return cmocka_run_group_tests_name("net/route", tests, NULL, NULL);
}
