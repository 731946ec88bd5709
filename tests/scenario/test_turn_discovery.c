/* NAT behaviour discovery (RFC 5780): which of the four addresses answers, what the answer says, and how long it may
 * be. */
#include "lib/turn_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { IP = 4, PORT = 2 };

struct asked {
    struct world w;
    struct five_tuple client;
    uint8_t request[4096];
    struct writer out;
    struct stun_msg reply; /* of the last ask */
    int code;              /* 0, an error code, or -1: silence */
};

static struct turn_discovery ipv4(void) {
    return (struct turn_discovery){{test_addr("192.0.2.200:3478"), test_addr("192.0.2.201:3479")},
                                   {test_addr("192.0.2.200:3478"), test_addr("192.0.2.201:3479")}};
}

static struct turn_discovery ipv6(void) {
    return (struct turn_discovery){{test_addr("[2001:db8::a]:3478"), test_addr("[2001:db8::b]:3479")},
                                   {test_addr("[2001:db8::a]:3478"), test_addr("[2001:db8::b]:3479")}};
}

static void open_mode(struct asked *a, bool on) {
    world_init(&a->w);
    if (on) {
        a->w.settings.discovery[0] = ipv4();
        a->w.settings.discovery[1] = ipv6();
        a->w.settings.discovery_count = 2;
    }
    assert_int_equal(world_configure(&a->w), 0);
    a->client = (struct five_tuple){
        .remote = test_addr("198.51.100.7:40000"), .local = test_addr("192.0.2.200:3478"), .transport = TRANSPORT_UDP};
}

static void begin(struct asked *a, uint16_t method) {
    static const uint8_t txid[STUN_TXID_BYTES] = {7};
    writer_init(&a->out, a->request, sizeof a->request);
    stun_write_header(&a->out, STUN_REQUEST, method, txid);
}

static void change(struct asked *a, uint32_t flags) { stun_write_u32(&a->out, STUN_ATTR_CHANGE_REQUEST, flags); }

static void to_port(struct asked *a, uint16_t port) {
    stun_write_u32(&a->out, STUN_ATTR_RESPONSE_PORT, (uint32_t)port << 16);
}

static void pad(struct asked *a, uint16_t type, size_t n) {
    static const uint8_t zero[3000];
    stun_write_bytes(&a->out, type, zero, n);
}

static int send_it(struct asked *a) {
    long len = stun_write_end(&a->out);
    assert_true(len > 0);
    world_input(&a->w, &a->client, a->request, (size_t)len);
    a->code = a->w.replies == 0 ? -1 : a->w.reply_code;
    if (a->code >= 0) {
        assert_int_equal(stun_msg_parse(&a->reply, a->w.reply, a->w.reply_len), 0);
    }
    return a->code;
}

static void assert_attr(const struct asked *a, uint16_t type, const char *expected) {
    struct addr got, wanted = test_addr(expected);
    assert_int_equal(type == STUN_ATTR_XOR_MAPPED_ADDRESS ? stun_msg_xor_addr(&a->reply, type, &got)
                                                          : stun_msg_addr(&a->reply, type, &got),
                     0);
    assert_true(addr_equal(&got, &wanted));
}

static void assert_from(const struct asked *a, const char *expected) {
    struct addr wanted = test_addr(expected);
    assert_true(addr_equal(&a->w.reply_to.local, &wanted));
}

/* ---- the table of section 6.1 */

static void every_address_answers_every_change_from_the_right_one(void **state) {
    static const char *const at[2][2] = {{"192.0.2.200:3478", "192.0.2.200:3479"},
                                         {"192.0.2.201:3478", "192.0.2.201:3479"}};
    static const uint32_t flags[] = {0, PORT, IP, IP | PORT};
    struct asked a;
    (void)state;
    open_mode(&a, true);
    for (int n = 0; n < 16; n++) {
        int ip = n >> 3 & 1, port = n >> 2 & 1;
        uint32_t f = flags[n & 3];
        a.client.local = test_addr(at[ip][port]);
        begin(&a, STUN_BINDING);
        change(&a, f);
        assert_int_equal(send_it(&a), 0);
        const char *from = at[f & IP ? !ip : ip][f & PORT ? !port : port];
        assert_from(&a, from);
        assert_attr(&a, STUN_ATTR_RESPONSE_ORIGIN, from);
        assert_attr(&a, STUN_ATTR_OTHER_ADDRESS, at[!ip][!port]);
        assert_attr(&a, STUN_ATTR_XOR_MAPPED_ADDRESS, "198.51.100.7:40000");
        assert_attr(&a, STUN_ATTR_MAPPED_ADDRESS, "198.51.100.7:40000");
        assert_true(addr_equal(&a.w.reply_to.remote, &a.client.remote));
    }
    world_deinit(&a.w);
}

