/* The shape of a configuration file: sections, `key = value`, comments. Private to src/config. */
#pragma once

#include "config/schema.h"

enum { CONFIG_FILE_MAX = 1 << 20 /* bytes */, CONFIG_LINE_MAX = CONFIG_VALUE_MAX };

/* Called for each `key = value` of a known section and key; value is borrowed. */
typedef void config_line_found(void *ctx, const struct config_key *key, unsigned line, const char *value);

/* Reads a whole file's text; complains to the report under that name. */
void config_lines_read(const char *text, size_t len, const char *file, struct config_report *report,
                       config_line_found *found, void *ctx);

/* The same for one "section.key=value". */
void config_lines_read_override(const char *text, struct config_report *report, config_line_found *found, void *ctx);

#define CONFIG_OVERRIDE_NAME "--set"
