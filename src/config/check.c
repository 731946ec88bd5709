#include "config/check.h"

#include <string.h>

#define complain_at(check, severity, offset, ...) \
    config_report_add((check)->report, severity, (check)->place((check)->ctx, offset), __VA_ARGS__)
#define complain(check, severity, field, ...) complain_at(check, severity, offsetof(struct config, field), __VA_ARGS__)

enum socket_kind { KIND_PLAIN, KIND_TLS, KIND_STATS };

struct tcp_key {
    const char *name;
    size_t offset;
    enum socket_kind kind;
};

/* One socket may serve two keys of a kind (the first bytes decide), but not plain and TLS, nor the stats. */
static const struct tcp_key tcp_keys[] = {
    {"[listen] tcp", offsetof(struct config, listen.tcp), KIND_PLAIN},
    {"[listen] tls", offsetof(struct config, listen.tls), KIND_TLS},
    {"[http] listen", offsetof(struct config, http.listen), KIND_PLAIN},
    {"[http] tls-listen", offsetof(struct config, http.tls_listen), KIND_TLS},
    {"[stats] listen", offsetof(struct config, stats.listen), KIND_STATS},
};
enum { TCP_KEYS = sizeof tcp_keys / sizeof tcp_keys[0] };

static const struct config_addrs *addrs_at(const struct config *c, size_t offset) {
    return (const struct config_addrs *)(const void *)((const char *)c + offset);
}

static const struct addr *find_clash(const struct config_addrs *a, const struct config_addrs *b) {
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < b->count; j++) {
            const struct addr *x = &a->items[i], *y = &b->items[j];
            bool overlap = addr_equal_ip(x, y) || (x->family == y->family && (addr_is_any(x) || addr_is_any(y)));
            if (x->port != 0 && x->port == y->port && overlap) {
                return x;
            }
        }
    }
    return NULL;
}

static void check_tcp_ports(const struct config_check *check) {
    for (size_t a = 0; a < TCP_KEYS; a++) {
        for (size_t b = a + 1; b < TCP_KEYS; b++) {
            const struct addr *clash =
                find_clash(addrs_at(check->config, tcp_keys[a].offset), addrs_at(check->config, tcp_keys[b].offset));
            if (clash && tcp_keys[a].kind != tcp_keys[b].kind) {
                char text[ADDR_TEXT_MAX];
                complain_at(check, CONFIG_ERROR, tcp_keys[b].offset, "%s and %s both want %s", tcp_keys[b].name,
                            tcp_keys[a].name, addr_format(clash, text));
            }
        }
    }
}

/* Two equal entries in one list would fail only when bound. */
static void check_twice(const struct config_check *check) {
    for (size_t k = 0; k < config_key_count; k++) {
        const struct config_key *key = &config_keys[k];
        const struct config_addrs *list = addrs_at(check->config, key->offset);
        for (size_t i = 0; key->type == CONFIG_TYPE_LISTEN && i < list->count; i++) {
            for (size_t j = 0; j < i; j++) {
                if (list->items[i].port != 0 && addr_equal(&list->items[i], &list->items[j])) {
                    char text[ADDR_TEXT_MAX];
                    complain_at(check, CONFIG_ERROR, key->offset, "[%s] %s: %s stands there twice", key->section,
                                key->name, addr_format(&list->items[i], text));
                }
            }
        }
    }
}

static bool in_ports(const struct config_ports *ports, const struct config_addrs *list) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].port >= ports->first && list->items[i].port <= ports->last) {
            return true;
        }
    }
    return false;
}

static void check_relay(const struct config_check *check) {
    const struct config *c = check->config;
    uint64_t media = c->forward.media_port;
    if (in_ports(&c->relay.ports, &c->listen.udp) || in_ports(&c->relay.ports, &c->listen.dtls) ||
        (media >= c->relay.ports.first && media <= c->relay.ports.last)) {
        complain(check, CONFIG_WARNING, relay.ports,
                 "[relay] ports: a listening or media port lies inside the range; relays will step around it");
    }
    if (c->relay.user_quota > 0 && c->relay.total_quota > 0 && c->relay.user_quota > c->relay.total_quota) {
        complain(check, CONFIG_WARNING, relay.user_quota, "[relay] user-quota is above total-quota");
    }
    for (size_t i = 0; i < c->relay.alternate_server.count; i++) {
        const struct addr *a = &c->relay.alternate_server.items[i];
        if (addr_is_any(a) || a->port == 0) {
            complain(check, CONFIG_ERROR, relay.alternate_server,
                     "[relay] alternate-server: clients need a full address and port");
            return;
        }
    }
}

static void check_tls(const struct config_check *check) {
    bool certificate = check->config->tls.certificate[0], key = check->config->tls.private_key[0];
    if (certificate && !key) {
        complain(check, CONFIG_ERROR, tls.certificate, "[tls] private-key is missing");
    } else if (key && !certificate) {
        complain(check, CONFIG_ERROR, tls.private_key, "[tls] certificate is missing");
    }
}

static void check_auth(const struct config_check *check) {
    const struct config *c = check->config;
    enum { SHORT_SECRET = 16 };
    for (size_t i = 0; i < c->auth.secret.count; i++) {
        if (strlen(c->auth.secret.items[i]) < SHORT_SECRET) {
            complain(check, CONFIG_WARNING, auth.secret, "[auth] secret: shorter than %d characters can be guessed",
                     SHORT_SECRET);
            break;
        }
    }
    if (c->auth.development) {
        complain(check, CONFIG_WARNING, auth.development,
                 "[auth] development: anybody who reaches the page can join any room");
    }
}

