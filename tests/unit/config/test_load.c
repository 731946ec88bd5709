/* The shape of files: sections, overrides, conf.d, limits, every error at once. */
#include "load.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void an_empty_file_gives_working_defaults(void **state) {
    (void)state;
    const struct config *c = load_ok("");
    assert_true(c->server.realm[0] != '\0');
    assert_int_equal(c->server.workers, 0);
    assert_string_equal(c->server.user.user, "turnout");
    assert_int_equal(c->listen.udp.count, 2);
    assert_int_equal(c->listen.udp.items[0].family, AF_INET);
    assert_int_equal(c->listen.udp.items[1].family, AF_INET6);
    assert_int_equal(c->listen.udp.items[0].port, 3478);
    assert_int_equal(c->listen.tls.items[0].port, 5349);
    assert_int_equal(c->relay.ports.first, 49152);
    assert_int_equal(c->relay.ports.last, 65535);
    assert_int_equal(c->relay.max_lifetime_us, 3600000000);
    assert_int_equal(c->auth.secret.count, 0);
    assert_false(c->auth.development);
    assert_int_equal(c->stats.listen.count, 1);
    assert_true(addr_is_loopback(&c->stats.listen.items[0]));
    assert_string_equal(c->database.path, TURNOUT_STATEDIR "/turnout.db");
    assert_int_equal(c->rooms.mesh_limit, 2);
    assert_int_equal(c->rooms.resume_timeout_us, 60000000);
    assert_string_equal(c->tls.certificate, "");
    assert_int_equal(c->log.level, LOG_LEVEL_INFO);
    assert_int_equal(c->cluster.redis.count, 0);
    config_unref(c);
}

static void the_database_follows_the_state_folder(void **state) {
    (void)state;
    const struct config *c = load_ok("[server]\nstate-dir = /srv/t\n");
    assert_string_equal(c->database.path, "/srv/t/turnout.db");
    config_unref(c);
}

static void comments_blanks_quotes_and_crlf_are_understood(void **state) {
    (void)state;
    const struct config *c = load_ok("\xef\xbb\xbf# first\r\n\r\n  [ server ]  # the process\r\n"
                                     "\trealm\t=  example.org   # our name\r\n"
                                     "software-name = \"a \\\"b\\\" # \\\\c \" # quoted\r\n"
                                     "[auth]\r\nsecret = abc#defghijklmnop\r\n");
    assert_string_equal(c->server.realm, "example.org");
    assert_string_equal(c->server.software_name, "a \"b\" # \\c ");
    assert_string_equal(c->auth.secret.items[0], "abc#defghijklmnop");
    config_unref(c);
}

static void repeated_list_keys_add_up_and_none_empties(void **state) {
    (void)state;
    const struct config *c = load_ok("[listen]\nudp = 192.0.2.1:1\nudp = [2001:db8::1]:2\ntls = none\n"
                                     "tcp = 192.0.2.1:5\ntcp = none\ntcp = :7\n");
    assert_int_equal(c->listen.udp.count, 2);
    assert_int_equal(c->listen.udp.items[1].port, 2);
    assert_int_equal(c->listen.tls.count, 0);
    assert_int_equal(c->listen.tcp.count, 2);
    assert_int_equal(c->listen.tcp.items[0].port, 7);
    config_unref(c);
}

static void a_long_list_keeps_its_order(void **state) {
    (void)state;
    char text[32768] = "[relay]\n";
    size_t len = strlen(text);
    for (int i = 0; i < 1000; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "deny-peer = 10.0.%d.%d\n", i / 256, i % 256);
    }
    const struct config *c = load_ok(text);
    assert_int_equal(c->relay.deny_peer.count, 1000);
    assert_int_equal(c->relay.deny_peer.items[999].ip[2], 999 / 256);
    assert_int_equal(c->relay.deny_peer.items[999].ip[3], 999 % 256);
    config_unref(c);
}

