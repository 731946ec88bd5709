/* What a stranger's first bytes and request head go through before libmicrohttpd's result is used: the class of
 * the stream, the target, the choice of route, the WebSocket handshake and its extensions. Lines of the input are
 * the target, the extensions, the key and a token list.
 * covers: src/net/classify.c src/net/uri.c src/net/route.c src/net/ws_handshake.c */
#include "net/classify.h"
#include "net/route.h"
#include "net/uri.h"
#include "net/ws_handshake.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static void handler(void *ctx, struct http_request *req) {
    (void)ctx;
    (void)req;
}

static const struct http_route routes[] = {
    {"GET", "/v1/rooms", handler, NULL, 0},       {"POST", "/v1/rooms/{room}", handler, NULL, 0},
    {"DELETE", "/a/{x}/b/{y}", handler, NULL, 0}, {"*", "/any", handler, NULL, 0},
    {"GET", "/{path*}", handler, NULL, 0},
};

/* A decision stays as it is when more bytes come. */
static void check_class(const uint8_t *data, size_t size) {
    enum stream_class decided = STREAM_MORE;
    for (size_t len = 0; len <= size && len <= CLASSIFY_MAX_BYTES; len++) {
        size_t wanted = 0;
        uint8_t *exact = malloc(len ? len : 1);
        check(exact != NULL);
        memcpy(exact, data, len);
        enum stream_class class = classify_stream(exact, len, &wanted);
        free(exact);
        check(decided == STREAM_MORE || class == decided);
        check(class != STREAM_MORE || (wanted > len && wanted <= CLASSIFY_MAX_BYTES));
        decided = class;
    }
}

static void check_uri(const char *target) {
    struct uri uri;
    struct route_match match;
    int rc = uri_parse(&uri, target);
    check(rc == 0 || rc == -EBADMSG || rc == -E2BIG);
    if (rc < 0) {
        check(uri.storage == NULL);
        return;
    }
    check(uri.segment_count > 0 && uri.path[0] == '/');
    for (size_t i = 0; i < uri.segment_count; i++) {
        size_t len = strlen(uri.segments[i]);
        check(strcmp(uri.segments[i], "..") != 0 && strcmp(uri.segments[i], ".") != 0 && !strchr(uri.segments[i], '/'));
        check(len > 0 || i + 1 == uri.segment_count);
        check(memcmp(uri.path + uri.offsets[i], uri.segments[i], len) == 0);
    }
    for (size_t i = 0; i < uri.arg_count; i++) {
        check(uri_arg_value(&uri, uri.args[i].name) != NULL);
    }
    route_find(&match, routes, sizeof routes / sizeof routes[0], &uri, "GET");
    check(match.allow[0] && strlen(match.allow) < sizeof match.allow); /* the catch-all knows every path */
    route_find(&match, routes, sizeof routes / sizeof routes[0], &uri, "DELETE");
    check(!match.route || strcmp(match.route->path, "/any") == 0 || route_param_value(&match, "y") != NULL);
    uri_deinit(&uri);
}

static void check_handshake(const char *extensions, const char *key, const char *list) {
    char accept[WS_ACCEPT_BYTES];
    char response[WS_EXTENSION_BYTES];
    struct ws_offer offer = {"GET", "websocket", list, "13", key};
    struct ws_deflate deflate;
    unsigned status = ws_handshake_check(&offer, accept);
    check(status == 426 || status == 400 || (status == 0 && strlen(accept) == WS_ACCEPT_BYTES - 1));
    check((status == 426) == !ws_list_has(list, "upgrade"));
    check(!ws_list_has_exact(list, "Upgrade") || ws_list_has(list, "upgrade"));
    ws_deflate_negotiate(&deflate, extensions, response);
    check(deflate.on == (response[0] != '\0') && deflate.server_bits >= 9 && deflate.server_bits <= 15);
    if (deflate.on) { /* what we answer is an offer we would take */
        struct ws_deflate again;
        char second[WS_EXTENSION_BYTES];
        ws_deflate_negotiate(&again, response, second);
        check(again.on && again.server_bits == deflate.server_bits && strcmp(second, response) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_class(data, size);
    char *lines[4];
    char *text = malloc(size + 1);
    check(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    char *at = text;
    for (size_t i = 0; i < 4; i++) {
        size_t len = strcspn(at, "\n");
        lines[i] = at;
        at += len + (at[len] == '\n');
        lines[i][len] = '\0';
    }
    check_uri(lines[0]);
    check_handshake(lines[1], lines[2], lines[3]);
    free(text);
    return 0;
}
