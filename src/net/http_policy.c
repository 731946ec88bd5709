/* Which origins may ask and which proxies are believed. */
#include "net/http_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FORWARDED_LINES_MAX = 8 };

int http_rules_copy(struct http_rules *out, const struct http_policy *policy) {
    struct http_rules rules = {0};
    rules.origins = calloc(policy->allowed_origin_count + 1, sizeof *rules.origins);
    rules.proxies = calloc(policy->trusted_proxy_count + 1, sizeof *rules.proxies);
    bool ok = rules.origins && rules.proxies;
    for (size_t i = 0; ok && i < policy->allowed_origin_count; i++) {
        rules.origins[i] = strdup(policy->allowed_origins[i]);
        ok = rules.origins[i] != NULL;
        rules.origin_count += ok;
    }
    if (!ok) {
        http_rules_deinit(&rules);
        return -ENOMEM;
    }
    if (policy->trusted_proxy_count > 0) {
        memcpy(rules.proxies, policy->trusted_proxies, policy->trusted_proxy_count * sizeof *rules.proxies);
    }
    rules.proxy_count = policy->trusted_proxy_count;
    *out = rules;
    return 0;
}

void http_rules_deinit(struct http_rules *rules) {
    for (size_t i = 0; i < rules->origin_count; i++) {
        free(rules->origins[i]);
    }
    free(rules->origins);
    free(rules->proxies);
    memset(rules, 0, sizeof *rules);
}

int http_server_set_policy(struct http_server *server, const struct http_policy *policy) {
    struct http_rules fresh;
    int rc = http_rules_copy(&fresh, policy);
    if (rc == 0) {
        http_rules_deinit(&server->rules);
        server->rules = fresh;
    }
    return rc;
}

bool http_rules_allow_any(const struct http_rules *rules) {
    for (size_t i = 0; i < rules->origin_count; i++) {
        if (strcmp(rules->origins[i], "*") == 0) {
            return true;
        }
    }
    return false;
}

bool http_rules_allow_origin(const struct http_rules *rules, const char *origin) {
    for (size_t i = 0; i < rules->origin_count; i++) {
        if (strcasecmp(rules->origins[i], origin) == 0) {
            return true;
        }
    }
    return http_rules_allow_any(rules);
}

bool http_rules_trust(const struct http_rules *rules, const struct addr *peer) {
    for (size_t i = 0; i < rules->proxy_count; i++) {
        if (prefix_contains(&rules->proxies[i], peer)) {
            return true;
        }
    }
    return false;
}

/* Browsers leave default ports out of both, so equal authorities mean the same origin; the scheme is not compared
 * because a proxy may have ended TLS. */
static bool is_same_origin(const char *origin, const char *host) {
    const char *authority = strstr(origin, "://");
    return authority && host && strcasecmp(authority + 3, host) == 0;
}

int http_request_origin_allowed(const struct http_request *req) {
    const char *origin = http_request_header(req, "Origin");
    return !origin || is_same_origin(origin, http_request_header(req, "Host")) ||
           http_rules_allow_origin(&req->conn->server->rules, origin);
}

struct forwarded {
    const char *lines[FORWARDED_LINES_MAX];
    size_t count;
};

static enum MHD_Result collect(void *cls, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct forwarded *f = cls;
    (void)kind;
    if (value && strcasecmp(name, "X-Forwarded-For") == 0) {
        if (f->count == FORWARDED_LINES_MAX) { /* the last ones are the nearest proxies' */
            memmove(f->lines, f->lines + 1, (FORWARDED_LINES_MAX - 1) * sizeof f->lines[0]);
            f->count--;
        }
        f->lines[f->count++] = value;
    }
    return MHD_YES;
}

/* The last entry of line[0..*len), which is cut off. -EINVAL when it is no address. */
static int take_last(const char *line, size_t *len, struct addr *out) {
    size_t start = *len;
    while (start > 0 && line[start - 1] != ',') {
        start--;
    }
    size_t from = start;
    size_t to = *len;
    while (from < to && line[from] == ' ') {
        from++;
    }
    while (to > from && line[to - 1] == ' ') {
        to--;
    }
    char text[ADDR_TEXT_MAX];
    *len = start > 0 ? start - 1 : 0;
    if (to - from == 0 || to - from >= sizeof text) {
        return -EINVAL;
    }
    memcpy(text, line + from, to - from);
    text[to - from] = '\0';
    return addr_parse(out, text) == 0 ? 0 : addr_parse_ip(out, text);
}

/* From right to left: every proxy wrote down who it heard from; the first that is not trusted is the client. */
static void walk_back(const struct http_rules *rules, const struct forwarded *f, struct addr *peer) {
    for (size_t i = f->count; i-- > 0;) {
        size_t len = strlen(f->lines[i]);
        while (len > 0) {
            struct addr hop;
            if (take_last(f->lines[i], &len, &hop) < 0) {
                return;
            }
            *peer = hop;
            if (!http_rules_trust(rules, &hop)) {
                return;
            }
        }
    }
}

void http_policy_find_client(struct http_request *req) {
    const struct http_rules *rules = &req->conn->server->rules;
    struct forwarded f = {.count = 0};
    req->peer = req->conn->peer;
    req->secure = req->conn->tls;
    if (!http_rules_trust(rules, &req->peer)) {
        return;
    }
    MHD_get_connection_values(req->mhd, MHD_HEADER_KIND, collect, &f);
    walk_back(rules, &f, &req->peer);
    const char *proto = MHD_lookup_connection_value(req->mhd, MHD_HEADER_KIND, "X-Forwarded-Proto");
    if (proto) {
        req->secure = strcasecmp(proto, "https") == 0;
    }
}
