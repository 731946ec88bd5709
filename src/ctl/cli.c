#include "ctl/cli.h"

#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Where the reading stands. */
struct cursor {
    struct ctl_command *out;
    char *const *argv;
    int argc;
    int at;
    const struct admin_arg *place; /* the next positional argument */
    bool no_more_options;          /* "--" was seen */
    char *why;
    size_t size;
};

static int complain(struct cursor *c, const char *format, const char *subject) {
    snprintf(c->why, c->size, format, subject);
    return -EINVAL;
}

/* Does "--can-publish" (given without the dashes, len bytes) mean the argument "can_publish"? */
static bool names_arg(const struct admin_arg *arg, const char *option, size_t len) {
    if (strlen(arg->name) != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (arg->name[i] != (option[i] == '-' ? '_' : option[i])) {
            return false;
        }
    }
    return true;
}

static const struct admin_arg *find_option(const struct admin_verb *verb, const char *option, size_t len) {
    for (const struct admin_arg *arg = verb ? verb->args : NULL; arg && arg->name; arg++) {
        if (names_arg(arg, option, len)) {
            return arg;
        }
    }
    return NULL;
}

static int set_number(struct cursor *c, const struct admin_arg *arg, const char *text) {
    uint64_t value = 0;
    int rc = arg->type == ADMIN_ARG_DURATION ? admin_duration_parse(&value, text)
                                             : text_parse_u64(&value, text, strlen(text));
    if (rc < 0 || value > INT64_MAX) {
        return complain(c,
                        arg->type == ADMIN_ARG_DURATION ? "\"%s\" is not a time such as 90s, 15m, 12h or 7d."
                                                        : "\"%s\" is not a number.",
                        text);
    }
    json_object_set_new(c->out->args, arg->name, json_integer((json_int_t)value));
    return 0;
}

static int set_flag(struct cursor *c, const struct admin_arg *arg, const char *text) {
    bool yes = !text || strcmp(text, "yes") == 0;
    if (!yes && strcmp(text, "no") != 0) {
        return complain(c, "\"%s\" is neither yes nor no.", text);
    }
    json_object_set_new(c->out->args, arg->name, json_boolean(yes));
    return 0;
}

static int set_value(struct cursor *c, const struct admin_arg *arg, const char *text) {
    if (json_object_get(c->out->args, arg->name)) {
        return complain(c, "%s is given twice.", arg->value ? arg->value : arg->name);
    }
    if (arg->type == ADMIN_ARG_BOOL) {
        return set_flag(c, arg, text);
    }
    if (arg->type == ADMIN_ARG_UINT || arg->type == ADMIN_ARG_DURATION) {
        return set_number(c, arg, text);
    }
    json_t *value = json_string(text);
    if (!value) {
        return complain(c, "%s is not UTF-8 text.", arg->name);
    }
    c->out->secret_on_argv = c->out->secret_on_argv || arg->type == ADMIN_ARG_SECRET;
    json_object_set_new(c->out->args, arg->name, value);
    return 0;
}

/* The value after "=" or the next word. */
static const char *option_value(struct cursor *c, const char *equals) {
    if (equals) {
        return equals + 1;
    }
    return c->at < c->argc ? c->argv[c->at++] : NULL;
}

/* --json, --socket, --config, --help, --version. 1: it was one of them. */
static int global_option(struct cursor *c, const char *word, const char *equals) {
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const struct {
        const char *name;
        bool *flag;
        const char **text;
    } options[] = {
        {"--json", &c->out->json, NULL},       {"--help", &c->out->help, NULL}, {"-h", &c->out->help, NULL},
        {"--version", &c->out->version, NULL}, {"-V", &c->out->version, NULL},  {"--socket", NULL, &c->out->socket},
        {"--config", NULL, &c->out->config},   {"-c", NULL, &c->out->config},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strlen(options[i].name) != len || memcmp(options[i].name, word, len) != 0) {
            continue;
        }
        if (options[i].flag) {
            *options[i].flag = true;
            return equals ? complain(c, "%s takes no value.", options[i].name) : 1;
        }
        *options[i].text = option_value(c, equals);
        return *options[i].text ? 1 : complain(c, "%s needs a value.", options[i].name);
    }
    return 0;
}