static bool names_realm(const struct config_realm_texts *list, const char *realm) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].realm, realm) == 0) {
            return true;
        }
    }
    return false;
}

static bool leads_to(const struct config *c, const char *realm) {
    for (size_t i = 0; i < c->realms.address.count; i++) {
        if (strcmp(c->realms.address.items[i].realm, realm) == 0) {
            return true;
        }
    }
    return names_realm(&c->realms.server_name, realm) || names_realm(&c->realms.origin, realm);
}

static void check_realms(const struct config_check *check) {
    const char *names[CONFIG_REALMS_MAX + 1];
    const struct config *c = check->config;
    size_t count = config_realm_names(c, names);
    if (count > CONFIG_REALMS_MAX) {
        complain(check, CONFIG_ERROR, realms.address, "[realms]: more than %d realms", CONFIG_REALMS_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!leads_to(c, names[i])) {
            complain(check, CONFIG_WARNING, realms.secret,
                     "[realms]: nothing leads to the realm %s; give it an address, a server-name or an origin",
                     names[i]);
        }
    }
    for (size_t i = 0; i < c->realms.oauth_key.count; i++) {
        if (strcmp(c->realms.oauth_key.items[i].realm, c->server.realm) == 0) {
            complain(check, CONFIG_ERROR, realms.oauth_key,
                     "[realms] oauth-key: those of the default realm stand in [auth] oauth-key");
            break;
        }
    }
    if (names_realm(&c->realms.secret, c->server.realm)) {
        complain(check, CONFIG_ERROR, realms.secret,
                 "[realms] secret: those of the default realm stand in [auth] secret");
    }
}

static void check_external(const struct config_check *check) {
    const struct config_externals *list = &check->config->server.external_address;
    for (size_t i = 0; i < list->count; i++) {
        const struct config_external *a = &list->items[i];
        if (a->automatic && check->config->server.stun_server.count == 0) {
            complain(check, CONFIG_ERROR, server.external_address,
                     "[server] external-address: auto needs a STUN server outside of this network to ask; name one or "
                     "more you trust, [server] stun-server = HOST:PORT, or give the address");
        }
        for (size_t j = 0; j < i; j++) {
            const struct config_external *b = &list->items[j];
            if (!a->automatic && !b->automatic && a->public_addr.family == b->public_addr.family &&
                addr_equal_ip(&a->private_addr, &b->private_addr)) {
                complain(check, CONFIG_ERROR, server.external_address,
                         "[server] external-address: two public addresses stand for one local address");
                return;
            }
        }
    }
}

/* What clients would be told in the place of a: a pair's public address, or that for all. */
static const struct addr *told_for(const struct config_externals *list, const struct addr *a) {
    const struct addr *general = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct config_external *e = &list->items[i];
        if (addr_equal_ip(&e->private_addr, a)) {
            return &e->public_addr;
        }
        if (!e->automatic && e->private_addr.family == AF_UNSPEC && e->public_addr.family == a->family) {
            general = &e->public_addr;
        }
    }
    return general;
}

static bool lists_corner(const struct config_addrs *list, const struct config_discovery *d) {
    for (int corner = 0; corner < 4; corner++) {
        struct addr at = config_discovery_corner(d, corner);
        const struct config_addrs one = {.count = 1, .items = &at};
        if (find_clash(list, &one)) {
            return true;
        }
    }
    return false;
}

static void check_discovery(const struct config_check *check) {
    const struct config *c = check->config;
    const struct config_discoveries *list = &c->listen.nat_discovery;
    for (size_t i = 0; i < list->count; i++) {
        const struct config_discovery *d = &list->items[i];
        const struct addr *first = told_for(&c->server.external_address, &d->first);
        const struct addr *second = told_for(&c->server.external_address, &d->second);
        if (first && first == second) {
            complain(check, CONFIG_ERROR, listen.nat_discovery,
                     "[listen] nat-discovery: external-address gives both of its addresses one public address; give "
                     "each its own by PUBLIC/PRIVATE");
        }
        if (c->tls.certificate[0] && lists_corner(&c->listen.dtls, d)) {
            complain(check, CONFIG_ERROR, listen.nat_discovery,
                     "[listen] nat-discovery: one of its four combinations of address and port is a dtls listener; "
                     "choose another port");
        }
    }
    if (list->count == 2 && list->items[0].first.family == list->items[1].first.family) {
        complain(check, CONFIG_ERROR, listen.nat_discovery, "[listen] nat-discovery: one line per family");
    }
}

static void check_others(const struct config_check *check) {
    const struct config *c = check->config;
    if (c->webhooks.url.count > 0 && !c->webhooks.key[0]) {
        complain(check, CONFIG_ERROR, webhooks.url, "[webhooks] key is missing: it signs the events");
    }
    if (c->rooms.mesh_limit > c->rooms.max_participants) {
        complain(check, CONFIG_WARNING, rooms.mesh_limit, "[rooms] mesh-limit is above max-participants");
    }
    if (c->cluster.node_address.count == 2 &&
        c->cluster.node_address.items[0].family == c->cluster.node_address.items[1].family) {
        complain(check, CONFIG_ERROR, cluster.node_address, "[cluster] node-address: one per family");
    }
}

void config_check(const struct config_check *check) {
    check_twice(check);
    check_tcp_ports(check);
    check_relay(check);
    check_tls(check);
    check_auth(check);
    check_realms(check);
    check_external(check);
    check_discovery(check);
    check_others(check);
}
