#include "ctl/top.h"

#include "ctl/table.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

enum { LINE_SIZE = 1024, CELL_SIZE = 256 };

/* ---- numbers ---- */

static json_int_t number(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static double seconds_between(const json_t *now, const json_t *before) {
    double s = (double)(number(now, "time_us") - number(before, "time_us")) / 1e6;
    return s > 0 ? s : 1;
}

static double rate(const struct ctl_top_frame *f, const char *name) {
    return (double)(number(f->now, name) - number(f->before, name)) / seconds_between(f->now, f->before);
}

/* 950, 12.3k, 4.56M */
static const char *short_number(char out[16], double value) {
    static const char units[] = {'k', 'M', 'G', 'T'};
    size_t unit = 0;
    if (value < 1000) {
        snprintf(out, 16, "%.0f", value);
        return out;
    }
    for (value /= 1000; value >= 999.5 && unit < sizeof units - 1; unit++) {
        value /= 1000;
    }
    snprintf(out, 16, "%.*f%c", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[unit]);
    return out;
}

/* 950 bit/s, 12.3 kbit/s */
static const char *bit_rate(char out[32], double bps) {
    char text[16];
    size_t len = strlen(short_number(text, bps));
    bool scaled = bps >= 1000;
    snprintf(out, 32, "%.*s %sbit/s", (int)(len - scaled), text, scaled ? text + len - 1 : "");
    return out;
}

/* ---- lines ---- */

/* Cuts the text to so many columns of the terminal; returns those it takes. */
static size_t cut(char *text, size_t columns) {
    wchar_t wide[LINE_SIZE];
    size_t n = mbstowcs(wide, text, LINE_SIZE), used = 0, i = 0;
    if (n == (size_t)-1 || n >= LINE_SIZE) { /* bytes, in a locale that cannot tell */
        size_t len = strlen(text);
        text[len < columns ? len : columns] = '\0';
        return len < columns ? len : columns;
    }
    for (; i < n; i++) {
        int width = wcwidth(wide[i]);
        if (width < 0 || used + (size_t)width > columns) {
            break;
        }
        used += (size_t)width;
    }
    wide[i] = L'\0';
    if (i < n) {
        wcstombs(text, wide, LINE_SIZE);
    }
    return used;
}

struct page {
    FILE *out;
    const struct ctl_top_frame *frame;
    size_t lines;
};

static void put_line(struct page *p, char *text, bool highlighted) {
    const struct ctl_top_frame *f = p->frame;
    if (f->lines > 0 && p->lines == f->lines) {
        return;
    }
    bool style = highlighted && f->styled;
    for (size_t len = strlen(text); len > 0 && text[len - 1] == ' '; len--) {
        text[len - 1] = '\0';
    }
    size_t used = cut(text, f->width);
    fprintf(p->out, "%s%s%*s%s\n", style ? "\033[7m" : "", text, style ? (int)(f->width - used) : 0, "",
            style ? "\033[0m" : "");
    p->lines++;
}

/* ---- the head ---- */

static void put_title(struct page *p) {
    char line[LINE_SIZE], uptime[64], clock[16];
    time_t t = time(NULL);
    struct tm tm;
    localtime_r(&t, &tm);
    strftime(clock, sizeof clock, "%H:%M:%S", &tm);
    snprintf(line, sizeof line, "turnout  %s  up %s  %" JSON_INTEGER_FORMAT " sessions  by %s", clock,
             ctl_value_text(uptime, sizeof uptime, CTL_DURATION, json_object_get(p->frame->now, "uptime_s")),
             number(p->frame->now, "sessions"), p->frame->order);
    put_line(p, line, false);
}

static void put_totals(struct page *p) {
    char line[LINE_SIZE], bits[2][32], packets[2][16];
    snprintf(line, sizeof line, "up %s %s packets/s  down %s %s packets/s",
             bit_rate(bits[0], 8 * rate(p->frame, "bytes_from_client")),
             short_number(packets[0], rate(p->frame, "packets_from_client")),
             bit_rate(bits[1], 8 * rate(p->frame, "bytes_to_client")),
             short_number(packets[1], rate(p->frame, "packets_to_client")));
    put_line(p, line, false);
}

static double worker_percent(const struct ctl_top_frame *f, size_t i) {
    const json_t *now = json_array_get(json_object_get(f->now, "workers"), i);
    const json_t *before = json_array_get(json_object_get(f->before, "workers"), i);
    double used = json_real_value(json_object_get(now, "cpu_s")) - json_real_value(json_object_get(before, "cpu_s"));
    return 100 * used / seconds_between(f->now, f->before);
}

static void put_workers(struct page *p) {
    char line[LINE_SIZE] = "CPU of workers";
    size_t count = json_array_size(json_object_get(p->frame->now, "workers"));
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(line);
        snprintf(line + len, sizeof line - len, "  %.0f %%", worker_percent(p->frame, i));
    }
    put_line(p, line, false);
}

