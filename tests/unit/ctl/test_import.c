#include "ctl/import.h"

#include "config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct result {
    struct import *im;
    char *findings;
};

static void read_only(struct result *r, const char *text) {
    assert_int_equal(import_new(&r->im), 0);
    assert_int_equal(import_read(r->im, text, strlen(text)), 0);
    r->findings = NULL;
}

/* Composes, and checks the promise: turnout accepts what comes out. */
static const char *compose(struct result *r) {
    struct config_report report = {0};
    const struct config *config;
    char why[256] = "";
    size_t len;
    int rc = import_compose(r->im, why, sizeof why);
    assert_string_equal(why, "");
    assert_int_equal(rc, 0);
    FILE *out = open_memstream(&r->findings, &len);
    assert_non_null(out);
    import_print_findings(r->im, out, "", true);
    fclose(out);
    const struct config_source source = {.text = import_text(r->im), .text_len = strlen(import_text(r->im))};
    assert_int_equal(config_load(&config, &source, &report), 0);
    config_unref(config);
    config_report_deinit(&report);
    return import_text(r->im);
}

static const char *translate(struct result *r, const char *text) {
    read_only(r, text);
    return compose(r);
}

static void done(struct result *r) {
    import_free(r->im);
    free(r->findings);
}

static void has(const char *text, const char *wanted) {
    if (!strstr(text, wanted)) {
        fail_msg("no \"%s\" in:\n%s", wanted, text);
    }
}

static void has_not(const char *text, const char *unwanted) {
    if (strstr(text, unwanted)) {
        fail_msg("\"%s\" stands in:\n%s", unwanted, text);
    }
}

static void becomes(const char *coturn, const char *turnout) {
    struct result r;
    has(translate(&r, coturn), turnout);
    done(&r);
}

static void is_told(const char *coturn, const char *finding) {
    struct result r;
    (void)translate(&r, coturn);
    has(r.findings, finding);
    done(&r);
}

static void values_become_keys(void **state) {
    (void)state;
    becomes("realm=example.org\n", "# realm, line 1\nrealm = example.org\n");
    becomes("external-ip=203.0.113.5/10.0.0.5\n", "external-address = 203.0.113.5/10.0.0.5\n");
    becomes("relay-ip=192.0.2.1\nrelay-ip=2001:db8::1\n",
            "address = 192.0.2.1\n# relay-ip, line 2\naddress = 2001:db8::1\n");
    becomes("min-port=50000\n", "ports = 50000-65535\n");
    becomes("max-port=60000\n", "ports = 49152-60000\n");
    becomes("user-quota=12\n", "user-quota = 12\n");
    becomes("total-quota=0\n", "total-quota = unlimited\n");
    becomes("max-bps=1000\n", "user-bandwidth = 16000\n");
    becomes("bps-capacity=0\n", "total-bandwidth = unlimited\n");
    becomes("relay-threads=0\n", "workers = 1\n");
    becomes("max-allocate-lifetime=1800\n", "max-lifetime = 1800s\n");
    becomes("cert=/a.pem\npkey=/a.key\n", "certificate = /a.pem\n# pkey, line 2\nprivate-key = /a.key\n");
    becomes("no-tlsv1_2\n", "min-version = 1.3\n");
    becomes("alternate-server=192.0.2.9\n", "alternate-server = 192.0.2.9:3478\n");
    becomes("Verbose\n", "level = debug\n");
    becomes("syslog\nlog-file=/x\n", "target = journal\n");
    becomes("log-file=/var/log/x\n", "target = file:/var/log/x\n");
    becomes("log-file=stdout\n", "target = stderr\n");
    becomes("prometheus\nprometheus-port=9700\n", "listen = 9700\n");
    becomes("prometheus\n", "coturn-names = yes\n");
    becomes("mobility\n", "mobility = yes\n");
}

static void values_in_every_form_are_read(void **state) {
    (void)state;
    becomes("  realm   example.org  \r\n", "\nrealm = example.org\n");
    becomes("realm=\"example.org\"\n", "\nrealm = example.org\n");
    becomes("# realm=other\n\nrealm = example.org", "# realm, line 3\nrealm = example.org\n");
    becomes("static-auth-secret=a \"strange\" #secret\n", "secret = \"a \\\"strange\\\" #secret\"\n");
}

