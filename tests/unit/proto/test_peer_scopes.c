/* Peer rules of realms and users: which count for whom, and which of several wins. */
#include "proto/turn/peer_scopes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct given {
    const char *realm, *user, *text; /* '+' or '-' and a prefix */
};

static struct peer_rules *everybody;
static struct peer_scopes *scopes;

static void give(const struct given *given, size_t count) {
    struct peer_scoped_rule rules[16];
    struct peer_rules_builder *b = peer_rules_builder_new();
    assert_non_null(b);
    for (size_t i = 0; i < count; i++) {
        rules[i] =
            (struct peer_scoped_rule){.realm = given[i].realm, .user = given[i].user, .allow = given[i].text[0] == '+'};
        assert_int_equal(prefix_parse(&rules[i].prefix, given[i].text + 1), 0);
        if (!given[i].realm[0] && !given[i].user[0]) {
            assert_int_equal(peer_rules_add_prefix(b, &rules[i].prefix, rules[i].allow), 0);
        }
    }
    everybody = peer_rules_compile(b);
    assert_non_null(everybody);
    assert_int_equal(peer_scopes_new(&scopes, rules, count), 0);
}

static int drop(void **state) {
    (void)state;
    peer_scopes_free(scopes);
    peer_rules_free(everybody);
    scopes = NULL;
    everybody = NULL;
    return 0;
}

static bool allows(const char *realm, const char *user, const char *text) {
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    struct peer_scope scope = peer_scopes_find(scopes, everybody, realm, user);
    enum peer_verdict verdict = peer_scope_judge_ip(&scope, &a);
    assert_int_equal(verdict, peer_scope_allow(&scope, &a) ? PEER_ALLOWED : PEER_DENIED);
    return verdict == PEER_ALLOWED;
}

static void rules_count_for_whom_they_name(void **state) {
    (void)state;
    static const struct given given[] = {
        {"", "", "+10.0.0.1/32"}, {"a", "", "+10.0.0.2/32"}, {"", "eve", "+10.0.0.3/32"}, {"a", "eve", "+10.0.0.4/32"}};
    give(given, 4);
    static const char *const peers[] = {"10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"};
    static const struct {
        const char *realm, *user;
        bool allowed[4];
    } who[] = {{"a", "eve", {true, true, true, true}},
               {"a", "ann", {true, true, false, false}},
               {"b", "eve", {true, false, true, false}},
               {"b", "ann", {true, false, false, false}},
               {"a", "", {true, true, false, false}}};
    for (size_t i = 0; i < sizeof who / sizeof who[0]; i++) {
        for (size_t k = 0; k < 4; k++) {
            assert_int_equal(allows(who[i].realm, who[i].user, peers[k]), who[i].allowed[k]);
        }
    }
}

static void most_specific_prefix_wins_across_scopes(void **state) {
    (void)state;
    static const struct given given[] = {
        {"a", "eve", "+10.0.0.0/8"}, {"a", "", "-10.1.0.0/16"}, {"", "", "+10.1.2.0/24"}, {"", "eve", "-10.1.2.3/32"}};
    give(given, 4);
    assert_true(allows("a", "eve", "10.9.9.9:1"));
    assert_false(allows("a", "eve", "10.1.9.9:1"));
    assert_true(allows("a", "eve", "10.1.2.9:1"));
    assert_false(allows("a", "eve", "10.1.2.3:1"));
    assert_false(allows("a", "ann", "10.9.9.9:1")); /* the built-in rule */
}

static void narrower_scope_wins_on_a_tie(void **state) {
    (void)state;
    static const struct given given[] = {{"", "", "+203.0.113.0/24"},    {"a", "", "-203.0.113.0/24"},
                                         {"", "eve", "+203.0.113.0/24"}, {"a", "eve", "-203.0.113.0/24"},
                                         {"", "", "-198.51.100.0/24"},   {"a", "", "+198.51.100.0/24"}};
    give(given, 6);
    assert_true(allows("b", "ann", "203.0.113.9:1"));  /* everybody */
    assert_false(allows("a", "ann", "203.0.113.9:1")); /* the realm's */
    assert_true(allows("b", "eve", "203.0.113.9:1"));  /* the user's */
    assert_false(allows("a", "eve", "203.0.113.9:1")); /* the user's in that realm */
    assert_true(allows("a", "ann", "198.51.100.9:1"));
    assert_false(allows("b", "ann", "198.51.100.9:1"));
}

