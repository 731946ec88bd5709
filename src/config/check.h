/* Rules that join several keys. Private to src/config. */
#pragma once

#include "config/schema.h"

/* place gives where the key of that offset in struct config was set last, for complaints. */
struct config_check {
    const struct config *config;
    struct config_report *report;
    struct config_place (*place)(const void *ctx, size_t offset);
    const void *ctx;
};

void config_check(const struct config_check *check);
