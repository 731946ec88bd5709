#include "ctl/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The words offered for a line, where a final blank begins a new word; joined by blanks. */
static void offers(const char *line, const char *want) {
    char copy[256];
    char *words[32];
    int count = 0;
    char *rest = copy;
    char *text = NULL;
    size_t len;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
        words[count++] = word;
    }
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    ctl_complete(out, count, words);
    fclose(out);
    for (char *c = text; *c; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
    assert_string_equal(text, want);
    free(text);
}

static void verbs_are_offered_word_by_word(void **state) {
    (void)state;
    offers("st", "status ");
    offers("s", "status sessions secret selftest ");
    offers("sessions ", "list show kill ");
    offers("sessions s", "show ");
    offers("--json par", "participants ");
    offers("--socket /x par", "participants ");
    offers("nothing ", "");
}

static void choices_are_offered_where_they_fit(void **state) {
    (void)state;
    offers("log level ", "error warning info debug ");
    offers("log level d", "debug ");
    offers("log level debug ", "");
    offers("config ports --format n", "nft ");
    offers("user add x y z ", "");
}

static void options_are_offered_after_a_dash(void **state) {
    (void)state;
    offers("token create --room-", "--room-join --room-create --room-list --room-admin ");
    offers("credentials create --", "--ttl --json --socket --config --help ");
    offers("--js", "--json ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_are_offered_word_by_word),
        cmocka_unit_test(choices_are_offered_where_they_fit),
        cmocka_unit_test(options_are_offered_after_a_dash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
