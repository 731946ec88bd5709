/* Aligned tables and values for people. Texts that come from others are cleaned of control characters: they
 * cannot steer the terminal. */
#pragma once

#include <stdio.h>

struct json_t;

enum ctl_kind {
    CTL_TEXT,
    CTL_NUMBER,
    CTL_BYTES,    /* 1.2 MB */
    CTL_TIME,     /* unix seconds -> local date and time */
    CTL_TIME_MS,  /* unix milliseconds */
    CTL_DURATION, /* seconds -> 2h 5m */
    CTL_YES,      /* yes or nothing */
    CTL_LIST,     /* of texts, with commas; or how many objects */
};

struct ctl_column {
    const char *title;
    const char *member;
    enum ctl_kind kind;
};

/* Columns end with title NULL. Columns that are empty in all rows are left out. */
void ctl_table_print(FILE *out, const struct ctl_column *columns, const struct json_t *rows);
/* One object as lines "Title   value"; absent and empty members are left out. */
void ctl_fields_print(FILE *out, const struct ctl_column *columns, const struct json_t *object);
/* The value as text; returns out. */
const char *ctl_value_text(char *out, size_t size, enum ctl_kind kind, const struct json_t *value);
/* A text without control characters. */
void ctl_put_text(FILE *out, const char *text);