/* --name VALUE, --name=VALUE, --flag, --no-flag. */
static int verb_option(struct cursor *c, const char *word, const char *equals) {
    const char *name = word + (word[1] == '-' ? 2 : 1);
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct admin_arg *arg = find_option(c->out->verb, name, len);
    if (!arg && len > 3 && memcmp(name, "no-", 3) == 0 && !equals) {
        arg = find_option(c->out->verb, name + 3, len - 3);
        if (arg && arg->type == ADMIN_ARG_BOOL) {
            return set_value(c, arg, "no");
        }
        arg = NULL;
    }
    if (!arg) {
        return complain(c, "There is no option %s here.", word);
    }
    if (arg->type == ADMIN_ARG_BOOL) {
        return set_value(c, arg, equals ? equals + 1 : NULL);
    }
    const char *value = option_value(c, equals);
    return value ? set_value(c, arg, value) : complain(c, "%s needs a value.", word);
}

static bool begins_verbs(const char *word) {
    size_t len = strlen(word);
    for (size_t i = 0; i < ADMIN_VERB_COUNT; i++) {
        const char *name = admin_verb_table[i].name;
        if (strncmp(name, word, len) == 0 && name[len] == ' ') {
            return true;
        }
    }
    return false;
}

/* The verb from the word at hand and perhaps the next. */
static int take_verb(struct cursor *c, const char *word) {
    char two[64];
    c->out->verb = admin_verb_find(word);
    if (!c->out->verb && c->at < c->argc) {
        int n = snprintf(two, sizeof two, "%s %s", word, c->argv[c->at]);
        c->out->verb = n > 0 && (size_t)n < sizeof two ? admin_verb_find(two) : NULL;
        c->at += c->out->verb != NULL;
    }
    if (!c->out->verb && begins_verbs(word)) {
        c->out->group = word;
        for (; c->at < c->argc; c->at++) { /* what follows belongs to no verb */
            c->out->help = c->out->help || strcmp(c->argv[c->at], "--help") == 0;
        }
        return 0;
    }
    if (!c->out->verb) {
        return complain(c, "There is no verb \"%s\"; `turnoutctl --help` lists them.", word);
    }
    c->place = c->out->verb->args;
    return 0;
}

static int take_word(struct cursor *c, const char *word) {
    if (!c->out->verb) {
        return take_verb(c, word);
    }
    if (!c->place->name || !(c->place->flags & ADMIN_ARG_POSITIONAL)) {
        return complain(c, "\"%s\" is one argument too many.", word);
    }
    return set_value(c, c->place++, word);
}

static int take_next(struct cursor *c) {
    const char *word = c->argv[c->at++];
    if (c->no_more_options || word[0] != '-' || word[1] == '\0') {
        return take_word(c, word);
    }
    if (strcmp(word, "--") == 0) {
        c->no_more_options = true;
        return 0;
    }
    const char *equals = strchr(word, '=');
    int rc = global_option(c, word, equals);
    return rc != 0 ? (rc < 0 ? rc : 0) : verb_option(c, word, equals);
}

/* A secret may still be asked for. */
static int check_complete(struct cursor *c) {
    const struct admin_verb *verb = c->out->verb;
    if (!verb || c->out->help || c->out->version) {
        return 0;
    }
    for (const struct admin_arg *arg = verb->args; arg->name; arg++) {
        if ((arg->flags & ADMIN_ARG_REQUIRED) && !json_object_get(c->out->args, arg->name)) {
            return complain(c, "%s is missing.", arg->value);
        }
    }
    return admin_verb_check_args(verb, c->out->args, c->why, c->size);
}

int ctl_cli_parse(struct ctl_command *out, int argc, char *const *argv, char *why, size_t size) {
    struct cursor c = {.out = out, .argv = argv, .argc = argc, .at = 1, .why = why, .size = size};
    memset(out, 0, sizeof *out);
    out->args = json_object();
    int rc = out->args ? 0 : -ENOMEM;
    while (rc == 0 && c.at < argc) {
        rc = take_next(&c);
    }
    return rc < 0 ? rc : check_complete(&c);
}
