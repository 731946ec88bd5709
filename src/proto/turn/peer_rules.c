#include "proto/turn/peer_rules.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 1 << 20, LENGTHS_MAX = 33 + 129 };

struct rule {
    struct prefix prefix;
    bool allow;
    bool built_in;
};

struct exact {
    struct addr addr;
    bool allow;
};

struct peer_rules_builder {
    struct rule *rules;
    size_t count, room;
    struct exact *exact;
    size_t exact_count, exact_room;
};

/* Rules of one family and length, sorted by address. */
struct segment {
    uint8_t family;
    uint8_t len;
    size_t first, count;
};

struct peer_rules {
    struct rule *rules;
    struct exact *exact; /* sorted by address and port */
    size_t exact_count;
    size_t segment_count;
    struct segment *segments; /* the longest prefixes of a family first */
};

/* What is not a public unicast address (IANA's special-purpose registries; RFC 8656 section 21.1.4). */
static const char *const built_in[] = {
    "0.0.0.0/8",        /* this network */
    "10.0.0.0/8",       /* private */
    "100.64.0.0/10",    /* carrier-grade NAT; also a cloud's metadata at 100.100.100.200 */
    "127.0.0.0/8",      /* loopback */
    "168.63.129.16/32", /* a cloud's host services */
    "169.254.0.0/16",   /* link-local; also most clouds' metadata */
    "172.16.0.0/12",    /* private */
    "192.0.0.0/24",     /* protocol assignments; also a cloud's metadata at 192.0.0.192 */
    "192.88.99.0/24",   /* 6to4 relays */
    "192.168.0.0/16",   /* private */
    "198.18.0.0/15",    /* benchmarks */
    "224.0.0.0/4",      /* multicast */
    "240.0.0.0/4",      /* reserved, broadcast */
    "::/96",            /* unspecified, loopback, IPv4-compatible */
    "::ffff:0:0/96",    /* IPv4-mapped; addresses are canonical before they come here */
    "::ffff:0:0:0/96",  /* IPv4-translated */
    "64:ff9b::/96",     /* NAT64 */
    "64:ff9b:1::/48",   /* local NAT64 */
    "100::/64",         /* discard */
    "2001::/32",        /* Teredo */
    "2002::/16",        /* 6to4 */
    "fc00::/7",         /* unique local; also a cloud's metadata at fd00:ec2::254 */
    "fe80::/10",        /* link-local */
    "fec0::/10",        /* site-local */
    "ff00::/8",         /* multicast */
};

static int push_rule(struct peer_rules_builder *b, const struct prefix *prefix, bool allow) {
    if (b->count >= RULES_MAX) {
        return -ENOBUFS;
    }
    if (b->count == b->room) {
        size_t room = b->room ? b->room * 2 : 64;
        struct rule *bigger = realloc(b->rules, room * sizeof *bigger);
        if (!bigger) {
            return -ENOMEM;
        }
        b->rules = bigger;
        b->room = room;
    }
    struct rule *rule = &b->rules[b->count++];
    memset(rule, 0, sizeof *rule);
    rule->prefix = *prefix;
    rule->allow = allow;
    return 0;
}

static int push_exact(struct peer_rules_builder *b, const struct addr *a, bool allow) {
    if (b->exact_count >= RULES_MAX) {
        return -ENOBUFS;
    }
    if (b->exact_count == b->exact_room) {
        size_t room = b->exact_room ? b->exact_room * 2 : 16;
        struct exact *bigger = realloc(b->exact, room * sizeof *bigger);
        if (!bigger) {
            return -ENOMEM;
        }
        b->exact = bigger;
        b->exact_room = room;
    }
    b->exact[b->exact_count++] = (struct exact){.addr = *a, .allow = allow};
    return 0;
}

struct peer_rules_builder *peer_rules_builder_empty(void) {
    return calloc(1, sizeof(struct peer_rules_builder));
}

struct peer_rules_builder *peer_rules_builder_new(void) {
    struct peer_rules_builder *b = peer_rules_builder_empty();
    for (size_t i = 0; b && i < sizeof built_in / sizeof built_in[0]; i++) {
        struct prefix prefix;
        if (prefix_parse(&prefix, built_in[i]) < 0 || push_rule(b, &prefix, false) < 0) {
            peer_rules_builder_free(b);
            return NULL;
        }
        b->rules[b->count - 1].built_in = true;
    }
    return b;
}