static void allow_beats_deny_within_a_scope(void **state) {
    (void)state;
    static const struct given given[] = {{"a", "eve", "-203.0.113.0/24"}, {"a", "eve", "+203.0.113.0/24"}};
    give(given, 2);
    assert_true(allows("a", "eve", "203.0.113.9:1"));
}

static void built_in_rules_hold_unless_a_scope_allows(void **state) {
    (void)state;
    static const struct given given[] = {{"", "eve", "+10.0.0.0/8"}, {"", "eve", "+2002::/16"}};
    give(given, 2);
    assert_true(allows("a", "eve", "10.0.0.1:1"));
    assert_false(allows("a", "eve", "192.168.0.1:1"));
    assert_false(allows("a", "ann", "10.0.0.1:1"));
    assert_true(allows("a", "eve", "[2002:a00:1::1]:1"));      /* 10.0.0.1 inside */
    assert_false(allows("a", "eve", "[2002:c0a8:1::1]:1"));    /* 192.168.0.1 inside */
    assert_false(allows("a", "ann", "[2002:cb00:7109::1]:1")); /* a public one, the form itself is denied */
}

static void rule_with_a_port_stands_above_every_scope(void **state) {
    (void)state;
    struct addr listener, beside;
    struct peer_scoped_rule rule = {.realm = "", .user = "eve", .allow = true};
    struct peer_rules_builder *b = peer_rules_builder_new();
    assert_int_equal(peer_rules_add(b, "192.0.2.200:3478", false), 0);
    everybody = peer_rules_compile(b);
    assert_int_equal(prefix_parse(&rule.prefix, "192.0.2.200/32"), 0);
    assert_int_equal(peer_scopes_new(&scopes, &rule, 1), 0);
    assert_int_equal(addr_parse(&listener, "192.0.2.200:3478"), 0);
    assert_int_equal(addr_parse(&beside, "192.0.2.200:3479"), 0);
    struct peer_scope scope = peer_scopes_find(scopes, everybody, "a", "eve");
    assert_int_equal(peer_scope_judge_ip(&scope, &listener), PEER_BY_PORT);
    assert_false(peer_scope_allow(&scope, &listener));
    assert_true(peer_scope_allow(&scope, &beside));
}

static void nothing_is_held_for_rules_of_everybody(void **state) {
    (void)state;
    static const struct given given[] = {{"", "", "+10.0.0.0/8"}};
    give(given, 1);
    assert_null(scopes);
    assert_true(allows("a", "eve", "10.0.0.1:1"));
}

static void names_too_long_for_anybody_match_nobody(void **state) {
    (void)state;
    char longest[1000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const struct given given[] = {{"a", longest, "+10.0.0.0/8"}, {"a", "eve", "+10.0.0.0/8"}};
    give(given, 2);
    assert_false(allows("a", longest, "10.0.0.1:1"));
    assert_true(allows("a", "eve", "10.0.0.1:1"));
    /* A realm and a user that join to the same bytes are not the same. */
    assert_false(allows("ae", "ve", "10.0.0.1:1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(rules_count_for_whom_they_name, drop),
        cmocka_unit_test_teardown(most_specific_prefix_wins_across_scopes, drop),
        cmocka_unit_test_teardown(narrower_scope_wins_on_a_tie, drop),
        cmocka_unit_test_teardown(allow_beats_deny_within_a_scope, drop),
        cmocka_unit_test_teardown(built_in_rules_hold_unless_a_scope_allows, drop),
        cmocka_unit_test_teardown(rule_with_a_port_stands_above_every_scope, drop),
        cmocka_unit_test_teardown(nothing_is_held_for_rules_of_everybody, drop),
        cmocka_unit_test_teardown(names_too_long_for_anybody_match_nobody, drop),
    };
    return cmocka_run_group_tests_name("proto/turn peer_scopes", tests, NULL, NULL);
}