/* Those that count just now, per second. */
static void put_reasons(struct page *p, const char *title, const char *member) {
    char line[LINE_SIZE], text[16];
    const char *reason;
    json_t *value;
    const json_t *before = json_object_get(p->frame->before, member);
    double s = seconds_between(p->frame->now, p->frame->before);
    snprintf(line, sizeof line, "%s", title);
    json_object_foreach(json_object_get(p->frame->now, member), reason, value) {
        double per_s = (double)(json_integer_value(value) - number(before, reason)) / s;
        size_t len = strlen(line);
        if (per_s > 0) {
            snprintf(line + len, sizeof line - len, "  %s %s/s", reason, short_number(text, per_s < 1 ? 1 : per_s));
        }
    }
    if (strlen(line) == strlen(title)) {
        snprintf(line + strlen(line), sizeof line - strlen(line), "  nothing");
    }
    put_line(p, line, false);
}

/* ---- the sessions ---- */

enum cell_kind { CELL_USER, CELL_TEXT, CELL_RATE, CELL_PACKETS, CELL_AGE, CELL_RELAYED };

struct column {
    const char *title, *member;
    enum cell_kind kind;
    size_t width;
    size_t from_width; /* of the terminal */
};

static const struct column columns[] = {
    {"USER", "user", CELL_USER, 18, 0},
    {"CLIENT", "client", CELL_TEXT, 21, 0},
    {"VIA", "transport", CELL_TEXT, 4, 0},
    {"UP", "bits_per_s_from_client", CELL_RATE, 6, 0},
    {"DOWN", "bits_per_s_to_client", CELL_RATE, 6, 0},
    {"PKT/S", NULL, CELL_PACKETS, 6, 0},
    {"DROP/S", "dropped_per_s", CELL_RATE, 6, 0},
    {"AGE", "age_s", CELL_AGE, 8, 110},
    {"SESSION", "id", CELL_TEXT, 12, 110},
    {"RELAYED", "relayed", CELL_RELAYED, 40, 130},
};

/* Short-lived credentials without their expiry. */
static void write_user(char out[CELL_SIZE], const json_t *row) {
    ctl_value_text(out, CELL_SIZE, CTL_TEXT, json_object_get(row, "user"));
    size_t digits = strspn(out, "0123456789");
    if (digits > 0 && out[digits] == ':' && out[digits + 1]) {
        memmove(out, out + digits + 1, strlen(out + digits + 1) + 1);
    }
}

static void write_cell(char out[CELL_SIZE], const struct column *c, const json_t *row) {
    char text[16];
    json_int_t packets = number(row, "packets_per_s_from_client") + number(row, "packets_per_s_to_client");
    switch (c->kind) {
    case CELL_RATE:
        snprintf(out, CELL_SIZE, "%s", short_number(text, (double)number(row, c->member)));
        break;
    case CELL_PACKETS:
        snprintf(out, CELL_SIZE, "%s", short_number(text, (double)packets));
        break;
    case CELL_AGE:
        ctl_value_text(out, CELL_SIZE, CTL_DURATION, json_object_get(row, c->member));
        break;
    case CELL_RELAYED:
        ctl_value_text(out, CELL_SIZE, CTL_LIST, json_object_get(row, c->member));
        break;
    case CELL_USER:
        write_user(out, row);
        break;
    case CELL_TEXT:
        ctl_value_text(out, CELL_SIZE, CTL_TEXT, json_object_get(row, c->member));
        break;
    }
}

/* row NULL: the titles. */
static void put_row(struct page *p, const json_t *row) {
    char line[LINE_SIZE] = "", cell[CELL_SIZE];
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        const struct column *c = &columns[i];
        size_t len = strlen(line);
        if (p->frame->width < c->from_width) {
            continue;
        }
        if (row) {
            write_cell(cell, c, row);
        } else {
            snprintf(cell, sizeof cell, "%s", c->title);
        }
        bool right = c->kind == CELL_RATE || c->kind == CELL_PACKETS;
        int pad = (int)(c->width - cut(cell, c->width));
        snprintf(line + len, sizeof line - len, "%s%*s%s%*s", len > 0 ? "  " : "", right ? pad : 0, "", cell,
                 right ? 0 : pad, "");
    }
    put_line(p, line, !row);
}

void ctl_top_print(FILE *out, const struct ctl_top_frame *frame) {
    struct page page = {.out = out, .frame = frame};
    char empty[1] = "";
    size_t i;
    json_t *row;
    put_title(&page);
    put_totals(&page);
    put_workers(&page);
    put_reasons(&page, "denied", "denied");
    put_reasons(&page, "dropped", "dropped");
    put_line(&page, empty, false);
    put_row(&page, NULL);
    json_array_foreach(json_object_get(frame->now, "busiest"), i, row) { put_row(&page, row); }
}

json_t *ctl_top_rates(const json_t *now, const json_t *before) {
    const struct ctl_top_frame f = {.now = now, .before = before};
    json_t *workers = json_array();
    for (size_t i = 0; i < json_array_size(json_object_get(now, "workers")); i++) {
        json_array_append_new(workers, json_real(worker_percent(&f, i)));
    }
    json_t *out = json_copy((json_t *)(uintptr_t)now);
    json_object_set_new(out, "rates",
                        json_pack("{s:f,s:f,s:f,s:f,s:o}", "bits_per_s_from_client", 8 * rate(&f, "bytes_from_client"),
                                  "bits_per_s_to_client", 8 * rate(&f, "bytes_to_client"), "packets_per_s_from_client",
                                  rate(&f, "packets_from_client"), "packets_per_s_to_client",
                                  rate(&f, "packets_to_client"), "worker_cpu_percent", workers));
    return out;
}
