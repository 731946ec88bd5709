#include "bench/report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

enum { NOTE_MAX = 256, LABEL_WIDTH = 34 };

/* One JSON array of rows {key, label, unit, value} and one of notes: jansson keeps the memory. */
struct report {
    json_t *rows;
    json_t *notes;
    int error;
};

struct report *report_new(void) {
    struct report *r = calloc(1, sizeof *r);
    if (r) {
        r->rows = json_array();
        r->notes = json_array();
    }
    return r;
}

void report_free(struct report *r) {
    if (r) {
        json_decref(r->rows);
        json_decref(r->notes);
        free(r);
    }
}

static void add(struct report *r, json_t *array, json_t *item) {
    if (json_array_append_new(array, item) < 0) {
        r->error = -ENOMEM;
    }
}

static json_t *row(const char *key, const char *label, const char *unit, json_t *value) {
    return json_pack("{s:s, s:s, s:s, s:o}", "key", key, "label", label, "unit", unit, "value", value);
}

void report_count(struct report *r, const char *key, const char *label, const char *unit, uint64_t value) {
    add(r, r->rows, row(key, label, unit, json_integer((json_int_t)value)));
}

void report_number(struct report *r, const char *key, const char *label, const char *unit, double value) {
    if (isfinite(value)) {
        add(r, r->rows, row(key, label, unit, json_real(round(value * 1000) / 1000)));
    }
}

void report_text(struct report *r, const char *key, const char *label, const char *text) {
    add(r, r->rows, row(key, label, "", json_string(text)));
}

void report_note(struct report *r, const char *format, ...) {
    char text[NOTE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(r, r->notes, json_string(text));
}

static void print_row(json_t *item, FILE *out) {
    const char *label, *unit;
    json_t *value;
    if (json_unpack(item, "{s:s, s:s, s:o}", "label", &label, "unit", &unit, "value", &value) < 0) {
        return;
    }
    if (json_is_string(value)) {
        fprintf(out, "%-*s %s\n", LABEL_WIDTH, label, json_string_value(value));
    } else {
        fprintf(out, "%-*s %12.*f %s\n", LABEL_WIDTH, label, json_is_integer(value) ? 0 : 3, json_number_value(value),
                unit);
    }
}

int report_print_table(const struct report *r, FILE *out) {
    size_t i;
    json_t *item;
    json_array_foreach(r->rows, i, item) { print_row(item, out); }
    json_array_foreach(r->notes, i, item) { fprintf(out, "note: %s\n", json_string_value(item)); }
    return r->error ? r->error : fflush(out) == 0 ? 0 : -EIO;
}

int report_print_json(const struct report *r, FILE *out) {
    json_t *object = json_object();
    size_t i;
    json_t *item;
    int rc = object ? r->error : -ENOMEM;
    json_array_foreach(r->rows, i, item) {
        const char *key = json_string_value(json_object_get(item, "key"));
        if (json_object_set(object, key, json_object_get(item, "value")) < 0) {
            rc = -ENOMEM;
        }
    }
    if (rc == 0 && json_object_set(object, "notes", r->notes) == 0) {
        rc = json_dumpf(object, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) < 0 ? -EIO : 0;
        fputc('\n', out);
    }
    json_decref(object);
    return rc == 0 && fflush(out) != 0 ? -EIO : rc;
}
