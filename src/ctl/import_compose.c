/* From coturn's options to keys of turnout. */
#include "ctl/import_internal.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 64, REALMS = 256, PEERS = 1024, VALUE_MAX = 4096 };

static size_t count_of(const struct import *im, const char *section, size_t len, const char *key) {
    size_t n = 0;
    for (size_t i = 0; i < im->output_count; i++) {
        const struct import_output *o = &im->outputs[i];
        n += strncmp(o->section, section, len) == 0 && strcmp(o->key, key) == 0;
    }
    return n;
}

static bool is_there(const struct import *im, const char *section, const char *key, const char *value) {
    for (size_t i = 0; i < im->output_count; i++) {
        const struct import_output *o = &im->outputs[i];
        if (o->section == section && strcmp(o->key, key) == 0 && strcmp(o->value, value) == 0) {
            return true;
        }
    }
    return false;
}

/* False when the key is full: turnout takes no more of them. */
static bool put_line(struct import *im, struct import_output line, const char *value) {
    size_t max = strstr(line.key, "-peer") ? PEERS : strcmp(line.section, "realms") == 0 ? REALMS : FEW;
    if (is_there(im, line.section, line.key, value)) {
        return true;
    }
    if (count_of(im, line.section, strlen(line.section), line.key) >= max) {
        (void)import_note(im, IMPORT_UNSUPPORTED, line.line, line.from, "more of these than turnout takes");
        return false;
    }
    struct import_output *items = import_grow(im->outputs, im->output_count, sizeof *items);
    line.value = strdup(value);
    im->outputs = items ? items : im->outputs;
    if (!items || !line.value) {
        free(line.value);
        im->no_memory = true;
        return false;
    }
    items[im->output_count++] = line;
    return true;
}

/* Sections are few and static: the same name is the same pointer. */
static const char *section_of(const char *name, size_t len) {
    static const char *const sections[] = {"server", "listen", "tls",   "relay", "auth",
                                           "realms", "http",   "stats", "log"};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (strlen(sections[i]) == len && strncmp(sections[i], name, len) == 0) {
            return sections[i];
        }
    }
    return "";
}

bool import_put(struct import *im, const char *section_key, const struct import_entry *from, const char *reason,
                const char *value) {
    const char *dot = strchr(section_key, '.');
    struct import_output line = {.section = section_of(section_key, (size_t)(dot - section_key)),
                                 .key = dot + 1,
                                 .from = from ? from->option->name : reason,
                                 .line = from ? from->line : 0};
    return put_line(im, line, value);
}

/* --- rows of the table --------------------------------------------------------------------------------- */

static bool is_list(const struct import_option *o) {
    return strcmp(o->name, "external-ip") == 0 || strcmp(o->name, "relay-ip") == 0 ||
           strcmp(o->name, "static-auth-secret") == 0 || strcmp(o->name, "alternate-server") == 0;
}

static void take_row(struct import *im, const struct import_entry *e) {
    char value[VALUE_MAX + 1];
    const struct import_option *o = e->option;
    const char *why = o->convert ? o->convert(value, sizeof value, e->value) : NULL;
    if (why) {
        (void)import_note(im, IMPORT_UNSUPPORTED, e->line, o->name, why);
    } else if (!is_list(o) && import_last(im, o->name) != e) {
        (void)import_note(im, IMPORT_NOT_NEEDED, e->line, o->name, "a later line says it anew");
    } else {
        struct import_output line = {
            .section = section_of(o->section, strlen(o->section)), .key = o->key, .from = o->name, .line = e->line};
        (void)put_line(im, line, o->convert ? value : e->value);
    }
}

static void take_user(struct import *im, const struct import_entry *e) {
    char *colon = strchr(e->value, ':');
    if (!colon || colon[1] == '\0') {
        (void)import_note(im, IMPORT_UNSUPPORTED, e->line, "user", "expected NAME:PASSWORD");
        return;
    }
    *colon = '\0';
    (void)import_add_user(im, NULL, e->value, colon + 1);
    *colon = ':';
}

