#include "ctl/cli.h"

#include <string.h>

static bool begins_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

/* First words of verbs (depth 0), or second words of those that begin with first. */
static void put_verb_words(FILE *out, const char *first, const char *prefix) {
    char last[32] = "";
    for (size_t i = 0; i < ADMIN_VERB_COUNT; i++) {
        const char *name = admin_verb_table[i].name;
        size_t len = strcspn(name, " ");
        char word[32];
        if (!first) {
            snprintf(word, sizeof word, "%.*s", (int)len, name);
        } else if (strlen(first) == len && memcmp(first, name, len) == 0 && name[len]) {
            snprintf(word, sizeof word, "%s", name + len + 1);
        } else {
            continue;
        }
        if (begins_with(word, prefix) && strcmp(word, last) != 0) {
            fprintf(out, "%s\n", word);
        }
        snprintf(last, sizeof last, "%s", word);
    }
}

static void put_choices(FILE *out, const char *choices, const char *prefix) {
    while (choices && *choices) {
        size_t len = strcspn(choices, "|");
        if (strncmp(choices, prefix, strlen(prefix)) == 0) {
            fprintf(out, "%.*s\n", (int)len, choices);
        }
        choices += len + (choices[len] == '|');
    }
}

static void put_options(FILE *out, const struct admin_verb *verb, const char *prefix) {
    static const char *const everywhere[] = {"--json", "--socket", "--config", "--help"};
    char option[64];
    for (const struct admin_arg *arg = verb ? verb->args : NULL; arg && arg->name; arg++) {
        if (arg->flags & ADMIN_ARG_POSITIONAL) {
            continue;
        }
        snprintf(option, sizeof option, "--%s", arg->name);
        for (char *c = option; *c; c++) {
            *c = *c == '_' ? '-' : *c;
        }
        if (begins_with(option, prefix)) {
            fprintf(out, "%s\n", option);
        }
    }
    for (size_t i = 0; i < sizeof everywhere / sizeof everywhere[0]; i++) {
        if (begins_with(everywhere[i], prefix)) {
            fprintf(out, "%s\n", everywhere[i]);
        }
    }
}

/* The option whose value is wanted next, or NULL. */
static const struct admin_arg *open_option(const struct admin_verb *verb, const char *word) {
    for (const struct admin_arg *arg = verb ? verb->args : NULL; arg && arg->name; arg++) {
        if (begins_with(word, "--") && strcmp(word + 2, arg->name) == 0 && arg->type != ADMIN_ARG_BOOL) {
            return arg;
        }
    }
    return NULL;
}

/* The positional argument that the next word would be, or NULL. */
static const struct admin_arg *next_place(const struct admin_verb *verb, int places) {
    const struct admin_arg *arg = verb->args;
    for (int i = 0; i < places && arg->name; i++) {
        arg++;
    }
    return arg->name && (arg->flags & ADMIN_ARG_POSITIONAL) ? arg : NULL;
}

void ctl_complete(FILE *out, int count, char *const *words) {
    const struct admin_verb *verb = NULL;
    const char *first = NULL;
    const char *prefix = count > 0 ? words[count - 1] : "";
    int places = 0;
    for (int i = 0; i + 1 < count; i++) {
        char two[64];
        if (strcmp(words[i], "--socket") == 0 || strcmp(words[i], "--config") == 0) {
            i++;
        } else if (words[i][0] != '-' && !verb) {
            snprintf(two, sizeof two, "%s %s", first ? first : "", words[i]);
            verb = admin_verb_find(first ? two : words[i]);
            first = first ? first : words[i];
        } else if (words[i][0] != '-') {
            places++;
        }
    }
    const struct admin_arg *open = count > 1 ? open_option(verb, words[count - 2]) : NULL;
    if (open) {
        put_choices(out, open->choices, prefix);
    } else if (prefix[0] == '-') {
        put_options(out, verb, prefix);
    } else if (!verb) {
        put_verb_words(out, first, prefix);
    } else if (next_place(verb, places)) {
        put_choices(out, next_place(verb, places)->choices, prefix);
    }
}
