/* A result as a list of named figures, printed as a table or as one JSON object. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct report;

struct report *report_new(void); /* NULL: no memory */
void report_free(struct report *r);

/* key is the JSON name with its unit, label and unit are for people. Texts are copied; running out of memory
 * makes the printing fail. */
void report_count(struct report *r, const char *key, const char *label, const char *unit, uint64_t value);
void report_number(struct report *r, const char *key, const char *label, const char *unit, double value);
void report_text(struct report *r, const char *key, const char *label, const char *text);
/* Something the reader must know to judge the figures. */
void report_note(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* -ENOMEM, -EIO. */
int report_print_table(const struct report *r, FILE *out);
int report_print_json(const struct report *r, FILE *out);