static void listeners_are_made_of_addresses_and_ports(void **state) {
    struct result r;
    (void)state;
    const char *text = translate(&r, "listening-port=3000\nlistening-ip=192.0.2.1\nlistening-ip=2001:db8::1\n"
                                     "no-tcp\ntls-listening-port=443\naux-server=192.0.2.2:3500\n");
    has(text, "udp = 192.0.2.1:3000\n");
    has(text, "udp = [2001:db8::1]:3000\n");
    has(text, "udp = 192.0.2.2:3500\n");
    has(text, "tcp = none\n");
    has_not(text, "tcp = 192.0.2");
    has(text, "tls = [2001:db8::1]:443\n");
    has(text, "dtls = 192.0.2.1:443\n");
    done(&r);
    text = translate(&r, "no-tls\n");
    has(text, "udp = 3478\n");
    has(text, "tls = none\n");
    has(text, "dtls = 5349\n");
    has(text, "tls-listen = none\n");
    done(&r);
}

static void two_addresses_of_a_family_discover_nats(void **state) {
    struct result r;
    (void)state;
    const char *text = translate(&r, "listening-ip=192.0.2.1\nlistening-ip=2001:db8::1\nlistening-ip=192.0.2.2\n"
                                     "listening-ip=2001:db8::2\nlistening-port=3000\nalt-listening-port=3100\n");
    has(text, "nat-discovery = 192.0.2.1:3000/192.0.2.2:3100\n");
    has(text, "nat-discovery = [2001:db8::1]:3000/[2001:db8::2]:3100\n");
    done(&r);
    becomes("listening-ip=192.0.2.1\nlistening-ip=192.0.2.2\n", "nat-discovery = 192.0.2.1:3478/192.0.2.2:3479\n");
    text = translate(&r, "listening-ip=192.0.2.1\nlistening-ip=192.0.2.2\nno-rfc5780\n");
    has_not(text, "\nnat-discovery");
    done(&r);
    text = translate(&r, "listening-ip=192.0.2.1\nlistening-ip=192.0.2.2\nno-udp\n");
    has_not(text, "\nnat-discovery");
    done(&r);
    is_told("listening-ip=192.0.2.1\nalt-listening-port=3100\n",
            "line 2: alt-listening-port: not needed: without two listening-ip of one family");
    /* Both would be told as one public address: turnout refuses that, so it is left out and told. */
    text = translate(&r, "listening-ip=10.0.0.1\nlistening-ip=10.0.0.2\nexternal-ip=203.0.113.1\n");
    has_not(text, "\nnat-discovery");
    done(&r);
}

static void a_flag_with_no_is_off(void **state) {
    (void)state;
    becomes("no-tcp=0\n", "tcp = 3478\n");
    is_told("no-tcp=0\n", "line 1: no-tcp: not needed: switched off\n");
}

static void ranges_become_prefixes(void **state) {
    struct prefix p[IMPORT_PREFIXES_MAX];
    char text[ADDR_TEXT_MAX];
    (void)state;
    assert_int_equal(import_range(p, "10.0.0.0-10.255.255.255"), 1);
    assert_string_equal(prefix_format(&p[0], text), "10.0.0.0/8");
    assert_int_equal(import_range(p, "192.0.2.3-192.0.2.9"), 3);
    assert_string_equal(prefix_format(&p[0], text), "192.0.2.3/32");
    assert_string_equal(prefix_format(&p[1], text), "192.0.2.4/30");
    assert_string_equal(prefix_format(&p[2], text), "192.0.2.8/31");
    assert_int_equal(import_range(p, "0.0.0.0-255.255.255.255"), 1);
    assert_int_equal(p[0].len, 0);
    assert_int_equal(import_range(p, "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"), 254);
    assert_int_equal(import_range(p, "2001:db8::-2001:db8::ffff"), 1);
    assert_string_equal(prefix_format(&p[0], text), "2001:db8::/112");
    assert_int_equal(import_range(p, "192.0.2.9"), 1);
    assert_int_equal(import_range(p, "192.0.2.0/24"), 1);
    assert_int_equal(import_range(p, "192.0.2.9-192.0.2.3"), -EINVAL);
    assert_int_equal(import_range(p, "192.0.2.9-2001:db8::"), -EINVAL);
    assert_int_equal(import_range(p, "192.0.2.9-"), -EINVAL);
    assert_int_equal(import_range(p, "-"), -EINVAL);
    assert_int_equal(import_range(p, ""), -EINVAL);
}

