#include "relay/settings.h"

#include "config/config.h"
#include "proto/turn/peer_scopes.h"
#include "relay/alternate.h"
#include "relay/realms.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct relay_settings {
    _Atomic unsigned refs;
    const struct config *config;
    struct turn_settings turn;
    struct peer_rules *peers;
    struct peer_scopes *scopes; /* NULL: none */
    struct relay_realms realms;
    char **secrets;
    struct relay_addresses addresses;
};

/* ---- peer rules ---- */

/* Those for everybody; peer_scopes_new takes the others. */
static int add_rules(struct peer_rules_builder *b, const struct relay_extras *extras) {
    int rc = 0;
    for (size_t i = 0; i < extras->rule_count && rc == 0; i++) {
        const struct peer_scoped_rule *rule = &extras->rules[i];
        rc = rule->realm[0] || rule->user[0] ? 0 : peer_rules_add_prefix(b, &rule->prefix, rule->allow);
    }
    return rc;
}

static int add_prefixes(struct peer_rules_builder *b, const struct config_prefixes *list, bool allow) {
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        rc = peer_rules_add_prefix(b, &list->items[i], allow);
    }
    return rc;
}

/* At a local address, and at the address of a NAT that leads there. */
static int deny_at(struct peer_rules_builder *b, const struct relay_addresses *addresses, struct addr at) {
    struct addr told = relay_addresses_told(addresses, &at);
    int rc = peer_rules_add_addr(b, &at, false);
    return rc < 0 || addr_equal_ip(&told, &at) ? rc : peer_rules_add_addr(b, &told, false);
}

/* Our own listeners are no peers: a relay that talks to its server could be made to talk in circles, or to its
 * statistics. */
static int deny_listener(struct peer_rules_builder *b, const struct relay_addresses *addresses,
                         const struct addr *listener) {
    int rc = 0;
    if (!addr_is_any(listener)) {
        return deny_at(b, addresses, *listener);
    }
    for (size_t i = 0; i < addresses->local_count && rc == 0; i++) {
        struct addr at = addresses->local[i];
        at.port = listener->port;
        rc = at.family == listener->family ? deny_at(b, addresses, at) : 0;
    }
    return rc;
}

static int deny_own_listeners(struct peer_rules_builder *b, const struct relay_settings *s) {
    const struct config *config = s->config;
    const struct config_addrs *lists[] = {&config->listen.udp,      &config->listen.dtls, &config->cluster.link_listen,
                                          &config->listen.tcp,      &config->listen.tls,  &config->http.listen,
                                          &config->http.tls_listen, &config->stats.listen};
    size_t list_count = config->relay.tcp ? sizeof lists / sizeof *lists : 3; /* the first are of UDP */
    int rc = 0;
    for (size_t l = 0; l < list_count; l++) {
        for (size_t i = 0; i < lists[l]->count && rc == 0; i++) {
            rc = deny_listener(b, &s->addresses, &lists[l]->items[i]);
        }
    }
    for (size_t i = 0; i < config->listen.nat_discovery.count; i++) {
        for (int corner = 0; corner < 4 && rc == 0; corner++) {
            rc = deny_at(b, &s->addresses, config_discovery_corner(&config->listen.nat_discovery.items[i], corner));
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
    rc = rc < 0 ? rc : add_rules(b, extras);
    rc = rc < 0 ? rc : deny_own_listeners(b, s);
    if (rc < 0) {
        peer_rules_builder_free(b);
        return rc;
    }
    s->peers = peer_rules_compile(b);
    return s->peers ? peer_scopes_new(&s->scopes, extras->rules, extras->rule_count) : -ENOMEM;
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

static void fill_discovery(struct relay_settings *s) {
    const struct config_discoveries *list = &s->config->listen.nat_discovery;
    for (size_t i = 0; i < list->count && i < TURN_DISCOVERIES_MAX; i++) {
        struct turn_discovery *d = &s->turn.discovery[s->turn.discovery_count++];
        *d = (struct turn_discovery){.local = {list->items[i].first, list->items[i].second}};
        for (int n = 0; n < 2; n++) {
            d->told[n] = relay_addresses_told(&s->addresses, &d->local[n]);
        }
    }
}

static void fill_turn(struct relay_settings *s, const struct relay_extras *extras) {
    const struct config *c = s->config;
    struct turn_settings *t = &s->turn;
    t->realm = c->server.realm;
    t->software = c->server.software_name[0] ? c->server.software_name : NULL;
    t->has_users = true;
    t->strict_expiry = c->auth.strict_expiry;
    t->dont_fragment = true;
    t->tcp = c->relay.tcp;
    t->relay_ipv4 = relay_addresses_serve(&s->addresses, AF_INET);
    t->relay_ipv6 = relay_addresses_serve(&s->addresses, AF_INET6);
    t->mobility = c->relay.mobility;
    t->sha256 = c->auth.sha256;
    t->anonymity = relay_realm_has_users(extras, c->server.realm);
    t->oauth_keys = s->realms.oauth_keys;
    t->oauth_key_count = s->realms.default_oauth_key_count;
    t->oauth_name = s->realms.default_oauth_name;
    t->realms = s->realms.items;
    t->realm_count = s->realms.count;
    t->ways = s->realms.ways;
    t->way_count = s->realms.way_count;
    t->worker_count = (uint8_t)extras->worker_count;
    t->max_lifetime_s = (uint32_t)(c->relay.max_lifetime_us / 1000000);
    t->challenge_rate = (uint32_t)c->listen.challenge_rate;
    t->binding_rate = (uint32_t)c->listen.binding_rate;
    fill_discovery(s);
    t->peers = s->peers;
    t->scopes = s->scopes;
    t->quota = extras->quota;
    t->alternates = extras->alternates.pick ? extras->alternates : (struct turn_alternates){relay_alternate_pick, s};
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
    int rc = relay_addresses_init(&s->addresses, config, extras->mappings, extras->mapping_count);
    rc = rc < 0 ? rc : make_rules(s, extras);
    rc = rc < 0 ? rc : copy_secrets(s, extras);
    rc = rc < 0 ? rc : relay_realms_make(&s->realms, config, extras);
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
    relay_realms_deinit(&s->realms);
    peer_rules_free(s->peers);
    peer_scopes_free(s->scopes);
    relay_addresses_deinit(&s->addresses);
    config_unref(s->config);
    free(s);
}

const struct config *relay_settings_config(const struct relay_settings *s) { return s->config; }

const struct turn_settings *relay_settings_turn(const struct relay_settings *s) { return &s->turn; }

struct relay_ports_range relay_settings_ports(const struct relay_settings *s) {
    return (struct relay_ports_range){s->config->relay.ports.first, s->config->relay.ports.last};
}

const struct relay_addresses *relay_settings_addresses(const struct relay_settings *s) { return &s->addresses; }

int relay_settings_bound_address(const struct relay_settings *s, const struct addr *told, struct addr *bound) {
    return relay_addresses_bound(&s->addresses, told, bound);
}

struct relay_rates relay_settings_rates(const struct relay_settings *s) {
    return (struct relay_rates){s->config->relay.user_bandwidth_bps, s->config->relay.total_bandwidth_bps};
}
