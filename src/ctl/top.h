/* turnoutctl top. */
#pragma once

#include "ctl/cli.h"
#include "ctl/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Watches until the user or the reader of standard output has enough; with --once, --json or a failure until the first
 * answer. */
enum ctl_exit ctl_top_run(const struct ctl_command *command, struct ctl_client *client);

/* What one frame shows; top_view.c. */
struct ctl_top_frame {
    const struct json_t *now, *before; /* two answers of the verb top */
    const char *order;
    size_t width;
    size_t lines; /* at most; 0: no limit */
    bool styled;  /* for a terminal */
};

/* Prints lines of at most width columns. */
void ctl_top_print(FILE *out, const struct ctl_top_frame *frame);
/* The answer with "rates" of the totals beside it; a new reference. */
struct json_t *ctl_top_rates(const struct json_t *now, const struct json_t *before);
