/* Which server a client is sent to. */
#include "relay/alternate.h"

#include "config/config.h"
#include "relay/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct relay_settings *settings;

static void use(const char *lines) {
    char text[1024];
    static const uint8_t nonce_key[32] = {1};
    const struct config *config;
    struct config_report report = {0};
    snprintf(text, sizeof text, "[server]\nrealm = example.org\n[relay]\n%s", lines);
    struct config_source source = {.text = text, .text_len = strlen(text)};
    relay_settings_unref(settings);
    assert_int_equal(config_load(&config, &source, &report), 0);
    config_report_deinit(&report);
    struct relay_extras extras = {.nonce_key = nonce_key, .worker_count = 1};
    assert_int_equal(relay_settings_new(&settings, config, &extras), 0);
    config_unref(config);
}

static struct five_tuple client(const char *local, unsigned number) {
    struct five_tuple t = {.transport = TRANSPORT_UDP};
    assert_int_equal(addr_parse(&t.local, local), 0);
    assert_int_equal(addr_parse(&t.remote, t.local.family == AF_INET ? "198.51.100.1:40000" : "[2001:db8::1]:40000"),
                     0);
    t.remote.ip[2] = (uint8_t)(number >> 8);
    t.remote.ip[3] = (uint8_t)number;
    t.remote.port = (uint16_t)(40000 + number % 1000);
    return t;
}

static bool pick(const char *local, unsigned number, bool full, char out[ADDR_TEXT_MAX]) {
    struct five_tuple t = client(local, number);
    struct addr a;
    bool sent = relay_alternate_pick((void *)(uintptr_t)settings, &t, full, &a);
    if (sent) {
        addr_format(&a, out);
    }
    return sent;
}

static int teardown(void **state) {
    (void)state;
    relay_settings_unref(settings);
    settings = NULL;
    return 0;
}

static void without_a_list_nobody_is_sent_away(void **state) {
    (void)state;
    char out[ADDR_TEXT_MAX];
    use("");
    assert_false(pick("192.0.2.1:3478", 1, false, out));
    assert_false(pick("192.0.2.1:3478", 1, true, out));
}

static void alternate_is_of_the_clients_family(void **state) {
    (void)state;
    char out[ADDR_TEXT_MAX];
    use("alternate-server = 192.0.2.9:3478\n");
    assert_true(pick("192.0.2.1:3478", 1, false, out));
    assert_string_equal(out, "192.0.2.9:3478");
    assert_false(pick("[2001:db8::9]:3478", 1, false, out));
    use("alternate-server = 192.0.2.9:3478\nalternate-server = [2001:db8::9]:443\n");
    assert_true(pick("[2001:db8::1]:3478", 1, false, out));
    assert_string_equal(out, "[2001:db8::9]:443");
}

static void every_alternate_is_picked_for_one_client(void **state) {
    (void)state;
    unsigned seen[3] = {0};
    char out[ADDR_TEXT_MAX];
    use("alternate-server = 192.0.2.10:3478\nalternate-server = 192.0.2.11:3478\nalternate-server = 192.0.2.12:3478\n");
    for (int i = 0; i < 600; i++) {
        assert_true(pick("192.0.2.1:3478", 1, false, out));
        seen[out[9] - '0']++;
    }
    for (int i = 0; i < 3; i++) {
        assert_in_range(seen[i], 100, 300);
    }
}

static void list_that_names_this_server_sends_nobody_on_twice(void **state) {
    (void)state;
    unsigned stay = 0;
    char first[ADDR_TEXT_MAX], second[ADDR_TEXT_MAX];
    use("alternate-server = 192.0.2.10:3478\nalternate-server = 192.0.2.11:3478\nalternate-server = 192.0.2.12:3478\n");
    for (unsigned i = 0; i < 900; i++) {
        if (!pick("192.0.2.10:3478", i, false, first)) {
            stay++;
            continue;
        }
        assert_string_not_equal(first, "192.0.2.10:3478");
        assert_false(pick(first, i, false, second)); /* there he stays */
    }
    assert_in_range(stay, 200, 400);
}

static void server_behind_a_nat_knows_itself_by_its_public_address(void **state) {
    (void)state;
    char out[ADDR_TEXT_MAX];
    use("alternate-server = 192.0.2.10:3478\n[server]\nexternal-address = 192.0.2.10/10.0.0.1\n");
    assert_false(pick("10.0.0.1:3478", 1, false, out));
}

static void full_server_never_names_itself(void **state) {
    (void)state;
    char out[ADDR_TEXT_MAX];
    use("alternate-server = 192.0.2.10:3478\nalternate-server = 192.0.2.11:3478\nalternate-server = 192.0.2.12:3478\n");
    for (unsigned i = 0; i < 300; i++) {
        assert_true(pick("192.0.2.11:3478", i, true, out));
        assert_string_not_equal(out, "192.0.2.11:3478");
    }
    use("alternate-server = 192.0.2.10:3478\n");
    assert_false(pick("192.0.2.10:3478", 1, true, out));
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(without_a_list_nobody_is_sent_away),
        T(alternate_is_of_the_clients_family),
        T(every_alternate_is_picked_for_one_client),
        T(list_that_names_this_server_sends_nobody_on_twice),
        T(server_behind_a_nat_knows_itself_by_its_public_address),
        T(full_server_never_names_itself),
    };
    return cmocka_run_group_tests_name("relay/alternate", tests, NULL, NULL);
}
