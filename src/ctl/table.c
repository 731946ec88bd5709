#include "ctl/table.h"

#include "base/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

enum { CELL_SIZE = 512, COLUMNS_MAX = 24, CELL_WIDTH_MAX = 60 };

/* C0, DEL and C1 (the UTF-8 forms c2 80 to c2 9f) become '?'. */
static void clean(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f) {
            *c = '?';
        } else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
            c[0] = c[1] = '?';
        }
    }
}

void ctl_put_text(FILE *out, const char *text) {
    char piece[CELL_SIZE];
    size_t left = strlen(text);
    while (left > 0) {
        size_t take = left < sizeof piece - 1 ? left : sizeof piece - 1;
        /* Not within a character. */
        while (take < left && take > 1 && ((unsigned char)text[take] & 0xc0) == 0x80) {
            take--;
        }
        memcpy(piece, text, take);
        piece[take] = '\0';
        clean(piece);
        fputs(piece, out);
        text += take;
        left -= take;
    }
}

static void write_time(char *out, size_t size, json_int_t seconds) {
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!localtime_r(&t, &tm) || strftime(out, size, "%Y-%m-%d %H:%M:%S", &tm) == 0) {
        snprintf(out, size, "%" JSON_INTEGER_FORMAT, seconds);
    }
}

static void write_duration(char *out, size_t size, json_int_t s) {
    if (s >= 86400) {
        snprintf(out, size, "%" JSON_INTEGER_FORMAT "d %" JSON_INTEGER_FORMAT "h", s / 86400, s % 86400 / 3600);
    } else if (s >= 3600) {
        snprintf(out, size, "%" JSON_INTEGER_FORMAT "h %" JSON_INTEGER_FORMAT "m", s / 3600, s % 3600 / 60);
    } else if (s >= 60) {
        snprintf(out, size, "%" JSON_INTEGER_FORMAT "m %" JSON_INTEGER_FORMAT "s", s / 60, s % 60);
    } else {
        snprintf(out, size, "%" JSON_INTEGER_FORMAT "s", s);
    }
}

static void write_bytes(char *out, size_t size, json_int_t bytes) {
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double value = (double)bytes / 1000;
    size_t unit = 0;
    if (bytes < 1000) {
        snprintf(out, size, "%" JSON_INTEGER_FORMAT " B", bytes);
        return;
    }
    for (; value >= 999.95 && unit < 3; unit++) {
        value /= 1000;
    }
    snprintf(out, size, "%.1f %s", value, units[unit]);
}

static void write_list(char *out, size_t size, const json_t *list) {
    size_t i, len = 0;
    json_t *item;
    if (json_array_size(list) > 0 && !json_is_string(json_array_get(list, 0))) {
        snprintf(out, size, "%zu", json_array_size(list));
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)list, i, item) {
        int n = snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "", json_string_value(item));
        len += n > 0 && (size_t)n < size - len ? (size_t)n : 0;
    }
}

static void write_text(char *out, size_t size, const json_t *value) {
    if (json_is_string(value)) {
        snprintf(out, size, "%s", json_string_value(value));
    } else if (json_is_integer(value)) {
        snprintf(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_boolean(value)) {
        snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_real(value)) {
        snprintf(out, size, "%.1f", json_real_value(value));
    }
}

const char *ctl_value_text(char *out, size_t size, enum ctl_kind kind, const json_t *value) {
    out[0] = '\0';
    if (kind == CTL_YES) {
        snprintf(out, size, "%s", json_is_true(value) ? "yes" : "");
    } else if (kind == CTL_LIST && json_is_array(value)) {
        write_list(out, size, value);
    } else if (kind == CTL_TIME && json_is_integer(value)) {
        write_time(out, size, json_integer_value(value));
    } else if (kind == CTL_TIME_MS && json_is_integer(value)) {
        write_time(out, size, json_integer_value(value) / 1000);
    } else if (kind == CTL_DURATION && json_is_integer(value)) {
        write_duration(out, size, json_integer_value(value));
    } else if (kind == CTL_BYTES && json_is_integer(value)) {
        write_bytes(out, size, json_integer_value(value));
    } else {
        write_text(out, size, value);
    }
    clean(out);
    return out;
}

/* Columns on the terminal; bytes when the locale cannot tell. */
static size_t text_width(const char *text) {
    wchar_t wide[CELL_SIZE];
    size_t n = mbstowcs(wide, text, CELL_SIZE);
    int width = n == (size_t)-1 || n == CELL_SIZE ? -1 : wcswidth(wide, n);
    return width < 0 ? strlen(text) : (size_t)width;
}

static bool is_right(enum ctl_kind kind) { return kind == CTL_NUMBER || kind == CTL_BYTES; }

static void put_cell(FILE *out, const char *text, size_t width, bool right, bool last) {
    size_t own = text_width(text);
    size_t pad = width > own ? width - own : 0;
    fprintf(out, "%*s%s", right ? (int)pad : 0, "", text);
    fprintf(out, "%*s", last ? 0 : (right ? 2 : (int)pad + 2), "");
}

/* The width of each column; 0: nothing in it. */
static void measure(size_t widths[COLUMNS_MAX], const struct ctl_column *columns, const json_t *rows) {
    char cell[CELL_SIZE];
    size_t i;
    json_t *row;
    for (size_t c = 0; columns[c].title && c < COLUMNS_MAX; c++) {
        widths[c] = 0;
        json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
            const json_t *value = json_object_get(row, columns[c].member);
            size_t width = text_width(ctl_value_text(cell, sizeof cell, columns[c].kind, value));
            widths[c] = width > widths[c] ? width : widths[c];
        }
        size_t title = strlen(columns[c].title);
        widths[c] = widths[c] > 0 && widths[c] < title ? title : widths[c];
        widths[c] = widths[c] > CELL_WIDTH_MAX ? CELL_WIDTH_MAX : widths[c];
    }
}

static void put_row(FILE *out, const struct ctl_column *columns, const size_t *widths, const json_t *row) {
    char cell[CELL_SIZE];
    size_t last = 0;
    for (size_t c = 0; columns[c].title && c < COLUMNS_MAX; c++) {
        last = widths[c] > 0 ? c : last;
    }
    for (size_t c = 0; c <= last; c++) {
        if (widths[c] == 0) {
            continue;
        }
        const char *text = columns[c].title;
        if (row) {
            text = ctl_value_text(cell, sizeof cell, columns[c].kind, json_object_get(row, columns[c].member));
        }
        put_cell(out, text, widths[c], is_right(columns[c].kind), c == last && !is_right(columns[c].kind));
    }
    fputc('\n', out);
}

void ctl_table_print(FILE *out, const struct ctl_column *columns, const json_t *rows) {
    size_t widths[COLUMNS_MAX];
    size_t i;
    json_t *row;
    measure(widths, columns, rows);
    put_row(out, columns, widths, NULL);
    json_array_foreach((json_t *)(uintptr_t)rows, i, row) { put_row(out, columns, widths, row); }
}

void ctl_fields_print(FILE *out, const struct ctl_column *columns, const json_t *object) {
    char cell[CELL_SIZE];
    size_t width = 0;
    for (const struct ctl_column *c = columns; c->title; c++) {
        width = strlen(c->title) > width ? strlen(c->title) : width;
    }
    for (const struct ctl_column *c = columns; c->title; c++) {
        const char *text = ctl_value_text(cell, sizeof cell, c->kind, json_object_get(object, c->member));
        if (text[0]) {
            fprintf(out, "%-*s  %s\n", (int)width, c->title, text);
        }
    }
}
