/* What coturn's database has for single realms: secrets, origins, quotas, keys of authorization servers. */
#include "ctl/import_internal.h"

#include "base/text.h"
#include "store/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 512, OAUTH_KEY_MAX = 32 };

static bool is_default(const struct import *im, const char *realm) {
    const char *usual = import_realm(im);
    return realm[0] == '\0' || (usual && strcmp(realm, usual) == 0);
}

static bool is_word(const char *text, size_t max) {
    size_t len = strlen(text);
    return len > 0 && len <= max && text_is_printable(text, len) && !strpbrk(text, " \t");
}

/* A line "REALM VALUE"; key is static. */
static int put(struct import *im, const char *key, const char *realm, const char *value) {
    char *line = NULL;
    if (!is_word(realm, STORE_REALM_MAX) || !text_is_printable(value, strlen(value)) || strlen(value) > VALUE_MAX) {
        (void)import_note(im, IMPORT_UNSUPPORTED, 0, strchr(key, '.') + 1,
                          "a row of the database is not text, too long, or of a realm whose name has blanks");
        return -EINVAL;
    }
    if (asprintf(&line, "%s %s", realm, value) < 0) {
        im->no_memory = true;
        return -ENOMEM;
    }
    import_put(im, key, NULL, "a realm in the database", line);
    explicit_bzero(line, strlen(line));
    free(line);
    return im->no_memory ? -ENOMEM : 0;
}

int import_add_realm_secret(struct import *im, const char *realm, const char *secret) {
    return is_default(im, realm) ? import_add_secret(im, secret) : put(im, "realms.secret", realm, secret);
}

int import_add_realm_origin(struct import *im, const char *realm, const char *origin) {
    if (is_default(im, realm)) {
        return import_note(im, IMPORT_NOT_NEEDED, 0, "turn_origin_to_realm",
                           "an origin of the default realm: whoever sends no other belongs to it");
    }
    return put(im, "realms.origin", realm, origin);
}

int import_add_realm_option(struct import *im, const char *realm, const char *option, const char *value) {
    bool user = strcmp(option, "user-quota") == 0, total = strcmp(option, "total-quota") == 0;
    const char *shown = is_word(option, 64) ? option : "?";
    uint64_t n;
    if (!user && !total) {
        return import_note(im, IMPORT_UNSUPPORTED, 0, shown,
                           "of one realm: bandwidth is limited per user and in total");
    }
    if (text_parse_u64(&n, value, strlen(value)) < 0) {
        return import_note(im, IMPORT_UNSUPPORTED, 0, shown, "of one realm: it is not a number");
    }
    const char *usual = import_realm(im);
    const char *name = realm[0] ? realm : usual ? usual : "";
    return put(im, user ? "realms.user-quota" : "realms.total-quota", name, n == 0 ? "unlimited" : value);
}

/* As coturn takes a key: cut or filled with zeros to what the algorithm wants. */
static size_t read_key(uint8_t out[OAUTH_KEY_MAX], const char *base64, const char *algorithm) {
    uint8_t raw[256];
    size_t wanted = strcmp(algorithm, "A128GCM") == 0                    ? 16
                    : !algorithm[0] || strcmp(algorithm, "A256GCM") == 0 ? 32
                                                                         : 0;
    long len = base64_decode(raw, sizeof raw, base64, strlen(base64));
    if (len <= 0) {
        return 0;
    }
    memset(out, 0, OAUTH_KEY_MAX);
    memcpy(out, raw, (size_t)len < wanted ? (size_t)len : wanted);
    explicit_bzero(raw, sizeof raw);
    return wanted;
}

int import_add_oauth_key(struct import *im, const char *realm, const char *kid, const struct import_oauth_key *key) {
    char line[64 + 1 + BASE64_SIZE(OAUTH_KEY_MAX)];
    char text[BASE64_SIZE(OAUTH_KEY_MAX)];
    uint8_t bytes[OAUTH_KEY_MAX];
    const char *shown = is_word(kid, 64) ? kid : "?";
    if (!import_has(im, "oauth")) {
        return import_note(im, IMPORT_NOT_NEEDED, 0, shown, "a key of an authorization server: oauth is not set");
    }
    size_t len = read_key(bytes, key->base64, key->algorithm);
    if (len == 0 || !is_word(kid, 64)) {
        (void)import_note(im, IMPORT_UNSUPPORTED, 0, shown,
                          "a key of an authorization server: its name or key cannot be read, or it is not for A256GCM "
                          "or A128GCM");
        return -EINVAL;
    }
    base64_encode(text, bytes, len);
    snprintf(line, sizeof line, "%s:%s", kid, text);
    int rc = 0;
    if (is_default(im, realm)) {
        import_put(im, "auth.oauth-key", NULL, "oauth_key in the database", line);
    } else {
        rc = put(im, "realms.oauth-key", realm, line);
    }
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(text, sizeof text);
    explicit_bzero(line, sizeof line);
    return im->no_memory ? -ENOMEM : rc;
}