void peer_rules_builder_free(struct peer_rules_builder *b) {
    if (b) {
        free(b->rules);
        free(b->exact);
        free(b);
    }
}

/* A prefix inside ::ffff:0:0/96 means IPv4: peers are canonical before they are judged. */
static void canonicalise(struct prefix *p) {
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    if (p->family == AF_INET6 && p->len >= 96 && memcmp(p->ip, mapped, sizeof mapped) == 0) {
        memmove(p->ip, p->ip + 12, 4);
        memset(p->ip + 4, 0, 12);
        p->family = AF_INET;
        p->len = (uint8_t)(p->len - 96);
    }
}

static unsigned __int128 number_of(const struct addr *a) {
    unsigned __int128 v = 0;
    for (size_t i = 0; i < addr_ip_len(a); i++) {
        v = v << 8 | a->ip[i];
    }
    return v;
}

static struct prefix prefix_of(uint8_t family, unsigned __int128 first, unsigned host_bits) {
    size_t bytes = family == AF_INET ? 4 : 16;
    struct prefix p = {.family = family, .len = (uint8_t)(bytes * 8 - host_bits)};
    for (size_t i = bytes; i-- > 0; first >>= 8) {
        p.ip[i] = (uint8_t)first;
    }
    return p;
}

/* Cuts a range into prefixes: each time the largest one that begins at `at` and does not pass the end. */
static int add_range(struct peer_rules_builder *b, const struct addr *first, const struct addr *last, bool allow) {
    unsigned __int128 at = number_of(first), end = number_of(last);
    unsigned width = (unsigned)addr_ip_len(first) * 8;
    if (first->family != last->family || at > end) {
        return -EINVAL;
    }
    for (;;) {
        unsigned bits = 0;
        while (bits < width && !(at >> bits & 1) && (((unsigned __int128)2 << bits) - 1) <= end - at) {
            bits++;
        }
        struct prefix prefix = prefix_of(first->family, at, bits);
        int rc = push_rule(b, &prefix, allow);
        unsigned __int128 step = bits < 128 ? (unsigned __int128)1 << bits : 0;
        if (rc < 0 || step == 0 || end - at < step) {
            return rc;
        }
        at += step;
    }
}

static int add_range_text(struct peer_rules_builder *b, const char *text, const char *dash, bool allow) {
    char low[ADDR_TEXT_MAX];
    struct addr first, last;
    size_t n = (size_t)(dash - text);
    if (n >= sizeof low) {
        return -EINVAL;
    }
    memcpy(low, text, n);
    low[n] = '\0';
    if (addr_parse_ip(&first, low) < 0 || addr_parse_ip(&last, dash + 1) < 0 || first.scope || last.scope) {
        return -EINVAL;
    }
    return add_range(b, &first, &last, allow);
}

int peer_rules_add_prefix(struct peer_rules_builder *b, const struct prefix *prefix, bool allow) {
    struct prefix own = *prefix;
    canonicalise(&own);
    return push_rule(b, &own, allow);
}

int peer_rules_add(struct peer_rules_builder *b, const char *text, bool allow) {
    const char *dash = strchr(text, '-');
    struct prefix prefix;
    struct addr exact;
    if (dash) {
        return add_range_text(b, text, dash, allow);
    }
    if (prefix_parse(&prefix, text) == 0) {
        return peer_rules_add_prefix(b, &prefix, allow);
    }
    if (addr_parse(&exact, text) < 0 || exact.port == 0 || exact.scope) {
        return -EINVAL;
    }
    return push_exact(b, &exact, allow);
}

int peer_rules_add_addr(struct peer_rules_builder *b, const struct addr *a, bool allow) {
    if (a->family == AF_UNSPEC) {
        return -EINVAL;
    }
    return a->port == 0 ? add_range(b, a, a, allow) : push_exact(b, a, allow);
}

/* Same prefixes stand together: first the allowing one, then what was added, then what is built in. */
static int compare_rules(const void *x, const void *y) {
    const struct rule *a = x, *b = y;
    if (a->prefix.family != b->prefix.family) {
        return a->prefix.family < b->prefix.family ? -1 : 1;
    }
    if (a->prefix.len != b->prefix.len) {
        return a->prefix.len > b->prefix.len ? -1 : 1;
    }
    int order = memcmp(a->prefix.ip, b->prefix.ip, sizeof a->prefix.ip);
    order = order != 0 ? order : (int)b->allow - (int)a->allow;
    return order != 0 ? order : (int)a->built_in - (int)b->built_in;
}

