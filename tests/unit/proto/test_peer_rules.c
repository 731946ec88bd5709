/* Peer rules: which rule wins, what a rule may look like, ranges, embedded IPv4, ports. */
#include "proto/turn/peer_rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Each rule begins with '+' (allow) or '-' (deny); NULL ends the list. */
static struct peer_rules *rules_of(const char *const *texts) {
    struct peer_rules_builder *b = peer_rules_builder_new();
    assert_non_null(b);
    for (; *texts; texts++) {
        assert_int_equal(peer_rules_add(b, *texts + 1, **texts == '+'), 0);
    }
    struct peer_rules *rules = peer_rules_compile(b);
    assert_non_null(rules);
    return rules;
}

static bool allows(const struct peer_rules *rules, const char *text) {
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return peer_rules_allow(rules, &a);
}

static enum peer_verdict judge(const struct peer_rules *rules, const char *text) {
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return peer_rules_judge_ip(rules, &a);
}

static void most_specific_prefix_wins_whatever_the_order(void **state) {
    (void)state;
    static const char *const orders[][5] = {{"+10.0.0.0/8", "-10.1.0.0/16", "+10.1.2.0/24", "-10.1.2.3", NULL},
                                            {"-10.1.2.3", "+10.1.2.0/24", "-10.1.0.0/16", "+10.0.0.0/8", NULL}};
    for (size_t i = 0; i < 2; i++) {
        struct peer_rules *rules = rules_of(orders[i]);
        assert_true(allows(rules, "10.2.0.0:1"));
        assert_false(allows(rules, "10.1.1.1:1"));
        assert_true(allows(rules, "10.1.2.4:1"));
        assert_false(allows(rules, "10.1.2.3:1"));
        peer_rules_free(rules);
    }
}

static void allow_beats_deny_on_a_tie(void **state) {
    (void)state;
    static const char *const texts[] = {"-203.0.113.0/24",
                                        "+203.0.113.0/24",
                                        "-203.0.113.0/24",
                                        "+192.168.0.0/16",
                                        "+203.0.113.9:1",
                                        "-203.0.113.9:1",
                                        NULL};
    struct peer_rules *rules = rules_of(texts);
    assert_true(allows(rules, "203.0.113.9:5"));
    assert_true(allows(rules, "203.0.113.9:1"));
    assert_true(allows(rules, "192.168.3.4:5")); /* against a built-in rule */
    peer_rules_free(rules);
}

static bool forbids(const struct peer_rules *rules, const char *text) {
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return peer_scope_forbid(&(struct peer_scope){.tables = {rules}, .count = 1}, &a);
}

static void what_is_built_in_is_told_from_what_was_added(void **state) {
    (void)state;
    static const char *const texts[] = {"-10.1.0.0/16",      "-172.16.0.0/12", "+10.1.2.0/24",
                                        "-192.168.0.5:3478", "+10.1.0.9:7",    NULL};
    struct peer_rules *rules = rules_of(texts);
    assert_false(forbids(rules, "10.0.0.1:1")); /* denied, but only by what is built in */
    assert_false(forbids(rules, "8.8.8.8:1"));
    assert_true(forbids(rules, "10.1.0.1:1"));
    assert_true(forbids(rules, "10.1.0.1")); /* no port: whatever the port */
    assert_false(forbids(rules, "10.1.2.1:1"));
    assert_false(forbids(rules, "10.1.0.9:7"));
    assert_true(forbids(rules, "172.16.0.1:1")); /* said again is said */
    assert_true(forbids(rules, "192.168.0.5:3478"));
    assert_false(forbids(rules, "192.168.0.5:3479"));
    peer_rules_free(rules);
}

static void whole_families_can_be_denied_but_for_some(void **state) {
    (void)state;
    static const char *const texts[] = {"-0.0.0.0/0", "-::/0", "+203.0.113.7", "+2001:db8:1::/48", NULL};
    struct peer_rules *rules = rules_of(texts);
    assert_false(allows(rules, "8.8.8.8:1"));
    assert_false(allows(rules, "[2a00::1]:1"));
    assert_true(allows(rules, "203.0.113.7:1"));
    assert_true(allows(rules, "[2001:db8:1::5]:1"));
    peer_rules_free(rules);
    static const char *const wide[] = {"+0.0.0.0/0", "+::/0", NULL}; /* says nothing against what is built in */
    rules = rules_of(wide);
    assert_false(allows(rules, "10.0.0.1:1"));
    assert_false(allows(rules, "[fe80::1]:1"));
    peer_rules_free(rules);
}