static void a_list_beyond_its_bound_is_refused_once(void **state) {
    (void)state;
    char text[4096] = "[webhooks]\nkey = k\n";
    size_t len = strlen(text);
    for (int i = 0; i < 20; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "url = https://h%d/\n", i);
    }
    assert_refused(text, 19, "more than 16 times");
}

static void unknown_names_get_a_suggestion(void **state) {
    (void)state;
    assert_refused("[sever]\nrealm = a\n", 1, "unknown section [sever]; did you mean [server]?");
    assert_refused("[listen]\nupd = 3478\n", 2, "unknown key \"upd\" in [listen]; did you mean udp?");
    assert_refused("[server]\ntotal-quota = 3\n", 2, "it belongs to [relay]");
    assert_refused("[server]\nzzzzzzzzzzzzzz = 3\n", 2, "unknown key \"zzzzzzzzzzzzzz\" in [server]");
}

static void broken_lines_are_refused_with_their_number(void **state) {
    (void)state;
    assert_refused("realm = x\n", 1, "before the first section");
    assert_refused("\n[server\n", 2, "a section looks like [name]");
    assert_refused("[server] x\n", 1, "a section looks like [name]");
    assert_refused("[server]\nrealm\n", 2, "expected key = value");
    assert_refused("[server]\n= x\n", 2, "expected key = value");
    assert_refused("[server]\nrealm = \"abc\n", 2, "not closed");
    assert_refused("[server]\nrealm = \"abc\" d\n", 2, "text follows");
    assert_refused("[server]\nrealm = a\nrealm = b\n", 3, "set twice, first in line 2");
    assert_refused("[server]\nrealm =\n", 2, "a value is needed");
    assert_refused("[server]\nrealm = \xff\n", 2, "UTF-8");
    assert_refused("[server]\nrealm = a\033[1m\n", 2, "control character (0x1b) at column 10");
}

static void a_nul_byte_is_refused(void **state) {
    (void)state;
    const struct config *c;
    struct config_report report;
    assert_int_equal(load_bytes(&c, "[server]\nrealm = a\0b\n", 21, &report), -ERR_CONFIG);
    assert_int_equal(report.items[0].line, 2);
    assert_non_null(strstr(report.items[0].text, "0x00"));
    config_report_deinit(&report);
}

static void too_long_a_line_and_too_large_a_file_are_refused(void **state) {
    (void)state;
    char line[5000];
    memset(line, '#', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    assert_refused(line, 1, "longer than 4096 bytes");
    size_t len = (1 << 20) + 1;
    char *text = calloc(1, len + 1);
    memset(text, '\n', len);
    assert_refused(text, 0, "larger than 1048576 bytes");
    text[len - 1] = '\0';
    config_unref(load_ok(text));
    free(text);
}

static void every_error_is_listed(void **state) {
    (void)state;
    const char *text = "[server]\nworkers = many\nrealms = x\n[relay]\nports = 1-2\ndeny-peer = 10.0.0.1/8\n"
                       "[nothing]\nkey = ignored\n";
    const struct config *c;
    struct config_report report;
    assert_int_equal(load_bytes(&c, text, strlen(text), &report), -ERR_CONFIG);
    assert_int_equal(report.errors, 5);
    char printed[2048] = "";
    FILE *out = fmemopen(printed, sizeof printed, "w");
    config_report_print(&report, out);
    fclose(out);
    assert_non_null(
        strstr(printed, "test.conf:2: error: [server] workers: expected a number or auto, found \"many\"\n"));
    assert_non_null(strstr(printed, "test.conf:3: error: unknown key \"realms\" in [server]; did you mean realm?\n"));
    assert_non_null(strstr(printed, "test.conf:5: error: [relay] ports:"));
    assert_non_null(strstr(printed, "test.conf:6: error: [relay] deny-peer:"));
    assert_non_null(strstr(printed, "test.conf:7: error: unknown section [nothing]\n"));
    config_report_deinit(&report);
}

static void a_list_is_bounded_by_what_its_lines_become(void **state) {
    (void)state;
    char text[4096];
    int len = snprintf(text, sizeof text, "[listen]\n");
    const struct config *c;
    struct config_report report;
    for (int i = 0; i < 32; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len, "udp = 0\n"); /* two addresses each */
    }
    assert_int_equal(load_bytes(&c, text, strlen(text), &report), 0);
    assert_int_equal(c->listen.udp.count, 64);
    config_unref(c);
    config_report_deinit(&report);
    snprintf(text + len, sizeof text - (size_t)len, "udp = 0\n");
    assert_int_equal(load_bytes(&c, text, strlen(text), &report), -ERR_CONFIG);
    assert_non_null(strstr(report.items[0].text, "more than 64 values"));
    config_report_deinit(&report);
}

