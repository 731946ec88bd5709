#include "ctl/import.h"

#include "base/text.h"
#include "ctl/import_internal.h"
#include "store/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SHOWN_MAX = 60, PRINTED_MAX = 500 /* findings of a kind */ };

void *import_grow(void *items, size_t count, size_t size) {
    bool full = (count & (count - 1)) == 0;
    return full ? reallocarray(items, count ? count * 2 : 1, size) : items;
}

int import_new(struct import **out) {
    *out = calloc(1, sizeof **out);
    return *out ? 0 : -ENOMEM;
}

static void free_secret(char *text) {
    if (text) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

static void free_user(const struct import_user *user) {
    free((char *)(uintptr_t)user->realm);
    free((char *)(uintptr_t)user->name);
    free_secret((char *)(uintptr_t)user->password);
}

void import_free(struct import *im) {
    if (!im) {
        return;
    }
    for (size_t i = 0; i < im->entry_count; i++) {
        free_secret(im->entries[i].value);
    }
    for (size_t i = 0; i < im->output_count; i++) {
        free_secret(im->outputs[i].value);
    }
    for (size_t i = 0; i < im->finding_count; i++) {
        free(im->findings[i].name);
        free(im->findings[i].text);
    }
    for (size_t i = 0; i < im->user_count; i++) {
        free_user(&im->users[i]);
    }
    for (size_t i = 0; i < im->rule_count; i++) {
        free((char *)(uintptr_t)im->rules[i].realm);
    }
    for (size_t i = 0; i < im->secret_count; i++) {
        free_secret(im->secrets[i]);
    }
    free(im->entries);
    free(im->outputs);
    free(im->findings);
    free(im->users);
    free(im->rules);
    free(im->secrets);
    free_secret(im->text);
    free(im);
}

/* --- findings ------------------------------------------------------------------------------------------ */

int import_note(struct import *im, enum import_kind kind, unsigned line, const char *name, const char *text) {
    struct import_finding *items = import_grow(im->findings, im->finding_count, sizeof *items);
    if (!items) {
        im->no_memory = true;
        return -ENOMEM;
    }
    im->findings = items;
    struct import_finding *f = &items[im->finding_count];
    *f = (struct import_finding){.kind = kind, .line = line, .name = strdup(name), .text = strdup(text)};
    if (!f->name || !f->text) {
        free(f->name);
        free(f->text);
        im->no_memory = true;
        return -ENOMEM;
    }
    im->finding_count++;
    return 0;
}

size_t import_finding_count(const struct import *im, enum import_kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < im->finding_count; i++) {
        n += im->findings[i].kind == kind;
    }
    return n;
}

static void print_kind(const struct import *im, FILE *out, const char *prefix, enum import_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < im->finding_count; i++) {
        const struct import_finding *f = &im->findings[i];
        if (f->kind != kind || ++count > PRINTED_MAX) {
            continue;
        }
        fprintf(out, "%s", prefix);
        if (f->line > 0) {
            fprintf(out, "line %u: ", f->line);
        }
        fprintf(out, "%s: %s: %s\n", f->name, import_kind_name(kind), f->text);
    }
    if (count > PRINTED_MAX) {
        fprintf(out, "%sand %zu more: %s\n", prefix, count - PRINTED_MAX, import_kind_name(kind));
    }
}

void import_print_findings(const struct import *im, FILE *out, const char *prefix, bool all) {
    static const enum import_kind order[] = {IMPORT_UNSUPPORTED, IMPORT_LATER, IMPORT_NOT_NEEDED, IMPORT_IMPLIED,
                                             IMPORT_TRANSLATED};
    for (size_t i = 0; i < (all ? 5 : 2); i++) {
        print_kind(im, out, prefix, order[i]);
    }
}

/* --- reading ------------------------------------------------------------------------------------------- */

static bool is_name(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t len = strlen(name);
    return len > 0 && len <= NAME_SHOWN_MAX && strspn(name, allowed) == len;
}

