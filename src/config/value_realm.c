/* Values of the section realms: "REALM VALUE". */
#include "config/value.h"

#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { REALM_BYTES_MAX = 127, KID_BYTES_MAX = 64, NAME_BYTES_MAX = 255, SECRET_BYTES_MIN = 8, SECRET_BYTES_MAX = 256 };

/* Keeps the realm; *rest is what follows it. */
static int take_realm(const char *text, const char **realm, const char **rest, struct config_parse *parse) {
    size_t len = strcspn(text, " \t");
    *rest = text + len + strspn(text + len, " \t");
    if (len == 0 || len > REALM_BYTES_MAX || **rest == '\0') {
        return config_complain(parse, "expected a realm, a blank and what it is given, found \"%.40s\"", text);
    }
    *realm = arena_text(parse->arena, text, len);
    return *realm ? 0 : -ENOMEM;
}

static int parse_address(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    struct config_realm_addr *item = out;
    const char *rest;
    (void)key;
    int rc = take_realm(text, &item->realm, &rest, parse);
    if (rc < 0) {
        return rc;
    }
    if (addr_parse(&item->addr, rest) < 0 || addr_is_any(&item->addr)) {
        return config_complain(parse, "expected a local address, perhaps with a port, found \"%.80s\"", rest);
    }
    return 1;
}

static void format_address(const struct config_key *key, const void *value, bool reveal, FILE *out) {
    const struct config_realm_addr *item = value;
    char text[ADDR_TEXT_MAX];
    (void)key, (void)reveal;
    fprintf(out, "%s %s", item->realm,
            item->addr.port ? addr_format(&item->addr, text) : addr_format_ip(&item->addr, text));
}

static int parse_text(const char *text, void *out, struct config_parse *parse, const char *what) {
    struct config_realm_text *item = out;
    const char *rest;
    int rc = take_realm(text, &item->realm, &rest, parse);
    if (rc < 0) {
        return rc;
    }
    if (strlen(rest) > NAME_BYTES_MAX || strpbrk(rest, " \t")) {
        return config_complain(parse, "expected %s, found \"%.80s\"", what, rest);
    }
    item->text = arena_text(parse->arena, rest, strlen(rest));
    return item->text ? 1 : -ENOMEM;
}

static void format_text(const struct config_key *key, const void *value, bool reveal, FILE *out) {
    const struct config_realm_text *item = value;
    (void)key, (void)reveal;
    fprintf(out, "%s %s", item->realm, item->text);
}

static int parse_name(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    (void)key;
    return parse_text(text, out, parse, "a host's name");
}

static int parse_origin(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    (void)key;
    return parse_text(text, out, parse, "an origin such as https://app.example");
}

static int parse_secret(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    struct config_realm_text *item = out;
    const char *rest;
    (void)key;
    int rc = take_realm(text, &item->realm, &rest, parse);
    if (rc < 0) {
        return rc;
    }
    if (strlen(rest) < SECRET_BYTES_MIN || strlen(rest) > SECRET_BYTES_MAX) {
        return config_complain(parse, "a secret has %d to %d bytes", SECRET_BYTES_MIN, SECRET_BYTES_MAX);
    }
    item->text = arena_text(parse->arena, rest, strlen(rest));
    return item->text ? 1 : -ENOMEM;
}

static void format_secret(const struct config_key *key, const void *value, bool reveal, FILE *out) {
    const struct config_realm_text *item = value;
    (void)key;
    fprintf(out, "%s %s", item->realm, reveal ? item->text : "***");
}

static int parse_number(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    struct config_realm_number *item = out;
    const char *rest;
    (void)key;
    int rc = take_realm(text, &item->realm, &rest, parse);
    if (rc < 0) {
        return rc;
    }
    if (strcmp(rest, "unlimited") == 0) {
        item->number = 0;
        return 1;
    }
    if (text_parse_u64(&item->number, rest, strlen(rest)) < 0 || item->number == 0 || item->number > 10000000) {
        return config_complain(parse, "expected 1 to 10000000 or unlimited, found \"%.80s\"", rest);
    }
    return 1;
}

static void format_number(const struct config_key *key, const void *value, bool reveal, FILE *out) {
    const struct config_realm_number *item = value;
    (void)key, (void)reveal;
    if (item->number == 0) {
        fprintf(out, "%s unlimited", item->realm);
    } else {
        fprintf(out, "%s %" PRIu64, item->realm, item->number);
    }
}

/* KID:KEY, the key in base64. */
static int parse_kid(const char *text, struct config_oauth_key *item, struct config_parse *parse) {
    const char *colon = strrchr(text, ':');
    size_t kid_len = colon ? (size_t)(colon - text) : 0;
    if (kid_len == 0 || kid_len > KID_BYTES_MAX) {
        return config_complain(parse, "expected KID:KEY, the key's name with at most %d bytes", KID_BYTES_MAX);
    }
    long len = base64_decode(item->key, sizeof item->key, colon + 1, strlen(colon + 1));
    if (len != 16 && len != 32) {
        return config_complain(parse, "the key of %.*s is not 16 or 32 bytes in base64", (int)kid_len, text);
    }
    item->key_len = (size_t)len;
    item->kid = arena_text(parse->arena, text, kid_len);
    return item->kid ? 1 : -ENOMEM;
}

static int parse_oauth_key(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    struct config_oauth_key *item = out;
    (void)key;
    item->realm = "";
    return parse_kid(text, item, parse);
}

static int parse_realm_oauth_key(const struct config_key *key, const char *text, void *out,
                                 struct config_parse *parse) {
    struct config_oauth_key *item = out;
    const char *rest;
    (void)key;
    int rc = take_realm(text, &item->realm, &rest, parse);
    return rc < 0 ? rc : parse_kid(rest, item, parse);
}

static void format_oauth_key(const struct config_key *key, const void *value, bool reveal, FILE *out) {
    const struct config_oauth_key *item = value;
    char text[BASE64_SIZE(32)];
    (void)key;
    base64_encode(text, item->key, item->key_len);
    fprintf(out, "%s%s%s:%s", item->realm, item->realm[0] ? " " : "", item->kid, reveal ? text : "***");
    explicit_bzero(text, sizeof text);
}

const struct config_value_ops config_oauth_keys_ops = {"KID:KEY", sizeof(struct config_oauth_key), true,
                                                       parse_oauth_key, format_oauth_key};
const struct config_value_ops config_realm_oauth_keys_ops = {"REALM KID:KEY", sizeof(struct config_oauth_key), true,
                                                             parse_realm_oauth_key, format_oauth_key};
const struct config_value_ops config_realm_addresses_ops = {
    "REALM ADDR or REALM ADDR:PORT", sizeof(struct config_realm_addr), true, parse_address, format_address};
const struct config_value_ops config_realm_names_ops = {"REALM NAME", sizeof(struct config_realm_text), true,
                                                        parse_name, format_text};
const struct config_value_ops config_realm_origins_ops = {"REALM ORIGIN", sizeof(struct config_realm_text), true,
                                                          parse_origin, format_text};
const struct config_value_ops config_realm_secrets_ops = {"REALM SECRET", sizeof(struct config_realm_text), true,
                                                          parse_secret, format_secret};
const struct config_value_ops config_realm_numbers_ops = {"REALM NUMBER", sizeof(struct config_realm_number), true,
                                                          parse_number, format_number};