static void what_is_allowed_wins_over_a_narrower_denial(void **state) {
    struct result r;
    (void)state;
    const char *text = translate(&r, "allowed-peer-ip=10.0.0.0-10.255.255.255\ndenied-peer-ip=10.1.0.0-10.1.255.255\n"
                                     "denied-peer-ip=203.0.113.7\nallow-loopback-peers\n");
    has(text, "allow-peer = 10.0.0.0/8\n");
    has(text, "allow-peer = 127.0.0.0/8\n");
    has(text, "deny-peer = 203.0.113.7/32\n");
    has_not(text, "deny-peer = 10.1");
    has(r.findings, "line 2: denied-peer-ip: not needed");
    done(&r);
}

static void nothing_is_dropped_in_silence(void **state) {
    (void)state;
    is_told("realm=a\nno-such-thing=1\n", "line 2: no-such-thing: not supported: turnout does not know");
    is_told("stun-only\n", "line 1: stun-only: not supported:");
    is_told("pidfile=/x\n", "line 1: pidfile: not needed:");
    is_told("stale-nonce=600\n", "line 1: stale-nonce: always so:");
    is_told("rest-api-separator=|\n", "line 1: rest-api-separator: not supported:");
    is_told("allocation-default-address-family=ipv6\n", "not supported: the default is IPv4");
    is_told("realm=a\nrealm=b\n", "line 1: realm: not needed: a later line says it anew\n");
    is_told("user=alice\n", "line 1: user: not supported: expected NAME:PASSWORD\n");
    is_told("realm=a\n\033[31m\n", "line 2: a line: not supported: it holds control characters\n");
    is_told("\xff\n", "line 1: a line: not supported: it is not valid UTF-8\n");
    is_told("listening-port=3478\n", "private peers: not supported:");
    is_told("listening-port=3478\n", "realm: not supported: not set:");
}

static void every_option_gets_a_line_or_a_finding(void **state) {
    (void)state;
    for (size_t i = 0; i < import_option_count; i++) {
        char line[128];
        struct result r;
        snprintf(line, sizeof line, import_options[i].flag ? "%s\n" : "%s=1\n", import_options[i].name);
        const char *text = translate(&r, line);
        snprintf(line, sizeof line, "# %s, line 1\n", import_options[i].name);
        if (!strstr(text, line)) {
            snprintf(line, sizeof line, "%s: ", import_options[i].name);
            bool elsewhere = strcmp(import_options[i].name, "userdb") == 0 || strcmp(import_options[i].name, "db") == 0;
            if (!elsewhere) {
                has(r.findings, line);
            }
        }
        done(&r);
    }
}

static void what_turnout_refuses_is_left_out_with_its_reason(void **state) {
    struct result r;
    (void)state;
    const char *text = translate(&r, "relay-ip=eth0\ncert=relative.pem\npkey=/a.key\nlistening-port=99999\n"
                                     "static-auth-secret=short\nmax-allocate-lifetime=10\nrealm=good\n");
    has(text, "\nrealm = good\n");
    has_not(text, "\naddress =");
    has_not(text, "\nprivate-key =");
    has_not(text, "\nsecret =");
    has(r.findings, "line 1: relay-ip: not supported: [relay] address: expected an IP address");
    has(r.findings, "line 5: static-auth-secret: not supported:");
    has(r.findings, "line 6: max-allocate-lifetime: not supported: [relay] max-lifetime: 10s is outside 10m to 1d");
    done(&r);
}

static void what_this_version_lacks_is_told(void **state) {
    struct config_report report = {0};
    const struct config *config;
    const char text[] = "[relay]\nmobility = yes\n";
    (void)state;
    assert_int_equal(config_load(&config, &(struct config_source){.text = text, .text_len = strlen(text)}, &report), 0);
    if (report.count > 0) {
        is_told("mobility\n", "line 1: mobility: later: [relay] mobility has no effect yet\n");
    }
    config_unref(config);
    config_report_deinit(&report);
}

static void users_are_collected_without_showing_their_passwords(void **state) {
    static const uint8_t key[16] = {0xbc, 0x80, 0x7e, 0xe2, 0x9d, 0xf3, 0xc9, 0xff,
                                    0xa7, 0x36, 0x52, 0x3f, 0xb2, 0xc4, 0xe8, 0xee};
    struct result r;
    (void)state;
    const char *text = translate(&r, "user=alice:won:der#land\nuser=bob:0xbc807ee29df3c9ffa736523fb2c4e8ee\n"
                                     "user=carol:0xbc80\n");
    has_not(text, "won:der");
    has_not(text, "bc807");
    has_not(r.findings, "won:der");
    has(r.findings, "carol: not supported: the user's key");
    assert_int_equal(import_user_count(r.im), 2);
    assert_string_equal(import_user_at(r.im, 0)->password, "won:der#land");
    assert_null(import_user_at(r.im, 0)->realm);
    assert_null(import_user_at(r.im, 1)->password);
    assert_memory_equal(import_user_at(r.im, 1)->md5, key, sizeof key);
    has(text, "sha256 = no\n"); /* bob's password is not known */
    done(&r);
    has_not(translate(&r, "user=alice:wonderland\n"), "sha256");
    done(&r);
}

