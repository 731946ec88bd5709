#include "config/lines.h"

#include "base/text.h"

#include <string.h>

struct reading {
    const char *file;
    unsigned line;
    struct config_report *report;
    config_line_found *found;
    void *ctx;
    bool in_section;     /* one was begun */
    const char *section; /* from the schema; NULL: an unknown one, whose keys are passed over */
};

#define complain(r, ...) \
    config_report_add((r)->report, CONFIG_ERROR, (struct config_place){(r)->file, (r)->line}, __VA_ARGS__)

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Cuts blanks off both ends, in place. */
static char *trim(char *text) {
    while (is_blank(*text)) {
        text++;
    }
    size_t len = strlen(text);
    while (len > 0 && is_blank(text[len - 1])) {
        text[--len] = '\0';
    }
    return text;
}

/* A # begins a comment at the start of the text or after a blank. */
static void cut_comment(char *text) {
    for (char *c = strchr(text, '#'); c; c = strchr(c + 1, '#')) {
        if (c == text || is_blank(c[-1])) {
            *c = '\0';
            return;
        }
    }
}

static const char *section_name_at(const void *ctx, size_t i) {
    (void)ctx;
    return i < config_section_count ? config_sections[i].name : NULL;
}

static const char *find_section(const char *name) {
    for (size_t i = 0; i < config_section_count; i++) {
        if (strcmp(config_sections[i].name, name) == 0) {
            return config_sections[i].name;
        }
    }
    return NULL;
}

/* The i-th key of the section ctx. */
static const char *key_name_at(const void *ctx, size_t i) {
    for (size_t k = 0; k < config_key_count; k++) {
        if (strcmp(config_keys[k].section, ctx) == 0 && i-- == 0) {
            return config_keys[k].name;
        }
    }
    return NULL;
}

static void begin_section(struct reading *r, const char *name) {
    r->in_section = true;
    r->section = find_section(name);
    if (!r->section) {
        const char *near = config_nearest(name, section_name_at, NULL);
        complain(r, "unknown section [%.60s]%s%s%s", name, near ? "; did you mean [" : "", near ? near : "",
                 near ? "]?" : "");
    }
}

static void complain_unknown_key(struct reading *r, const char *name) {
    const char *near = config_nearest(name, key_name_at, r->section);
    if (near) {
        complain(r, "unknown key \"%.60s\" in [%s]; did you mean %s?", name, r->section, near);
        return;
    }
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].name, name) == 0) {
            complain(r, "unknown key \"%.60s\" in [%s]; it belongs to [%s]", name, r->section, config_keys[i].section);
            return;
        }
    }
    complain(r, "unknown key \"%.60s\" in [%s]", name, r->section);
}

/* Takes the quotes off "text"; \" and \\ stand for themselves. What follows may only be a comment. */
static bool unquote(char *value) {
    char *out = value;
    char *in = value + 1;
    for (; *in && *in != '"'; in++) {
        if (*in == '\\' && (in[1] == '"' || in[1] == '\\')) {
            in++;
        }
        *out++ = *in;
    }
    if (*in != '"') {
        return false;
    }
    char *rest = in + 1 + strspn(in + 1, " \t");
    bool ends = *rest == '\0' || (*rest == '#' && rest > in + 1);
    *out = '\0';
    return ends;
}

static void assign(struct reading *r, char *name, char *value) {
    value = trim(value);
    if (value[0] == '"') {
        if (!unquote(value)) {
            complain(r, "the quotes around the value of %s are not closed, or text follows them", name);
            return;
        }
    } else {
        cut_comment(value);
        value = trim(value);
    }
    const struct config_key *key = config_key_find(r->section, name);
    if (!key) {
        complain_unknown_key(r, name);
        return;
    }
    r->found(r->ctx, key, r->line, value);
}

static void read_section(struct reading *r, char *text) {
    char *close = strchr(text, ']');
    if (!close || *trim(close + 1) != '\0') {
        complain(r, "a section looks like [name]");
        r->section = NULL;
        r->in_section = true;
        return;
    }
    *close = '\0';
    begin_section(r, trim(text + 1));
}

static void read_line(struct reading *r, char *text) {
    text = trim(text);
    if (*text == '\0' || *text == '#') {
        return;
    }
    if (*text == '[') {
        cut_comment(text);
        read_section(r, text);
        return;
    }
    char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        complain(r, "expected key = value");
        return;
    }
    *equals = '\0';
    if (!r->in_section) {
        complain(r, "\"%.60s\" stands before the first section", trim(text));
    } else if (r->section) {
        assign(r, trim(text), equals + 1);
    }
}

/* Refuses what no text file holds. */
static bool is_text(struct reading *r, const char *line, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            complain(r, "a control character (0x%02x) at column %zu", c, i + 1);
            return false;
        }
    }
    if (!text_is_utf8(line, len)) {
        complain(r, "not valid UTF-8");
        return false;
    }
    return true;
}

static void read_raw_line(struct reading *r, const char *line, size_t len) {
    char text[CONFIG_LINE_MAX + 1];
    if (len > 0 && line[len - 1] == '\r') {
        len--;
    }
    if (len > CONFIG_LINE_MAX) {
        complain(r, "the line is longer than %d bytes", CONFIG_LINE_MAX);
    } else if (is_text(r, line, len)) {
        memcpy(text, line, len);
        text[len] = '\0';
        read_line(r, text);
        explicit_bzero(text, len);
    }
}

void config_lines_read(const char *text, size_t len, const char *file, struct config_report *report,
                       config_line_found *found, void *ctx) {
    struct reading r = {.file = file, .report = report, .found = found, .ctx = ctx};
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (len > CONFIG_FILE_MAX) {
        complain(&r, "the file is larger than %d bytes", CONFIG_FILE_MAX);
        return;
    }
    if (len >= 3 && memcmp(text, byte_order_mark, 3) == 0) {
        text += 3;
        len -= 3;
    }
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t line_len = end ? (size_t)(end - text) : len;
        r.line++;
        read_raw_line(&r, text, line_len);
        size_t used = line_len + (end ? 1 : 0);
        text += used;
        len -= used;
    }
}

void config_lines_read_override(const char *text, struct config_report *report, config_line_found *found, void *ctx) {
    struct reading r = {.file = CONFIG_OVERRIDE_NAME, .report = report, .found = found, .ctx = ctx};
    char copy[CONFIG_LINE_MAX + 1];
    size_t len = strlen(text);
    if (len > CONFIG_LINE_MAX || !is_text(&r, text, len)) {
        if (len > CONFIG_LINE_MAX) {
            complain(&r, "the value is longer than %d bytes", CONFIG_LINE_MAX);
        }
        return;
    }
    memcpy(copy, text, len + 1);
    char *equals = strchr(copy, '=');
    char *dot = strchr(copy, '.');
    if (!equals || !dot || dot > equals) {
        complain(&r, "expected section.key=value");
        return;
    }
    *dot = '\0';
    *equals = '\0';
    begin_section(&r, trim(copy));
    if (r.section) {
        /* The value is taken whole: a shell has already dealt with quotes, and # is no comment here. */
        const struct config_key *key = config_key_find(r.section, trim(dot + 1));
        if (key) {
            found(ctx, key, 0, equals + 1);
        } else {
            complain_unknown_key(&r, trim(dot + 1));
        }
    }
    explicit_bzero(copy, len);
}
