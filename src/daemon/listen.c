#include "daemon/listen.h"

#include "base/log.h"
#include "config/config.h"

#include <errno.h>

const char *listen_kind_name(enum listen_kind kind) {
    static const char *const names[LISTEN_KIND_COUNT] = {"udp", "tcp", "tls", "http", "https", "stats"};
    return names[kind];
}

int listen_list_make(struct listen_list *out, const struct config *config) {
    const struct config_addrs *sources[LISTEN_KIND_COUNT] = {
        [LISTEN_UDP] = &config->listen.udp,     [LISTEN_TCP] = &config->listen.tcp,
        [LISTEN_TLS] = &config->listen.tls,     [LISTEN_HTTP] = &config->http.listen,
        [LISTEN_STATS] = &config->stats.listen, [LISTEN_HTTPS] = &config->http.tls_listen,
    };
    bool tls = config->tls.certificate[0] != '\0';
    out->count = 0;
    for (int kind = 0; kind < LISTEN_KIND_COUNT; kind++) {
        bool wanted = tls || (kind != LISTEN_TLS && kind != LISTEN_HTTPS);
        for (size_t i = 0; wanted && i < sources[kind]->count; i++) {
            if (out->count == LISTEN_MAX) {
                log_error("daemon", "too many listeners", LF_UINT("limit", LISTEN_MAX));
                return -ENOBUFS;
            }
            out->items[out->count++] =
                (struct listen_address){.kind = (enum listen_kind)kind, .addr = sources[kind]->items[i]};
        }
    }
    return 0;
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