static int compare_addr(const struct addr *a, const struct addr *b) {
    if (a->family != b->family) {
        return a->family < b->family ? -1 : 1;
    }
    int order = memcmp(a->ip, b->ip, sizeof a->ip);
    return order != 0 ? order : (int)a->port - (int)b->port;
}

static int compare_exact(const void *x, const void *y) {
    const struct exact *a = x, *b = y;
    int order = compare_addr(&a->addr, &b->addr);
    return order != 0 ? order : (int)b->allow - (int)a->allow;
}

static size_t drop_equal_rules(struct rule *rules, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || memcmp(&rules[kept - 1].prefix, &rules[i].prefix, sizeof rules[i].prefix) != 0) {
            rules[kept++] = rules[i];
        }
    }
    return kept;
}

static size_t drop_equal_exact(struct exact *exact, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_addr(&exact[kept - 1].addr, &exact[i].addr) != 0) {
            exact[kept++] = exact[i];
        }
    }
    return kept;
}

/* -1: no memory. */
static int cut_segments(struct peer_rules *rules, size_t count) {
    struct segment cut[LENGTHS_MAX], *last = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct prefix *p = &rules->rules[i].prefix;
        if (!last || last->family != p->family || last->len != p->len) {
            last = &cut[rules->segment_count++];
            *last = (struct segment){.family = p->family, .len = p->len, .first = i};
        }
        last->count++;
    }
    rules->segments = calloc(rules->segment_count + 1, sizeof cut[0]);
    if (!rules->segments) {
        return -1;
    }
    memcpy(rules->segments, cut, rules->segment_count * sizeof cut[0]);
    return 0;
}

struct peer_rules *peer_rules_compile(struct peer_rules_builder *b) {
    struct peer_rules *rules = calloc(1, sizeof *rules);
    if (rules) {
        if (b->count > 0) {
            qsort(b->rules, b->count, sizeof *b->rules, compare_rules);
        }
        rules->rules = b->rules;
        if (b->exact_count > 0) {
            qsort(b->exact, b->exact_count, sizeof *b->exact, compare_exact);
        }
        rules->exact = b->exact;
        rules->exact_count = drop_equal_exact(b->exact, b->exact_count);
        size_t kept = drop_equal_rules(b->rules, b->count);
        b->rules = NULL;
        b->exact = NULL;
        if (cut_segments(rules, kept) < 0) {
            peer_rules_free(rules);
            rules = NULL;
        }
    }
    peer_rules_builder_free(b);
    return rules;
}

void peer_rules_free(struct peer_rules *rules) {
    if (rules) {
        free(rules->rules);
        free(rules->exact);
        free(rules->segments);
        free(rules);
    }
}

static void mask(uint8_t out[16], const uint8_t ip[16], unsigned len) {
    memset(out, 0, 16);
    memcpy(out, ip, len / 8);
    if (len % 8) {
        out[len / 8] = (uint8_t)(ip[len / 8] & 0xff << (8 - len % 8));
    }
}