static void take_entry(struct import *im, const struct import_entry *e) {
    const struct import_option *o = e->option;
    if (e->off) {
        (void)import_note(im, IMPORT_NOT_NEEDED, e->line, o->name, "switched off");
    } else if (strcmp(o->name, "user") == 0) {
        take_user(im, e);
    } else if (o->key) {
        take_row(im, e);
    } else if (o->kind != IMPORT_TRANSLATED && o->kind != IMPORT_SAME) {
        const char *why = o->convert ? o->convert(NULL, 0, e->value) : NULL;
        (void)import_note(im, why ? IMPORT_UNSUPPORTED : o->kind, e->line, o->name, why ? why : o->text);
    }
}

/* --- listeners ----------------------------------------------------------------------------------------- */

struct listener {
    const char *key;    /* of turnout */
    const char *off;    /* coturn's flag */
    const char *port;   /* coturn's option */
    const char *number; /* its default */
};
static const struct listener listeners[] = {
    {"listen.udp", "no-udp", "listening-port", "3478"},
    {"listen.tcp", "no-tcp", "listening-port", "3478"},
    {"listen.tls", "no-tls", "tls-listening-port", "5349"},
    {"listen.dtls", "no-dtls", "tls-listening-port", "5349"},
};

/* One line per address, or the port alone for all addresses. */
static void put_listener(struct import *im, const struct listener *l) {
    const struct import_entry *off = import_last(im, l->off), *port = import_last(im, l->port);
    const char *number = port && strcmp(port->value, "0") != 0 ? port->value : l->number;
    char text[VALUE_MAX + 64];
    bool any = false;
    if (off) {
        import_put(im, l->key, off, NULL, "none");
        return;
    }
    for (size_t i = 0; i < im->entry_count; i++) {
        const struct import_entry *e = &im->entries[i];
        if (strcmp(e->option->name, "listening-ip") == 0) {
            snprintf(text, sizeof text, strchr(e->value, ':') ? "[%s]:%.5s" : "%s:%.5s", e->value, number);
            import_put(im, l->key, e, NULL, text);
            any = true;
        }
    }
    if (!any) {
        import_put(im, l->key, port, "coturn's default port", number);
    }
}

/* The n-th listening-ip of a family, or NULL. */
static const struct import_entry *listening_ip(const struct import *im, bool ipv6, unsigned n) {
    for (size_t i = 0; i < im->entry_count; i++) {
        const struct import_entry *e = &im->entries[i];
        if (strcmp(e->option->name, "listening-ip") == 0 && (strchr(e->value, ':') != NULL) == ipv6 && n-- == 0) {
            return e;
        }
    }
    return NULL;
}

static uint64_t port_of(const struct import_entry *e, uint64_t fallback) {
    uint64_t port;
    return e && text_parse_u64(&port, e->value, strlen(e->value)) == 0 && port > 0 ? port : fallback;
}

static bool put_discovery(struct import *im, bool ipv6) {
    const struct import_entry *first = listening_ip(im, ipv6, 0), *second = listening_ip(im, ipv6, 1);
    const struct import_entry *other = import_last(im, "alt-listening-port");
    char text[2 * VALUE_MAX + 64];
    uint64_t p = port_of(import_last(im, "listening-port"), 3478);
    uint64_t q = port_of(other, p + 1);
    if (!first || !second) {
        return false;
    }
    snprintf(text, sizeof text, ipv6 ? "[%s]:%" PRIu64 "/[%s]:%" PRIu64 : "%s:%" PRIu64 "/%s:%" PRIu64, first->value, p,
             second->value, q);
    import_put(im, "listen.nat-discovery", other ? other : second, NULL, text);
    return true;
}

