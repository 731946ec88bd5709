/* Peer rules: lines of '+' or '-' and a rule. What the compiled table says must be what a plain search through the
 * rules says, at the ends of every rule and just beyond.
 * The same lines are then spread over everybody, a realm and a user.
 * covers: src/proto/turn/peer_rules.c src/proto/turn/peer_scopes.c */
#include "proto/turn/peer_scopes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 16, LINE_BYTES = 100 };

struct line {
    struct prefix prefix;
    struct addr exact; /* AF_UNSPEC: none */
    struct addr first, last;
    bool is_range, allow;
};

static struct line lines[LINES_MAX];
static size_t line_count;

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

/* The next or previous address; false at the end of the space. */
static bool step_addr(struct addr *a, int by) {
    size_t i = addr_ip_len(a);
    while (i-- > 0) {
        a->ip[i] = (uint8_t)(a->ip[i] + by);
        if (a->ip[i] != (by > 0 ? 0 : 0xff)) {
            return true;
        }
    }
    return false;
}

/* The default table judges what no line speaks of. */
static bool plain_verdict(const struct peer_rules *built_in, const struct addr *a) {
    int best = -1;
    bool allow = false;
    for (size_t i = 0; i < line_count; i++) {
        if (lines[i].exact.family != AF_UNSPEC && addr_equal(&lines[i].exact, a)) {
            if (best < 1000 || lines[i].allow) {
                allow = lines[i].allow;
            }
            best = 1000;
        }
        if (best < 1000 && lines[i].exact.family == AF_UNSPEC && prefix_contains(&lines[i].prefix, a) &&
            (lines[i].prefix.len > best || (lines[i].prefix.len == best && lines[i].allow))) {
            best = lines[i].prefix.len;
            allow = lines[i].allow;
        }
    }
    return best >= 0 ? allow : peer_rules_allow(built_in, a);
}

/* Lines that are more specific than every built-in rule, on addresses without embedded IPv4, can be judged plainly. */
static bool is_plain(const struct addr *a) {
    if (a->family == AF_INET6 && (a->ip[0] == 0 || a->ip[0] == 0x20)) {
        return false;
    }
    for (size_t i = 0; i < line_count; i++) {
        bool specific = lines[i].prefix.len >= (lines[i].prefix.family == AF_INET ? 32 : 97);
        if (lines[i].is_range || (lines[i].exact.family == AF_UNSPEC && !specific)) {
            return false;
        }
    }
    return true;
}

static void judge(const struct peer_rules *rules, const struct peer_rules *built_in, const struct addr *a) {
    bool allowed = peer_rules_allow(rules, a);
    enum peer_verdict verdict = peer_rules_judge_ip(rules, a);
    check(verdict == PEER_BY_PORT || (verdict == PEER_ALLOWED) == allowed);
    if (is_plain(a)) {
        check(allowed == plain_verdict(built_in, a));
    }
}

static void judge_around(const struct peer_rules *rules, const struct peer_rules *built_in, struct addr a) {
    judge(rules, built_in, &a);
    struct addr beside = a;
    if (step_addr(&beside, 1)) {
        judge(rules, built_in, &beside);
    }
    beside = a;
    if (step_addr(&beside, -1)) {
        judge(rules, built_in, &beside);
    }
    a.port++;
    judge(rules, built_in, &a);
}

/* One range alone, allowed: inside all is allowed that is not embedded elsewhere; outside all is as built in. */
static void check_range(const struct line *line, const char *text, const struct peer_rules *built_in) {
    struct peer_rules_builder *b = peer_rules_builder_new();
    check(b && peer_rules_add(b, text, false) == 0);
    struct peer_rules *rules = peer_rules_compile(b);
    struct addr below = line->first, above = line->last;
    check(rules && !peer_rules_allow(rules, &line->first) && !peer_rules_allow(rules, &line->last));
    if (step_addr(&below, -1)) {
        check(peer_rules_allow(rules, &below) == peer_rules_allow(built_in, &below));
    }
    if (step_addr(&above, 1)) {
        check(peer_rules_allow(rules, &above) == peer_rules_allow(built_in, &above));
    }
    peer_rules_free(rules);
}

