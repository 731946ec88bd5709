/* Which address a relay is bound on, what its client is told, and the way back: every combination of the keys. */
#include "relay/addresses.h"
#include "relay/settings.h"

#include "config/config.h"
#include "proto/turn/peer_rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Relay addresses here need not exist: nothing is bound. */
#define TWO_PER_FAMILY                                    \
    "[relay]\naddress = 192.0.2.1\naddress = 192.0.2.2\n" \
    "address = 2001:db8::1\naddress = 2001:db8::2\n"

struct world {
    const struct config *config;
    struct relay_addresses a;
};

static struct addr ip(const char *text) {
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static const struct config *load(const char *text) {
    const struct config *config = NULL;
    struct config_report report = {0};
    struct config_source source = {.text = text, .text_len = strlen(text)};
    assert_int_equal(config_load(&config, &source, &report), 0);
    config_report_deinit(&report);
    return config;
}

static void open_with(struct world *w, const char *text, const struct relay_mapping *mappings, size_t count) {
    w->config = load(text);
    assert_int_equal(relay_addresses_init(&w->a, w->config, mappings, count), 0);
}

static void open_world(struct world *w, const char *text) { open_with(w, text, NULL, 0); }

static void close_world(struct world *w) {
    relay_addresses_deinit(&w->a);
    config_unref(w->config);
}

static struct five_tuple client(const char *remote, const char *local) {
    return (struct five_tuple){.remote = ip(remote), .local = ip(local)};
}

static void assert_bind(const struct world *w, int family, const char *local, const char *expected) {
    struct five_tuple from = client(strchr(local, '[') ? "[2001:db8:9::9]:1000" : "198.51.100.9:1000", local);
    struct addr out, wanted = ip(expected);
    assert_int_equal(relay_addresses_bind(&w->a, family, &from, 0, &out), 0);
    assert_true(addr_equal(&out, &wanted));
}

static void assert_told(const struct world *w, const char *bound, const char *expected) {
    struct addr at = ip(bound), wanted = ip(expected);
    struct addr told = relay_addresses_told(&w->a, &at);
    assert_true(addr_equal(&told, &wanted));
}

static void assert_bound(const struct world *w, const char *told, const char *expected) {
    struct addr at = ip(told), wanted = ip(expected), bound;
    assert_int_equal(relay_addresses_bound(&w->a, &at, &bound), 0);
    assert_true(addr_equal(&bound, &wanted));
}

static void assert_not_ours(const struct world *w, const char *told) {
    struct addr at = ip(told), bound;
    assert_int_equal(relay_addresses_bound(&w->a, &at, &bound), -ENOENT);
}

/* ---- binding ---- */

static void the_address_the_client_came_to_is_taken(void **state) {
    (void)state;
    struct world w;
    open_world(&w, TWO_PER_FAMILY);
    assert_bind(&w, AF_INET, "192.0.2.1:3478", "192.0.2.1");
    assert_bind(&w, AF_INET, "192.0.2.2:3478", "192.0.2.2");
    assert_bind(&w, AF_INET6, "[2001:db8::1]:3478", "2001:db8::1");
    assert_bind(&w, AF_INET6, "[2001:db8::2]:3478", "2001:db8::2");
    close_world(&w);
}

static void without_relay_address_it_is_the_listening_address(void **state) {
    (void)state;
    struct world w;
    open_world(&w, "");
    assert_bind(&w, AF_INET, "127.0.0.9:3478", "127.0.0.9");
    close_world(&w);
}

/* Clients of other addresses, or of the other family, are spread; each always to the same. */
static void other_clients_are_spread_and_each_stays(void **state) {
    (void)state;
    struct world w;
    open_world(&w, TWO_PER_FAMILY);
    for (int family = 0; family < 2; family++) {
        unsigned seen[2] = {0};
        struct addr first = ip(family ? "2001:db8::1" : "192.0.2.1");
        for (unsigned i = 0; i < 200; i++) {
            char text[32];
            struct addr out, again;
            snprintf(text, sizeof text, "198.51.100.%u:1000", i);
            struct five_tuple from = client(text, "203.0.113.1:3478");
            assert_int_equal(relay_addresses_bind(&w.a, family ? AF_INET6 : AF_INET, &from, 0, &out), 0);
            from.remote.port = 2000;
            assert_int_equal(relay_addresses_bind(&w.a, family ? AF_INET6 : AF_INET, &from, 0, &again), 0);
            assert_true(addr_equal(&out, &again));
            seen[addr_equal_ip(&out, &first)]++;
        }
        assert_in_range(seen[0], 60, 140);
    }
    close_world(&w);
}

static void further_attempts_go_through_all_of_the_family_once(void **state) {
    (void)state;
    struct world w;
    struct addr one, two, none;
    struct five_tuple from = client("198.51.100.9:1000", "192.0.2.2:3478");
    open_world(&w, TWO_PER_FAMILY);
    assert_int_equal(relay_addresses_bind(&w.a, AF_INET, &from, 0, &one), 0);
    assert_int_equal(relay_addresses_bind(&w.a, AF_INET, &from, 1, &two), 0);
    assert_true(one.ip[3] == 2 && two.ip[3] == 1);
    assert_int_equal(relay_addresses_bind(&w.a, AF_INET, &from, 2, &none), -EADDRNOTAVAIL);
    close_world(&w);
}

static void a_family_without_relay_address_is_not_served(void **state) {
    (void)state;
    struct world w;
    struct addr out;
    struct five_tuple from = client("198.51.100.9:1000", "192.0.2.1:3478");
    open_world(&w, "[relay]\naddress = 192.0.2.1\n");
    assert_true(relay_addresses_serve(&w.a, AF_INET));
    assert_false(relay_addresses_serve(&w.a, AF_INET6));
    assert_int_equal(relay_addresses_bind(&w.a, AF_INET6, &from, 0, &out), -EAFNOSUPPORT);
    close_world(&w);
}

/* ---- what clients are told ---- */

static void without_external_address_local_ones_are_told(void **state) {
    (void)state;
    struct world w;
    open_world(&w, TWO_PER_FAMILY);
    assert_told(&w, "192.0.2.1:50000", "192.0.2.1:50000");
    assert_told(&w, "[2001:db8::2]:50000", "[2001:db8::2]:50000");
    close_world(&w);
}

static void one_public_address_stands_for_all_of_its_family(void **state) {
    (void)state;
    struct world w;
    open_world(&w, "[server]\nexternal-address = 203.0.113.7\n" TWO_PER_FAMILY);
    assert_told(&w, "192.0.2.1:50000", "203.0.113.7:50000");
    assert_told(&w, "192.0.2.2:50001", "203.0.113.7:50001");
    assert_told(&w, "[2001:db8::1]:50000", "[2001:db8::1]:50000");
    close_world(&w);
}

static void pairs_go_before_the_general_address_whatever_their_order(void **state) {
    (void)state;
    struct world w;
    open_world(&w, "[server]\nexternal-address = 203.0.113.7\nexternal-address = 203.0.113.8/192.0.2.2\n"
                   "external-address = 2001:db8:ffff::1/2001:db8::1\n" TWO_PER_FAMILY);
    assert_told(&w, "192.0.2.1:50000", "203.0.113.7:50000");
    assert_told(&w, "192.0.2.2:50000", "203.0.113.8:50000");
    assert_told(&w, "[2001:db8::1]:50000", "[2001:db8:ffff::1]:50000");
    assert_told(&w, "[2001:db8::2]:50000", "[2001:db8::2]:50000");
    close_world(&w);
}

/* ---- the way back ---- */

static void pairs_lead_back_to_their_local_address(void **state) {
    (void)state;
    struct world w;
    open_world(&w, "[server]\nexternal-address = 203.0.113.7/192.0.2.1\nexternal-address = 203.0.113.8/192.0.2.2\n"
                   "external-address = 2001:db8:ffff::1/2001:db8::1\n" TWO_PER_FAMILY);
    assert_bound(&w, "203.0.113.7:50000", "192.0.2.1:50000");
    assert_bound(&w, "203.0.113.8:50001", "192.0.2.2:50001");
    assert_bound(&w, "[2001:db8:ffff::1]:50002", "[2001:db8::1]:50002");
    assert_bound(&w, "[2001:db8::2]:50003", "[2001:db8::2]:50003");
    close_world(&w);
}

static void a_local_address_stands_for_itself(void **state) {
    (void)state;
    struct world w;
    open_world(&w, "[server]\nexternal-address = 203.0.113.7\n[relay]\naddress = 192.0.2.1\n");
    assert_bound(&w, "192.0.2.1:50000", "192.0.2.1:50000");
    assert_bound(&w, "203.0.113.7:50000", "192.0.2.1:50000");
    close_world(&w);
}

static void a_public_address_of_several_leads_to_any_of_them(void **state) {
    (void)state;
    struct world w;
    open_world(&w, "[server]\nexternal-address = 203.0.113.7\n" TWO_PER_FAMILY);
    assert_bound(&w, "203.0.113.7:50000", "0.0.0.0:50000");
    assert_bound(&w, "192.0.2.2:50000", "192.0.2.2:50000");
    close_world(&w);
}

static void without_relay_address_the_interfaces_count(void **state) {
    (void)state;
    struct world w;
    open_world(&w, "[server]\nexternal-address = 203.0.113.7/127.0.0.1\n");
    assert_bound(&w, "127.0.0.1:50000", "127.0.0.1:50000");
    assert_bound(&w, "203.0.113.7:50000", "127.0.0.1:50000");
    close_world(&w);
}

static void strangers_are_not_ours(void **state) {
    (void)state;
    struct world w;
    open_world(&w, "[server]\nexternal-address = 203.0.113.7/192.0.2.1\n" TWO_PER_FAMILY);
    assert_not_ours(&w, "203.0.113.8:50000");
    assert_not_ours(&w, "198.51.100.1:50000");
    assert_not_ours(&w, "[2001:db8::3]:50000");
    assert_not_ours(&w, "[cb00:7107::]:50000"); /* the bytes of 203.0.113.7 in the other family */
    close_world(&w);
}

/* ---- found by STUN ---- */

static void what_stun_found_is_told_and_leads_back(void **state) {
    (void)state;
    struct world w;
    struct relay_mapping found[] = {{ip("192.0.2.1"), ip("203.0.113.21")}, {ip("2001:db8::1"), ip("2001:db8:f::1")}};
    open_with(&w, TWO_PER_FAMILY, found, 2);
    assert_told(&w, "192.0.2.1:50000", "203.0.113.21:50000");
    assert_told(&w, "192.0.2.2:50000", "192.0.2.2:50000");
    assert_told(&w, "[2001:db8::1]:50000", "[2001:db8:f::1]:50000");
    assert_bound(&w, "203.0.113.21:50000", "192.0.2.1:50000");
    assert_bound(&w, "[2001:db8:f::1]:50000", "[2001:db8::1]:50000");
    close_world(&w);
}

static void a_line_of_the_configuration_goes_before_what_stun_found(void **state) {
    (void)state;
    struct world w;
    struct relay_mapping found[] = {{ip("192.0.2.1"), ip("203.0.113.21")}, {ip("192.0.2.2"), ip("203.0.113.22")}};
    open_with(&w, "[server]\nexternal-address = 203.0.113.7/192.0.2.1\n" TWO_PER_FAMILY, found, 2);
    assert_told(&w, "192.0.2.1:50000", "203.0.113.7:50000");
    assert_told(&w, "192.0.2.2:50000", "203.0.113.22:50000");
    assert_not_ours(&w, "203.0.113.21:50000");
    close_world(&w);
}

/* ---- settings and checks ---- */

static void our_listeners_are_no_peers_at_their_public_address_either(void **state) {
    (void)state;
    static const uint8_t nonce_key[32] = {1};
    const struct config *config = load("[server]\nexternal-address = 9.9.9.7/9.9.9.1\n"
                                       "[listen]\nudp = 9.9.9.1:3478\n[relay]\naddress = 9.9.9.1\n");
    struct relay_extras extras = {.nonce_key = nonce_key, .worker_count = 1};
    const struct relay_settings *s;
    struct addr listener = ip("9.9.9.7:3478"), relay = ip("9.9.9.7:50000"), local = ip("9.9.9.1:3478"), bound;
    assert_int_equal(relay_settings_new(&s, config, &extras), 0);
    const struct peer_rules *rules = relay_settings_turn(s)->peers;
    assert_false(peer_rules_allow(rules, &listener));
    assert_false(peer_rules_allow(rules, &local));
    assert_true(peer_rules_allow(rules, &relay));
    assert_int_equal(relay_settings_bound_address(s, &relay, &bound), 0);
    assert_true(addr_equal_ip(&bound, &local) && bound.port == 50000);
    relay_settings_unref(s);
    config_unref(config);
}

static void a_relay_address_of_another_machine_is_found_out(void **state) {
    (void)state;
    struct addr which;
    const struct config *good = load("[relay]\naddress = 127.0.0.1\n");
    const struct config *bad = load("[relay]\naddress = 127.0.0.1\naddress = 192.0.2.99\n");
    assert_int_equal(relay_addresses_check(good, &which), 0);
    assert_int_equal(relay_addresses_check(bad, &which), -EADDRNOTAVAIL);
    assert_int_equal(which.ip[3], 99);
    config_unref(good);
    config_unref(bad);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_address_the_client_came_to_is_taken),
        cmocka_unit_test(without_relay_address_it_is_the_listening_address),
        cmocka_unit_test(other_clients_are_spread_and_each_stays),
        cmocka_unit_test(further_attempts_go_through_all_of_the_family_once),
        cmocka_unit_test(a_family_without_relay_address_is_not_served),
        cmocka_unit_test(without_external_address_local_ones_are_told),
        cmocka_unit_test(one_public_address_stands_for_all_of_its_family),
        cmocka_unit_test(pairs_go_before_the_general_address_whatever_their_order),
        cmocka_unit_test(pairs_lead_back_to_their_local_address),
        cmocka_unit_test(a_local_address_stands_for_itself),
        cmocka_unit_test(a_public_address_of_several_leads_to_any_of_them),
        cmocka_unit_test(without_relay_address_the_interfaces_count),
        cmocka_unit_test(strangers_are_not_ours),
        cmocka_unit_test(what_stun_found_is_told_and_leads_back),
        cmocka_unit_test(a_line_of_the_configuration_goes_before_what_stun_found),
        cmocka_unit_test(our_listeners_are_no_peers_at_their_public_address_either),
        cmocka_unit_test(a_relay_address_of_another_machine_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
