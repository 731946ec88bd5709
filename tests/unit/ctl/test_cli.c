#include "ctl/cli.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* Parses a line of words separated by blanks. */
static int parse(struct ctl_command *out, const char *line, char *why) {
    char copy[256];
    char *argv[32] = {(char *)(uintptr_t) "turnoutctl"};
    int argc = 1;
    char *rest = copy;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
        argv[argc++] = word;
    }
    why[0] = '\0';
    return ctl_cli_parse(out, argc, argv, why, 200);
}

static void expect(const char *line, const char *verb, const char *args) {
    struct ctl_command c;
    char why[200];
    int rc = parse(&c, line, why);
    if (rc != 0) {
        fail_msg("%s: %s", line, why);
    }
    assert_string_equal(c.verb->name, verb);
    json_t *want = json_loads(args, 0, NULL);
    assert_non_null(want);
    assert_true(json_equal(c.args, want));
    json_decref(want);
    json_decref(c.args);
}

static void refuse(const char *line, const char *says) {
    struct ctl_command c;
    char why[200];
    assert_int_equal(parse(&c, line, why), -EINVAL);
    if (!strstr(why, says)) {
        fail_msg("%s: %s", line, why);
    }
    json_decref(c.args);
}

static void verbs_of_one_and_two_words_are_found(void **state) {
    (void)state;
    expect("status", "status", "{}");
    expect("sessions list", "sessions list", "{}");
    expect("drain", "drain", "{}");
}

static void arguments_by_place_and_by_name_are_taken(void **state) {
    (void)state;
    expect("user add alice", "user add", "{\"name\":\"alice\"}");
    expect("user add alice --realm example.org", "user add", "{\"name\":\"alice\",\"realm\":\"example.org\"}");
    expect("user add --realm=example.org alice", "user add", "{\"name\":\"alice\",\"realm\":\"example.org\"}");
    expect("user add -- -dash", "user add", "{\"name\":\"-dash\"}");
    expect("sessions list --limit 5", "sessions list", "{\"limit\":5}");
    expect("participants mute r i --track t", "participants mute",
           "{\"room\":\"r\",\"identity\":\"i\",\"track\":\"t\"}");
    expect("credentials create --ttl 15m", "credentials create", "{\"ttl\":900}");
    expect("log level debug", "log level", "{\"level\":\"debug\"}");
    expect("peer remove 7", "peer remove", "{\"id\":7}");
}

static void flags_have_three_forms(void **state) {
    (void)state;
    expect("token create --room r --identity i --hidden", "token create",
           "{\"room\":\"r\",\"identity\":\"i\",\"hidden\":true}");
    expect("token create --no-can-publish --can-publish-data=no --room-list=yes", "token create",
           "{\"can_publish\":false,\"can_publish_data\":false,\"room_list\":true}");
}

static void wrong_use_is_explained(void **state) {
    (void)state;
    refuse("reboot now", "\"reboot\"");
    refuse("status now", "too many");
    refuse("sessions kill", "ID is missing");
    refuse("sessions list --limit", "needs a value");
    refuse("sessions list --limit=x", "not a number");
    refuse("sessions list --limit 1 --limit 2", "given twice");
    refuse("sessions list --no-limit", "no option --no-limit");
    refuse("credentials create --ttl 1w", "not a time");
    refuse("credentials create --ttl 2000000d", "too large");
    refuse("token create --hidden=maybe", "neither yes nor no");
    refuse("status --frobnicate", "no option --frobnicate");
    refuse("log level loud", "none of the choices");
    refuse("user add \xff", "UTF-8");
    refuse("--json=1 status", "takes no value");
    refuse("--socket", "needs a value");
    refuse("user add bob --realm=", "must not be empty");
}

static void options_of_the_program_stand_anywhere(void **state) {
    (void)state;
    struct ctl_command c;
    char why[200];
    assert_int_equal(parse(&c, "--json --socket /a sessions list --config=/b", why), 0);
    assert_true(c.json);
    assert_string_equal(c.socket, "/a");
    assert_string_equal(c.config, "/b");
    assert_false(c.secret_on_argv);
    json_decref(c.args);
    assert_int_equal(parse(&c, "sessions kill --help", why), 0);
    assert_true(c.help);
    assert_int_equal(c.verb->id, ADMIN_VERB_SESSIONS_KILL);
    json_decref(c.args);
    assert_int_equal(parse(&c, "-V", why), 0);
    assert_true(c.version);
    assert_null(c.verb);
    json_decref(c.args);
}

static void the_first_word_alone_names_a_group(void **state) {
    (void)state;
    struct ctl_command c;
    char why[200];
    assert_int_equal(parse(&c, "--help sessions", why), 0);
    assert_null(c.verb);
    assert_string_equal(c.group, "sessions");
    json_decref(c.args);
    assert_int_equal(parse(&c, "sessions reap", why), 0);
    assert_string_equal(c.group, "sessions");
    json_decref(c.args);
}

static void a_password_on_the_command_line_is_noticed(void **state) {
    (void)state;
    struct ctl_command c;
    char why[200];
    assert_int_equal(parse(&c, "user passwd alice hunter2", why), 0);
    assert_true(c.secret_on_argv);
    json_decref(c.args);
}

/* The text that a help function prints; the caller frees. */
static char *help_text(const struct admin_verb *verb) {
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    if (verb) {
        ctl_help_verb(out, verb);
    } else {
        ctl_help_program(out);
    }
    fclose(out);
    return text;
}

static void help_names_every_verb_and_argument(void **state) {
    (void)state;
    char *all = help_text(NULL);
    for (size_t i = 0; i < ADMIN_VERB_COUNT; i++) {
        const struct admin_verb *verb = &admin_verb_table[i];
        assert_non_null(strstr(all, verb->name));
        char *own = help_text(verb);
        assert_non_null(strstr(own, verb->help));
        for (const struct admin_arg *arg = verb->args; arg->name; arg++) {
            assert_non_null(strstr(own, arg->help));
        }
        free(own);
    }
    free(all);
    char *kick = help_text(admin_verb_find("participants kick"));
    assert_non_null(strstr(kick, "Usage: turnoutctl participants kick ROOM IDENTITY [--ban TIME]\n"));
    free(kick);
    char *token = help_text(admin_verb_find("token create"));
    assert_non_null(strstr(token, "--can-update-own-metadata "));
    free(token);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_of_one_and_two_words_are_found),
        cmocka_unit_test(arguments_by_place_and_by_name_are_taken),
        cmocka_unit_test(flags_have_three_forms),
        cmocka_unit_test(wrong_use_is_explained),
        cmocka_unit_test(options_of_the_program_stand_anywhere),
        cmocka_unit_test(the_first_word_alone_names_a_group),
        cmocka_unit_test(a_password_on_the_command_line_is_noticed),
        cmocka_unit_test(help_names_every_verb_and_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
