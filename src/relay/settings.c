#include "relay/settings.h"

#include "base/log.h"
#include "config/config.h"
#include "proto/turn/peer_rules.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LOCAL_ADDRESSES_MAX = 128 };

struct relay_settings {
    _Atomic unsigned refs;
    const struct config *config;
    struct turn_settings turn;
    struct peer_rules *peers;
    char **secrets;
    struct addr fallback[2]; /* [IPv6]: an address of this machine, when none is configured */
};

static int is_ipv6(int family) { return family == AF_INET6; }

/* ---- addresses of this machine ---- */

/* The addresses of all interfaces that are up, loopback included. */
static size_t list_local_addresses(struct addr *out, size_t cap) {
    struct ifaddrs *all;
    size_t count = 0;
    if (getifaddrs(&all) < 0) {
        return 0;
    }
    for (struct ifaddrs *i = all; i && count < cap; i = i->ifa_next) {
        struct addr a;
        if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6)) {
            continue;
        }
        if (addr_from_sockaddr(&a, i->ifa_addr, sizeof(struct sockaddr_in6)) == 0 && a.scope == 0) {
            out[count++] = a;
        }
    }
    freeifaddrs(all);
    return count;
}

/* The first address that is not loopback, or else loopback. */
static void find_fallbacks(struct relay_settings *s) {
    struct addr local[LOCAL_ADDRESSES_MAX];
    size_t count = list_local_addresses(local, LOCAL_ADDRESSES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct addr *slot = &s->fallback[is_ipv6(local[i].family)];
        if (slot->family == AF_UNSPEC || (addr_is_loopback(slot) && !addr_is_loopback(&local[i]))) {
            *slot = local[i];
        }
    }
}

static const struct addr *configured_address(const struct relay_settings *s, int family) {
    const struct config_addrs *list = &s->config->relay.address;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].family == family) {
            return &list->items[i];
        }
    }
    return NULL;
}

static bool has_family(const struct relay_settings *s, int family) {
    if (s->config->relay.address.count > 0) {
        return configured_address(s, family) != NULL;
    }
    return s->fallback[is_ipv6(family)].family == family;
}

int relay_settings_bind_address(const struct relay_settings *s, int family, const struct addr *local,
                                struct addr *out) {
    const struct addr *configured = configured_address(s, family);
    if (configured) {
        *out = *configured;
    } else if (s->config->relay.address.count > 0) {
        return -EAFNOSUPPORT;
    } else if (local->family == family && !addr_is_any(local)) {
        *out = *local;
    } else {
        *out = s->fallback[is_ipv6(family)];
    }
    out->port = 0;
    return out->family == family ? 0 : -EAFNOSUPPORT;
}

struct addr relay_settings_advertise(const struct relay_settings *s, const struct addr *bound) {
    const struct config_externals *list = &s->config->server.external_address;
    struct addr told = *bound;
    for (size_t i = 0; i < list->count; i++) {
        const struct config_external *e = &list->items[i];
        bool applies = e->private_addr.family == AF_UNSPEC ? e->public_addr.family == bound->family
                                                           : addr_equal_ip(&e->private_addr, bound);
        if (!e->automatic && applies) {
            told = e->public_addr;
            told.port = bound->port;
            break;
        }
    }
    return told;
}

/* ---- peer rules ---- */

static int add_rules(struct peer_rules_builder *b, const char *const *rules, size_t count, bool allow) {
    for (size_t i = 0; i < count; i++) {
        int rc = peer_rules_add(b, rules[i], allow);
        if (rc < 0) {
            log_error("relay", "malformed peer rule", LF_TEXT("rule", rules[i]), LF_ERROR(rc));
            return rc;
        }
    }
    return 0;
}

static int add_prefixes(struct peer_rules_builder *b, const struct config_prefixes *list, bool allow) {
    char text[ADDR_TEXT_MAX];
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        rc = peer_rules_add(b, prefix_format(&list->items[i], text), allow);
    }
    return rc;
}

/* Our own UDP listeners are no peers: a relay that talks to its server could be made to talk in circles. */
static int deny_listener(struct peer_rules_builder *b, const struct addr *listener, const struct addr *local,
                         size_t local_count) {
    int rc = 0;
    if (!addr_is_any(listener)) {
        return peer_rules_add_addr(b, listener, false);
    }
    for (size_t i = 0; i < local_count && rc == 0; i++) {
        struct addr at = local[i];
        at.port = listener->port;
        rc = at.family == listener->family ? peer_rules_add_addr(b, &at, false) : 0;
    }
    return rc;
}

