/* Configuration texts and overrides: an error is reported or a snapshot is made; what is shown of a snapshot reads back
 * as the same configuration, save for masked secrets.
 * covers: src/config/lines.c src/config/value.c src/config/value_net.c src/config/value_number.c
 * covers: src/config/value_text.c src/config/check.c src/config/nearest.c src/config/arena.c src/config/show.c
 * covers: src/config/diff.c src/config/report.c */
#include "config/config.h"

#include "base/error.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_report(const struct config_report *report, int rc) {
    check(rc == 0 || rc == -ERR_CONFIG);
    check((report->errors > 0) == (rc < 0));
    for (size_t i = 0; i < report->count; i++) {
        const struct config_message *m = &report->items[i];
        check(text_is_utf8(m->text, strlen(m->text)) && !strpbrk(m->text, "\r\n\033"));
    }
}

static const struct config *load(const struct config_source *source) {
    struct config_report report = {0};
    const struct config *config;
    int rc = config_load(&config, source, &report);
    check((config != NULL) == (rc == 0));
    check_report(&report, rc);
    config_report_deinit(&report);
    return config;
}

static bool may_be_masked(const char *name) {
    static const char *const names[] = {"auth.secret", "http.public-url", "webhooks.url", "cluster.redis"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Masked secrets are too short to be read: take them out. */
static void drop_masked_lines(char *text) {
    for (char *line = strstr(text, "\nsecret = ***"); line; line = strstr(line, "\nsecret = ***")) {
        line[1] = '#';
    }
}

static void read_back(const struct config *config) {
    struct config_change changes[CONFIG_KEY_MAX];
    char *json = config_show(config, CONFIG_FORM_JSON);
    char *text = config_show(config, CONFIG_FORM_INI);
    check(json && text);
    drop_masked_lines(text);
    const struct config *again = load(&(struct config_source){.text = text, .text_len = strlen(text)});
    check(again != NULL);
    size_t count = config_diff(config, again, changes, CONFIG_KEY_MAX);
    for (size_t i = 0; i < count; i++) {
        check(may_be_masked(changes[i].name));
    }
    config_unref(again);
    free(json);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct config_source source = {.text = "", .text_len = 0};
    char override[512];
    const char *overrides[] = {override};
    if (size > 0 && data[0] == '-') {
        size_t len = size - 1 < sizeof override - 1 ? size - 1 : sizeof override - 1;
        memcpy(override, data + 1, len);
        override[len] = '\0';
        source.overrides = overrides;
        source.override_count = 1;
    } else {
        source.text = (const char *)data;
        source.text_len = size;
    }
    const struct config *config = load(&source);
    if (config && size % 4 == 0) { /* it takes ten times as long as reading */
        read_back(config);
    }
    config_unref(config);
    return 0;
}