static bool means_no(const char *value) {
    return value[0] == '0' || value[0] == 'n' || value[0] == 'N' || value[0] == 'f' || value[0] == 'F' ||
           strcmp(value, "off") == 0;
}

static int add_entry(struct import *im, const struct import_option *option, unsigned line, const char *value) {
    if (im->entry_count == IMPORT_ENTRIES_MAX) {
        return -EFBIG;
    }
    struct import_entry *items = import_grow(im->entries, im->entry_count, sizeof *items);
    char *copy = strdup(value);
    im->entries = items ? items : im->entries;
    if (!items || !copy) {
        free(copy);
        return -ENOMEM;
    }
    items[im->entry_count++] =
        (struct import_entry){.option = option, .line = line, .value = copy, .off = option->flag && means_no(value)};
    return 0;
}

/* `name`, `name=value` or `name value`, the value perhaps in quotes. In place. */
static int read_text(struct import *im, unsigned line, char *text) {
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t", text[len - 1])) {
        text[--len] = '\0';
    }
    char *end = text + strcspn(text, "= \t");
    char *value = end + strspn(end, "= \t");
    *end = '\0';
    len = strlen(value);
    if (len > 1 && value[0] == '"' && value[len - 1] == '"') {
        value[len - 1] = '\0';
        value++;
    }
    const struct import_option *option = import_option_find(text);
    if (option) {
        return add_entry(im, option, line, value);
    }
    bool shown = is_name(text);
    if (im->finding_count == IMPORT_ENTRIES_MAX) {
        return -EFBIG;
    }
    return import_note(im, IMPORT_UNSUPPORTED, line, shown ? text : "a line",
                       shown ? "turnout does not know this option of coturn" : "no option begins like this");
}

