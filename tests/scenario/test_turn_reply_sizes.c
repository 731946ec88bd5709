/* How much a stranger gets for what he sends: no attribute beyond those that the standard demands, and so many bytes.
 * A source may be forged, so each byte here is one that somebody else may get.
 *
 *   request of a stranger               reply                                        bytes (realm of 11 bytes, IPv4)
 *   Binding                             XOR-MAPPED-ADDRESS                            32   IPv6: 44
 *   the same with FINGERPRINT           and FINGERPRINT                               40
 *   Binding, unknown attribute          420: ERROR-CODE, UNKNOWN-ATTRIBUTES           56   and 4 for each 2 more
 *   any of TURN, no credentials         401: ERROR-CODE, REALM, NONCE                 88
 *   the same, SHA-256 offered           and 13 bytes more of nonce, PASSWORD-ALGORITHMS  112
 *   any of TURN, another's nonce        438: the same                            84, 108
 *   incomplete credentials              400: ERROR-CODE                               40
 *   Binding at nat-discovery            and RESPONSE-ORIGIN, OTHER-ADDRESS,
 *                                       MAPPED-ADDRESS                                68   IPv6: 116
 *   the same, CHANGE-REQUEST            the same                                      68
 *   the same, RESPONSE-PORT or PADDING  as many of them as the request is long        32 to the request's length
 *   indication, reply, other method,    nothing                                        0
 *   malformed message
 *
 * The longest realm (127 bytes) adds 116. 401 and 438 are besides capped per source. */
#include "lib/turn_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { ATTRS_MAX = 8, UNKNOWN_TYPE = 0x7abc };

struct row {
    const char *name;
    uint16_t method;
    int code; /* -1: silence */
    bool fingerprint, nonce, half, unknown, sha256, ipv6;
    size_t bytes;
    uint16_t attrs[ATTRS_MAX]; /* of the reply, in order */
};

#define ERROR      STUN_ATTR_ERROR_CODE
#define CHALLENGE  ERROR, STUN_ATTR_REALM, STUN_ATTR_NONCE
#define MAPPED     STUN_ATTR_XOR_MAPPED_ADDRESS
#define ALGORITHMS STUN_ATTR_PASSWORD_ALGORITHMS

static const struct row rows[] = {
    {"binding", STUN_BINDING, 0, .bytes = 32, .attrs = {MAPPED}},
    {"binding, IPv6", STUN_BINDING, 0, .ipv6 = true, .bytes = 44, .attrs = {MAPPED}},
    {"binding, fingerprint", STUN_BINDING, 0, .fingerprint = true, .bytes = 40,
     .attrs = {MAPPED, STUN_ATTR_FINGERPRINT}},
    {"binding, unknown", STUN_BINDING, 420, .unknown = true, .bytes = 56,
     .attrs = {ERROR, STUN_ATTR_UNKNOWN_ATTRIBUTES}},
    {"allocate", STUN_ALLOCATE, 401, .bytes = 88, .attrs = {CHALLENGE}},
    {"allocate, sha-256", STUN_ALLOCATE, 401, .sha256 = true, .bytes = 112, .attrs = {CHALLENGE, ALGORITHMS}},
    {"refresh", STUN_REFRESH, 401, .bytes = 88, .attrs = {CHALLENGE}},
    {"create permission", STUN_CREATE_PERMISSION, 401, .bytes = 88, .attrs = {CHALLENGE}},
    {"channel bind", STUN_CHANNEL_BIND, 401, .bytes = 88, .attrs = {CHALLENGE}},
    {"allocate, unknown", STUN_ALLOCATE, 401, .unknown = true, .bytes = 88, .attrs = {CHALLENGE}},
    {"another's nonce", STUN_ALLOCATE, 438, .nonce = true, .bytes = 84, .attrs = {CHALLENGE}},
    {"another's nonce, sha-256", STUN_ALLOCATE, 438, .nonce = true, .sha256 = true, .bytes = 108,
     .attrs = {CHALLENGE, ALGORITHMS}},
    {"half of the credentials", STUN_ALLOCATE, 400, .half = true, .bytes = 40, .attrs = {ERROR}},
    {"send request", STUN_SEND, -1, .bytes = 0},
    {"data request", STUN_DATA, -1, .bytes = 0},
    {"a method of nobody", 0x0ff, -1, .bytes = 0},
};

static struct world w;

static void open_world(bool sha256) {
    world_init(&w);
    w.settings.sha256 = sha256;
    w.settings.has_users = false;
    assert_int_equal(world_configure(&w), 0);
}