static void rows_of_the_database_are_taken(void **state) {
    struct result r;
    (void)state;
    read_only(&r, "realm=a\nuse-auth-secret\nstatic-auth-secret=first-of-two\nuserdb=/x/turndb\n");
    assert_string_equal(import_userdb(r.im), "/x/turndb");
    assert_int_equal(import_add_user(r.im, "a", "u", "bc807ee29df3c9ffa736523fb2c4e8ee"), 0);
    assert_int_equal(import_add_user(r.im, "a", "u", "nonsense"), -EINVAL);
    assert_int_equal(import_add_user(r.im, "", "u", "bc807ee29df3c9ffa736523fb2c4e8ee"), -EINVAL);
    assert_int_equal(import_add_user(r.im, "a", "", "bc807ee29df3c9ffa736523fb2c4e8ee"), -EINVAL);
    assert_int_equal(import_add_user(r.im, "a", "\033[2J", "bc807ee29df3c9ffa736523fb2c4e8ee"), -EINVAL);
    assert_int_equal(import_add_rule(r.im, "a", false, "192.0.2.3-192.0.2.9"), 0);
    assert_int_equal(import_add_rule(r.im, "a", true, "nowhere"), -EINVAL);
    assert_int_equal(import_add_secret(r.im, "second-of-two"), 0);
    assert_int_equal(import_rule_count(r.im), 3);
    assert_false(import_rule_at(r.im, 0)->allow);
    const char *text = compose(&r);
    assert_true(strstr(text, "secret = first-of-two\n") < strstr(text, "secret = second-of-two\n"));
    has(text, "sha256 = no\n");
    done(&r);
}

static void realms_of_the_database_become_lines(void **state) {
    struct result r;
    (void)state;
    static const struct import_oauth_key long_key = {"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIK", "A256GCM"};
    static const struct import_oauth_key short_key = {"MTIzNDU2Nzg5MDEyMzQ1Ngo=", "A128GCM"};
    static const struct import_oauth_key odd = {"MTIzNDU2Nzg5MDEyMzQ1Ngo=", "A256CBC"};
    read_only(&r, "realm=a\nuse-auth-secret\noauth\nserver-name=turn.a\nstatic-auth-secret=first-of-two\n");
    assert_int_equal(import_add_realm_secret(r.im, "a", "second-of-two"), 0);
    assert_int_equal(import_add_realm_secret(r.im, "b", "secret of realm b"), 0);
    assert_int_equal(import_add_realm_secret(r.im, "b c", "secret-of-none"), -EINVAL);
    assert_int_equal(import_add_realm_origin(r.im, "b", "https://b.example"), 0);
    assert_int_equal(import_add_realm_origin(r.im, "a", "https://a.example"), 0);
    assert_int_equal(import_add_realm_option(r.im, "b", "user-quota", "7"), 0);
    assert_int_equal(import_add_realm_option(r.im, "a", "total-quota", "0"), 0);
    assert_int_equal(import_add_realm_option(r.im, "b", "max-bps", "1000"), 0);
    assert_int_equal(import_add_realm_option(r.im, "b", "user-quota", "many"), 0);
    assert_int_equal(import_add_oauth_key(r.im, "", "north", &long_key), 0);
    assert_int_equal(import_add_oauth_key(r.im, "b", "union", &short_key), 0);
    assert_int_equal(import_add_oauth_key(r.im, "b", "odd", &odd), -EINVAL);
    const char *text = compose(&r);
    has(text, "oauth-server-name = turn.a\n");
    has(text, "secret = second-of-two\n");
    has(text, "oauth-key = north:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=\n"); /* cut to 32 bytes */
    has(text, "oauth-key = b union:MTIzNDU2Nzg5MDEyMzQ1Ng==\n");                   /* and to 16 */
    has(text, "secret = b secret of realm b\n");
    has(text, "origin = b https://b.example\n");
    has(text, "user-quota = b 7\n");
    has(text, "total-quota = a unlimited\n");
    has(r.findings, "max-bps: not supported: of one realm");
    has(r.findings, "user-quota: not supported: of one realm: it is not a number");
    has(r.findings, "odd: not supported:");
    has(r.findings, "secret: not supported: a row");
    done(&r);
    read_only(&r, "realm=a\n");
    assert_int_equal(import_add_oauth_key(r.im, "", "north", &long_key), 0);
    has_not(compose(&r), "oauth-key =");
    has(r.findings, "north: not needed: a key of an authorization server: oauth is not set");
    done(&r);
}