/* coturn does it by itself as soon as it has two addresses. */
static void put_discoveries(struct import *im) {
    const struct import_entry *other = import_last(im, "alt-listening-port");
    if (import_has(im, "no-rfc5780") || import_has(im, "no-udp")) {
        return;
    }
    bool ipv4 = put_discovery(im, false), ipv6 = put_discovery(im, true);
    if (other && !ipv4 && !ipv6) {
        (void)import_note(im, IMPORT_NOT_NEEDED, other->line, "alt-listening-port",
                          "without two listening-ip of one family coturn does not use it either");
    }
}

static void put_aux_server(struct import *im, const struct import_entry *e) {
    if (!import_has(im, "no-udp")) {
        import_put(im, "listen.udp", e, NULL, e->value);
    }
    if (!import_has(im, "no-tcp")) {
        import_put(im, "listen.tcp", e, NULL, e->value);
    }
}

static void put_proxy_port(struct import *im, const struct import_entry *e) {
    import_put(im, "listen.tcp", e, NULL, e->value);
    (void)import_note(im, IMPORT_UNSUPPORTED, e->line, e->option->name,
                      "coturn believes whoever connects there; name your load balancers in [listen] proxy-protocol, or "
                      "their connections are refused");
}

static void put_listeners(struct import *im) {
    for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++) {
        put_listener(im, &listeners[i]);
    }
    for (size_t i = 0; i < im->entry_count; i++) {
        if (strcmp(im->entries[i].option->name, "aux-server") == 0) {
            put_aux_server(im, &im->entries[i]);
        } else if (strcmp(im->entries[i].option->name, "tcp-proxy-port") == 0) {
            put_proxy_port(im, &im->entries[i]);
        }
    }
    put_discoveries(im);
    import_put(im, "http.listen", NULL, "coturn serves no pages; delete this line to serve them", "none");
    import_put(im, "http.tls-listen", NULL, "coturn serves no pages; delete this line to serve them", "none");
}

/* --- peers --------------------------------------------------------------------------------------------- */

static void put_range(struct import *im, const char *key, const struct import_entry *e) {
    struct prefix prefixes[IMPORT_PREFIXES_MAX];
    char text[ADDR_TEXT_MAX];
    int n = import_range(prefixes, e->value);
    if (n < 0) {
        (void)import_note(im, IMPORT_UNSUPPORTED, e->line, e->option->name,
                          "it is no address or range A-B of addresses");
    }
    bool room = true;
    for (int i = 0; room && i < n; i++) {
        room = import_put(im, key, e, NULL, prefix_format(&prefixes[i], text));
    }
}

/* In coturn what is allowed is allowed, however narrow a denial; in turnout the most specific prefix decides. */
static bool is_allowed_whole(const struct import *im, const char *text) {
    struct prefix inner, outer;
    struct addr a;
    if (prefix_parse(&inner, text) < 0 || addr_from_bytes(&a, inner.ip, inner.family == AF_INET ? 4 : 16, 0) < 0) {
        return false;
    }
    for (size_t i = 0; i < im->output_count; i++) {
        if (strcmp(im->outputs[i].key, "allow-peer") == 0 && prefix_parse(&outer, im->outputs[i].value) == 0 &&
            outer.family == inner.family && outer.len <= inner.len && prefix_contains(&outer, &a)) {
            return true;
        }
    }
    return false;
}

static void drop_overruled(struct import *im) {
    for (size_t i = 0; i < im->output_count; i++) {
        struct import_output *o = &im->outputs[i];
        if (strcmp(o->key, "deny-peer") == 0 && is_allowed_whole(im, o->value)) {
            o->refused = true;
            (void)import_note(im, IMPORT_NOT_NEEDED, o->line, o->from, "an allowed-peer-ip covers it, and that wins");
        }
    }
}

