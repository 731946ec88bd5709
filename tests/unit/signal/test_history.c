#include "signal/history.h"

#include "signal/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct event_text *make(const char *subject, size_t len) {
    char *json = calloc(1, len);
    assert_non_null(json);
    memset(json, ' ', len);
    memcpy(json, "{\"event\":\"x\",\"a\":1}", 19);
    struct event_text *text = event_text_new(json, len, 12, subject);
    free(json);
    return text;
}

static unsigned push(struct history *h, uint64_t seq, const char *subject, bool coalesce) {
    struct event_text *text = make(subject, 19);
    unsigned superseded = history_push(h, seq, text, coalesce);
    event_text_unref(text);
    return superseded;
}

static void the_number_is_spliced_after_the_name(void **state) {
    char out[19 + EVENT_SEQ_BYTES];
    struct event_text *text = make(NULL, 19);
    (void)state;
    size_t len = event_text_write(text, UINT64_MAX, out);
    out[len] = '\0';
    assert_string_equal(out, "{\"event\":\"x\",\"seq\":18446744073709551615,\"a\":1}");
    event_text_unref(text);
}

static void events_are_found_by_what_was_seen(void **state) {
    struct history h;
    (void)state;
    history_init(&h);
    assert_null(history_after(&h, 0));
    assert_true(history_reaches(&h, 0));
    for (uint64_t seq = 1; seq <= 5; seq++) {
        push(&h, seq, NULL, false);
    }
    assert_int_equal(history_after(&h, 0)->seq, 1);
    assert_int_equal(history_after(&h, 3)->seq, 4);
    assert_null(history_after(&h, 5));
    history_deinit(&h);
}

static void the_oldest_go_beyond_256_events(void **state) {
    struct history h;
    (void)state;
    history_init(&h);
    for (uint64_t seq = 1; seq <= SIGNAL_HISTORY_EVENTS + 10; seq++) {
        push(&h, seq, NULL, false);
    }
    assert_int_equal(h.count, SIGNAL_HISTORY_EVENTS);
    assert_false(history_reaches(&h, 9));
    assert_true(history_reaches(&h, 10));
    assert_int_equal(history_after(&h, 10)->seq, 11);
    history_deinit(&h);
}

static void bytes_are_bounded(void **state) {
    struct history h;
    (void)state;
    history_init(&h);
    for (uint64_t seq = 1; seq <= 100; seq++) {
        struct event_text *text = make(NULL, 10000);
        history_push(&h, seq, text, false);
        event_text_unref(text);
        assert_true(h.bytes <= SIGNAL_HISTORY_BYTES);
    }
    assert_int_equal(h.count, SIGNAL_HISTORY_BYTES / 10000);
    assert_int_equal(h.bytes, h.count * 10000);
    history_deinit(&h);
}

static void only_the_same_subject_is_superseded_and_only_when_asked(void **state) {
    struct history h;
    (void)state;
    history_init(&h);
    push(&h, 1, "u/a", false);
    push(&h, 2, "u/a", false);
    push(&h, 3, "u/ab", false);
    push(&h, 4, NULL, false);
    assert_int_equal(push(&h, 5, NULL, true), 0);
    assert_int_equal(push(&h, 6, "u/a", true), 2);
    assert_int_equal(h.count, 4);
    assert_int_equal(history_after(&h, 0)->seq, 3);
    assert_int_equal(history_after(&h, 5)->seq, 6);
    assert_true(history_reaches(&h, 0)); /* nothing that counts is missing */
    assert_int_equal(h.bytes, 4 * 19);
    history_deinit(&h);
}

static void clearing_forgets_up_to_there(void **state) {
    struct history h;
    (void)state;
    history_init(&h);
    push(&h, 1, NULL, false);
    history_clear(&h, 1);
    assert_false(history_reaches(&h, 0));
    assert_true(history_reaches(&h, 1));
    assert_int_equal(h.bytes, 0);
    history_deinit(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_number_is_spliced_after_the_name),
        cmocka_unit_test(events_are_found_by_what_was_seen),
        cmocka_unit_test(the_oldest_go_beyond_256_events),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(only_the_same_subject_is_superseded_and_only_when_asked),
        cmocka_unit_test(clearing_forgets_up_to_there),
    };
    return cmocka_run_group_tests_name("signal/history", tests, NULL, NULL);
}
