#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

const char *transport_name(enum transport t) {
    static const char *const names[TRANSPORT_COUNT] = {"udp", "tcp", "tls", "dtls"};
    return (unsigned)t < TRANSPORT_COUNT ? names[t] : "unknown";
}

int addr_from_bytes(struct addr *out, const void *ip, size_t n, uint16_t port) {
    const uint8_t *bytes = ip;
    memset(out, 0, sizeof *out);
    if (n == 16 && memcmp(bytes, v4_mapped, sizeof v4_mapped) == 0) {
        bytes += sizeof v4_mapped;
        n = 4;
    }
    if (n != 4 && n != 16) {
        return -EINVAL;
    }
    out->family = n == 4 ? AF_INET : AF_INET6;
    memcpy(out->ip, bytes, n);
    out->port = port;
    return 0;
}

int addr_parse_ip(struct addr *out, const char *text) {
    uint8_t ip[16];
    char plain[ADDR_TEXT_MAX];
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, ip) == 1) {
        return addr_from_bytes(out, ip, 4, 0);
    }
    const char *zone = strchr(text, '%');
    size_t len = zone ? (size_t)(zone - text) : strlen(text);
    if (len >= sizeof plain) {
        return -EINVAL;
    }
    memcpy(plain, text, len);
    plain[len] = '\0';
    if (inet_pton(AF_INET6, plain, ip) != 1) {
        return -EINVAL;
    }
    int rc = addr_from_bytes(out, ip, 16, 0);
    if (rc == 0 && zone) {
        /* The kernel gives a scope to link-local addresses only; on others it would break equality. */
        out->scope = out->family == AF_INET6 && ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80 ? if_nametoindex(zone + 1) : 0;
        return out->scope ? 0 : -EINVAL;
    }
    return rc;
}

static int parse_port(uint16_t *out, const char *text) {
    unsigned long value = 0;
    if (*text == '\0' || strlen(text) > 5) {
        return -EINVAL;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return -EINVAL;
        }
        value = value * 10 + (unsigned long)(*text - '0');
    }
    if (value > 65535) {
        return -EINVAL;
    }
    *out = (uint16_t)value;
    return 0;
}

int addr_parse(struct addr *out, const char *text) {
    char host[ADDR_TEXT_MAX];
    const char *port_text = NULL;
    size_t host_len = strlen(text);
    uint16_t port = 0;

    memset(out, 0, sizeof *out);
    if (text[0] == '[') {
        const char *close = strchr(text, ']');
        if (!close || (close[1] != '\0' && close[1] != ':')) {
            return -EINVAL;
        }
        text++;
        host_len = (size_t)(close - text);
        port_text = close[1] == ':' ? close + 2 : NULL;
    } else {
        const char *colon = strchr(text, ':');
        if (colon && !strchr(colon + 1, ':')) {
            host_len = (size_t)(colon - text);
            port_text = colon + 1;
        }
    }
    if (host_len >= sizeof host || (port_text && parse_port(&port, port_text) < 0)) {
        return -EINVAL;
    }
    memcpy(host, text, host_len);
    host[host_len] = '\0';
    int rc = addr_parse_ip(out, host);
    out->port = port;
    return rc;
}

const char *addr_format_ip(const struct addr *a, char *out) {
    if (a->family == AF_UNSPEC || !inet_ntop(a->family, a->ip, out, ADDR_TEXT_MAX)) {
        snprintf(out, ADDR_TEXT_MAX, "-");
    }
    return out;
}

const char *addr_format(const struct addr *a, char *out) {
    char ip[INET6_ADDRSTRLEN];
    if (a->family == AF_UNSPEC || !inet_ntop(a->family, a->ip, ip, sizeof ip)) {
        snprintf(out, ADDR_TEXT_MAX, "-");
    } else {
        snprintf(out, ADDR_TEXT_MAX, a->family == AF_INET ? "%s:%u" : "[%s]:%u", ip, a->port);
    }
    return out;
}