static void a_realm_needs_a_name_a_value_and_a_way_in(void **state) {
    (void)state;
    const struct config *config =
        load_ok("[server]\nrealm = a.example\n[realms]\naddress = b.example 192.0.2.7\n"
                "server-name = c.example  turn.c.example\nsecret = b.example a secret of words\n"
                "total-quota = a.example 5\n");
    const char *names[CONFIG_REALMS_MAX + 1];
    assert_int_equal(config_realm_names(config, names), 2); /* the default one is no other */
    assert_string_equal(names[0], "b.example");
    assert_string_equal(names[1], "c.example");
    assert_string_equal(config->realms.server_name.items[0].text, "turn.c.example");
    assert_string_equal(config->realms.secret.items[0].text, "a secret of words");
    config_unref(config);
    assert_refused("[realms]\naddress = b.example\n", 2, "expected a realm");
    assert_refused("[realms]\naddress = b.example 0.0.0.0\n", 2, "expected a local address");
    assert_refused("[realms]\naddress = b.example turn.b.example\n", 2, "expected a local address");
    assert_refused("[realms]\nsecret = b.example short\n", 2, "8 to 256 bytes");
    assert_refused("[realms]\nserver-name = b.example two names\n", 2, "expected a host's name");
    assert_refused("[realms]\nuser-quota = b.example many\n", 2, "or unlimited");
    assert_refused("[realms]\nuser-quota = b.example 0\n", 2, "or unlimited");
    assert_refused("[server]\nrealm = a.example\n[realms]\nsecret = a.example a-long-secret\n", 4, "[auth] secret");
    struct config_report report;
    static const char unreachable[] = "[realms]\nsecret = b.example a-long-secret\n";
    assert_int_equal(load_bytes(&config, unreachable, strlen(unreachable), &report), 0);
    assert_non_null(strstr(report.items[0].text, "nothing leads to the realm b.example"));
    config_report_deinit(&report);
    config_unref(config);
}

static void a_key_of_an_authorization_server_has_a_name_and_sixteen_or_thirty_two_bytes(void **state) {
    (void)state;
    const struct config *config = load_ok("[auth]\noauth-key = a:b:MDEyMzQ1Njc4OWFiY2RlZg==\n");
    assert_string_equal(config->auth.oauth_key.items[0].kid, "a:b");
    assert_int_equal(config->auth.oauth_key.items[0].key_len, 16);
    assert_memory_equal(config->auth.oauth_key.items[0].key, "0123456789abcdef", 16);
    config_unref(config);
    assert_refused("[auth]\noauth-key = MDEyMzQ1Njc4OWFiY2RlZg==\n", 2, "expected KID:KEY");
    assert_refused("[auth]\noauth-key = north:MDEyMzQ1Njc4OWFiY2RlZgo=\n", 2, "16 or 32 bytes");
    assert_refused("[auth]\noauth-key = north:not base64\n", 2, "16 or 32 bytes");
    assert_refused("[server]\nrealm = a\n[realms]\noauth-key = a north:MDEyMzQ1Njc4OWFiY2RlZg==\n", 4,
                   "[auth] oauth-key");
}