static void ipv6_has_its_own_addresses(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, true);
    a.client.remote = test_addr("[2001:db8:1::7]:40000");
    a.client.local = test_addr("[2001:db8::b]:3479");
    begin(&a, STUN_BINDING);
    change(&a, IP | PORT);
    assert_int_equal(send_it(&a), 0);
    assert_from(&a, "[2001:db8::a]:3478");
    assert_attr(&a, STUN_ATTR_RESPONSE_ORIGIN, "[2001:db8::a]:3478");
    assert_attr(&a, STUN_ATTR_OTHER_ADDRESS, "[2001:db8::a]:3478");
    world_deinit(&a.w);
}

static void a_plain_request_gets_the_addresses_too(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, true);
    begin(&a, STUN_BINDING);
    assert_int_equal(send_it(&a), 0);
    assert_from(&a, "192.0.2.200:3478");
    assert_attr(&a, STUN_ATTR_RESPONSE_ORIGIN, "192.0.2.200:3478");
    assert_attr(&a, STUN_ATTR_OTHER_ADDRESS, "192.0.2.201:3479");
    world_deinit(&a.w);
}

static void behind_nat_the_public_addresses_are_told_and_the_local_ones_used(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, true);
    a.w.settings.discovery[0].told[0] = test_addr("203.0.113.1:3478");
    a.w.settings.discovery[0].told[1] = test_addr("203.0.113.2:3479");
    assert_int_equal(world_configure(&a.w), 0);
    begin(&a, STUN_BINDING);
    change(&a, IP);
    assert_int_equal(send_it(&a), 0);
    assert_from(&a, "192.0.2.201:3478");
    assert_attr(&a, STUN_ATTR_RESPONSE_ORIGIN, "203.0.113.2:3478");
    assert_attr(&a, STUN_ATTR_OTHER_ADDRESS, "203.0.113.2:3479");
    world_deinit(&a.w);
}

/* ---- who may not */

static void assert_refused(struct asked *a, uint16_t type) {
    begin(a, STUN_BINDING);
    if (type == STUN_ATTR_PADDING) {
        pad(a, type, 8);
    } else {
        stun_write_u32(&a->out, type, type == STUN_ATTR_CHANGE_REQUEST ? IP : 5000U << 16);
    }
    assert_int_equal(send_it(a), 420);
    const uint8_t *value;
    size_t len;
    assert_int_equal(stun_msg_bytes(&a->reply, STUN_ATTR_UNKNOWN_ATTRIBUTES, &value, &len), 0);
    assert_true(len == 2 && load_be16(value) == type);
    assert_true(five_tuple_equal(&a->w.reply_to, &a->client));
}

static void assert_all_refused(struct asked *a) {
    assert_refused(a, STUN_ATTR_CHANGE_REQUEST);
    assert_refused(a, STUN_ATTR_RESPONSE_PORT);
    assert_refused(a, STUN_ATTR_PADDING);
}

static void without_the_mode_all_three_get_420_and_a_plain_answer_stays_short(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, false);
    assert_all_refused(&a);
    begin(&a, STUN_BINDING);
    assert_int_equal(send_it(&a), 0);
    assert_int_equal(a.w.reply_len, 32);
    world_deinit(&a.w);
}

static void over_tcp_tls_and_dtls_there_is_no_other_address(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, true);
    for (uint32_t t = TRANSPORT_TCP; t <= TRANSPORT_DTLS; t++) {
        a.client.transport = t;
        assert_all_refused(&a);
        begin(&a, STUN_BINDING);
        assert_int_equal(send_it(&a), 0);
        assert_int_equal(a.w.reply_len, 32);
    }
    world_deinit(&a.w);
}