static void malformed_rules_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "x",
                                      "10.0.0.1/8",
                                      "10.0.0.0/33",
                                      "10.0.0.0/",
                                      "10.0.0/8",
                                      "::/129",
                                      "10.0.0.0-",
                                      "-10.0.0.0",
                                      "10.0.0.9-10.0.0.1",
                                      "10.0.0.1-::1",
                                      "10.0.0.1-10.0.0.x",
                                      "192.0.2.1:0",
                                      "192.0.2.1:65536",
                                      "[2001:db8::1]:",
                                      "[2001:db8::1]",
                                      "example.org",
                                      "fe80::1%lo",
                                      "[fe80::1%lo]:80",
                                      "10.0.0.0/8 ",
                                      " 10.0.0.0/8",
                                      "10.0.0.0/8,::/0",
                                      "2001:db8::1-2001:db8::/64"};
    struct peer_rules_builder *b = peer_rules_builder_new();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(peer_rules_add(b, bad[i], true), -EINVAL);
    }
    struct addr none = {.family = AF_UNSPEC};
    assert_int_equal(peer_rules_add_addr(b, &none, true), -EINVAL);
    peer_rules_builder_free(b);
    peer_rules_builder_free(NULL);
    peer_rules_free(NULL);
}

/* 128-bit borders that no single prefix has. */
static void ranges_are_compared_as_whole_numbers(void **state) {
    (void)state;
    static const char *const texts[] = {"-203.0.113.3-203.0.113.200", "-2001:db8::ffff:fffe-2001:db8:0:1::1",
                                        "-2400::-2400:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL};
    struct peer_rules *rules = rules_of(texts);
    for (unsigned i = 0; i < 256; i++) {
        char text[32];
        snprintf(text, sizeof text, "203.0.113.%u:1", i);
        assert_int_equal(allows(rules, text), i < 3 || i > 200);
    }
    assert_true(allows(rules, "[2001:db8::ffff:fffd]:1"));
    assert_false(allows(rules, "[2001:db8::ffff:fffe]:1"));
    assert_false(allows(rules, "[2001:db8::1:0:0]:1"));
    assert_false(allows(rules, "[2001:db8:0:1::1]:1"));
    assert_true(allows(rules, "[2001:db8:0:1::2]:1"));
    assert_true(allows(rules, "[23ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1"));
    assert_false(allows(rules, "[2400::]:1"));
    assert_true(allows(rules, "[2401::]:1"));
    peer_rules_free(rules);
    static const char *const all[] = {"-0.0.0.0-255.255.255.255", "-::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL};
    rules = rules_of(all);
    assert_false(allows(rules, "8.8.8.8:1"));
    assert_false(allows(rules, "[2a00::1]:1"));
    peer_rules_free(rules);
}

static void embedded_ipv4_is_denied_and_when_allowed_judged_itself(void **state) {
    (void)state;
    static const char *const none[] = {NULL};
    static const char *const forms[][2] = {{"[::808:808]:1", "[::a00:1]:1"},
                                           {"[2002:808:808::1]:1", "[2002:a00:1::1]:1"},
                                           {"[64:ff9b::808:808]:1", "[64:ff9b::a00:1]:1"},
                                           {"[::ffff:0:808:808]:1", "[::ffff:0:a00:1]:1"},
                                           {"[2001:0:808:808::f7f7:f7f7]:1", "[2001:0:808:808::f5ff:fffe]:1"}};
    static const char *const open[] = {"+::/96", "+2002::/16", "+64:ff9b::/96", "+::ffff:0:0:0/96", "+2001::/32", NULL};
    struct peer_rules *by_default = rules_of(none), *opened = rules_of(open);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        assert_false(allows(by_default, forms[i][0]));
        assert_false(allows(by_default, forms[i][1]));
        assert_true(allows(opened, forms[i][0]));
        assert_false(allows(opened, forms[i][1])); /* 10.0.0.1 inside */
    }
    peer_rules_free(by_default);
    peer_rules_free(opened);
}

static void mapped_prefix_means_ipv4(void **state) {
    (void)state;
    static const char *const texts[] = {"-::ffff:203.0.113.0/120", "+::ffff:10.0.0.1/128", "-[::ffff:198.51.100.1]:5",
                                        NULL};
    struct peer_rules *rules = rules_of(texts);
    assert_false(allows(rules, "203.0.113.9:1"));
    assert_true(allows(rules, "10.0.0.1:1"));
    assert_false(allows(rules, "10.0.0.2:1"));
    assert_false(allows(rules, "198.51.100.1:5"));
    peer_rules_free(rules);
}

static void one_port_differs_from_its_address(void **state) {
    (void)state;
    static const char *const texts[] = {"+10.0.0.5:3480", "-203.0.113.5:3478", "+203.0.113.6:1", "+[fd00::5]:3480",
                                        NULL};
    struct peer_rules *rules = rules_of(texts);
    assert_int_equal(judge(rules, "10.0.0.5"), PEER_BY_PORT);
    assert_int_equal(judge(rules, "203.0.113.5"), PEER_BY_PORT);
    assert_int_equal(judge(rules, "203.0.113.6"), PEER_ALLOWED); /* the port says the same */
    assert_int_equal(judge(rules, "fd00::5"), PEER_BY_PORT);
    assert_int_equal(judge(rules, "10.0.0.4"), PEER_DENIED);
    assert_int_equal(judge(rules, "203.0.113.4"), PEER_ALLOWED);
    assert_true(allows(rules, "10.0.0.5:3480"));
    assert_false(allows(rules, "10.0.0.5:3479"));
    assert_false(allows(rules, "203.0.113.5:3478"));
    assert_true(allows(rules, "203.0.113.5:3479"));
    assert_true(allows(rules, "[fd00::5]:3480"));
    assert_false(allows(rules, "[fd00::5]:1"));
    peer_rules_free(rules);
}

static void addresses_are_added_without_text(void **state) {
    (void)state;
    struct peer_rules_builder *b = peer_rules_builder_new();
    struct addr any_port, port;
    addr_parse(&any_port, "10.0.0.7");
    addr_parse(&port, "[fd00::7]:80");
    assert_int_equal(peer_rules_add_addr(b, &any_port, true), 0);
    assert_int_equal(peer_rules_add_addr(b, &port, true), 0);
    struct peer_rules *rules = peer_rules_compile(b);
    assert_true(allows(rules, "10.0.0.7:9"));
    assert_true(allows(rules, "[fd00::7]:80"));
    assert_false(allows(rules, "[fd00::7]:81"));
    peer_rules_free(rules);
}

static void nobody_is_no_peer(void **state) {
    (void)state;
    static const char *const none[] = {NULL};
    struct peer_rules *rules = rules_of(none);
    struct addr nobody = {.family = AF_UNSPEC};
    assert_false(peer_rules_allow(rules, &nobody));
    assert_int_equal(peer_rules_judge_ip(rules, &nobody), PEER_DENIED);
    peer_rules_free(rules);
}

/* A block list of some size, each entry found. */
static void many_rules_are_all_found(void **state) {
    (void)state;
    struct peer_rules_builder *b = peer_rules_builder_new();
    char text[32];
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "20.%u.%u.0/%u", i / 250, i % 250, i % 2 ? 24 : 25);
        assert_int_equal(peer_rules_add(b, text, false), 0);
    }
    struct peer_rules *rules = peer_rules_compile(b);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "20.%u.%u.127:1", i / 250, i % 250);
        assert_false(allows(rules, text));
        snprintf(text, sizeof text, "20.%u.%u.128:1", i / 250, i % 250);
        assert_int_equal(allows(rules, text), i % 2 == 0);
    }
    assert_true(allows(rules, "20.0.251.1:1"));
    peer_rules_free(rules);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_specific_prefix_wins_whatever_the_order),
        cmocka_unit_test(allow_beats_deny_on_a_tie),
        cmocka_unit_test(what_is_built_in_is_told_from_what_was_added),
        cmocka_unit_test(whole_families_can_be_denied_but_for_some),
        cmocka_unit_test(malformed_rules_are_refused),
        cmocka_unit_test(ranges_are_compared_as_whole_numbers),
        cmocka_unit_test(embedded_ipv4_is_denied_and_when_allowed_judged_itself),
        cmocka_unit_test(mapped_prefix_means_ipv4),
        cmocka_unit_test(one_port_differs_from_its_address),
        cmocka_unit_test(addresses_are_added_without_text),
        cmocka_unit_test(nobody_is_no_peer),
        cmocka_unit_test(many_rules_are_all_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