static void too_much_is_refused(void **state) {
    struct import *im;
    char *text = malloc(IMPORT_FILE_MAX + 1);
    (void)state;
    assert_non_null(text);
    memset(text, '\n', IMPORT_FILE_MAX + 1);
    assert_int_equal(import_new(&im), 0);
    assert_int_equal(import_read(im, text, IMPORT_FILE_MAX), 0);
    assert_int_equal(import_read(im, text, IMPORT_FILE_MAX + 1), -EFBIG);
    for (size_t i = 0; i + 7 <= IMPORT_FILE_MAX; i += 7) {
        memcpy(text + i, "syslog\n", 7);
    }
    assert_int_equal(import_read(im, text, IMPORT_FILE_MAX), -EFBIG);
    import_free(im);
    memset(text, 'x', IMPORT_FILE_MAX);
    assert_int_equal(import_new(&im), 0);
    assert_int_equal(import_read(im, text, IMPORT_FILE_MAX), 0);
    assert_int_equal(import_finding_count(im, IMPORT_UNSUPPORTED), 1);
    import_free(im);
    free(text);
}

static void many_findings_and_prefixes_stay_bounded(void **state) {
    enum { LINES = 2000, LINE = 48 };
    char *text = calloc(LINES + 1, LINE);
    size_t len = 0;
    struct result r;
    (void)state;
    assert_non_null(text);
    for (unsigned i = 0; i < LINES; i++) {
        len += (size_t)snprintf(text + len, LINE, "denied-peer-ip=::%x-fff:ffff::\n", i + 1);
    }
    (void)translate(&r, text);
    has(r.findings, "denied-peer-ip: not supported: more of these than turnout takes\n");
    has(r.findings, " more: not supported\n");
    done(&r);
    free(text);
}

static void the_table_names_every_option_once(void **state) {
    (void)state;
    for (size_t i = 0; i < import_option_count; i++) {
        const struct import_option *o = &import_options[i];
        assert_true(strlen(o->text) > 8);
        assert_null(strchr(o->text, '|'));
        assert_ptr_equal(import_option_find(o->name), o);
        assert_true(o->key == NULL || o->kind == IMPORT_SAME || o->kind == IMPORT_TRANSLATED);
    }
}

/* Every row of the table, and no other, stands in docs/coturn.md. */
static void the_document_shows_the_table(void **state) {
    const char *top = getenv("top_srcdir");
    char path[4096], line[2048], row[2048];
    size_t rows = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/docs/coturn.md", top ? top : ".");
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (rows < import_option_count && strncmp(line, "| `", 3) == 0) {
            const struct import_option *o = &import_options[rows++];
            snprintf(row, sizeof row, "| `%s` | %s | %s |\n", o->name, import_kind_name(o->kind), o->text);
            assert_string_equal(line, row);
        } else {
            assert_false(strncmp(line, "| `", 3) == 0);
        }
    }
    fclose(file);
    assert_int_equal(rows, import_option_count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_keys),
        cmocka_unit_test(values_in_every_form_are_read),
        cmocka_unit_test(listeners_are_made_of_addresses_and_ports),
        cmocka_unit_test(two_addresses_of_a_family_discover_nats),
        cmocka_unit_test(a_flag_with_no_is_off),
        cmocka_unit_test(ranges_become_prefixes),
        cmocka_unit_test(what_is_allowed_wins_over_a_narrower_denial),
        cmocka_unit_test(nothing_is_dropped_in_silence),
        cmocka_unit_test(every_option_gets_a_line_or_a_finding),
        cmocka_unit_test(what_turnout_refuses_is_left_out_with_its_reason),
        cmocka_unit_test(what_this_version_lacks_is_told),
        cmocka_unit_test(users_are_collected_without_showing_their_passwords),
        cmocka_unit_test(rows_of_the_database_are_taken),
        cmocka_unit_test(realms_of_the_database_become_lines),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(many_findings_and_prefixes_stay_bounded),
        cmocka_unit_test(the_table_names_every_option_once),
        cmocka_unit_test(the_document_shows_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