static void other_listeners_do_not_take_part(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, true);
    a.client.local = test_addr("192.0.2.202:3478");
    assert_all_refused(&a);
    a.client.local = test_addr("192.0.2.200:3480");
    assert_all_refused(&a);
    world_deinit(&a.w);
}

static void an_allocate_never_changes_its_way(void **state) {
    struct asked a;
    struct client c;
    (void)state;
    open_mode(&a, true);
    client_init(&c, &a.w, 1);
    assert_int_equal(client_allocate(&c), 0);
    client_begin(&c, STUN_REFRESH);
    stun_write_u32(&c.w, STUN_ATTR_CHANGE_REQUEST, IP | PORT);
    assert_int_equal(client_send(&c), 420); /* client_send checks that the answer comes the usual way */
    world_deinit(&a.w);
}

/* ---- RESPONSE-PORT */

static void response_port_changes_the_port_and_never_the_address(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, true);
    begin(&a, STUN_BINDING);
    to_port(&a, 50000);
    change(&a, IP | PORT);
    assert_int_equal(send_it(&a), 0);
    assert_from(&a, "192.0.2.201:3479");
    assert_true(addr_equal_ip(&a.w.reply_to.remote, &a.client.remote));
    assert_int_equal(a.w.reply_to.remote.port, 50000);
    assert_attr(&a, STUN_ATTR_XOR_MAPPED_ADDRESS, "198.51.100.7:40000");
    world_deinit(&a.w);
}

static void both_lengths_of_response_port_are_read(void **state) {
    static const uint8_t value[] = {0xc3, 0x50}; /* 50000 */
    struct asked a;
    (void)state;
    open_mode(&a, true);
    begin(&a, STUN_BINDING);
    stun_write_bytes(&a.out, STUN_ATTR_RESPONSE_PORT, value, 2);
    assert_int_equal(send_it(&a), 0);
    assert_int_equal(a.w.reply_to.remote.port, 50000);
    world_deinit(&a.w);
}

/* What no NAT maps a client to is somebody else's service. */
static void response_port_below_1024_is_refused(void **state) {
    static const uint16_t ports[] = {0, 1, 53, 123, 1023};
    struct asked a;
    (void)state;
    open_mode(&a, true);
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        begin(&a, STUN_BINDING);
        to_port(&a, ports[i]);
        assert_int_equal(send_it(&a), 400);
        assert_true(five_tuple_equal(&a.w.reply_to, &a.client));
    }
    world_deinit(&a.w);
}

/* An error goes to who asked, also when the answer would have gone elsewhere. */
static void response_port_with_padding_is_a_bad_request(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, true);
    begin(&a, STUN_BINDING);
    to_port(&a, 50000);
    pad(&a, STUN_ATTR_PADDING, 100);
    assert_int_equal(send_it(&a), 400);
    assert_true(five_tuple_equal(&a.w.reply_to, &a.client));
    world_deinit(&a.w);
}

static void attributes_of_a_wrong_length_are_a_bad_request(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, true);
    begin(&a, STUN_BINDING);
    pad(&a, STUN_ATTR_CHANGE_REQUEST, 3);
    assert_int_equal(send_it(&a), 400);
    begin(&a, STUN_BINDING);
    pad(&a, STUN_ATTR_RESPONSE_PORT, 8);
    assert_int_equal(send_it(&a), 400);
    world_deinit(&a.w);
}

/* ---- how long an answer may be */

enum { SHORTEST = 32 /* a header and XOR-MAPPED-ADDRESS: an answer of less says nothing */ };

static void assert_bounded(const struct asked *a, bool fingerprint) {
    size_t floor = SHORTEST + (fingerprint ? 8 : 0);
    size_t request = a->out.len;
    assert_in_range(a->w.reply_len, floor, request > floor ? request : floor);
    assert_attr(a, STUN_ATTR_XOR_MAPPED_ADDRESS, "198.51.100.7:40000");
    assert_false(stun_msg_has(&a->reply, STUN_ATTR_SOFTWARE));
}

