/* Rules that join several keys. Private to src/config. */
#pragma once

#include "config/schema.h"

/* Complains under the place where the key was set last: file and line for an offset in struct config. */
struct config_check {
    const struct config *config;
    struct config_report *report;
    const char *(*place)(const void *ctx, size_t offset, unsigned *line);
    const void *ctx;
};

void config_check(const struct config_check *check);
