/* Each type of value: what it takes, what it refuses and how it says so. */
#include "load.h"

#include <stdio.h>

static void durations_have_units(void **state) {
    (void)state;
    const struct config *c = load_ok("[server]\ndrain-timeout = 90\n[rooms]\nempty-timeout = 1500ms\n"
                                     "[auth]\ncredential-lifetime = 2d\n[relay]\nmax-lifetime = 30m\n");
    assert_int_equal(c->server.drain_timeout_us, 90000000);
    assert_int_equal(c->rooms.empty_timeout_us, 1500000);
    assert_int_equal(c->auth.credential_lifetime_us, 2 * 86400000000);
    assert_int_equal(c->relay.max_lifetime_us, 1800000000);
    config_unref(c);
    assert_refused("[relay]\nmax-lifetime = 5m\n", 2, "5m is outside 10m to 1d");
    assert_refused("[relay]\nmax-lifetime = 1 h\n", 2, "expected a duration");
    assert_refused("[relay]\nmax-lifetime = -1h\n", 2, "expected a duration");
    assert_refused("[relay]\nmax-lifetime = 99999999999999999999d\n", 2, "outside");
    assert_refused("[relay]\nmax-lifetime = 300000000000000d\n", 2, "outside");
}

static void numbers_and_rates_have_bounds_and_a_word_for_zero(void **state) {
    (void)state;
    const struct config *c = load_ok("[server]\nworkers = 3\n[relay]\nuser-quota = unlimited\nuser-bandwidth = 1500k\n"
                                     "total-bandwidth = 2G\n[rooms]\nmesh-limit = 0\n");
    assert_int_equal(c->server.workers, 3);
    assert_int_equal(c->relay.user_quota, 0);
    assert_int_equal(c->relay.user_bandwidth_bps, 1500000);
    assert_int_equal(c->relay.total_bandwidth_bps, 2000000000);
    assert_int_equal(c->rooms.mesh_limit, 0);
    config_unref(c);
    assert_refused("[rooms]\nmesh-limit = 5\n", 2, "5 is outside 0 to 4");
    assert_refused("[rooms]\nmesh-limit = 0x2\n", 2, "expected a number");
    assert_refused("[rooms]\nmesh-limit =\n", 2, "expected a number");
    assert_refused("[relay]\nuser-bandwidth = 5X\n", 2, "a rate such as 500k or 2M or unlimited");
}

static void switches_take_the_usual_words(void **state) {
    (void)state;
    const struct config *c = load_ok("[relay]\ntcp = on\nmobility = true\n[auth]\nsha256 = 0\n");
    assert_true(c->relay.tcp && c->relay.mobility);
    assert_false(c->auth.sha256);
    config_unref(c);
    assert_refused("[relay]\ntcp = maybe\n", 2, "expected yes or no");
}

static void choices_are_listed_when_missed(void **state) {
    (void)state;
    const struct config *c = load_ok("[log]\nlevel = debug\nformat = json\n[tls]\nmin-version = 1.3\n");
    assert_int_equal(c->log.level, LOG_LEVEL_DEBUG);
    assert_int_equal(c->log.format, LOG_FORMAT_JSON);
    assert_int_equal(c->tls.min_version, CONFIG_TLS_1_3);
    config_unref(c);
    assert_refused("[log]\nlevel = loud\n", 2, "expected one of: error warning info debug");
    assert_refused("[tls]\nmin-version = 1\n", 2, "expected one of");
}

static void port_ranges_are_checked(void **state) {
    (void)state;
    const struct config *c = load_ok("[relay]\nports = 50000-50000\n");
    assert_int_equal(c->relay.ports.last, 50000);
    config_unref(c);
    assert_refused("[relay]\nports = 50000\n", 2, "expected a port range");
    assert_refused("[relay]\nports = 60000-50000\n", 2, "empty or outside");
    assert_refused("[relay]\nports = 80-50000\n", 2, "empty or outside");
    assert_refused("[relay]\nports = 50000-70000\n", 2, "empty or outside");
    assert_refused("[relay]\nports = 50000-50001-50002\n", 2, "expected a port range");
}

