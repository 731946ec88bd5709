#include "admin/configuration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static const struct config *load(const char *text) {
    const struct config_source source = {.text = text, .text_len = strlen(text)};
    struct config_report report = {0};
    const struct config *config = NULL;
    if (config_load(&config, &source, &report) < 0) {
        config_report_print(&report, stderr);
        fail();
    }
    config_report_deinit(&report);
    return config;
}

static bool has_port(const json_t *rows, int first, int last, const char *protocol, const char *purpose) {
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
        if (json_integer_value(json_object_get(row, "first")) == first &&
            json_integer_value(json_object_get(row, "last")) == last &&
            strcmp(json_string_value(json_object_get(row, "protocol")), protocol) == 0 &&
            strcmp(json_string_value(json_object_get(row, "purpose")), purpose) == 0) {
            return true;
        }
    }
    return false;
}

static void the_firewall_needs_listeners_and_relay_ports(void **state) {
    (void)state;
    const struct config *config =
        load("[listen]\nudp = 3478\nudp = 192.0.2.1:5000\ntcp = 3478\n[relay]\nports = 50000-50999\n"
             "[http]\nlisten = 0.0.0.0:8080\nlisten = 127.0.0.1:8081\n");
    json_t *rows = admin_config_ports(config);
    assert_true(has_port(rows, 3478, 3478, "udp", "STUN and TURN"));
    assert_true(has_port(rows, 5000, 5000, "udp", "STUN and TURN"));
    assert_true(has_port(rows, 3478, 3478, "tcp", "STUN and TURN"));
    assert_true(has_port(rows, 50000, 50999, "udp", "relayed media"));
    assert_true(has_port(rows, 8080, 8080, "tcp", "web page and signaling"));
    assert_int_equal(json_array_size(rows), 5); /* both families of 3478 in one row; no TLS, no loopback */
    json_decref(rows);
    config_unref(config);
}

static void tcp_relays_need_the_ports_of_tcp_too(void **state) {
    (void)state;
    const struct config *config = load("[relay]\nports = 50000-50999\ntcp = yes\n");
    json_t *rows = admin_config_ports(config);
    assert_true(has_port(rows, 50000, 50999, "udp", "relayed media"));
    assert_true(has_port(rows, 50000, 50999, "tcp", "relayed connections"));
    json_decref(rows);
    config_unref(config);
}

static void a_port_that_serves_twice_is_one_row(void **state) {
    (void)state;
    const struct config *config = load("[listen]\ntls = 443\ndtls = 5349\n[http]\ntls-listen = 443\n"
                                       "[tls]\ncertificate = /x/cert.pem\nprivate-key = /x/key.pem\n");
    json_t *rows = admin_config_ports(config);
    assert_true(has_port(rows, 443, 443, "tcp", "STUN and TURN over TLS, web page and signaling over TLS"));
    assert_true(has_port(rows, 5349, 5349, "udp", "STUN and TURN over DTLS"));
    json_decref(rows);
    config_unref(config);
}

static void show_hides_secrets_and_selects(void **state) {
    (void)state;
    const struct config *config = load("[auth]\nsecret = correct-horse-battery\n[relay]\nmobility = yes\n");
    json_t *all = admin_config_show(config, NULL, false);
    char *text = json_dumps(all, 0);
    assert_null(strstr(text, "correct-horse"));
    assert_non_null(json_object_get(json_object_get(all, "listen"), "udp"));
    free(text);
    json_decref(all);
    json_t *one = admin_config_show(config, "relay", false);
    assert_int_equal(json_object_size(one), 1);
    assert_non_null(json_object_get(json_object_get(one, "relay"), "ports"));
    json_decref(one);
    json_t *changed = admin_config_show(config, NULL, true);
    assert_int_equal(json_object_size(json_object_get(changed, "relay")), 1);
    assert_non_null(json_object_get(json_object_get(changed, "relay"), "mobility"));
    assert_null(json_object_get(changed, "listen"));
    json_decref(changed);
    json_t *none = admin_config_show(config, "nonsense", false);
    assert_int_equal(json_object_size(none), 0);
    json_decref(none);
    config_unref(config);
}

static void check_tells_errors_and_what_would_change(void **state) {
    (void)state;
    const struct config *running = load("[log]\nlevel = info\n");
    const char *good = "[log]\nlevel = debug\n";
    const char *bad = "[log]\nlevle = debug\n";
    const struct config_source good_source = {.text = good, .text_len = strlen(good)};
    const struct config_source bad_source = {.text = bad, .text_len = strlen(bad)};
    json_t *outcome = admin_config_check(&good_source, running);
    assert_true(json_is_true(json_object_get(outcome, "valid")));
    const json_t *change = json_array_get(json_object_get(outcome, "changes"), 0);
    assert_string_equal(json_string_value(json_object_get(change, "name")), "log.level");
    json_decref(outcome);
    outcome = admin_config_check(&bad_source, running);
    assert_true(json_is_false(json_object_get(outcome, "valid")));
    const json_t *message = json_array_get(json_object_get(outcome, "messages"), 0);
    assert_string_equal(json_string_value(json_object_get(message, "severity")), "error");
    assert_int_equal(json_integer_value(json_object_get(message, "line")), 2);
    assert_int_equal(json_array_size(json_object_get(outcome, "changes")), 0);
    json_decref(outcome);
    config_unref(running);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_firewall_needs_listeners_and_relay_ports),
        cmocka_unit_test(tcp_relays_need_the_ports_of_tcp_too),
        cmocka_unit_test(a_port_that_serves_twice_is_one_row),
        cmocka_unit_test(show_hides_secrets_and_selects),
        cmocka_unit_test(check_tells_errors_and_what_would_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
