#include "net/uri.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes len characters into out and terminates it. Returns the length; -EBADMSG. */
static long decode(char *out, const char *text, size_t len, bool plus_is_space) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return -EBADMSG;
            }
            c = high * 16 + low;
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == 0) {
            return -EBADMSG;
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return text_is_utf8(out, n) ? (long)n : -EBADMSG;
}

static bool has_control(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

/* One decoded segment appended to path; pool takes its own copy for segments[]. */
static int add_segment(struct uri *uri, char **pool, const char *text, size_t len, size_t *path_len) {
    if (uri->segment_count == URI_SEGMENTS_MAX) {
        return -E2BIG;
    }
    char *segment = *pool;
    long n = decode(segment, text, len, false);
    if (n < 0 || strchr(segment, '/') || has_control(segment) || strcmp(segment, ".") == 0 ||
        strcmp(segment, "..") == 0) {
        return -EBADMSG;
    }
    uri->path[(*path_len)++] = '/';
    uri->offsets[uri->segment_count] = *path_len;
    memcpy(uri->path + *path_len, segment, (size_t)n + 1);
    *path_len += (size_t)n;
    uri->segments[uri->segment_count++] = segment;
    *pool += n + 1;
    return 0;
}

static int parse_path(struct uri *uri, char **pool, const char *text, size_t len) {
    size_t path_len = 0;
    size_t at = 1; /* behind the slash */
    for (;;) {
        const char *slash = memchr(text + at, '/', len - at);
        size_t end = slash ? (size_t)(slash - text) : len;
        if (slash && end == at) {
            return -EBADMSG;
        }
        int rc = add_segment(uri, pool, text + at, end - at, &path_len);
        if (rc < 0 || !slash) {
            return rc;
        }
        at = end + 1;
    }
}

static int add_arg(struct uri *uri, char **pool, const char *text, size_t len) {
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;
    size_t value_len = equals ? len - name_len - 1 : 0;
    if (uri->arg_count == URI_ARGS_MAX) {
        return -E2BIG;
    }
    struct uri_arg *arg = &uri->args[uri->arg_count++];
    arg->name = *pool;
    long n = decode(*pool, text, name_len, true);
    if (n < 0) {
        return (int)n;
    }
    *pool += n + 1;
    arg->value = *pool;
    n = decode(*pool, equals ? equals + 1 : text, value_len, true);
    if (n < 0) {
        return (int)n;
    }
    *pool += n + 1;
    return 0;
}

static int parse_query(struct uri *uri, char **pool, const char *text) {
    while (*text) {
        size_t len = strcspn(text, "&");
        int rc = len > 0 ? add_arg(uri, pool, text, len) : 0;
        if (rc < 0) {
            return rc;
        }
        text += len + (text[len] == '&');
    }
    return 0;
}

int uri_parse(struct uri *out, const char *target) {
    size_t len = strlen(target);
    memset(out, 0, sizeof *out);
    if (len > URI_BYTES_MAX) {
        return -E2BIG;
    }
    if (target[0] != '/') {
        return -EBADMSG;
    }
    /* Decoding never grows; each segment and argument adds terminators. */
    out->storage = calloc(2, len + 2 + URI_SEGMENTS_MAX + 2 * URI_ARGS_MAX);
    if (!out->storage) {
        return -ENOMEM;
    }
    out->path = out->storage;
    char *pool = out->storage + len + 2;
    size_t path_len = strcspn(target, "?");
    int rc = parse_path(out, &pool, target, path_len);
    if (rc == 0 && target[path_len] == '?') {
        rc = parse_query(out, &pool, target + path_len + 1);
    }
    if (rc < 0) {
        uri_deinit(out);
    }
    return rc;
}

void uri_deinit(struct uri *uri) {
    free(uri->storage);
    memset(uri, 0, sizeof *uri);
}

const char *uri_arg_value(const struct uri *uri, const char *name) {
    for (size_t i = 0; i < uri->arg_count; i++) {
        if (strcmp(uri->args[i].name, name) == 0) {
            return uri->args[i].value;
        }
    }
    return NULL;
}
