#include "ctl/view.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

/* Runs a view with standard output in a file and compares. */
static enum ctl_exit view(const char *verb, const char *args, const char *data, char *text, size_t size) {
    struct ctl_command command = {.verb = admin_verb_find(verb), .args = json_loads(args, 0, NULL)};
    json_t *answer = json_loads(data, JSON_DECODE_ANY, NULL);
    char path[] = "/tmp/turnout-view-XXXXXX";
    int file = mkstemp(path);
    int saved = dup(STDOUT_FILENO);
    assert_true(command.verb && command.args && answer && file >= 0 && saved >= 0);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    enum ctl_exit status = ctl_view_print(&command, answer);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    ssize_t n = pread(file, text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    close(file);
    unlink(path);
    json_decref(answer);
    json_decref(command.args);
    return status;
}

static void shows(const char *verb, const char *args, const char *data, const char *want) {
    char text[4096];
    assert_int_equal(view(verb, args, data, text, sizeof text), CTL_OK);
    assert_string_equal(text, want);
}

static void done_verbs_answer_with_a_sentence(void **state) {
    (void)state;
    shows("user add", "{\"name\":\"al\\u001bice\"}", "{}", "User al?ice was added.\n");
    shows("rooms close", "{\"room\":\"r\"}", "null", "Room r is closed.\n");
    shows("log level", "{}", "{\"level\":\"info\",\"before\":\"info\"}", "The log level is info.\n");
    shows("token create", "{}", "{\"token\":\"a.b.c\",\"expires\":1}", "a.b.c\n");
    shows("peer deny", "{}", "{\"id\":3,\"action\":\"deny\",\"prefix\":\"10.0.0.0/8\"}", "Rule 3: deny 10.0.0.0/8.\n");
}

static void an_empty_list_says_so(void **state) {
    (void)state;
    shows("sessions list", "{}", "[]", "There is no allocation.\n");
}

static void rooms_are_shown_with_their_participants(void **state) {
    (void)state;
    setenv("TZ", "UTC", 1);
    shows("rooms list", "{}",
          "[{\"name\":\"r\",\"mode\":\"mesh\",\"numParticipants\":2,\"maxParticipants\":4,\"openedAt\":1000}]",
          "ROOM  MODE  PARTICIPANTS  AT MOST  SINCE\n"
          "r     mesh             2        4  1970-01-01 00:00:01\n");
    shows("rooms show", "{\"room\":\"r\"}",
          "{\"room\":{\"name\":\"r\",\"sid\":\"s\",\"mode\":\"mesh\",\"metadata\":\"\"},"
          "\"participants\":[{\"identity\":\"ann\",\"name\":\"\",\"state\":\"active\",\"tracks\":[{},{}],"
          "\"joinedAt\":2000,\"sid\":\"p_1\"}]}",
          "Room      r\nId        s\nMode      mesh\n\n"
          "IDENTITY  STATE   TRACKS  JOINED               SID\n"
          "ann       active  2       1970-01-01 00:00:02  p_1\n");
}

static void the_configuration_is_shown_as_a_file(void **state) {
    (void)state;
    shows("config show", "{}",
          "{\"relay\":{\"tcp\":true,\"address\":[\"192.0.2.1\",\"2001:db8::1\"]},\"log\":{\"level\":\"info\"}}",
          "[relay]\ntcp = yes\naddress = 192.0.2.1\naddress = 2001:db8::1\n\n[log]\nlevel = info\n");
}

static const char ports[] = "[{\"first\":3478,\"last\":3478,\"protocol\":\"udp\",\"purpose\":\"STUN and TURN\"},"
                            "{\"first\":49152,\"last\":65535,\"protocol\":\"udp\",\"purpose\":\"relayed media\"}]";

static void ports_come_in_three_forms(void **state) {
    (void)state;
    shows("config ports", "{}", ports,
          "PORT         PROTOCOL  PURPOSE\n"
          "3478         udp       STUN and TURN\n"
          "49152-65535  udp       relayed media\n");
    shows("config ports", "{\"format\":\"ufw\"}", ports,
          "ufw allow 3478/udp comment 'turnout: STUN and TURN'\n"
          "ufw allow 49152:65535/udp comment 'turnout: relayed media'\n");
    shows("config ports", "{\"format\":\"nft\"}", ports,
          "table inet turnout {\n"
          "    chain input {\n"
          "        type filter hook input priority filter; policy accept;\n"
          "        udp dport 3478 accept comment \"STUN and TURN\"\n"
          "        udp dport 49152-65535 accept comment \"relayed media\"\n"
          "    }\n"
          "}\n");
}

static void a_bad_configuration_is_a_refusal(void **state) {
    (void)state;
    char text[1024];
    enum ctl_exit status = view("config check", "{}",
                                "{\"valid\":false,\"messages\":[{\"severity\":\"error\",\"file\":\"a.conf\",\"line\":3,"
                                "\"text\":\"no key x\"}],\"changes\":[]}",
                                text, sizeof text);
    assert_int_equal(status, CTL_REFUSED);
    assert_string_equal(text, "a.conf:3: error: no key x\nThe configuration has errors.\n");
}

static void a_reload_names_what_changed(void **state) {
    (void)state;
    shows("config reload", "{}",
          "{\"valid\":true,\"messages\":[],\"changes\":[{\"name\":\"log.level\",\"needs_restart\":false},"
          "{\"name\":\"server.workers\",\"needs_restart\":true}]}",
          "The configuration is in force. Changed:\n  log.level\n  server.workers (takes a restart)\n");
}

static void a_daemon_that_is_not_well_is_a_refusal(void **state) {
    (void)state;
    char text[1024];
    enum ctl_exit status = view("status", "{}",
                                "{\"version\":\"1\",\"ready\":false,\"uptime_s\":61,\"allocations\":0,"
                                "\"checks\":[{\"name\":\"store\",\"ok\":false,\"detail\":\"The disk is full.\"}]}",
                                text, sizeof text);
    assert_int_equal(status, CTL_REFUSED);
    assert_string_equal(text, "turnout 1 is NOT well.\n  store: The disk is full.\n"
                              "Running for   1m 1s\nAllocations   0\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(done_verbs_answer_with_a_sentence),
        cmocka_unit_test(an_empty_list_says_so),
        cmocka_unit_test(rooms_are_shown_with_their_participants),
        cmocka_unit_test(the_configuration_is_shown_as_a_file),
        cmocka_unit_test(ports_come_in_three_forms),
        cmocka_unit_test(a_bad_configuration_is_a_refusal),
        cmocka_unit_test(a_reload_names_what_changed),
        cmocka_unit_test(a_daemon_that_is_not_well_is_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
