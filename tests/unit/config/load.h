/* Loading from a text, for the tests of src/config. */
#pragma once

#include "config/config.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static inline int load_bytes(const struct config **out, const char *text, size_t len, struct config_report *report) {
    struct config_source source = {.text = text, .text_len = len, .file = "test.conf"};
    memset(report, 0, sizeof *report);
    return config_load(out, &source, report);
}

/* Must be accepted. */
static inline const struct config *load_ok(const char *text) {
    const struct config *config;
    struct config_report report;
    int rc = load_bytes(&config, text, strlen(text), &report);
    if (rc != 0) {
        config_report_print(&report, stderr);
    }
    assert_int_equal(rc, 0);
    config_report_deinit(&report);
    return config;
}

/* Must be refused with exactly one error, in that line, whose text contains part. */
static inline void assert_refused(const char *text, unsigned line, const char *part) {
    const struct config *config;
    struct config_report report;
    assert_int_equal(load_bytes(&config, text, strlen(text), &report), -ERR_CONFIG);
    assert_null(config);
    assert_int_equal(report.errors, 1);
    const struct config_message *found = NULL;
    for (size_t i = 0; i < report.count; i++) {
        found = report.items[i].severity == CONFIG_ERROR ? &report.items[i] : found;
    }
    if (!found || found->line != line || !strstr(found->text, part)) {
        config_report_print(&report, stderr);
        fail_msg("wanted line %u: ...%s...", line, part);
    }
    assert_string_equal(found->file, "test.conf");
    config_report_deinit(&report);
}
