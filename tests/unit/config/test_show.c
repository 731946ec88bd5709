/* `config show` and the reload diff. */
#include "load.h"

#include <jansson.h>
#include <stdio.h>

/* Every key with something else than its default. */
static const char everything[] =
    "[server]\nrealm = example.org\nworkers = 2\nuser = a:b\nexternal-address = 192.0.2.1/10.0.0.1\n"
    "external-address = auto\nstun-server = stun.example.org\nstun-interval = 5m\nsoftware-name = \" # \\\"x\\\" "
    "\"\ndrain-timeout = 90s\ncontrol-socket = /tmp/s\n"
    "state-dir = /srv\n[listen]\nudp = 127.0.0.1:1\nudp = [::1]:2\ntcp = none\ntls = 443\ndtls = 444\n"
    "nat-discovery = 127.0.0.1:1/127.0.0.2:2\nproxy-protocol = 10.0.0.0/8\nchallenge-rate = 9\nbinding-rate = 8\n"
    "handshake-rate = 7\nsource-connections = 6\n[tls]\ncertificate = /c\nprivate-key = "
    "/k\nmin-version = 1.3\n"
    "[relay]\naddress = 192.0.2.1\nports = 50000-50100\nallow-peer = 10.0.0.0/8\ndeny-peer = 2001:db8::/32\n"
    "max-lifetime = 20m\nuser-quota = 5\ntotal-quota = 50\nuser-bandwidth = 1500k\ntotal-bandwidth = 1G\ntcp = yes\n"
    "mobility = yes\nalternate-server = 192.0.2.9:3478\n[auth]\nsecret = first-secret-0123456789\n"
    "oauth-key = north:QUJDREVGR0hJSktMTU5PUA==\noauth-server-name = turn.example\n"
    "credential-lifetime = 1d\nstrict-expiry = yes\nsha256 = no\ndevelopment = yes\n[realms]\naddress = b.example "
    "192.0.2.7:5\n"
    "address = c.example 2001:db8::7\nserver-name = b.example turn.b.example\norigin = b.example https://b.example\n"
    "secret = b.example second-secret-012345\noauth-key = b.example east:MDEyMzQ1Njc4OWFiY2RlZg==\nuser-quota = "
    "b.example 7\nuser-quota = example.org unlimited\n"
    "total-quota = b.example 70\n[http]\nlisten = 81\n"
    "tls-listen = 443\npublic-url = https://u:topsecret@x/y\nallowed-origin = https://a.example\n"
    "trusted-proxy = 127.0.0.1\nweb-root = /w\nrequest-rate = unlimited\n[stats]\nlisten = [::1]:9\ncoturn-names = "
    "yes\n"
    "[database]\npath = /d b/x\nusage-retention = 1d\nusage-limit = 5\nusage-address = yes\n[log]\nlevel = "
    "debug\ntarget = file:/l\nformat = json\n[rooms]\nmesh-limit = 4\n"
    "max-participants = 9\nempty-timeout = 0s\nauto-create = no\nresume-timeout = 5s\n[webhooks]\nurl = https://h/p\n"
    "key = K\n[forward]\nmedia-port = 4000\nmedia-address = 192.0.2.1\nmax-bitrate = 2M\ntcp-candidates = no\n"
    "[cluster]\nredis = redis://:hunter2pass@h:1/0\nnode-name = n\nnode-address = 192.0.2.1\n"
    "link-listen = 192.0.2.1:5\nregion = r\n";

static size_t diff(const struct config *a, const struct config *b, struct config_change *out) {
    return config_diff(a, b, out, CONFIG_KEY_MAX);
}

static void every_key_can_be_set_and_differs_from_its_default(void **state) {
    (void)state;
    const struct config *a = load_ok("");
    const struct config *b = load_ok(everything);
    struct config_change changes[CONFIG_KEY_MAX];
    char *text = config_show(b, CONFIG_FORM_JSON);
    json_t *shown = json_loads(text, 0, NULL);
    free(text);
    size_t keys = 0;
    const char *name;
    json_t *section;
    json_object_foreach(shown, name, section) { keys += json_object_size(section); }
    assert_true(keys > 55);
    assert_int_equal(diff(a, b, changes), keys);
    json_decref(shown);
    config_unref(a);
    config_unref(b);
}