static void add_line(struct peer_rules_builder *b, const char *text, const struct peer_rules *built_in) {
    struct line *line = &lines[line_count];
    const char *dash = strchr(text + 1, '-');
    char low[LINE_BYTES];
    memset(line, 0, sizeof *line);
    line->allow = text[0] == '+';
    int rc = peer_rules_add(b, text + 1, line->allow);
    check(rc == 0 || rc == -EINVAL || rc == -ENOBUFS);
    if (rc < 0) {
        return;
    }
    if (dash) {
        snprintf(low, sizeof low, "%.*s", (int)(dash - text - 1), text + 1);
        line->is_range = true;
        check(addr_parse_ip(&line->first, low) == 0 && addr_parse_ip(&line->last, dash + 1) == 0);
        if (line_count < 2) {
            check_range(line, text + 1, built_in);
        }
    } else if (prefix_parse(&line->prefix, text + 1) == 0) {
        size_t n = line->prefix.family == AF_INET ? 4 : 16;
        check(addr_from_bytes(&line->first, line->prefix.ip, n, 0) == 0);
        line->last = line->first;
        if (line->first.family != line->prefix.family) { /* written as IPv4-mapped */
            line->is_range = true;
        }
    } else {
        check(addr_parse(&line->exact, text + 1) == 0 && line->exact.port != 0);
        line->first = line->last = line->exact;
    }
    line_count++;
}

/* Of all that name him: the longest prefix, then the narrowest scope, then the one that allows. */
static bool scoped_verdict(const struct peer_rules *built_in, const struct addr *a) {
    int best = -1;
    bool allow = false;
    for (size_t i = 0; i < line_count; i++) {
        int weight = lines[i].prefix.len * 8 + (int)(i % 4) * 2 + lines[i].allow;
        if (lines[i].exact.family == AF_UNSPEC && prefix_contains(&lines[i].prefix, a) && weight > best) {
            best = weight;
            allow = lines[i].allow;
        }
    }
    return best >= 0 ? allow : peer_rules_allow(built_in, a);
}

static void check_scopes(const struct peer_rules *built_in) {
    static const char *const names[4][2] = {{"", ""}, {"r", ""}, {"", "u"}, {"r", "u"}};
    struct peer_scoped_rule rules[LINES_MAX];
    struct peer_rules_builder *b = peer_rules_builder_new();
    struct peer_scopes *scopes;
    size_t count = 0;
    for (size_t i = 0; i < line_count; i++) {
        if (lines[i].exact.family == AF_UNSPEC && !lines[i].is_range) {
            rules[count++] =
                (struct peer_scoped_rule){names[i % 4][0], names[i % 4][1], lines[i].prefix, lines[i].allow};
            check(i % 4 || (b && peer_rules_add_prefix(b, &lines[i].prefix, lines[i].allow) == 0));
        }
    }
    struct peer_rules *everybody = peer_rules_compile(b);
    check(everybody && peer_scopes_new(&scopes, rules, count) == 0);
    struct peer_scope scope = peer_scopes_find(scopes, everybody, "r", "u");
    struct peer_scope nobody = peer_scopes_find(scopes, everybody, "u", "r");
    check(nobody.count == 1);
    for (size_t i = 0; i < line_count; i++) {
        bool allowed = peer_scope_allow(&scope, &lines[i].first);
        check((peer_scope_judge_ip(&scope, &lines[i].first) == PEER_ALLOWED) == allowed);
        check(!is_plain(&lines[i].first) || allowed == scoped_verdict(built_in, &lines[i].first));
    }
    peer_scopes_free(scopes);
    peer_rules_free(everybody);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct peer_rules *built_in;
    if (!built_in) {
        built_in = peer_rules_compile(peer_rules_builder_new());
        check(built_in != NULL);
    }
    struct peer_rules_builder *b = peer_rules_builder_new();
    check(b != NULL);
    line_count = 0;
    while (size > 0 && line_count < LINES_MAX) {
        char text[LINE_BYTES];
        const uint8_t *end = memchr(data, '\n', size);
        size_t len = end ? (size_t)(end - data) : size;
        if (len > 1 && len < sizeof text && !memchr(data, 0, len)) {
            memcpy(text, data, len);
            text[len] = '\0';
            add_line(b, text, built_in);
        }
        len += end != NULL;
        data += len;
        size -= len;
    }
    check_scopes(built_in);
    for (size_t i = 0; i < line_count; i++) {
        if (lines[i].exact.family == AF_UNSPEC && i % 2) {
            check(peer_rules_add_addr(b, &lines[i].last, lines[i].allow) == 0);
            lines[i].is_range = true; /* the plain search does not know this one */
        }
    }
    struct peer_rules *rules = peer_rules_compile(b);
    check(rules != NULL);
    for (size_t i = 0; i < line_count; i++) {
        judge_around(rules, built_in, lines[i].first);
        judge_around(rules, built_in, lines[i].last);
    }
    peer_rules_free(rules);
    return 0;
}
