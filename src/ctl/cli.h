/* The command line of turnoutctl, read by the table of verbs (admin/verbs.h). */
#pragma once

#include "admin/verbs.h"

#include <stdio.h>

struct json_t;

enum ctl_exit { CTL_OK = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_UNREACHABLE = 3 };

struct ctl_command {
    const char *socket; /* --socket, or NULL */
    const char *config; /* --config, or NULL */
    bool json;
    bool help;
    bool version;
    bool secret_on_argv;           /* a password stood on the command line */
    const struct admin_verb *verb; /* NULL: none was given */
    const char *group;             /* without a verb: the first word of several verbs, or NULL */
    struct json_t *args;           /* the caller's; also those for turnoutctl alone */
};

/* 0, or -EINVAL with a sentence in why. out->args is to be released in both cases. Does not look for missing
 * arguments when help is asked for. */
int ctl_cli_parse(struct ctl_command *out, int argc, char *const *argv, char *why, size_t size);

/* The program's help, or one verb's, or that of all verbs beginning with a word. */
void ctl_help_program(FILE *out);
void ctl_help_group(FILE *out, const char *group);
void ctl_help_verb(FILE *out, const struct admin_verb *verb);

/* Shell completion: prints the words that may stand in the place of the last of words, one per line. */
void ctl_complete(FILE *out, int count, char *const *words);
