#include "net/route.h"

#include <errno.h>
#include <string.h>

/* The pattern's next segment behind *pattern's slash. */
static const char *next_segment(const char **pattern, size_t *len) {
    const char *segment = *pattern + 1;
    *len = strcspn(segment, "/");
    *pattern = segment + *len;
    return segment;
}

static bool is_param(const char *segment, size_t len) {
    return len > 2 && segment[0] == '{' && segment[len - 1] == '}';
}

static bool is_rest(const char *segment, size_t len) {
    return is_param(segment, len) && len > 3 && segment[len - 2] == '*';
}

int route_check(const struct http_route *route) {
    const char *pattern = route->path;
    size_t params = 0;
    if (!route->method || !route->handler || !pattern || pattern[0] != '/') {
        return -EINVAL;
    }
    while (*pattern) {
        size_t len;
        const char *segment = next_segment(&pattern, &len);
        if (is_param(segment, len)) {
            params++;
        } else if (memchr(segment, '{', len) || memchr(segment, '}', len)) {
            return -EINVAL;
        }
        if (is_rest(segment, len) && *pattern) {
            return -EINVAL;
        }
    }
    return params <= ROUTE_PARAMS_MAX ? 0 : -EINVAL;
}

static void add_param(struct route_match *match, const char *name, size_t len, const char *value) {
    match->params[match->param_count++] = (struct route_param){.name = name, .name_len = len, .value = value};
}

static bool path_fits(struct route_match *match, const char *pattern, const struct uri *uri) {
    size_t i = 0;
    match->param_count = 0;
    while (*pattern) {
        size_t len;
        const char *segment = next_segment(&pattern, &len);
        if (is_rest(segment, len)) {
            add_param(match, segment + 1, len - 3, i < uri->segment_count ? uri->path + uri->offsets[i] : "");
            return true;
        }
        if (i == uri->segment_count) {
            return false;
        }
        const char *given = uri->segments[i++];
        if (is_param(segment, len)) {
            if (!given[0]) {
                return false;
            }
            add_param(match, segment + 1, len - 2, given);
        } else if (strlen(given) != len || memcmp(given, segment, len) != 0) {
            return false;
        }
    }
    return i == uri->segment_count;
}

static bool ends_in_rest(const char *pattern) {
    size_t len = strlen(pattern);
    return len > 2 && strcmp(pattern + len - 2, "*}") == 0;
}

static bool method_fits(const char *wanted, const char *method) {
    return strcmp(wanted, "*") == 0 || strcmp(wanted, method) == 0 ||
           (strcmp(wanted, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void allow_one(char *allow, const char *method) {
    size_t used = strlen(allow);
    size_t n = strlen(method);
    if (!strstr(allow, method) && used + n + 3 <= ROUTE_ALLOW_BYTES) {
        memcpy(allow + used, used ? ", " : "", used ? 2 : 0);
        memcpy(allow + used + (used ? 2 : 0), method, n + 1);
    }
}

static void allow_method(char *allow, const char *method) {
    if (strcmp(method, "*") != 0) {
        allow_one(allow, method);
    }
    if (strcmp(method, "GET") == 0) {
        allow_one(allow, "HEAD");
    }
    allow_one(allow, "OPTIONS");
}

void route_find(struct route_match *out, const struct http_route *routes, size_t count, const struct uri *uri,
                const char *method) {
    memset(out, 0, sizeof *out);
    const char *first = NULL; /* the first pattern that fits */
    for (size_t i = 0; i < count; i++) {
        struct route_match match = {0};
        if (!path_fits(&match, routes[i].path, uri)) {
            continue;
        }
        first = first ? first : routes[i].path;
        if (ends_in_rest(routes[i].path) && strcmp(first, routes[i].path) != 0) {
            continue; /* a catch-all does not hide that a path exists with other methods */
        }
        allow_method(out->allow, routes[i].method);
        if (!out->route && method_fits(routes[i].method, method)) {
            out->route = &routes[i];
            out->param_count = match.param_count;
            memcpy(out->params, match.params, sizeof match.params);
        }
    }
}

const char *route_param_value(const struct route_match *match, const char *name) {
    size_t len = strlen(name);
    for (size_t i = 0; i < match->param_count; i++) {
        const struct route_param *p = &match->params[i];
        if (p->name_len == len && memcmp(p->name, name, len) == 0) {
            return p->value;
        }
    }
    return NULL;
}
