#include "signal/ice.h"

#include "base/text.h"
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
enum { URI_SIZE = ICE_HOST_SIZE + 64, HTTPS_PORT = 443 };

static bool has_port(const struct ice_ports *ports, uint16_t port) {
    for (size_t i = 0; i < ports->count; i++) {
        if (ports->items[i] == port) {
            return true;
        }
    }
    return false;
}

/* "[::]:3478" and "0.0.0.0:3478" are one port to clients. */
static void read_ports(struct ice_ports *out, const struct config_addrs *addrs) {
    out->count = 0;
    for (size_t i = 0; i < addrs->count && out->count < ICE_PORTS_MAX; i++) {
        if (!has_port(out, addrs->items[i].port)) {
            out->items[out->count++] = addrs->items[i].port;
        }
    }
}

/* TURN is served on the port of HTTPS, too, and 443 is the one that strict firewalls leave open. Another would only make
 * browsers gather longer. */
static void add_https_port(struct ice_ports *out, const struct config_addrs *addrs) {
    for (size_t i = 0; i < addrs->count && out->count < ICE_PORTS_MAX; i++) {
        if (addrs->items[i].port == HTTPS_PORT && !has_port(out, HTTPS_PORT)) {
            out->items[out->count++] = HTTPS_PORT;
        }
    }
}

int ice_host_parse(char *out, const char *authority) {
    size_t len;
    if (authority[0] == '[') {
        len = strspn(authority + 1, "0123456789abcdefABCDEF:.") + 1;
        len = authority[len] == ']' ? len + 1 : 0;
    } else {
        len = strspn(authority, ALNUM ".-_");
    }
    out[0] = '\0';
    if (len == 0 || (authority[len] != '\0' && authority[len] != ':')) {
        return -EINVAL;
    }
    size_t port = authority[len] == ':' ? strspn(authority + len + 1, "0123456789") + 1 : 0;
    return authority[len + port] != '\0' ? -EINVAL : text_copy(out, ICE_HOST_SIZE, authority, len);
}

/* https://host:port/path */
static void read_public_host(char *out, const char *url) {
    char authority[ICE_HOST_SIZE];
    const char *start = strstr(url, "://");
    out[0] = '\0';
    if (start && text_copy(authority, sizeof authority, start + 3, strcspn(start + 3, "/")) == 0) {
        ice_host_parse(out, authority);
    }
}

void ice_listeners_read(struct ice_listeners *out, const struct config *config) {
    memset(out, 0, sizeof *out);
    read_ports(&out->udp, &config->listen.udp);
    read_ports(&out->tcp, &config->listen.tcp);
    if (config->tls.certificate[0]) {
        read_ports(&out->tls, &config->listen.tls);
        add_https_port(&out->tls, &config->http.tls_listen);
    }
    read_public_host(out->public_host, config->http.public_url);
}

static const char *host_of(const struct ice_listeners *listeners, const char *host) {
    return listeners->public_host[0] ? listeners->public_host : host;
}

static void append(json_t *list, const struct ice_ports *ports, const char *host, const char *const around[2]) {
    char uri[URI_SIZE];
    for (size_t i = 0; host[0] && i < ports->count; i++) {
        snprintf(uri, sizeof uri, "%s:%s:%u%s", around[0], host, ports->items[i], around[1]);
        json_array_append_new(list, json_string(uri));
    }
}

json_t *ice_stun_uris(const struct ice_listeners *listeners, const char *host) {
    json_t *list = json_array();
    append(list, &listeners->udp, host_of(listeners, host), (const char *const[]){"stun", ""});
    return list;
}

json_t *ice_turn_uris(const struct ice_listeners *listeners, const char *host) {
    json_t *list = json_array();
    host = host_of(listeners, host);
    append(list, &listeners->udp, host, (const char *const[]){"turn", "?transport=udp"});
    append(list, &listeners->tcp, host, (const char *const[]){"turn", "?transport=tcp"});
    append(list, &listeners->tls, host, (const char *const[]){"turns", "?transport=tcp"});
    return list;
}

json_t *ice_servers(const struct ice_listeners *listeners, const char *host,
                    const struct signal_credentials *credentials) {
    json_t *servers = json_array();
    json_t *stun = ice_stun_uris(listeners, host);
    json_t *turn = ice_turn_uris(listeners, host);
    if (json_array_size(stun) > 0) {
        json_array_append_new(servers, json_pack("{s:O}", "urls", stun));
    }
    if (credentials && json_array_size(turn) > 0) {
        json_array_append_new(servers, json_pack("{s:O,s:s,s:s}", "urls", turn, "username", credentials->username,
                                                 "credential", credentials->password));
    }
    json_decref(stun);
    json_decref(turn);
    return servers;
}