static void more_realms_than_can_be_are_refused(void **state) {
    (void)state;
    char text[8192] = "[realms]\n";
    size_t len = strlen(text);
    for (int i = 0; i <= CONFIG_REALMS_MAX; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "server-name = r%d n%d\n", i, i);
    }
    assert_refused(text, 0, "more than 64 realms");
}

static void the_report_is_bounded(void **state) {
    (void)state;
    char text[8192] = "[server]\n";
    size_t len = strlen(text);
    for (int i = 0; i < 500; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "nonsense\n");
    }
    const struct config *c;
    struct config_report report;
    assert_int_equal(load_bytes(&c, text, strlen(text), &report), -ERR_CONFIG);
    assert_int_equal(report.errors, 500);
    assert_int_equal(report.count, 100);
    assert_int_equal(report.dropped, 400);
    config_report_deinit(&report);
}

static void overrides_replace_what_the_file_says(void **state) {
    (void)state;
    const char *overrides[] = {"listen.udp=127.0.0.1:0", "listen.udp=[::1]:0", "server.realm=a # b",
                               "http.listen=none"};
    const char *text = "[listen]\nudp = 1\n[server]\nrealm = x\n";
    struct config_source source = {.text = text, .text_len = strlen(text), .overrides = overrides, .override_count = 4};
    struct config_report report = {0};
    const struct config *c;
    assert_int_equal(config_load(&c, &source, &report), 0);
    assert_int_equal(c->listen.udp.count, 2);
    assert_true(addr_is_loopback(&c->listen.udp.items[0]));
    assert_string_equal(c->server.realm, "a # b");
    assert_int_equal(c->http.listen.count, 0);
    config_unref(c);
    config_report_deinit(&report);
}

static void a_bad_override_is_named(void **state) {
    (void)state;
    const char *overrides[] = {"realm=x", "server.relm=x", "server.workers=-1", "nope.x=1", "server.realm=a\nb"};
    struct config_source source = {.text = "", .overrides = overrides, .override_count = 5};
    struct config_report report = {0};
    const struct config *c;
    assert_int_equal(config_load(&c, &source, &report), -ERR_CONFIG);
    assert_int_equal(report.errors, 5);
    for (size_t i = 0; i < report.count; i++) {
        assert_string_equal(report.items[i].file, "--set");
    }
    config_report_deinit(&report);
}

/* --- files --- */

static void write_file(const char *dir, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void files_of_the_folder_are_read_in_order(void **state) {
    (void)state;
    char dir[] = "/tmp/turnout-config-XXXXXX", path[256];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/conf.d", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(dir, "turnout.conf", "[server]\nrealm = zero\nworkers = 1\n[relay]\ndeny-peer = 192.0.2.1\n");
    write_file(dir, "conf.d/20-b.conf", "[server]\nrealm = second\n");
    write_file(dir, "conf.d/10-a.conf", "[server]\nrealm = first\n[relay]\ndeny-peer = 192.0.2.2\n");
    write_file(dir, "conf.d/.hidden.conf", "garbage\n");
    write_file(dir, "conf.d/30-c.conf~", "garbage\n");
    snprintf(path, sizeof path, "%s/turnout.conf", dir);
    struct config_source source = {.file = path};
    struct config_report report = {0};
    const struct config *c;
    assert_int_equal(config_load(&c, &source, &report), 0);
    assert_string_equal(c->server.realm, "second");
    assert_int_equal(c->server.workers, 1);
    assert_int_equal(c->relay.deny_peer.count, 2);
    config_unref(c);

    write_file(dir, "conf.d/10-a.conf", "[server]\n\nrelm = first\n");
    assert_int_equal(config_load(&c, &source, &report), -ERR_CONFIG);
    assert_non_null(strstr(report.items[0].file, "/conf.d/10-a.conf"));
    assert_int_equal(report.items[0].line, 3);
    config_report_deinit(&report);
    static const char *const made[] = {"/turnout.conf",
                                       "/conf.d/10-a.conf",
                                       "/conf.d/20-b.conf",
                                       "/conf.d/.hidden.conf",
                                       "/conf.d/30-c.conf~",
                                       "/conf.d",
                                       ""};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        snprintf(path, sizeof path, "%s%s", dir, made[i]);
        assert_int_equal(remove(path), 0);
    }
}

