#include "ctl/cli.h"

#include <string.h>

static void put_option_name(FILE *out, const char *name) {
    for (; *name; name++) {
        fputc(*name == '_' ? '-' : *name, out);
    }
}

/* "NAME [PASSWORD] [--realm REALM]" */
static void put_usage(FILE *out, const struct admin_verb *verb) {
    fprintf(out, "turnoutctl %s", verb->name);
    for (const struct admin_arg *arg = verb->args; arg->name; arg++) {
        if (arg->flags & ADMIN_ARG_POSITIONAL) {
            fprintf(out, arg->flags & ADMIN_ARG_REQUIRED ? " %s" : " [%s]", arg->value);
            continue;
        }
        fputs(" [--", out);
        put_option_name(out, arg->name);
        if (arg->value) {
            fprintf(out, " %s", arg->value);
        }
        fputc(']', out);
    }
}

void ctl_help_verb(FILE *out, const struct admin_verb *verb) {
    fputs("Usage: ", out);
    put_usage(out, verb);
    fprintf(out, "\n\n%s.\n", verb->help);
    for (const struct admin_arg *arg = verb->args; arg->name; arg++) {
        bool place = arg->flags & ADMIN_ARG_POSITIONAL;
        fputs(arg == verb->args ? "\n  " : "  ", out);
        int width = 2;
        if (!place) {
            fputs("--", out);
            put_option_name(out, arg->name);
            width += 2 + (int)strlen(arg->name);
        }
        if (arg->value) {
            width += fprintf(out, place ? "%s" : " %s", arg->value);
        }
        fprintf(out, "%*s%s", width < 28 ? 28 - width : 1, "", arg->help);
        fprintf(out, arg->choices ? " (%s)\n" : "\n", arg->choices);
    }
    if (verb->flags & ADMIN_VERB_OFFLINE) {
        fputs("\nThis works without the daemon, too.\n", out);
    }
}

void ctl_help_group(FILE *out, const char *group) {
    size_t len = strlen(group);
    fputs("Usage:\n", out);
    for (size_t i = 0; i < ADMIN_VERB_COUNT; i++) {
        const struct admin_verb *verb = &admin_verb_table[i];
        if (strncmp(verb->name, group, len) == 0 && verb->name[len] == ' ') {
            fputs("  ", out);
            put_usage(out, verb);
            fprintf(out, "\n      %s.\n", verb->help);
        }
    }
}

void ctl_help_program(FILE *out) {
    fputs("Usage: turnoutctl [OPTION]... VERB [ARGUMENT]...\n\nManages turnoutd, the STUN, TURN and signaling "
          "server.\n\n"
          "  --json             print JSON\n"
          "  --socket PATH      the daemon's control socket\n"
          "  -c, --config FILE  the daemon's configuration file\n"
          "  -h, --help         this text, or with a verb its arguments\n"
          "  -V, --version      print the version\n\nVerbs:\n",
          out);
    for (size_t i = 0; i < ADMIN_VERB_COUNT; i++) {
        const struct admin_verb *verb = &admin_verb_table[i];
        fprintf(out, "  %-20s %s\n", verb->name, verb->help);
    }
    fputs("\nExit status: 0 done, 1 refused, 2 wrong usage, 3 the daemon cannot be reached.\n"
          "The manual: man 8 turnoutctl.\n",
          out);
}
