#include "config/schema.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_MAX = 100 };

static int report_grow(struct config_report *report) {
    if ((report->count & (report->count - 1)) != 0) {
        return 0; /* room up to the next power of two */
    }
    size_t cap = report->count ? report->count * 2 : 1;
    struct config_message *items = realloc(report->items, cap * sizeof *items);
    if (!items) {
        return -1;
    }
    report->items = items;
    return 0;
}

/* A quotation may have been cut inside a character. */
static void mend(char *text) {
    if (!text_is_utf8(text, strlen(text))) {
        for (; *text; text++) {
            *text = (unsigned char)*text < 0x80 ? *text : '?';
        }
    }
}

void config_report_add(struct config_report *report, enum config_severity severity, struct config_place place,
                       const char *format, ...) {
    report->errors += severity == CONFIG_ERROR;
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    char *name = strdup(place.file);
    if (len < 0 || !name || report->count >= REPORT_MAX || report_grow(report) < 0) {
        report->dropped++;
        free(len < 0 ? NULL : text);
        free(name);
        return;
    }
    mend(text);
    report->items[report->count++] =
        (struct config_message){.severity = severity, .line = place.line, .file = name, .text = text};
}

void config_report_deinit(struct config_report *report) {
    for (size_t i = 0; i < report->count; i++) {
        free((char *)report->items[i].file);
        free((char *)report->items[i].text);
    }
    free(report->items);
    memset(report, 0, sizeof *report);
}

void config_report_print(const struct config_report *report, FILE *out) {
    for (size_t i = 0; i < report->count; i++) {
        const struct config_message *m = &report->items[i];
        const char *kind = m->severity == CONFIG_ERROR ? "error" : "warning";
        if (m->line) {
            fprintf(out, "%s:%u: %s: %s\n", m->file, m->line, kind, m->text);
        } else {
            fprintf(out, "%s: %s: %s\n", m->file, kind, m->text);
        }
    }
    if (report->dropped) {
        fprintf(out, "and %zu more\n", report->dropped);
    }
}
