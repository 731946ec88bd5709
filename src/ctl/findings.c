#include "ctl/findings.h"

#include "ctl/table.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *mark, *colour;
} levels[] = {
    [CTL_GOOD] = {"ok", "ok     ", "\033[32m"},
    [CTL_DOUBTFUL] = {"warning", "warning", "\033[33m"},
    [CTL_BAD] = {"failed", "FAILED ", "\033[31m"},
};

int ctl_findings_init(struct ctl_findings *f) {
    memset(f, 0, sizeof *f);
    f->rows = json_array();
    return f->rows ? 0 : -ENOMEM;
}

void ctl_findings_deinit(struct ctl_findings *f) { json_decref(f->rows); }

void ctl_findings_add(struct ctl_findings *f, enum ctl_level level, const char *remedy, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_t *row = json_pack("{s:s,s:s}", "result", levels[level].name, "text", text);
    if (remedy && row) {
        json_object_set_new(row, "remedy", json_string(remedy));
    }
    json_array_append_new(f->rows, row);
    f->counts[level]++;
}

static void print_row(FILE *out, const json_t *row, bool colours) {
    const char *result = json_string_value(json_object_get(row, "result"));
    const char *remedy = json_string_value(json_object_get(row, "remedy"));
    for (size_t i = 0; result && i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(result, levels[i].name) == 0) {
            fprintf(out, "%s%s%s  ", colours ? levels[i].colour : "", levels[i].mark, colours ? "\033[0m" : "");
        }
    }
    ctl_put_text(out, json_string_value(json_object_get(row, "text")));
    fputc('\n', out);
    if (remedy) {
        fputs("         ", out);
        ctl_put_text(out, remedy);
        fputc('\n', out);
    }
}

void ctl_findings_print(const struct ctl_findings *f, FILE *out, bool json) {
    bool colours = isatty(fileno(out)) && !getenv("NO_COLOR");
    size_t i;
    json_t *row;
    if (json) {
        json_dumpf(f->rows, out, JSON_INDENT(2));
        fputc('\n', out);
        return;
    }
    json_array_foreach(f->rows, i, row) { print_row(out, row, colours); }
    fprintf(out, "\n%u ok, %u warnings, %u failed.\n", f->counts[CTL_GOOD], f->counts[CTL_DOUBTFUL],
            f->counts[CTL_BAD]);
}
