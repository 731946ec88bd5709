/* Addresses and prefixes. */
#include "config/value.h"

#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { STUN_PORT = 3478 };

/* "3478" or ":3478": both wildcards. */
static int parse_wildcard(const char *port_text, struct addr out[2], struct config_parse *parse) {
    uint64_t port;
    if (text_parse_u64(&port, port_text, strlen(port_text)) < 0 || port > 65535) {
        return config_complain(parse, "\"%.60s\" is not a port", port_text);
    }
    memset(out, 0, 2 * sizeof *out);
    out[0].family = AF_INET;
    out[1].family = AF_INET6;
    out[0].port = out[1].port = (uint16_t)port;
    return 2;
}

static int parse_listen(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    (void)key;
    if (text[strspn(text, "0123456789")] == '\0') {
        return parse_wildcard(text, out, parse);
    }
    if (text[0] == ':' && text[1 + strspn(text + 1, "0123456789")] == '\0') {
        return parse_wildcard(text + 1, out, parse);
    }
    /* addr_parse also takes an address without a port, which means nothing here. */
    const char *colon = text[0] == '[' ? strstr(text, "]:") : strchr(text, ':');
    bool bare_v6 = text[0] != '[' && colon && strchr(colon + 1, ':');
    if (!colon || bare_v6 || addr_parse(out, text) < 0) {
        return config_complain(parse, "expected ADDR:PORT, [ADDR]:PORT or PORT, found \"%.80s\"", text);
    }
    return 1;
}

static void format_listen(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    char text[ADDR_TEXT_MAX];
    (void)key, (void)reveal;
    fputs(addr_format(item, text), out);
}

static int parse_address(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    (void)key;
    if (addr_parse_ip(out, text) < 0 || addr_is_any(out)) {
        return config_complain(parse, "expected an IP address, found \"%.80s\"", text);
    }
    return 1;
}

static void format_address(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    char text[ADDR_TEXT_MAX];
    (void)key, (void)reveal;
    fputs(addr_format_ip(item, text), out);
}

static int parse_prefix(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    (void)key;
    if (prefix_parse(out, text) < 0) {
        return config_complain(
            parse, "expected a prefix such as 10.0.0.0/8 (no bits set beyond its length), found \"%.80s\"", text);
    }
    return 1;
}

static void format_prefix(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    char text[ADDR_TEXT_MAX];
    (void)key, (void)reveal;
    fputs(prefix_format(item, text), out);
}

static int parse_external(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    struct config_external *external = out;
    char public_text[ADDR_TEXT_MAX];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    (void)key;
    memset(external, 0, sizeof *external);
    if (strcmp(text, "auto") == 0) {
        external->automatic = true;
        return 1;
    }
    if (text_copy(public_text, sizeof public_text, text, len) < 0 ||
        addr_parse_ip(&external->public_addr, public_text) < 0 || addr_is_any(&external->public_addr) ||
        (slash && (addr_parse_ip(&external->private_addr, slash + 1) < 0 || addr_is_any(&external->private_addr)))) {
        return config_complain(parse, "expected auto, ADDR or PUBLIC/PRIVATE, found \"%.80s\"", text);
    }
    if (slash && external->public_addr.family != external->private_addr.family) {
        return config_complain(parse, "\"%.80s\" mixes IPv4 and IPv6", text);
    }
    return 1;
}

static void format_external(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    const struct config_external *external = item;
    char text[ADDR_TEXT_MAX];
    (void)key, (void)reveal;
    fputs(external->automatic ? "auto" : addr_format_ip(&external->public_addr, text), out);
    if (external->private_addr.family != AF_UNSPEC) {
        fprintf(out, "/%s", addr_format_ip(&external->private_addr, text));
    }
}

static int parse_discovery(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    struct config_discovery *d = out;
    char first[ADDR_TEXT_MAX];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : 0;
    (void)key;
    if (!slash || text_copy(first, sizeof first, text, len) < 0 || addr_parse(&d->first, first) < 0 ||
        addr_parse(&d->second, slash + 1) < 0 || d->first.port == 0 || d->second.port == 0) {
        return config_complain(parse,
                               "expected two addresses of this machine and two ports, as in "
                               "203.0.113.1:3478/203.0.113.2:3479; found \"%.60s\"",
                               text);
    }
    if (d->first.family != d->second.family) {
        return config_complain(parse, "\"%.80s\" mixes IPv4 and IPv6; give a line for each", text);
    }
    if (addr_is_any(&d->first) || addr_is_any(&d->second)) {
        return config_complain(parse, "a wildcard is no address to answer from: name two addresses");
    }
    if (addr_equal_ip(&d->first, &d->second) || d->first.port == d->second.port) {
        return config_complain(parse, "both the addresses and the ports must differ; found \"%.80s\"", text);
    }
    return 1;
}

static void format_discovery(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    const struct config_discovery *d = item;
    char text[ADDR_TEXT_MAX];
    (void)key, (void)reveal;
    fputs(addr_format(&d->first, text), out);
    fprintf(out, "/%s", addr_format(&d->second, text));
}

static bool is_host_name(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && (!strchr("-._", text[i]) || text[i] == '\0')) {
            return false;
        }
    }
    return len > 0 && len <= 253 && text[0] != '-' && text[0] != '.';
}

/* HOST, HOST:PORT, an IPv4 address alike, [IPV6]:PORT or a bare IPv6 address. */
static int parse_server(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    struct config_server *server = out;
    const char *colon = strrchr(text, ':');
    char ip[ADDR_TEXT_MAX];
    struct addr a;
    uint64_t port = STUN_PORT;
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    (void)key;
    if (addr_parse(&a, text) == 0) {
        text = addr_format_ip(&a, ip);
        len = strlen(ip);
        port = a.port ? a.port : STUN_PORT;
    } else if (!is_host_name(text, len) || (colon && text_parse_u64(&port, colon + 1, strlen(colon + 1)) < 0) ||
               port == 0 || port > 65535) {
        return config_complain(parse, "expected HOST or HOST:PORT, found \"%.80s\"", text);
    }
    server->port = (uint16_t)port;
    server->host = arena_text(parse->arena, text, len);
    return server->host ? 1 : -ENOMEM;
}

static void format_server(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    const struct config_server *server = item;
    (void)key, (void)reveal;
    fprintf(out, strchr(server->host, ':') ? "[%s]:%u" : "%s:%u", server->host, (unsigned)server->port);
}

const struct config_value_ops config_listen_ops = {"ADDR:PORT", sizeof(struct addr), true, parse_listen, format_listen};
const struct config_value_ops config_addresses_ops = {"address", sizeof(struct addr), true, parse_address,
                                                      format_address};
const struct config_value_ops config_prefixes_ops = {"prefix", sizeof(struct prefix), true, parse_prefix,
                                                     format_prefix};
const struct config_value_ops config_externals_ops = {"auto, ADDR or PUBLIC/PRIVATE", sizeof(struct config_external),
                                                      true, parse_external, format_external};
const struct config_value_ops config_discoveries_ops = {"ADDR:PORT/ADDR:PORT", sizeof(struct config_discovery), true,
                                                        parse_discovery, format_discovery};
const struct config_value_ops config_servers_ops = {"HOST:PORT", sizeof(struct config_server), true, parse_server,
                                                    format_server};
