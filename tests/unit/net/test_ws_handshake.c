#include "net/ws_handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 6455 section 1.3's example. */
static const struct ws_offer good = {"GET", "websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ=="};

static void example_of_the_rfc_is_answered(void **state) {
    char accept[WS_ACCEPT_BYTES];
    (void)state;
    assert_int_equal(ws_handshake_check(&good, accept), 0);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    struct ws_offer firefox = good;
    firefox.connection = "keep-alive, Upgrade";
    firefox.upgrade = "WebSocket";
    assert_int_equal(ws_handshake_check(&firefox, accept), 0);
}

static void bad_offers_are_refused(void **state) {
    char accept[WS_ACCEPT_BYTES];
    struct ws_offer offer = good;
    (void)state;
    offer.method = "POST";
    assert_int_equal(ws_handshake_check(&offer, accept), 400);
    offer = good;
    offer.upgrade = NULL;
    assert_int_equal(ws_handshake_check(&offer, accept), 426);
    offer = good;
    offer.connection = "close";
    assert_int_equal(ws_handshake_check(&offer, accept), 426);
    offer = good;
    offer.version = "8";
    assert_int_equal(ws_handshake_check(&offer, accept), 426);
    offer.version = NULL;
    assert_int_equal(ws_handshake_check(&offer, accept), 426);
    static const char *const keys[] = {NULL,
                                       "",
                                       "dGhlIHNhbXBsZSBub25jZQ=",
                                       "dGhlIHNhbXBsZSBub25jZQ=== ",
                                       "dGhlIHNhbXBsZSBub25jZQAA",
                                       "!GhlIHNhbXBsZSBub25jZQ=="};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        offer = good;
        offer.key = keys[i];
        assert_int_equal(ws_handshake_check(&offer, accept), 400);
    }
}

static void lists_hold_whole_tokens(void **state) {
    (void)state;
    assert_true(ws_list_has("a, turnout.v1 ,b", "turnout.v1"));
    assert_true(ws_list_has("Upgrade", "upgrade"));
    assert_false(ws_list_has("turnout.v10", "turnout.v1"));
    assert_false(ws_list_has("xturnout.v1", "turnout.v1"));
    assert_false(ws_list_has("", "a"));
    assert_false(ws_list_has(NULL, "a"));
    assert_true(ws_list_has_exact("x,turnout.v1", "turnout.v1"));
    assert_false(ws_list_has_exact("Turnout.v1", "turnout.v1"));
}

struct negotiation {
    const char *offers;
    int bits; /* 0: declined */
    const char *response;
};

#define BASE "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

static const struct negotiation negotiations[] = {
    {NULL, 0, ""},
    {"", 0, ""},
    {"permessage-deflate", 15, BASE},
    {"Permessage-Deflate; client_max_window_bits", 15, BASE},
    {"permessage-deflate; client_max_window_bits=8", 15, BASE},
    {"permessage-deflate ; server_max_window_bits = 10 ", 10, BASE "; server_max_window_bits=10"},
    {"permessage-deflate; server_max_window_bits=\"12\"", 12, BASE "; server_max_window_bits=12"},
    {"permessage-deflate; server_no_context_takeover; client_no_context_takeover", 15, BASE},
    {"x-webkit-deflate-frame, permessage-deflate", 15, BASE},
    {"permessage-deflate; server_max_window_bits=8", 0, ""},
    {"permessage-deflate; server_max_window_bits=8, permessage-deflate", 15, BASE},
    {"permessage-deflate; server_max_window_bits=16", 0, ""},
    {"permessage-deflate; server_max_window_bits=09", 0, ""},
    {"permessage-deflate; server_max_window_bits=", 0, ""},
    {"permessage-deflate; server_max_window_bits", 0, ""},
    {"permessage-deflate; client_max_window_bits=7", 0, ""},
    {"permessage-deflate; unknown", 0, ""},
    {"permessage-deflate; ", 0, ""},
    {"permessage-deflate; server_no_context_takeover=1", 0, ""},
    {"permessage-deflate; client_no_context_takeover; client_no_context_takeover", 0, ""},
    {"permessage-deflatex", 0, ""},
    {",,,", 0, ""},
};

static void deflate_is_negotiated_sanely(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof negotiations / sizeof negotiations[0]; i++) {
        const struct negotiation *n = &negotiations[i];
        struct ws_deflate deflate;
        char response[WS_EXTENSION_BYTES];
        ws_deflate_negotiate(&deflate, n->offers, response);
        if (deflate.on != (n->bits != 0) || (n->bits && deflate.server_bits != n->bits) ||
            strcmp(response, n->response) != 0) {
            fail_msg("%s: %d, %s", n->offers, deflate.on, response);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_the_rfc_is_answered),
        cmocka_unit_test(bad_offers_are_refused),
        cmocka_unit_test(lists_hold_whole_tokens),
        cmocka_unit_test(deflate_is_negotiated_sanely),
    };
    return cmocka_run_group_tests_name("net/ws_handshake", tests, NULL, NULL);
}