static int deny_own_listeners(struct peer_rules_builder *b, const struct config *config) {
    struct addr local[LOCAL_ADDRESSES_MAX];
    size_t count = list_local_addresses(local, LOCAL_ADDRESSES_MAX);
    const struct config_addrs *lists[] = {&config->listen.udp, &config->listen.dtls, &config->cluster.link_listen};
    int rc = 0;
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        for (size_t i = 0; i < lists[l]->count && rc == 0; i++) {
            rc = deny_listener(b, &lists[l]->items[i], local, count);
        }
    }
    return rc;
}

static int make_rules(struct relay_settings *s, const struct relay_extras *extras) {
    struct peer_rules_builder *b = peer_rules_builder_new();
    if (!b) {
        return -ENOMEM;
    }
    int rc = add_prefixes(b, &s->config->relay.allow_peer, true);
    rc = rc < 0 ? rc : add_prefixes(b, &s->config->relay.deny_peer, false);
    rc = rc < 0 ? rc : add_rules(b, extras->allow_peer, extras->allow_count, true);
    rc = rc < 0 ? rc : add_rules(b, extras->deny_peer, extras->deny_count, false);
    rc = rc < 0 ? rc : deny_own_listeners(b, s->config);
    if (rc < 0) {
        peer_rules_builder_free(b);
        return rc;
    }
    s->peers = peer_rules_compile(b);
    return s->peers ? 0 : -ENOMEM;
}

/* ---- the snapshot ---- */

static int copy_secrets(struct relay_settings *s, const struct relay_extras *extras) {
    size_t count = extras->secret_count < TURN_SECRETS_MAX ? extras->secret_count : TURN_SECRETS_MAX;
    s->secrets = calloc(count + 1, sizeof *s->secrets);
    if (!s->secrets) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        s->secrets[i] = strdup(extras->secrets[i]);
        if (!s->secrets[i]) {
            return -ENOMEM;
        }
    }
    s->turn.secrets = (const char *const *)s->secrets;
    s->turn.secret_count = count;
    return 0;
}

static void fill_turn(struct relay_settings *s, const struct relay_extras *extras) {
    const struct config *c = s->config;
    struct turn_settings *t = &s->turn;
    t->realm = c->server.realm;
    t->software = c->server.software_name[0] ? c->server.software_name : NULL;
    t->has_users = true;
    t->strict_expiry = c->auth.strict_expiry;
    t->dont_fragment = true;
    t->relay_ipv4 = has_family(s, AF_INET);
    t->relay_ipv6 = has_family(s, AF_INET6);
    t->sha256 = c->auth.sha256;
    t->worker_count = (uint8_t)extras->worker_count;
    t->max_lifetime_s = (uint32_t)(c->relay.max_lifetime_us / 1000000);
    t->challenge_rate = 200;
    t->peers = s->peers;
    t->quota = extras->quota;
    memcpy(t->nonce_key, extras->nonce_key, sizeof t->nonce_key);
}

int relay_settings_new(const struct relay_settings **out, const struct config *config,
                       const struct relay_extras *extras) {
    struct relay_settings *s = calloc(1, sizeof *s);
    if (!s) {
        return -ENOMEM;
    }
    atomic_init(&s->refs, 1);
    s->config = config_ref(config);
    find_fallbacks(s);
    int rc = make_rules(s, extras);
    rc = rc < 0 ? rc : copy_secrets(s, extras);
    if (rc < 0) {
        relay_settings_unref(s);
        return rc;
    }
    fill_turn(s, extras);
    *out = s;
    return 0;
}

const struct relay_settings *relay_settings_ref(const struct relay_settings *settings) {
    struct relay_settings *s = (struct relay_settings *)(uintptr_t)settings;
    atomic_fetch_add(&s->refs, 1);
    return settings;
}

void relay_settings_unref(const struct relay_settings *settings) {
    struct relay_settings *s = (struct relay_settings *)(uintptr_t)settings;
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1) {
        return;
    }
    for (char **secret = s->secrets; secret && *secret; secret++) {
        explicit_bzero(*secret, strlen(*secret));
        free(*secret);
    }
    free(s->secrets);
    peer_rules_free(s->peers);
    config_unref(s->config);
    free(s);
}

const struct turn_settings *relay_settings_turn(const struct relay_settings *s) { return &s->turn; }

struct relay_ports_range relay_settings_ports(const struct relay_settings *s) {
    return (struct relay_ports_range){s->config->relay.ports.first, s->config->relay.ports.last};
}