static void a_missing_file_is_an_error_that_names_it(void **state) {
    (void)state;
    struct config_source source = {.file = "/nonexistent/turnout.conf"};
    struct config_report report = {0};
    const struct config *c;
    assert_int_equal(config_load(&c, &source, &report), -ERR_CONFIG);
    assert_string_equal(report.items[0].file, "/nonexistent/turnout.conf");
    assert_non_null(strstr(report.items[0].text, "No such file"));
    config_report_deinit(&report);
    source.file = "/tmp"; /* a folder */
    assert_int_equal(config_load(&c, &source, &report), -ERR_CONFIG);
    config_report_deinit(&report);
}

/* Takes the # off "#key = value", which is how the example shows a setting. */
static void uncomment(char *text) {
    for (char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (line[0] == '#' && line[1] >= 'a' && line[1] <= 'z') {
            line[0] = ' ';
        }
    }
}

static void the_installed_example_is_right_with_every_line_taken(void **state) {
    (void)state;
    char path[512], text[16384] = "";
    const char *build = getenv("top_builddir");
    snprintf(path, sizeof path, "%s/etc/turnout.conf", build ? build : ".");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 1000);
    fclose(f);
    config_unref(load_ok(text));
    uncomment(text);
    const struct config *c = load_ok(text);
    assert_string_equal(c->server.realm, "call.example.org");
    assert_int_equal(c->auth.secret.count, 1);
    config_unref(c);
}

static void the_snapshot_lives_until_the_last_reference(void **state) {
    (void)state;
    const struct config *c = load_ok("[server]\nrealm = example.org\n");
    assert_ptr_equal(config_ref(c), c);
    config_unref(c);
    assert_string_equal(c->server.realm, "example.org");
    config_unref(c);
    config_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_working_defaults),
        cmocka_unit_test(the_database_follows_the_state_folder),
        cmocka_unit_test(comments_blanks_quotes_and_crlf_are_understood),
        cmocka_unit_test(repeated_list_keys_add_up_and_none_empties),
        cmocka_unit_test(a_long_list_keeps_its_order),
        cmocka_unit_test(a_list_beyond_its_bound_is_refused_once),
        cmocka_unit_test(unknown_names_get_a_suggestion),
        cmocka_unit_test(broken_lines_are_refused_with_their_number),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(too_long_a_line_and_too_large_a_file_are_refused),
        cmocka_unit_test(every_error_is_listed),
        cmocka_unit_test(a_list_is_bounded_by_what_its_lines_become),
        cmocka_unit_test(a_realm_needs_a_name_a_value_and_a_way_in),
        cmocka_unit_test(more_realms_than_can_be_are_refused),
        cmocka_unit_test(a_key_of_an_authorization_server_has_a_name_and_sixteen_or_thirty_two_bytes),
        cmocka_unit_test(the_report_is_bounded),
        cmocka_unit_test(overrides_replace_what_the_file_says),
        cmocka_unit_test(a_bad_override_is_named),
        cmocka_unit_test(files_of_the_folder_are_read_in_order),
        cmocka_unit_test(a_missing_file_is_an_error_that_names_it),
        cmocka_unit_test(the_installed_example_is_right_with_every_line_taken),
        cmocka_unit_test(the_snapshot_lives_until_the_last_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
