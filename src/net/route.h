/* Which route a request takes. Pure. */
#pragma once

#include "net/http.h"
#include "net/uri.h"

#include <stdbool.h>
#include <stddef.h>

enum { ROUTE_PARAMS_MAX = 8, ROUTE_ALLOW_BYTES = 128 };

struct route_param {
    const char *name; /* in the route's pattern, not terminated */
    size_t name_len;
    const char *value; /* in the uri */
};

struct route_match {
    const struct http_route *route; /* NULL: none */
    struct route_param params[ROUTE_PARAMS_MAX];
    size_t param_count;
    char allow[ROUTE_ALLOW_BYTES]; /* "GET, HEAD, OPTIONS": the methods this path knows; "" when it is unknown */
};

/* 0 for a pattern that starts with a slash, has well-formed {names}, at most ROUTE_PARAMS_MAX of them, and {rest*}
 * at the end only; -EINVAL. */
int route_check(const struct http_route *route);

/* Looks for the first route that fits path and method. HEAD takes GET's. */
void route_find(struct route_match *out, const struct http_route *routes, size_t count, const struct uri *uri,
                const char *method);

const char *route_param_value(const struct route_match *match, const char *name);