static void listeners_need_a_port(void **state) {
    (void)state;
    const char *bad[] = {"192.0.2.1", "2001:db8::1", "[2001:db8::1]", ":65536", "70000", "localhost:1", ":",
                         "",          "[::1]:x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[100];
        snprintf(text, sizeof text, "[listen]\nudp = %s\n", bad[i]);
        assert_refused(text, 2, "[listen] udp: ");
    }
    const struct config *c = load_ok("[listen]\nudp = [::]:3478\nudp = 0.0.0.0:3479\n");
    assert_int_equal(c->listen.udp.count, 2);
    config_unref(c);
}

static void prefixes_must_not_hide_bits(void **state) {
    (void)state;
    const struct config *c =
        load_ok("[relay]\nallow-peer = 10.0.0.0/8\nallow-peer = fd00::/8\nallow-peer = 192.0.2.7\n");
    assert_int_equal(c->relay.allow_peer.count, 3);
    assert_int_equal(c->relay.allow_peer.items[2].len, 32);
    config_unref(c);
    assert_refused("[relay]\nallow-peer = 10.0.0.1/8\n", 2, "no bits set beyond its length");
    assert_refused("[relay]\nallow-peer = 10.0.0.0/33\n", 2, "expected a prefix");
    assert_refused("[relay]\nallow-peer = 10.0.0.0/8/8\n", 2, "expected a prefix");
}

static void external_addresses_come_in_three_forms(void **state) {
    (void)state;
    const struct config *c = load_ok("[server]\nexternal-address = auto\nexternal-address = 192.0.2.1/10.0.0.1\n"
                                     "external-address = 2001:db8::1\nstun-server = stun.example.org\n");
    assert_int_equal(c->server.external_address.count, 3);
    assert_true(c->server.external_address.items[0].automatic);
    assert_int_equal(c->server.external_address.items[1].private_addr.ip[0], 10);
    assert_int_equal(c->server.external_address.items[2].private_addr.family, AF_UNSPEC);
    config_unref(c);
    assert_refused("[server]\nexternal-address = 192.0.2.1/fd00::1\n", 2, "mixes IPv4 and IPv6");
    assert_refused("[server]\nexternal-address = 0.0.0.0\n", 2, "expected auto, ADDR or PUBLIC/PRIVATE");
    assert_refused("[server]\nexternal-address = 192.0.2.1\nexternal-address = 192.0.2.2\n", 3, "two public addresses");
}

static void auto_needs_a_server_to_ask(void **state) {
    (void)state;
    assert_refused("[server]\nexternal-address = auto\n", 2, "[server] stun-server = HOST:PORT");
}

static void servers_are_names_or_addresses_with_or_without_port(void **state) {
    static const struct {
        const char *text, *host;
        unsigned port;
    } good[] = {{"stun.example.org", "stun.example.org", 3478},
                {"stun.example.org:19302", "stun.example.org", 19302},
                {"192.0.2.1", "192.0.2.1", 3478},
                {"192.0.2.1:3479", "192.0.2.1", 3479},
                {"2001:db8::1", "2001:db8::1", 3478},
                {"[2001:db8::1]:3479", "2001:db8::1", 3479}};
    static const char *const bad[] = {"", ":3478", "a b", "host:", "host:0", "host:70000", "host:x", "-x", "stun://h"};
    char text[100];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(text, sizeof text, "[server]\nstun-server = %s\n", good[i].text);
        const struct config *c = load_ok(text);
        assert_string_equal(c->server.stun_server.items[0].host, good[i].host);
        assert_int_equal(c->server.stun_server.items[0].port, good[i].port);
        config_unref(c);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "[server]\nstun-server = %s\n", bad[i]);
        assert_refused(text, 2, "[server] stun-server");
    }
}

static void texts_of_each_kind_are_checked(void **state) {
    (void)state;
    assert_refused("[tls]\ncertificate = cert.pem\n", 2, "begins with a slash");
    assert_refused("[server]\nstate-dir =\n", 2, "begins with a slash");
    assert_refused("[http]\npublic-url = ftp://x\n", 2, "scheme http https");
    assert_refused("[http]\npublic-url = https:///x\n", 2, "with a host");
    assert_refused("[http]\npublic-url = https://a b\n", 2, "without blanks");
    assert_refused("[http]\nallowed-origin = https://App.example\n", 2, "lower case");
    assert_refused("[http]\nallowed-origin = https://app.example/\n", 2, "expected an origin");
    assert_refused("[http]\nallowed-origin = app.example\n", 2, "expected an origin");
    assert_refused("[server]\nuser = a:\n", 2, "USER:GROUP");
    assert_refused("[server]\nuser = -x\n", 2, "USER:GROUP");
    assert_refused("[log]\ntarget = file:relative\n", 2, "file:/PATH");
    assert_refused("[log]\ntarget = syslog\n", 2, "stderr, journal");
    assert_refused("[auth]\nsecret = short\n", 2, "8 to 256 bytes");
    const struct config *c =
        load_ok("[http]\npublic-url = https://call.example/sub/\nallowed-origin = *\n"
                "allowed-origin = https://[2001:db8::1]:8443\n[log]\ntarget = file:/var/log/t.log\n"
                "[server]\nuser = media:_video\n");
    assert_string_equal(c->http.public_url, "https://call.example/sub");
    assert_int_equal(c->http.allowed_origin.count, 2);
    assert_int_equal(c->log.target.kind, CONFIG_LOG_FILE);
    assert_string_equal(c->log.target.path, "/var/log/t.log");
    assert_string_equal(c->server.user.group, "_video");
    config_unref(c);
}