int addr_from_sockaddr(struct addr *out, const struct sockaddr *sa, socklen_t len) {
    if (len < sizeof sa->sa_family) {
        memset(out, 0, sizeof *out);
        return -EINVAL;
    }
    if (sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
        return addr_from_bytes(out, &in->sin_addr, 4, ntohs(in->sin_port));
    }
    if (sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
        int rc = addr_from_bytes(out, &in6->sin6_addr, 16, ntohs(in6->sin6_port));
        if (rc == 0 && out->family == AF_INET6) {
            out->scope = in6->sin6_scope_id;
        }
        return rc;
    }
    memset(out, 0, sizeof *out);
    return -EINVAL;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out) {
    if (a->family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
        memset(in, 0, sizeof *in);
        in->sin_family = AF_INET;
        in->sin_port = htons(a->port);
        memcpy(&in->sin_addr, a->ip, 4);
        return sizeof *in;
    }
    if (a->family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)out;
        memset(in6, 0, sizeof *in6);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(a->port);
        in6->sin6_scope_id = a->scope;
        memcpy(&in6->sin6_addr, a->ip, 16);
        return sizeof *in6;
    }
    return 0;
}

bool addr_is_any(const struct addr *a) {
    static const uint8_t zero[16];
    return memcmp(a->ip, zero, sizeof zero) == 0;
}

bool addr_is_loopback(const struct addr *a) {
    static const uint8_t one[16] = {[15] = 1};
    return a->family == AF_INET ? a->ip[0] == 127 : a->family == AF_INET6 && memcmp(a->ip, one, 16) == 0;
}

/* True when the bits of ip beyond len are all zero. */
static bool host_bits_clear(const uint8_t *ip, size_t bytes, unsigned len) {
    for (size_t i = 0; i < bytes; i++) {
        unsigned kept = len > i * 8 ? len - (unsigned)i * 8 : 0;
        uint8_t mask = (uint8_t)(kept >= 8 ? 0 : 0xff >> kept);
        if (ip[i] & mask) {
            return false;
        }
    }
    return true;
}

int prefix_parse(struct prefix *out, const char *text) {
    char host[ADDR_TEXT_MAX];
    uint8_t ip[16];
    uint16_t len = 0;
    const char *slash = strchr(text, '/');
    size_t host_len = slash ? (size_t)(slash - text) : strlen(text);

    memset(out, 0, sizeof *out);
    if (host_len >= sizeof host || (slash && parse_port(&len, slash + 1) < 0)) {
        return -EINVAL;
    }
    memcpy(host, text, host_len);
    host[host_len] = '\0';
    /* Not addr_parse_ip: a prefix such as ::ffff:0:0/96 must keep its IPv6 meaning. */
    if (inet_pton(AF_INET, host, ip) == 1) {
        out->family = AF_INET;
    } else if (inet_pton(AF_INET6, host, ip) == 1) {
        out->family = AF_INET6;
    } else {
        return -EINVAL;
    }
    size_t bytes = out->family == AF_INET ? 4 : 16;
    if (!slash) {
        len = (uint16_t)(bytes * 8);
    }
    if (len > bytes * 8 || !host_bits_clear(ip, bytes, len)) {
        return -EINVAL;
    }
    memcpy(out->ip, ip, bytes);
    out->len = (uint8_t)len;
    return 0;
}

bool prefix_contains(const struct prefix *p, const struct addr *a) {
    if (p->family != a->family) {
        return false;
    }
    size_t whole = p->len / 8;
    unsigned rest = p->len % 8;
    if (memcmp(p->ip, a->ip, whole) != 0) {
        return false;
    }
    return rest == 0 || (p->ip[whole] ^ a->ip[whole]) >> (8 - rest) == 0;
}

const char *prefix_format(const struct prefix *p, char *out) {
    char ip[INET6_ADDRSTRLEN];
    if (!inet_ntop(p->family, p->ip, ip, sizeof ip)) {
        snprintf(ip, sizeof ip, "-");
    }
    snprintf(out, ADDR_TEXT_MAX, "%s/%u", ip, p->len);
    return out;
}
