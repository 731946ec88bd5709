#include "config/schema.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Value i as text. The caller frees. NULL: no memory. */
static char *value_text(const struct config_key *key, const struct config *config, size_t i, bool reveal) {
    char *text = NULL;
    size_t len = 0;
    FILE *mem = open_memstream(&text, &len);
    if (!mem) {
        return NULL;
    }
    config_value_format(key, config, i, reveal, mem);
    if (fclose(mem) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

void config_text_write(const char *text, FILE *out) {
    size_t len = strlen(text);
    bool plain = len > 0 && !strchr(text, '"') && !strstr(text, " #") && !strstr(text, "\t#") && text[0] != '#' &&
                 !strchr(" \t", text[0]) && !strchr(" \t", text[len - 1]);
    if (plain || len == 0) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}

static int write_key(const struct config_key *key, const struct config *config, FILE *out) {
    size_t count = config_value_count(key, config);
    if (count == 0 && key->type != CONFIG_TYPE_SECRETS) {
        fprintf(out, "%s = none\n", key->name);
    }
    for (size_t i = 0; i < count; i++) {
        char *text = value_text(key, config, i, false);
        if (!text) {
            return -1;
        }
        fprintf(out, "%s = ", key->name);
        config_text_write(text, out);
        fputc('\n', out);
        free(text);
    }
    return 0;
}

static char *show_ini(const struct config *config) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    int rc = out ? 0 : -1;
    const char *section = "";
    for (size_t i = 0; rc == 0 && i < config_key_count; i++) {
        if (strcmp(section, config_keys[i].section) != 0) {
            fprintf(out, "%s[%s]\n", i > 0 ? "\n" : "", config_keys[i].section);
            section = config_keys[i].section;
        }
        rc = write_key(&config_keys[i], config, out);
    }
    if (!out || fclose(out) != 0 || rc < 0) {
        free(text);
        return NULL;
    }
    return text;
}

static json_t *value_json(const struct config_key *key, const struct config *config, size_t i) {
    const char *field = (const char *)config + key->offset;
    if (key->type == CONFIG_TYPE_BOOL) {
        return json_boolean(*(const bool *)field);
    }
    if (key->type == CONFIG_TYPE_UINT) {
        return json_integer((json_int_t) * (const uint64_t *)(const void *)field);
    }
    char *text = value_text(key, config, i, false);
    json_t *value = text ? json_string(text) : NULL;
    free(text);
    return value;
}

static json_t *key_json(const struct config_key *key, const struct config *config) {
    if (!config_type_is_list(key->type)) {
        return value_json(key, config, 0);
    }
    json_t *array = json_array();
    size_t count = config_value_count(key, config);
    for (size_t i = 0; array && i < count; i++) {
        if (json_array_append_new(array, value_json(key, config, i)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static char *show_json(const struct config *config) {
    json_t *root = json_object();
    char *text = NULL;
    for (size_t i = 0; root && i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        json_t *section = json_object_get(root, key->section);
        if (!section) {
            section = json_object();
            if (json_object_set_new(root, key->section, section) < 0) {
                goto out;
            }
        }
        if (json_object_set_new(section, key->name, key_json(key, config)) < 0) {
            goto out;
        }
    }
    text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
out:
    json_decref(root);
    return text;
}

char *config_show(const struct config *config, enum config_form form) {
    return form == CONFIG_FORM_JSON ? show_json(config) : show_ini(config);
}