static void keys_that_need_each_other_are_checked(void **state) {
    (void)state;
    assert_refused("[tls]\ncertificate = /c\n", 2, "private-key is missing");
    assert_refused("[tls]\n\nprivate-key = /c\n", 3, "certificate is missing");
    assert_refused("[webhooks]\nurl = https://h/\n", 2, "key is missing");
    assert_refused("[relay]\nalternate-server = 3478\n", 2, "full address");
    assert_refused("[cluster]\nnode-address = 192.0.2.1\nnode-address = 192.0.2.2\n", 3, "one per family");
}

static void listeners_of_different_kinds_cannot_share_a_port(void **state) {
    (void)state;
    assert_refused("[listen]\ntls = 3478\n", 2, "[listen] tls and [listen] tcp both want 0.0.0.0:3478");
    assert_refused("[stats]\nlisten = 127.0.0.1:8080\n", 2, "[stats] listen and [http] listen both want");
    assert_refused("[listen]\nudp = 192.0.2.1:5\nudp = 192.0.2.1:5\n", 3, "stands there twice");
    config_unref(load_ok("[listen]\ntls = 443\n[http]\ntls-listen = 443\n"));
    config_unref(load_ok("[listen]\ntcp = 127.0.0.1:0\ntls = 127.0.0.1:0\nudp = 127.0.0.1:0\nudp = 127.0.0.1:0\n"));
}

static bool warns(const char *text, const char *part) {
    const struct config *c;
    struct config_report report;
    assert_int_equal(load_bytes(&c, text, strlen(text), &report), 0);
    bool found = false;
    for (size_t i = 0; i < report.count; i++) {
        assert_int_equal(report.items[i].severity, CONFIG_WARNING);
        found = found || strstr(report.items[i].text, part);
    }
    config_unref(c);
    config_report_deinit(&report);
    return found;
}

static void doubtful_values_are_warned_about(void **state) {
    (void)state;
    assert_true(warns("[auth]\nsecret = 12345678\n", "can be guessed"));
    assert_true(warns("[auth]\ndevelopment = yes\n", "anybody"));
    assert_true(warns("[relay]\nports = 3000-4000\n", "lies inside the range"));
    assert_true(warns("[relay]\ntotal-quota = 5\n", "above total-quota"));
    assert_true(warns("[rooms]\nmax-participants = 1\n", "above max-participants"));
    assert_true(warns("[cluster]\nredis = redis://h:1\n", "[cluster] redis has no effect yet"));
    assert_false(warns("", ""));
    assert_false(warns("[listen]\nudp = 1\ntcp = 2\ndtls = none\n", ""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(numbers_and_rates_have_bounds_and_a_word_for_zero),
        cmocka_unit_test(switches_take_the_usual_words),
        cmocka_unit_test(choices_are_listed_when_missed),
        cmocka_unit_test(port_ranges_are_checked),
        cmocka_unit_test(listeners_need_a_port),
        cmocka_unit_test(prefixes_must_not_hide_bits),
        cmocka_unit_test(external_addresses_come_in_three_forms),
        cmocka_unit_test(auto_needs_a_server_to_ask),
        cmocka_unit_test(servers_are_names_or_addresses_with_or_without_port),
        cmocka_unit_test(texts_of_each_kind_are_checked),
        cmocka_unit_test(keys_that_need_each_other_are_checked),
        cmocka_unit_test(listeners_of_different_kinds_cannot_share_a_port),
        cmocka_unit_test(doubtful_values_are_warned_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
