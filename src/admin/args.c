#include "admin/verbs.h"

#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Is text one of the words of "a|b|c"? */
static bool is_choice(const char *choices, const char *text, size_t len) {
    while (*choices) {
        size_t word = strcspn(choices, "|");
        if (word == len && memcmp(choices, text, len) == 0) {
            return true;
        }
        choices += choices[word] ? word + 1 : word;
    }
    return false;
}

static bool has_control_characters(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static const char *check_text(const struct admin_arg *arg, const json_t *value) {
    if (!json_is_string(value)) {
        return "must be a string";
    }
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (len == 0) {
        return "must not be empty";
    }
    if (len > arg->max) {
        return "is too long";
    }
    if (has_control_characters(text, len)) {
        return "must not hold control characters";
    }
    if (arg->type == ADMIN_ARG_CHOICE && !is_choice(arg->choices, text, len)) {
        return "is none of the choices";
    }
    return NULL;
}

static const char *check_number(const struct admin_arg *arg, const json_t *value) {
    if (!json_is_integer(value)) {
        return "must be a whole number";
    }
    json_int_t least = arg->type == ADMIN_ARG_DURATION ? 1 : 0;
    if (json_integer_value(value) < least) {
        return "is too small";
    }
    return (uint64_t)json_integer_value(value) > arg->max ? "is too large" : NULL;
}

/* NULL, or what is wrong. */
static const char *check_value(const struct admin_arg *arg, const json_t *value) {
    switch (arg->type) {
    case ADMIN_ARG_UINT:
    case ADMIN_ARG_DURATION:
        return check_number(arg, value);
    case ADMIN_ARG_BOOL:
        return json_is_boolean(value) ? NULL : "must be true or false";
    case ADMIN_ARG_TEXT:
    case ADMIN_ARG_SECRET:
    case ADMIN_ARG_CHOICE:
        break;
    }
    return check_text(arg, value);
}

int admin_verb_check_args(const struct admin_verb *verb, const json_t *args, char *why, size_t size) {
    const char *name;
    json_t *value;
    if (args && !json_is_object(args)) {
        snprintf(why, size, "The arguments must be a JSON object.");
        return -EINVAL;
    }
    /* The iterator takes a pointer that is not const but changes nothing. */
    json_object_foreach((json_t *)(uintptr_t)args, name, value) {
        const struct admin_arg *arg = admin_verb_arg(verb, name);
        const char *wrong = arg ? check_value(arg, value) : "is not an argument of this verb";
        if (wrong) {
            snprintf(why, size, "%s: \"%.40s\" %s.", verb->name, name, wrong);
            return -EINVAL;
        }
    }
    for (const struct admin_arg *arg = verb->args; arg->name; arg++) {
        if ((arg->flags & ADMIN_ARG_REQUIRED) && !json_object_get(args, arg->name)) {
            snprintf(why, size, "%s: \"%s\" is missing.", verb->name, arg->name);
            return -EINVAL;
        }
    }
    return 0;
}

int admin_duration_parse(uint64_t *out_s, const char *text) {
    static const struct {
        char letter;
        unsigned seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    size_t len = strlen(text);
    uint64_t scale = 1;
    for (size_t i = 0; len > 0 && i < sizeof units / sizeof units[0]; i++) {
        if (text[len - 1] == units[i].letter) {
            scale = units[i].seconds;
            len--;
            break;
        }
    }
    int rc = text_parse_u64(out_s, text, len);
    if (rc < 0) {
        return rc;
    }
    return __builtin_mul_overflow(*out_s, scale, out_s) ? -ERANGE : 0;
}
