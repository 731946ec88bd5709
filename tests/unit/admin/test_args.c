#include "admin/verbs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* The answer to these arguments, and the sentence in why. */
static int check(const char *verb, const char *json, char *why) {
    const struct admin_verb *v = admin_verb_find(verb);
    assert_non_null(v);
    json_t *args = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(args);
    why[0] = '\0';
    int rc = admin_verb_check_args(v, args, why, 200);
    json_decref(args);
    return rc;
}

static void fitting_arguments_pass(void **state) {
    (void)state;
    char why[200];
    assert_int_equal(check("user add", "{\"name\":\"alice\",\"password\":\"x y\",\"realm\":\"example.org\"}", why), 0);
    assert_int_equal(check("sessions list", "{\"limit\":0}", why), 0);
    assert_int_equal(check("token create", "{\"ttl\":1}", why), 0);
    assert_int_equal(check("log level", "{\"level\":\"debug\"}", why), 0);
    assert_int_equal(check("token create", "{\"room\":\"r\",\"hidden\":false}", why), 0);
    assert_int_equal(admin_verb_check_args(admin_verb_find("status"), NULL, why, sizeof why), 0);
}

static void misfits_are_refused_with_a_sentence(void **state) {
    (void)state;
    static const struct {
        const char *verb, *args, *says;
    } cases[] = {
        {"status", "[]", "JSON object"},
        {"status", "{\"x\":1}", "\"x\" is not an argument"},
        {"sessions list", "{\"limit\":\"5\"}", "whole number"},
        {"sessions list", "{\"limit\":-1}", "too small"},
        {"sessions list", "{\"limit\":1000001}", "too large"},
        {"sessions list", "{\"limit\":1.5}", "whole number"},
        {"token create", "{\"ttl\":0}", "too small"},
        {"sessions kill", "{}", "\"id\" is missing"},
        {"sessions kill", "{\"id\":7}", "must be a string"},
        {"sessions kill", "{\"id\":\"\"}", "must not be empty"},
        {"user del", "{\"name\":\"a\\u000ab\"}", "control characters"},
        {"user del", "{\"name\":\"a\\u007f\"}", "control characters"},
        {"log level", "{\"level\":\"verbose\"}", "none of the choices"},
        {"log level", "{\"level\":\"info|debug\"}", "none of the choices"},
        {"token create", "{\"hidden\":\"yes\"}", "true or false"},
    };
    char why[200];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(check(cases[i].verb, cases[i].args, why), -EINVAL);
        assert_non_null(strstr(why, cases[i].says));
    }
}

static void a_text_longer_than_its_bound_is_refused(void **state) {
    (void)state;
    char why[200];
    char json[400] = "{\"id\":\"";
    memset(json + strlen(json), 'a', 32);
    size_t end = strlen(json);
    memcpy(json + end, "\"}", 3);
    assert_int_equal(check("key del", json, why), 0);
    memcpy(json + end, "a\"}", 4);
    assert_int_equal(check("key del", json, why), -EINVAL);
    assert_non_null(strstr(why, "too long"));
}

static void durations_are_read_with_their_unit(void **state) {
    (void)state;
    uint64_t s = 0;
    assert_int_equal(admin_duration_parse(&s, "90"), 0);
    assert_int_equal(s, 90);
    assert_int_equal(admin_duration_parse(&s, "15m"), 0);
    assert_int_equal(s, 900);
    assert_int_equal(admin_duration_parse(&s, "12h"), 0);
    assert_int_equal(s, 43200);
    assert_int_equal(admin_duration_parse(&s, "7d"), 0);
    assert_int_equal(s, 604800);
    assert_int_equal(admin_duration_parse(&s, ""), -EINVAL);
    assert_int_equal(admin_duration_parse(&s, "h"), -EINVAL);
    assert_int_equal(admin_duration_parse(&s, "1.5h"), -EINVAL);
    assert_int_equal(admin_duration_parse(&s, "-1h"), -EINVAL);
    assert_int_equal(admin_duration_parse(&s, "1w"), -EINVAL);
    assert_int_equal(admin_duration_parse(&s, "18446744073709551615d"), -ERANGE);
}

/* What help, completion and the manual rely on. */
static void the_verb_table_is_sound(void **state) {
    (void)state;
    for (size_t i = 0; i < ADMIN_VERB_COUNT; i++) {
        const struct admin_verb *v = &admin_verb_table[i];
        assert_int_equal(v->id, i);
        assert_ptr_equal(admin_verb_find(v->name), v);
        assert_true(strlen(v->help) > 10 && v->help[strlen(v->help) - 1] != '.');
        bool options = false;
        bool optional_place = false;
        for (const struct admin_arg *arg = v->args; arg->name; arg++) {
            bool place = arg->flags & ADMIN_ARG_POSITIONAL;
            assert_false(place && options);
            assert_false((arg->flags & ADMIN_ARG_REQUIRED) && optional_place);
            options = options || !place;
            optional_place = optional_place || (place && !(arg->flags & ADMIN_ARG_REQUIRED));
            assert_ptr_equal(admin_verb_arg(v, arg->name), arg);
            assert_true(strlen(arg->help) > 3);
            assert_true(arg->type == ADMIN_ARG_BOOL || arg->value);
            assert_true(arg->type == ADMIN_ARG_BOOL || arg->max > 0);
            assert_true((arg->type == ADMIN_ARG_CHOICE) == (arg->choices != NULL));
        }
    }
    assert_null(admin_verb_find("sessions"));
    assert_null(admin_verb_find(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fitting_arguments_pass),
        cmocka_unit_test(misfits_are_refused_with_a_sentence),
        cmocka_unit_test(a_text_longer_than_its_bound_is_refused),
        cmocka_unit_test(durations_are_read_with_their_unit),
        cmocka_unit_test(the_verb_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
