#include "proto/json/json.h"

#include <errno.h>

/* Depth first, without recursion: jansson's own bound is 2048 levels of it. Brackets in strings do not count. */
static bool depth_is_within(const char *text, size_t len, unsigned depth_max) {
    unsigned depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if ((c == '{' || c == '[') && ++depth > depth_max) {
            return false;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

json_t *json_parse_object(const char *text, size_t len, unsigned depth_max) {
    if (!depth_is_within(text, len, depth_max)) {
        return NULL;
    }
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (root && !json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* NULL for absent and for null. */
static json_t *field(const json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

int json_take_bool(const json_t *object, const char *key, bool *out) {
    const json_t *value = field(object, key);
    if (!value) {
        return 0;
    }
    if (!json_is_boolean(value)) {
        return -EINVAL;
    }
    *out = json_is_true(value);
    return 1;
}

int json_take_u64(const json_t *object, const char *key, uint64_t max, uint64_t *out) {
    const json_t *value = field(object, key);
    if (!value) {
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > max) {
        return -EINVAL;
    }
    *out = (uint64_t)json_integer_value(value);
    return 1;
}

int json_take_text(const json_t *object, const char *key, size_t max, const char **out) {
    const json_t *value = field(object, key);
    if (!value) {
        return 0;
    }
    if (!json_is_string(value) || json_string_length(value) > max) {
        return -EINVAL;
    }
    *out = json_string_value(value);
    return 1;
}

int json_take_node(const json_t *object, const char *key, json_type type, json_t **out) {
    json_t *value = field(object, key);
    if (!value) {
        return 0;
    }
    if (json_typeof(value) != type) {
        return -EINVAL;
    }
    *out = value;
    return 1;
}
