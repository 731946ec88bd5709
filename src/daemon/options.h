/* The command line of turnoutd(8). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { OPTIONS_OVERRIDES_MAX = 256 };

struct options {
    const char *config_file; /* NULL: the built-in path */
    const char *overrides[OPTIONS_OVERRIDES_MAX];
    size_t override_count;
    const char *certificate_dir; /* --make-certificate: write a self-signed pair there and exit */
    bool check;
    bool show_version;
    bool show_help;
};

/* 0, or -EINVAL after a message on stderr. */
int options_parse(struct options *out, int argc, char **argv);
void options_print_help(void);
