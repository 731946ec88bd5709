#include "daemon/listen.h"

#include "base/log.h"
#include "config/config.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

const char *listen_kind_name(enum listen_kind kind) {
    static const char *const names[LISTEN_KIND_COUNT] = {"udp",  "nat-discovery", "tcp",   "tls",
                                                         "dtls", "http",          "https", "stats"};
    return names[kind];
}

bool listen_kind_is_udp(enum listen_kind kind) {
    return kind == LISTEN_UDP || kind == LISTEN_NAT_DISCOVERY || kind == LISTEN_DTLS;
}

static int add(struct listen_list *list, enum listen_kind kind, const struct addr *addr) {
    if (list->count == LISTEN_MAX) {
        log_error("daemon", "too many listeners", LF_UINT("limit", LISTEN_MAX));
        return -ENOBUFS;
    }
    list->items[list->count++] = (struct listen_address){.kind = kind, .addr = *addr};
    return 0;
}

/* A wildcard listener receives at an address and answers from it as well as one of its own. */
static bool covers(const struct config_addrs *list, const struct addr *at) {
    for (size_t i = 0; i < list->count; i++) {
        const struct addr *a = &list->items[i];
        if (a->port == at->port && a->family == at->family && (addr_is_any(a) || addr_equal_ip(a, at))) {
            return true;
        }
    }
    return false;
}

static int add_discovery(struct listen_list *out, const struct config *config) {
    const struct config_discoveries *list = &config->listen.nat_discovery;
    int rc = 0;
    for (size_t i = 0; i < list->count; i++) {
        for (int corner = 0; corner < 4 && rc == 0; corner++) {
            struct addr at = config_discovery_corner(&list->items[i], corner);
            rc = covers(&config->listen.udp, &at) ? 0 : add(out, LISTEN_NAT_DISCOVERY, &at);
        }
    }
    return rc;
}

int listen_list_make(struct listen_list *out, const struct config *config) {
    static const struct config_addrs nothing = {0};
    const struct config_addrs *sources[LISTEN_KIND_COUNT] = {
        [LISTEN_NAT_DISCOVERY] = &nothing,      [LISTEN_UDP] = &config->listen.udp,
        [LISTEN_TCP] = &config->listen.tcp,     [LISTEN_TLS] = &config->listen.tls,
        [LISTEN_DTLS] = &config->listen.dtls,   [LISTEN_HTTP] = &config->http.listen,
        [LISTEN_STATS] = &config->stats.listen, [LISTEN_HTTPS] = &config->http.tls_listen,
    };
    bool tls = config->tls.certificate[0] != '\0';
    out->count = 0;
    for (int kind = 0; kind < LISTEN_KIND_COUNT; kind++) {
        bool wanted = tls || (kind != LISTEN_TLS && kind != LISTEN_DTLS && kind != LISTEN_HTTPS);
        for (size_t i = 0; wanted && i < sources[kind]->count; i++) {
            int rc = add(out, (enum listen_kind)kind, &sources[kind]->items[i]);
            if (rc < 0) {
                return rc;
            }
        }
    }
    return add_discovery(out, config);
}

static int probe(const struct addr *addr, int type) {
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(addr, &sa);
    int one = 1;
    int fd = len ? socket(addr->family, type | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0) {
        return 0; /* opening it will tell why */
    }
    if (type == SOCK_STREAM) { /* connections of an earlier run may linger */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    }
    if (addr->family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    }
    bool taken = bind(fd, (struct sockaddr *)&sa, len) < 0 && errno == EADDRINUSE;
    if (!taken && type == SOCK_STREAM) {
        taken = listen(fd, 1) < 0 && errno == EADDRINUSE;
    }
    close(fd);
    return taken ? -EADDRINUSE : 0;
}

int listen_list_probe(struct listen_list *list) {
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        struct listen_address *at = &list->items[i];
        if (at->addr.port != 0) {
            rc = probe(&at->addr, listen_kind_is_udp(at->kind) ? SOCK_DGRAM : SOCK_STREAM);
            rc = rc < 0 ? listen_result(at, rc) : 0;
        }
    }
    return rc;
}

int listen_result(struct listen_address *at, int rc) {
    if (rc == 0) {
        at->open = true;
        return 0;
    }
    if (addr_is_any(&at->addr) && (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL)) {
        return 0;
    }
    log_error("daemon", "cannot listen", LF_TEXT("on", listen_kind_name(at->kind)), LF_ADDR("address", &at->addr),
              LF_ERROR(rc));
    return rc;
}