static void build(struct client *c, const struct row *row) {
    static const uint8_t mac[STUN_SHA1_BYTES];
    client_init(c, &w, 1);
    if (row->ipv6) {
        c->tuple.remote = test_addr("[2001:db8:1::7]:40000");
        c->tuple.local = test_addr("[2001:db8::a]:3478");
    }
    client_begin(c, row->method);
    if (row->method == STUN_ALLOCATE) {
        stun_write_u8(&c->w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    }
    if (row->unknown) {
        stun_write_u32(&c->w, UNKNOWN_TYPE, 0);
    }
    if (row->nonce || row->half) {
        stun_write_text(&c->w, STUN_ATTR_USERNAME, "mallory");
    }
    if (row->nonce) {
        stun_write_text(&c->w, STUN_ATTR_REALM, "example.org");
        stun_write_text(&c->w, STUN_ATTR_NONCE, "0123456789012345678901");
    }
    if (row->nonce || row->half) {
        stun_write_bytes(&c->w, STUN_ATTR_MESSAGE_INTEGRITY, mac, sizeof mac);
    }
    if (row->fingerprint) {
        stun_write_fingerprint(&c->w);
    }
}

static void ask(struct client *c) {
    long len = stun_write_end(&c->w);
    assert_true(len > 0);
    world_input(&w, &c->tuple, c->request, (size_t)len);
}

static void check_row(const struct row *row) {
    struct client c;
    struct stun_msg reply;
    build(&c, row);
    ask(&c);
    print_message("# %-28s %3zu bytes -> %3zu\n", row->name, c.w.len, w.reply_len);
    assert_int_equal(w.replies, row->code < 0 ? 0 : 1);
    assert_int_equal(w.reply_len, row->bytes);
    if (row->code < 0) {
        return;
    }
    assert_int_equal(w.reply_code, row->code);
    assert_int_equal(stun_msg_parse(&reply, w.reply, w.reply_len), 0);
    for (size_t i = 0; i < ATTRS_MAX; i++) {
        assert_int_equal(i < reply.attr_count ? reply.attrs[i].type : 0, row->attrs[i]);
    }
}

static void every_reply_to_a_stranger_has_its_attributes_and_no_more(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_world(rows[i].sha256);
        check_row(&rows[i]);
        world_deinit(&w);
    }
}

/* Only the admin lengthens them: SOFTWARE goes with successes, when he gave one. */
static void no_error_to_a_stranger_carries_software(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_world(rows[i].sha256);
        w.settings.software = "turnout";
        assert_int_equal(world_configure(&w), 0);
        struct client c;
        build(&c, &rows[i]);
        ask(&c);
        assert_int_equal(w.reply_len, rows[i].bytes + (rows[i].code == 0 ? 12 : 0));
        world_deinit(&w);
    }
}

/* Whatever a stranger repeats or lengthens, the reply does not grow with it beyond what 420 lists. */
static void long_requests_get_no_longer_replies(void **state) {
    static const uint8_t filler[1000];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_world(rows[i].sha256);
        struct client c;
        build(&c, &rows[i]);
        if (!rows[i].fingerprint) {
            stun_write_bytes(&c.w, STUN_ATTR_SOFTWARE, filler, sizeof filler);
            ask(&c);
            assert_int_equal(w.reply_len, rows[i].bytes);
        }
        world_deinit(&w);
    }
    open_world(false);
    struct client c;
    client_init(&c, &w, 1);
    client_begin(&c, STUN_BINDING);
    for (uint16_t type = 0; type < 60; type++) {
        stun_write_u32(&c.w, (uint16_t)(UNKNOWN_TYPE + type), 0);
    }
    ask(&c);
    assert_int_equal(w.reply_code, 420);
    assert_in_range(w.reply_len, 56, 68); /* seven of them are told, not sixty */
    world_deinit(&w);
}

static void what_is_no_request_gets_nothing(void **state) {
    static const enum stun_class classes[] = {STUN_INDICATION, STUN_SUCCESS, STUN_ERROR};
    static const uint8_t txid[STUN_TXID_BYTES];
    uint8_t message[64];
    struct writer out;
    struct client c;
    (void)state;
    open_world(true);
    client_init(&c, &w, 1);
    for (uint16_t method = 0; method < 0x20; method++) {
        for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
            writer_init(&out, message, sizeof message);
            stun_write_header(&out, classes[i], method, txid);
            world_input(&w, &c.tuple, message, (size_t)stun_write_end(&out));
            assert_int_equal(w.replies, 0);
        }
    }
    client_begin(&c, STUN_BINDING);
    stun_write_end(&c.w);
    for (size_t len = 0; len < c.w.len; len++) {
        world_input(&w, &c.tuple, c.request, len);
        assert_int_equal(w.replies, 0);
    }
    world_deinit(&w);
}

static void nat_discovery_answers_are_68_and_116_bytes(void **state) {
    struct client c;
    (void)state;
    open_world(true);
    w.settings.discovery[0] = (struct turn_discovery){{test_addr("192.0.2.200:3478"), test_addr("192.0.2.201:3479")},
                                                      {test_addr("192.0.2.200:3478"), test_addr("192.0.2.201:3479")}};
    w.settings.discovery[1] =
        (struct turn_discovery){{test_addr("[2001:db8::a]:3478"), test_addr("[2001:db8::b]:3479")},
                                {test_addr("[2001:db8::a]:3478"), test_addr("[2001:db8::b]:3479")}};
    w.settings.discovery_count = 2;
    assert_int_equal(world_configure(&w), 0);
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct row row = {"nat-discovery", STUN_BINDING, 0, .ipv6 = ipv6};
        build(&c, &row);
        ask(&c);
        assert_int_equal(w.reply_len, ipv6 ? 116 : 68);
        build(&c, &row);
        stun_write_u32(&c.w, STUN_ATTR_CHANGE_REQUEST, 6);
        ask(&c);
        assert_int_equal(w.reply_len, ipv6 ? 116 : 68);
    }
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reply_to_a_stranger_has_its_attributes_and_no_more),
        cmocka_unit_test(no_error_to_a_stranger_carries_software),
        cmocka_unit_test(long_requests_get_no_longer_replies),
        cmocka_unit_test(what_is_no_request_gets_nothing),
        cmocka_unit_test(nat_discovery_answers_are_68_and_116_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