static bool has_control(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static int read_line(struct import *im, unsigned line, const char *text, size_t len) {
    char copy[IMPORT_LINE_MAX + 1];
    while (len > 0 && strchr(" \t", *text)) {
        text++;
        len--;
    }
    if (len > 0 && text[len - 1] == '\r') {
        len--;
    }
    if (len == 0 || *text == '#') {
        return 0;
    }
    const char *wrong = len > IMPORT_LINE_MAX      ? "it is longer than 4096 bytes"
                        : has_control(text, len)   ? "it holds control characters"
                        : !text_is_utf8(text, len) ? "it is not valid UTF-8"
                                                   : NULL;
    if (wrong) {
        return im->finding_count == IMPORT_ENTRIES_MAX ? -EFBIG
                                                       : import_note(im, IMPORT_UNSUPPORTED, line, "a line", wrong);
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    int rc = read_text(im, line, copy);
    explicit_bzero(copy, len);
    return rc;
}

int import_read(struct import *im, const char *text, size_t len) {
    unsigned line = 0;
    int rc = len > IMPORT_FILE_MAX ? -EFBIG : 0;
    while (rc == 0 && len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t line_len = end ? (size_t)(end - text) : len;
        rc = read_line(im, ++line, text, line_len);
        size_t used = line_len + (end ? 1 : 0);
        text += used;
        len -= used;
    }
    return rc;
}

const struct import_entry *import_last(const struct import *im, const char *name) {
    for (size_t i = im->entry_count; i > 0; i--) {
        if (strcmp(im->entries[i - 1].option->name, name) == 0 && !im->entries[i - 1].off) {
            return &im->entries[i - 1];
        }
    }
    return NULL;
}

bool import_has(const struct import *im, const char *name) { return import_last(im, name) != NULL; }

const char *import_userdb(const struct import *im) {
    const struct import_entry *e = import_last(im, "userdb");
    e = e ? e : import_last(im, "db");
    return e ? e->value : NULL;
}

const char *import_realm(const struct import *im) {
    const struct import_entry *e = import_last(im, "realm");
    return e ? e->value : NULL;
}

const char *import_text(const struct import *im) { return im->text; }

/* --- users, rules, secrets ----------------------------------------------------------------------------- */

/* Takes the texts over. */
static int put_user(struct import *im, struct import_user user) {
    struct import_user *items =
        im->user_count < IMPORT_USERS_MAX ? import_grow(im->users, im->user_count, sizeof *items) : NULL;
    if (!items) {
        free_user(&user);
        im->no_memory = im->user_count < IMPORT_USERS_MAX;
        return im->no_memory ? -ENOMEM : -EFBIG;
    }
    im->users = items;
    items[im->user_count++] = user;
    im->has_keys_only |= !user.password;
    return 0;
}

int import_add_user(struct import *im, const char *realm, const char *name, const char *secret) {
    struct import_user user = {0};
    size_t name_len = strlen(name);
    bool text = text_is_printable(name, name_len) && name_len > 0 && name_len <= STORE_NAME_MAX;
    if (!text || (realm && (!*realm || strlen(realm) > STORE_REALM_MAX || !text_is_printable(realm, strlen(realm))))) {
        (void)import_note(im, IMPORT_UNSUPPORTED, 0, "user", "a user's name or realm is empty, too long or not text");
        return -EINVAL;
    }
    const char *key = strncmp(secret, "0x", 2) == 0 ? secret + 2 : realm ? secret : NULL;
    if (key && hex_decode(user.md5, sizeof user.md5, key, strlen(key)) != (long)sizeof user.md5) {
        (void)import_note(im, IMPORT_UNSUPPORTED, 0, name, "the user's key is not that of MD5: 32 hexadecimal digits");
        return -EINVAL;
    }
    user.realm = realm ? strdup(realm) : NULL;
    user.name = strdup(name);
    user.password = key ? NULL : strdup(secret);
    if ((realm && !user.realm) || !user.name || (!key && !user.password)) {
        free_user(&user);
        im->no_memory = true;
        return -ENOMEM;
    }
    return put_user(im, user);
}

int import_add_rule(struct import *im, const char *realm, bool allow, const char *range) {
    struct prefix prefixes[IMPORT_PREFIXES_MAX];
    int n = import_range(prefixes, range);
    if (n < 0 || strlen(realm) > STORE_REALM_MAX || !text_is_printable(realm, strlen(realm))) {
        (void)import_note(im, IMPORT_UNSUPPORTED, 0, allow ? "allowed_peer_ip" : "denied_peer_ip",
                          "a row of the database is no range of addresses");
        return -EINVAL;
    }
    for (int i = 0; i < n; i++) {
        struct import_rule *items =
            im->rule_count < IMPORT_RULES_MAX ? import_grow(im->rules, im->rule_count, sizeof *items) : NULL;
        char *copy = strdup(realm);
        im->rules = items ? items : im->rules;
        if (!items || !copy) {
            free(copy);
            return im->rule_count < IMPORT_RULES_MAX ? -ENOMEM : -EFBIG;
        }
        items[im->rule_count++] = (struct import_rule){.realm = copy, .allow = allow, .prefix = prefixes[i]};
    }
    return 0;
}

int import_add_secret(struct import *im, const char *secret) {
    enum { SECRETS_MAX = 64 };
    if (!text_is_printable(secret, strlen(secret)) || im->secret_count == SECRETS_MAX) {
        (void)import_note(im, IMPORT_UNSUPPORTED, 0, "turn_secret",
                          "a secret of the database is not text, or there are more than 64");
        return -EINVAL;
    }
    char **items = import_grow(im->secrets, im->secret_count, sizeof *items);
    char *copy = strdup(secret);
    im->secrets = items ? items : im->secrets;
    if (!items || !copy) {
        free(copy);
        return -ENOMEM;
    }
    items[im->secret_count++] = copy;
    return 0;
}

size_t import_user_count(const struct import *im) { return im->user_count; }
const struct import_user *import_user_at(const struct import *im, size_t i) { return &im->users[i]; }
size_t import_rule_count(const struct import *im) { return im->rule_count; }
const struct import_rule *import_rule_at(const struct import *im, size_t i) { return &im->rules[i]; }
