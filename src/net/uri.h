/* A request target in origin form (RFC 9112 section 3.2.1), split and decoded strictly. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { URI_BYTES_MAX = 8192, URI_SEGMENTS_MAX = 32, URI_ARGS_MAX = 32 };

struct uri_arg {
    const char *name;
    const char *value; /* "" without '=' */
};

struct uri {
    char *storage;                          /* all strings below */
    char *path;                             /* decoded, with slashes */
    const char *segments[URI_SEGMENTS_MAX]; /* decoded; "/a/b/" gives "a", "b", ""; "/" gives "" */
    size_t offsets[URI_SEGMENTS_MAX];       /* of each segment within path */
    size_t segment_count;
    struct uri_arg args[URI_ARGS_MAX];
    size_t arg_count;
};

/* Makes out from a target. -EBADMSG: not absolute, bad percent-encoding, encoded slash, control characters, not
 * UTF-8, a "." or ".." or empty segment within the path. -E2BIG: over a bound above. -ENOMEM. On failure
 * out is empty. */
int uri_parse(struct uri *out, const char *target);
void uri_deinit(struct uri *uri);

/* The first argument of that name, or NULL. */
const char *uri_arg_value(const struct uri *uri, const char *name);