static void put_peers(struct import *im) {
    const struct import_entry *loopback = import_last(im, "allow-loopback-peers");
    if (loopback) {
        import_put(im, "relay.allow-peer", loopback, NULL, "127.0.0.0/8");
        import_put(im, "relay.allow-peer", loopback, NULL, "::1/128");
    }
    for (size_t i = 0; i < im->entry_count; i++) {
        const struct import_entry *e = &im->entries[i];
        if (strcmp(e->option->name, "allowed-peer-ip") == 0) {
            put_range(im, "relay.allow-peer", e);
        } else if (strcmp(e->option->name, "denied-peer-ip") == 0) {
            put_range(im, "relay.deny-peer", e);
        }
    }
    drop_overruled(im);
    (void)import_note(im, IMPORT_UNSUPPORTED, 0, "private peers",
                      "coturn relays to private addresses unless they are denied, turnout only to those in [relay] "
                      "allow-peer");
}

/* --- the rest ------------------------------------------------------------------------------------------ */

static void put_ports(struct import *im) {
    const struct import_entry *min = import_last(im, "min-port"), *max = import_last(im, "max-port");
    char text[64];
    if (min || max) {
        snprintf(text, sizeof text, "%.20s-%.20s", min ? min->value : "49152", max ? max->value : "65535");
        import_put(im, "relay.ports", min ? min : max, NULL, text);
    }
}

static void put_auth(struct import *im) {
    for (size_t i = 0; i < im->secret_count; i++) {
        import_put(im, "auth.secret", NULL, "turn_secret in the database", im->secrets[i]);
    }
    if (import_has(im, "oauth") && count_of(im, "auth", 4, "oauth-key") + count_of(im, "realms", 6, "oauth-key") == 0) {
        (void)import_note(im, IMPORT_UNSUPPORTED, import_last(im, "oauth")->line, "oauth",
                          "the database has no key that is still good, so no token would be taken");
    }
    if (im->has_keys_only) {
        import_put(im, "auth.sha256", NULL, "of these users only the MD5 keys are known", "no");
    }
    if (!import_has(im, "user-quota")) {
        import_put(im, "relay.user-quota", NULL, "coturn's default; turnout's own is 200", "unlimited");
    }
    if (!import_has(im, "realm")) {
        (void)import_note(im, IMPORT_UNSUPPORTED, 0, "realm",
                          "not set: coturn takes the domain of the host, turnout the host's name; set [server] realm "
                          "before users are imported");
    }
    if (import_has(im, "no-tlsv1_2")) {
        import_put(im, "tls.min-version", import_last(im, "no-tlsv1_2"), NULL, "1.3");
    }
}

static void put_stats(struct import *im) {
    const struct import_entry *on = import_last(im, "prometheus"), *port = import_last(im, "prometheus-port");
    if (on) {
        import_put(im, "stats.listen", port ? port : on, NULL, port ? port->value : "9641");
        import_put(im, "stats.coturn-names", on, NULL, "yes");
    } else if (port) {
        (void)import_note(im, IMPORT_NOT_NEEDED, port->line, "prometheus-port", "without prometheus it has no effect");
    }
}

static void put_log(struct import *im) {
    const struct import_entry *file = import_last(im, "log-file"), *syslog = import_last(im, "syslog");
    char text[VALUE_MAX + 64];
    if (syslog) {
        import_put(im, "log.target", syslog, NULL, "journal");
        if (file) {
            (void)import_note(im, IMPORT_NOT_NEEDED, file->line, "log-file", "syslog wins");
        }
    } else if (file) {
        bool standard = strcmp(file->value, "stdout") == 0 || strcmp(file->value, "-") == 0;
        snprintf(text, sizeof text, "file:%s", file->value);
        import_put(im, "log.target", file, NULL,
                   standard                             ? "stderr"
                   : strcmp(file->value, "syslog") == 0 ? "journal"
                                                        : text);
    }
    if (import_has(im, "Verbose")) {
        import_put(im, "log.level", import_last(im, "Verbose"), NULL, "debug");
    }
}

void import_compose_options(struct import *im) {
    for (size_t i = 0; i < im->entry_count; i++) {
        take_entry(im, &im->entries[i]);
    }
    put_listeners(im);
    put_ports(im);
    put_peers(im);
    put_auth(im);
    put_stats(im);
    put_log(im);
}
