/* Transport addresses and prefixes. An address is canonical from birth: IPv4-mapped IPv6 becomes IPv4,
 * unused bytes are zero, so that memory comparison is equality. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct addr {
    uint8_t ip[16]; /* network order; IPv4 uses the first four bytes */
    uint32_t scope; /* interface index of an IPv6 link-local address, else 0 */
    uint16_t port;  /* host order */
    uint8_t family; /* AF_INET, AF_INET6 or AF_UNSPEC */
    uint8_t unused;
};

enum transport { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_DTLS, TRANSPORT_COUNT };

/* What identifies a client's flow; the local address counts because sockets may be wildcard-bound. */
struct five_tuple {
    struct addr remote;
    struct addr local;
    uint32_t transport; /* enum transport */
};

enum { ADDR_TEXT_MAX = 64 }; /* bytes for addr_format, with the terminator */

/* "udp", "tcp", "tls", "dtls". */
const char *transport_name(enum transport t);

/* Parses "192.0.2.1:3478", "[2001:db8::1]:3478", and without port when the family is clear (port 0).
 * -EINVAL when it is none of these. Names are not resolved. */
int addr_parse(struct addr *out, const char *text);

/* Parses an address without port or brackets; port 0. -EINVAL. */
int addr_parse_ip(struct addr *out, const char *text);

/* Writes "ip:port" or "[ip]:port" into out (ADDR_TEXT_MAX bytes) and returns out. */
const char *addr_format(const struct addr *a, char *out);

/* Writes the address without port. */
const char *addr_format_ip(const struct addr *a, char *out);

/* From raw network-order bytes: n is 4 or 16. -EINVAL for other n. */
int addr_from_bytes(struct addr *out, const void *ip, size_t n, uint16_t port);

/* Number of address bytes: 4, 16, or 0 for AF_UNSPEC. */
static inline size_t addr_ip_len(const struct addr *a) {
    return a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;
}

int addr_from_sockaddr(struct addr *out, const struct sockaddr *sa, socklen_t len);
/* Returns the length to pass to the kernel; 0 for AF_UNSPEC. */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);

/* With port. In the header, as tables are searched with it: of a constant length memcmp is three comparisons. */
static inline bool addr_equal(const struct addr *a, const struct addr *b) { return memcmp(a, b, sizeof *a) == 0; }
/* Without port. */
static inline bool addr_equal_ip(const struct addr *a, const struct addr *b) {
    return memcmp(a, b, offsetof(struct addr, port)) == 0 && a->family == b->family;
}
static inline bool five_tuple_equal(const struct five_tuple *a, const struct five_tuple *b) {
    return memcmp(a, b, sizeof *a) == 0;
}
bool addr_is_any(const struct addr *a); /* 0.0.0.0 or :: */
bool addr_is_loopback(const struct addr *a);

/* A prefix in CIDR form; bits beyond len are zero. */
struct prefix {
    uint8_t ip[16];
    uint8_t family;
    uint8_t len; /* bits */
};

/* Parses "10.0.0.0/8", "fc00::/7" or a bare address (full length). -EINVAL, also when bits are set
 * beyond the length: a rule that silently means something else is worse than an error. */
int prefix_parse(struct prefix *out, const char *text);
bool prefix_contains(const struct prefix *p, const struct addr *a);
const char *prefix_format(const struct prefix *p, char *out); /* ADDR_TEXT_MAX bytes */