/* The client lengthens its request by something optional, the server says as much more. */
static void with_response_port_no_answer_is_longer_than_its_request(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, true);
    a.w.settings.software = "a name that makes answers longer";
    assert_int_equal(world_configure(&a.w), 0);
    for (size_t n = 0; n < 400; n++) {
        world_sleep(&a.w, 0.01);
        begin(&a, STUN_BINDING);
        to_port(&a, 50000);
        pad(&a, STUN_ATTR_SOFTWARE, n / 2);
        if (n % 2) {
            stun_write_fingerprint(&a.out);
        }
        assert_int_equal(send_it(&a), 0);
        assert_bounded(&a, n % 2);
        assert_int_equal(stun_msg_has(&a.reply, STUN_ATTR_OTHER_ADDRESS), a.out.len >= SHORTEST + 8 * (n % 2) + 24);
    }
    world_deinit(&a.w);
}

static void with_padding_an_answer_is_as_long_as_its_request_and_no_longer(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, true);
    a.w.settings.software = "a name that makes answers longer";
    assert_int_equal(world_configure(&a.w), 0);
    for (size_t n = 0; n <= 2400; n += 4) {
        world_sleep(&a.w, 0.01);
        begin(&a, STUN_BINDING);
        pad(&a, STUN_ATTR_PADDING, n);
        change(&a, PORT);
        if (n % 8) {
            stun_write_fingerprint(&a.out);
        }
        assert_int_equal(send_it(&a), 0);
        assert_bounded(&a, n % 8);
        if (n >= 64 && n <= 1400) {
            assert_int_equal(a.w.reply_len, a.out.len);
            assert_true(stun_msg_has(&a.reply, STUN_ATTR_PADDING));
        }
    }
    world_deinit(&a.w);
}

/* The padding of coturn's tool: fragments on Ethernet, there and back. */
static void padding_of_1500_bytes_makes_fragments_both_ways(void **state) {
    struct asked a;
    (void)state;
    open_mode(&a, true);
    begin(&a, STUN_BINDING);
    pad(&a, STUN_ATTR_PADDING, 1500);
    assert_int_equal(send_it(&a), 0);
    assert_int_equal(a.w.reply_len, 1524);
    world_deinit(&a.w);
}

static void a_source_gets_a_bounded_number_of_them(void **state) {
    enum { CAP = 200 };
    struct asked a;
    int answers = 0, whole = 0;
    (void)state;
    open_mode(&a, true);
    a.w.settings.challenge_rate = CAP;
    assert_int_equal(world_configure(&a.w), 0);
    for (int n = 0; n < 1000; n++) {
        begin(&a, STUN_BINDING);
        change(&a, IP);
        answers += send_it(&a) == 0;
    }
    assert_int_equal(answers, CAP);
    begin(&a, STUN_BINDING);
    assert_int_equal(send_it(&a), 0); /* plain ones are answered still, as short as without the mode */
    assert_int_equal(a.w.reply_len, SHORTEST);
    world_sleep(&a.w, 1);
    for (int n = 0; n < 1000; n++) {
        begin(&a, STUN_BINDING);
        assert_int_equal(send_it(&a), 0);
        whole += a.w.reply_len == 68;
    }
    assert_int_equal(whole, CAP);
    world_deinit(&a.w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_answers_every_change_from_the_right_one),
        cmocka_unit_test(ipv6_has_its_own_addresses),
        cmocka_unit_test(a_plain_request_gets_the_addresses_too),
        cmocka_unit_test(behind_nat_the_public_addresses_are_told_and_the_local_ones_used),
        cmocka_unit_test(without_the_mode_all_three_get_420_and_a_plain_answer_stays_short),
        cmocka_unit_test(over_tcp_tls_and_dtls_there_is_no_other_address),
        cmocka_unit_test(other_listeners_do_not_take_part),
        cmocka_unit_test(an_allocate_never_changes_its_way),
        cmocka_unit_test(response_port_changes_the_port_and_never_the_address),
        cmocka_unit_test(both_lengths_of_response_port_are_read),
        cmocka_unit_test(response_port_below_1024_is_refused),
        cmocka_unit_test(response_port_with_padding_is_a_bad_request),
        cmocka_unit_test(attributes_of_a_wrong_length_are_a_bad_request),
        cmocka_unit_test(with_response_port_no_answer_is_longer_than_its_request),
        cmocka_unit_test(with_padding_an_answer_is_as_long_as_its_request_and_no_longer),
        cmocka_unit_test(padding_of_1500_bytes_makes_fragments_both_ways),
        cmocka_unit_test(a_source_gets_a_bounded_number_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
