#include "admin/configuration.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Takes all keys out of shown that are not among the changes. */
static void keep_changed(json_t *shown, const struct config_change *changes, size_t count) {
    const char *section, *key;
    json_t *keys, *value;
    void *next, *next_key;
    char name[128];
    json_object_foreach_safe(shown, next, section, keys) {
        json_object_foreach_safe(keys, next_key, key, value) {
            bool found = false;
            snprintf(name, sizeof name, "%s.%s", section, key);
            for (size_t i = 0; i < count && !found; i++) {
                found = strcmp(changes[i].name, name) == 0;
            }
            if (!found) {
                json_object_del(keys, key);
            }
        }
        if (json_object_size(keys) == 0) {
            json_object_del(shown, section);
        }
    }
}

static void drop_defaults(json_t *shown, const struct config *config) {
    struct config_change changes[CONFIG_KEY_MAX];
    const struct config_source empty = {.text = "", .text_len = 0};
    struct config_report report = {0};
    const struct config *defaults = NULL;
    if (config_load(&defaults, &empty, &report) == 0) {
        keep_changed(shown, changes, config_diff(defaults, config, changes, CONFIG_KEY_MAX));
        config_unref(defaults);
    }
    config_report_deinit(&report);
}

json_t *admin_config_show(const struct config *config, const char *section, bool changed) {
    char *text = config_show(config, CONFIG_FORM_JSON);
    json_t *shown = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (!shown) {
        return NULL;
    }
    if (changed) {
        drop_defaults(shown, config);
    }
    if (section) {
        json_t *keys = json_object_get(shown, section);
        json_t *only = keys ? json_pack("{s:O}", section, keys) : json_object();
        json_decref(shown);
        shown = only;
    }
    return shown;
}

static json_t *messages_of(const struct config_report *report) {
    json_t *rows = json_array();
    for (size_t i = 0; i < report->count; i++) {
        const struct config_message *m = &report->items[i];
        json_array_append_new(rows, json_pack("{s:s,s:s?,s:i,s:s}", "severity",
                                              m->severity == CONFIG_ERROR ? "error" : "warning", "file", m->file,
                                              "line", (int)m->line, "text", m->text));
    }
    return rows;
}

static json_t *changes_between(const struct config *old, const struct config *now) {
    struct config_change changes[CONFIG_KEY_MAX];
    json_t *rows = json_array();
    size_t count = old && now ? config_diff(old, now, changes, CONFIG_KEY_MAX) : 0;
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(
            rows, json_pack("{s:s,s:b}", "name", changes[i].name, "needs_restart", changes[i].needs_restart));
    }
    return rows;
}

json_t *admin_config_outcome(const struct config_report *report, const struct config *old, const struct config *now) {
    return json_pack("{s:b,s:o,s:o}", "valid", report->errors == 0, "messages", messages_of(report), "changes",
                     changes_between(old, now));
}

json_t *admin_config_check(const struct config_source *source, const struct config *running) {
    struct config_report report = {0};
    const struct config *now = NULL;
    int rc = config_load(&now, source, &report);
    json_t *outcome = rc == 0 || report.errors > 0 ? admin_config_outcome(&report, running, now) : NULL;
    config_unref(now);
    config_report_deinit(&report);
    return outcome;
}