static void what_is_shown_reads_back_the_same(void **state) {
    (void)state;
    const struct config *a = load_ok(everything);
    char *text = config_show(a, CONFIG_FORM_INI);
    assert_non_null(strstr(text, "software-name = \" # \\\"x\\\" \"\n"));
    assert_non_null(strstr(text, "tcp = none\n"));
    assert_non_null(strstr(text, "drain-timeout = 90s\n"));
    assert_non_null(strstr(text, "max-lifetime = 20m\n"));
    assert_non_null(strstr(text, "user-bandwidth = 1500k\n"));
    assert_non_null(strstr(text, "request-rate = unlimited\n"));
    /* Only what is masked may differ. */
    char *mask = strstr(text, "secret = ***");
    assert_non_null(mask);
    memcpy(mask, "#ecret = ***", 12);
    mask = strstr(text, "secret = b.example ***");
    assert_non_null(mask);
    memcpy(mask, "#", 1);
    static const char *const keys[] = {"oauth-key = north:***", "oauth-key = b.example east:***"};
    for (size_t i = 0; i < 2; i++) {
        mask = strstr(text, keys[i]);
        assert_non_null(mask);
        memcpy(mask, "#", 1);
    }
    const struct config *b = load_ok(text);
    struct config_change changes[CONFIG_KEY_MAX];
    assert_int_equal(diff(a, b, changes), 6);
    assert_string_equal(changes[0].name, "auth.secret");
    assert_string_equal(changes[1].name, "auth.oauth-key");
    assert_string_equal(changes[2].name, "realms.secret");
    assert_string_equal(changes[3].name, "realms.oauth-key");
    assert_string_equal(changes[4].name, "http.public-url");
    assert_string_equal(changes[5].name, "cluster.redis");
    free(text);
    config_unref(a);
    config_unref(b);
}

static void secrets_are_masked_in_both_forms(void **state) {
    (void)state;
    const struct config *c = load_ok(everything);
    for (enum config_form form = CONFIG_FORM_INI; form <= CONFIG_FORM_JSON; form++) {
        char *text = config_show(c, form);
        assert_null(strstr(text, "first-secret"));
        assert_null(strstr(text, "second-secret"));
        assert_null(strstr(text, "QUJDREVG"));
        assert_null(strstr(text, "MDEyMzQ1"));
        assert_null(strstr(text, "topsecret"));
        assert_null(strstr(text, "hunter2"));
        assert_non_null(strstr(text, "redis://:***@h:1/0"));
        assert_non_null(strstr(text, "https://u:***@x/y"));
        free(text);
    }
    config_unref(c);
}

static void json_has_types(void **state) {
    (void)state;
    const struct config *c = load_ok(everything);
    char *text = config_show(c, CONFIG_FORM_JSON);
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    const char *drain, *udp0, *udp1, *path;
    int workers, development, tcp_count;
    assert_int_equal(json_unpack(root, "{s:{s:i,s:s},s:{s:[ss]},s:{s:b},s:{s:s}}", "server", "workers", &workers,
                                 "drain-timeout", &drain, "listen", "udp", &udp0, &udp1, "auth", "development",
                                 &development, "database", "path", &path),
                     0);
    tcp_count = (int)json_array_size(json_object_get(json_object_get(root, "listen"), "tcp"));
    assert_int_equal(workers, 2);
    assert_string_equal(drain, "90s");
    assert_string_equal(udp0, "127.0.0.1:1");
    assert_string_equal(udp1, "[::1]:2");
    assert_string_equal(path, "/d b/x");
    assert_true(development);
    assert_int_equal(tcp_count, 0);
    json_decref(root);
    free(text);
    config_unref(c);
}

static void the_diff_tells_what_needs_a_restart(void **state) {
    (void)state;
    const struct config *a = load_ok("[server]\nrealm = a\n");
    const struct config *same = load_ok("\n\n[server]\nrealm = \"a\"\n[log]\nlevel = info\n");
    const struct config *b =
        load_ok("[server]\nrealm = a\nworkers = 3\n[log]\nlevel = debug\n[auth]\nsecret = 0123456789abcdef\n");
    struct config_change changes[CONFIG_KEY_MAX];
    assert_int_equal(diff(a, same, changes), 0);
    assert_int_equal(diff(a, b, changes), 3);
    assert_string_equal(changes[0].name, "server.workers");
    assert_true(changes[0].needs_restart);
    assert_string_equal(changes[1].name, "auth.secret");
    assert_false(changes[1].needs_restart);
    assert_string_equal(changes[2].name, "log.level");
    assert_false(changes[2].needs_restart);
    assert_int_equal(config_diff(a, b, changes, 1), 1);
    config_unref(a);
    config_unref(same);
    config_unref(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_can_be_set_and_differs_from_its_default),
        cmocka_unit_test(what_is_shown_reads_back_the_same),
        cmocka_unit_test(secrets_are_masked_in_both_forms),
        cmocka_unit_test(json_has_types),
        cmocka_unit_test(the_diff_tells_what_needs_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