static const struct rule *find_in(const struct peer_rules *rules, const struct segment *seg, const uint8_t *ip) {
    uint8_t wanted[16];
    size_t low = seg->first, high = seg->first + seg->count;
    mask(wanted, ip, seg->len);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(wanted, rules->rules[middle].prefix.ip, sizeof wanted);
        if (order == 0) {
            return &rules->rules[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

/* The most specific rule for an address, or NULL. */
static const struct rule *find_rule(const struct peer_rules *rules, const struct addr *a) {
    for (size_t i = 0; i < rules->segment_count; i++) {
        if (rules->segments[i].family == a->family) {
            const struct rule *rule = find_in(rules, &rules->segments[i], a->ip);
            if (rule) {
                return rule;
            }
        }
    }
    return NULL;
}

/* That of all tables. */
static const struct rule *find_best(const struct peer_scope *scope, const struct addr *a) {
    const struct rule *best = NULL;
    for (unsigned i = 0; i < scope->count; i++) {
        const struct rule *rule = find_rule(scope->tables[i], a);
        if (rule && (!best || rule->prefix.len >= best->prefix.len)) {
            best = rule;
        }
    }
    return best;
}

static bool judge_prefixes(const struct peer_scope *scope, const struct addr *a) {
    const struct rule *best = find_best(scope, a);
    return !best || best->allow;
}

/* Where IPv6 forms keep an IPv4 address: offset of its bytes, and whether they are inverted (Teredo). */
static const struct {
    const char *prefix;
    uint8_t bytes[12];
    uint8_t compared, offset;
    bool inverted;
} embeddings[] = {
    {"::/96", {0}, 12, 12, false},
    {"::ffff:0:0:0/96", {[8] = 0xff, 0xff}, 12, 12, false},
    {"64:ff9b::/96", {0x00, 0x64, 0xff, 0x9b}, 12, 12, false},
    {"2002::/16", {0x20, 0x02}, 2, 2, false},
    {"2001::/32 client", {0x20, 0x01}, 4, 12, true},
    {"2001::/32 server", {0x20, 0x01}, 4, 4, false},
};

/* False when an IPv4 address inside is itself denied. */
static bool judge_embedded(const struct peer_scope *scope, const struct addr *a) {
    if (addr_is_loopback(a)) {
        return true; /* ::1 is an address of its own (RFC 4291 section 2.5.3), not an IPv4-compatible 0.0.0.1 */
    }
    for (size_t i = 0; i < sizeof embeddings / sizeof embeddings[0]; i++) {
        uint8_t ip[4];
        struct addr inner;
        if (memcmp(a->ip, embeddings[i].bytes, embeddings[i].compared) != 0) {
            continue;
        }
        for (size_t k = 0; k < sizeof ip; k++) {
            ip[k] = (uint8_t)(a->ip[embeddings[i].offset + k] ^ (embeddings[i].inverted ? 0xff : 0));
        }
        addr_from_bytes(&inner, ip, sizeof ip, 0);
        if (!judge_prefixes(scope, &inner)) {
            return false;
        }
    }
    return true;
}

static bool judge_every_port(const struct peer_scope *scope, const struct addr *a) {
    if (a->family == AF_UNSPEC) {
        return false;
    }
    return judge_prefixes(scope, a) && (a->family == AF_INET || judge_embedded(scope, a));
}

/* The first entry not before (ip, port). */
static size_t lower_bound(const struct peer_rules *rules, const struct addr *a) {
    size_t low = 0, high = rules->exact_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_addr(&rules->exact[middle].addr, a) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

enum peer_verdict peer_scope_judge_ip(const struct peer_scope *scope, const struct addr *ip) {
    const struct peer_rules *rules = scope->tables[0];
    bool usual = judge_every_port(scope, ip);
    struct addr key = *ip;
    key.port = 0;
    for (size_t i = lower_bound(rules, &key); i < rules->exact_count && addr_equal_ip(&rules->exact[i].addr, ip); i++) {
        if (rules->exact[i].allow != usual) {
            return PEER_BY_PORT;
        }
    }
    return usual ? PEER_ALLOWED : PEER_DENIED;
}

/* The rule for one transport address, or NULL. */
static const struct exact *find_exact(const struct peer_rules *rules, const struct addr *peer) {
    size_t i = lower_bound(rules, peer);
    return i < rules->exact_count && compare_addr(&rules->exact[i].addr, peer) == 0 ? &rules->exact[i] : NULL;
}

bool peer_scope_allow(const struct peer_scope *scope, const struct addr *peer) {
    const struct exact *exact = find_exact(scope->tables[0], peer);
    return exact ? exact->allow : judge_every_port(scope, peer);
}

bool peer_scope_forbid(const struct peer_scope *scope, const struct addr *peer) {
    const struct exact *exact = find_exact(scope->tables[0], peer);
    const struct rule *rule = find_best(scope, peer);
    return exact ? !exact->allow : rule && !rule->allow && !rule->built_in;
}

enum peer_verdict peer_rules_judge_ip(const struct peer_rules *rules, const struct addr *ip) {
    return peer_scope_judge_ip(&(struct peer_scope){.tables = {rules}, .count = 1}, ip);
}

bool peer_rules_allow(const struct peer_rules *rules, const struct addr *peer) {
    return peer_scope_allow(&(struct peer_scope){.tables = {rules}, .count = 1}, peer);
}
