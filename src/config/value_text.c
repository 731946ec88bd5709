/* Strings of every kind. They come without control characters and as valid UTF-8 (see lines.c). */
#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { SECRET_BYTES_MAX = 256, URL_BYTES_MAX = 1024, ACCOUNT_BYTES_MAX = 32 };

static int keep(const char **out, const char *text, size_t len, struct config_parse *parse) {
    *out = arena_text(parse->arena, text, len);
    return *out ? 1 : -ENOMEM;
}

static int parse_string(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    size_t len = strlen(text);
    if (len < key->min) {
        return config_complain(parse, "a value is needed");
    }
    if (len > key->max) {
        return config_complain(parse, "longer than %" PRIu64 " bytes", key->max);
    }
    return keep(out, text, len, parse);
}

static void format_string(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    (void)key, (void)reveal;
    fputs(*(const char *const *)item, out);
}

static int parse_path(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    if (text[0] != '/' && (text[0] != '\0' || key->min > 0)) {
        return config_complain(parse, "expected a path that begins with a slash, found \"%.80s\"", text);
    }
    return parse_string(key, text, out, parse);
}

/* Where the text after "scheme://" begins, if the scheme is one of the words; else NULL. */
static const char *after_scheme(const char *words, const char *text) {
    const char *word;
    size_t len;
    for (size_t i = 0; (word = config_word(words, i, &len)) != NULL; i++) {
        if (strncmp(text, word, len) == 0 && strncmp(text + len, "://", 3) == 0) {
            return text + len + 3;
        }
    }
    return NULL;
}

static bool is_graphic_ascii(const char *text) {
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

static int parse_url(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    size_t len = strlen(text);
    const char *host = after_scheme(key->words, text);
    if (len == 0 && key->type == CONFIG_TYPE_URL) {
        return keep(out, "", 0, parse);
    }
    /* The text may hold a password: do not repeat it. */
    if (!host || *host == '\0' || *host == '/' || !is_graphic_ascii(text)) {
        return config_complain(parse, "expected a URL of scheme %s, with a host and without blanks", key->words);
    }
    if (len > URL_BYTES_MAX) {
        return config_complain(parse, "longer than %d bytes", URL_BYTES_MAX);
    }
    while (text[len - 1] == '/') {
        len--;
    }
    return keep(out, text, len, parse);
}

/* Hides the password of scheme://user:password@host. */
static void format_url(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    const char *text = *(const char *const *)item;
    const char *host = strstr(text, "://");
    host = host ? host + 3 : text;
    size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority);
    const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
    (void)key;
    if (reveal || !colon) {
        fputs(text, out);
    } else {
        fprintf(out, "%.*s:***%s", (int)(colon - text), text, at);
    }
}

/* scheme://host[:port] as browsers send it (RFC 6454 section 6.1), or an asterisk. */
static int parse_origin(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    const char *host = after_scheme("http https", text);
    (void)key;
    if (strcmp(text, "*") == 0) {
        return keep(out, text, 1, parse);
    }
    if (!host || *host == '\0' || strpbrk(host, "/?#@*") || !is_graphic_ascii(text) || strlen(text) > URL_BYTES_MAX) {
        return config_complain(parse, "expected an origin such as https://app.example.org, or *; found \"%.80s\"",
                               text);
    }
    for (const char *c = host; *c; c++) {
        if (isupper((unsigned char)*c)) {
            return config_complain(parse, "browsers send origins in lower case: \"%.80s\" would never match", text);
        }
    }
    return keep(out, text, strlen(text), parse);
}

static bool is_account_name(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && (i == 0 || !strchr("_-.", text[i])) && text[i] != '_') {
            return false;
        }
    }
    return len <= ACCOUNT_BYTES_MAX;
}

static int parse_account(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    struct config_account *account = out;
    size_t user_len = strcspn(text, ":");
    const char *group = text[user_len] ? text + user_len + 1 : "";
    (void)key;
    if (!is_account_name(text, user_len) || !is_account_name(group, strlen(group)) ||
        (text[user_len] && (user_len == 0 || *group == '\0'))) {
        return config_complain(parse, "expected USER or USER:GROUP, found \"%.80s\"", text);
    }
    int rc = keep(&account->user, text, user_len, parse);
    return rc < 0 ? rc : keep(&account->group, group, strlen(group), parse);
}

static void format_account(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    const struct config_account *account = item;
    (void)key, (void)reveal;
    fprintf(out, "%s%s%s", account->user, account->group[0] ? ":" : "", account->group);
}

static int parse_log_target(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    struct config_log_target *target = out;
    static const char file[] = "file:";
    (void)key;
    *target = (struct config_log_target){.kind = CONFIG_LOG_STDERR};
    if (strcmp(text, "stderr") == 0) {
        return 1;
    }
    if (strcmp(text, "journal") == 0) {
        target->kind = CONFIG_LOG_JOURNAL;
        return 1;
    }
    const char *path = text + sizeof file - 1;
    if (strncmp(text, file, sizeof file - 1) != 0 || *path != '/') {
        return config_complain(parse, "expected stderr, journal or file:/PATH, found \"%.80s\"", text);
    }
    target->kind = CONFIG_LOG_FILE;
    return keep(&target->path, path, strlen(path), parse);
}

static void format_log_target(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    const struct config_log_target *target = item;
    (void)key, (void)reveal;
    if (target->kind == CONFIG_LOG_FILE) {
        fprintf(out, "file:%s", target->path);
    } else {
        fputs(target->kind == CONFIG_LOG_JOURNAL ? "journal" : "stderr", out);
    }
}

static int parse_secret(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    size_t len = strlen(text);
    if (len < key->min || len > SECRET_BYTES_MAX) {
        return config_complain(parse, "a secret has %" PRIu64 " to %d bytes", key->min, SECRET_BYTES_MAX);
    }
    return keep(out, text, len, parse);
}

static void format_secret(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    (void)key;
    fputs(reveal ? *(const char *const *)item : "***", out);
}

const struct config_value_ops config_string_ops = {"text", sizeof(char *), false, parse_string, format_string};
const struct config_value_ops config_path_ops = {"path", sizeof(char *), false, parse_path, format_string};
const struct config_value_ops config_url_ops = {"URL", sizeof(char *), false, parse_url, format_url};
const struct config_value_ops config_account_ops = {"USER or USER:GROUP", sizeof(struct config_account), false,
                                                    parse_account, format_account};
const struct config_value_ops config_log_target_ops = {"stderr, journal or file:PATH", sizeof(struct config_log_target),
                                                       false, parse_log_target, format_log_target};
const struct config_value_ops config_secrets_ops = {"secret", sizeof(char *), true, parse_secret, format_secret};
const struct config_value_ops config_urls_ops = {"URL", sizeof(char *), true, parse_url, format_url};
const struct config_value_ops config_origins_ops = {"origin or *", sizeof(char *), true, parse_origin, format_string};
