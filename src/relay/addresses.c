#include "relay/addresses.h"

#include "config/config.h"
#include "net/udp.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

static int is_ipv6(int family) { return family == AF_INET6; }

/* ---- this machine ---- */

static void list_local(struct relay_addresses *a) {
    struct ifaddrs *all;
    if (getifaddrs(&all) < 0) {
        return;
    }
    for (struct ifaddrs *i = all; i && a->local_count < RELAY_LOCAL_MAX; i = i->ifa_next) {
        struct addr at;
        if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6)) {
            continue;
        }
        if (addr_from_sockaddr(&at, i->ifa_addr, sizeof(struct sockaddr_in6)) == 0 && at.scope == 0) {
            a->local[a->local_count++] = at;
        }
    }
    freeifaddrs(all);
}

/* The first address that is not loopback, or else loopback. */
static void find_fallbacks(struct relay_addresses *a) {
    for (size_t i = 0; i < a->local_count; i++) {
        struct addr *slot = &a->fallback[is_ipv6(a->local[i].family)];
        if (slot->family == AF_UNSPEC || (addr_is_loopback(slot) && !addr_is_loopback(&a->local[i]))) {
            *slot = a->local[i];
        }
    }
}

/* ---- there ---- */

static const struct config_addrs *configured(const struct relay_addresses *a) { return &a->config->relay.address; }

static size_t count_family(const struct config_addrs *list, int family) {
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        count += list->items[i].family == family;
    }
    return count;
}

bool relay_addresses_serve(const struct relay_addresses *a, int family) {
    return configured(a)->count > 0 ? count_family(configured(a), family) > 0
                                    : a->fallback[is_ipv6(family)].family == family;
}

static const struct addr *nth_of_family(const struct config_addrs *list, int family, size_t n) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].family == family && n-- == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

/* Where to begin: at the address the client came to, else at one chosen by the client's own. */
static size_t first_choice(const struct config_addrs *list, int family, const struct five_tuple *client, size_t count) {
    static const struct hash_key fixed = {.k0 = 1, .k1 = 2}; /* the same in all workers and over reloads */
    for (size_t n = 0; n < count; n++) {
        if (addr_equal_ip(nth_of_family(list, family, n), &client->local)) {
            return n;
        }
    }
    return hash_bytes(&fixed, client->remote.ip, addr_ip_len(&client->remote)) % count;
}

int relay_addresses_bind(const struct relay_addresses *a, int family, const struct five_tuple *client, size_t attempt,
                         struct addr *out) {
    const struct config_addrs *list = configured(a);
    if (!relay_addresses_serve(a, family)) {
        return -EAFNOSUPPORT;
    }
    size_t count = list->count > 0 ? count_family(list, family) : 1;
    if (attempt >= count) {
        return -EADDRNOTAVAIL;
    }
    if (list->count > 0) {
        *out = *nth_of_family(list, family, (first_choice(list, family, client, count) + attempt) % count);
    } else if (client->local.family == family && !addr_is_any(&client->local)) {
        *out = client->local;
    } else {
        *out = a->fallback[is_ipv6(family)];
    }
    out->port = 0;
    return 0;
}

static const struct addr *find_external(const struct config_externals *list, const struct addr *bound) {
    const struct addr *general = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct config_external *e = &list->items[i];
        if (e->automatic) {
            continue;
        }
        if (e->private_addr.family != AF_UNSPEC && addr_equal_ip(&e->private_addr, bound)) {
            return &e->public_addr;
        }
        if (e->private_addr.family == AF_UNSPEC && e->public_addr.family == bound->family && !general) {
            general = &e->public_addr;
        }
    }
    return general;
}

struct addr relay_addresses_told(const struct relay_addresses *a, const struct addr *bound) {
    const struct addr *external = find_external(&a->config->server.external_address, bound);
    for (size_t i = 0; i < a->mapping_count && !external; i++) {
        external = addr_equal_ip(&a->mappings[i].local, bound) ? &a->mappings[i].seen : NULL;
    }
    struct addr told = external ? *external : *bound;
    told.port = bound->port;
    return told;
}

/* ---- and back ---- */

static bool same_told(const void *item, const void *wanted) {
    const struct relay_mapping *entry = item;
    return addr_equal_ip(&entry->seen, wanted);
}

static uint64_t hash_ip(const struct relay_addresses *a, const struct addr *ip) {
    return hash_bytes(&a->key, ip->ip, sizeof ip->ip);
}

static int remember(struct relay_addresses *a, const struct addr *told, const struct addr *bound) {
    uint64_t hash = hash_ip(a, told);
    struct relay_mapping *known = hash_table_find(&a->by_told, hash, same_told, told);
    if (known) {
        if (!addr_equal_ip(&known->local, bound)) {
            known->local = (struct addr){.family = bound->family}; /* one of several */
        }
        return 0;
    }
    struct relay_mapping *entry = &a->entries[a->entry_count++];
    *entry = (struct relay_mapping){.seen = *told, .local = *bound};
    return hash_table_insert(&a->by_told, hash, entry);
}

static int remember_list(struct relay_addresses *a, const struct addr *list, size_t count) {
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct addr told = relay_addresses_told(a, &list[i]);
        rc = remember(a, &list[i], &list[i]);
        rc = rc < 0 ? rc : remember(a, &told, &list[i]);
    }
    return rc;
}

static int make_way_back(struct relay_addresses *a) {
    const struct config_addrs *list = configured(a);
    size_t count = list->count > 0 ? list->count : a->local_count;
    hash_key_random(&a->key);
    a->entries = calloc(2 * count + 1, sizeof *a->entries);
    return a->entries ? remember_list(a, list->count > 0 ? list->items : a->local, count) : -ENOMEM;
}

int relay_addresses_bound(const struct relay_addresses *a, const struct addr *told, struct addr *bound) {
    const struct relay_mapping *entry = hash_table_find(&a->by_told, hash_ip(a, told), same_told, told);
    if (!entry) {
        return -ENOENT;
    }
    *bound = entry->local;
    bound->port = told->port;
    return 0;
}

/* ---- life ---- */

int relay_addresses_init(struct relay_addresses *a, const struct config *config, const struct relay_mapping *mappings,
                         size_t count) {
    *a = (struct relay_addresses){.config = config};
    hash_table_init(&a->by_told);
    a->mapping_count = count < RELAY_MAPPINGS_MAX ? count : RELAY_MAPPINGS_MAX;
    if (a->mapping_count > 0) {
        memcpy(a->mappings, mappings, a->mapping_count * sizeof *mappings);
    }
    list_local(a);
    find_fallbacks(a);
    return make_way_back(a);
}

void relay_addresses_deinit(struct relay_addresses *a) {
    hash_table_deinit(&a->by_told);
    free(a->entries);
}

static size_t add_unnamed(const struct config *config, const struct addr *at, struct addr *out, size_t count,
                          size_t cap) {
    for (size_t i = 0; i < count; i++) {
        if (addr_equal_ip(&out[i], at)) {
            return count;
        }
    }
    if (count < cap && !find_external(&config->server.external_address, at)) {
        out[count] = *at;
        out[count++].port = 0;
    }
    return count;
}

size_t relay_addresses_unnamed(const struct config *config, struct addr *out, size_t cap) {
    const struct config_discoveries *discovery = &config->listen.nat_discovery;
    struct relay_addresses a = {.config = config};
    size_t count = 0;
    for (size_t i = 0; i < config->relay.address.count; i++) {
        count = add_unnamed(config, &config->relay.address.items[i], out, count, cap);
    }
    if (config->relay.address.count == 0) {
        list_local(&a);
    }
    for (size_t i = 0; i < a.local_count; i++) {
        count = addr_is_loopback(&a.local[i]) ? count : add_unnamed(config, &a.local[i], out, count, cap);
    }
    for (size_t i = 0; i < discovery->count; i++) {
        count = add_unnamed(config, &discovery->items[i].first, out, count, cap);
        count = add_unnamed(config, &discovery->items[i].second, out, count, cap);
    }
    return count;
}

int relay_addresses_check(const struct config *config, struct addr *which) {
    for (size_t i = 0; i < config->relay.address.count; i++) {
        struct udp_socket s;
        int rc = udp_socket_open(&s, &config->relay.address.items[i], &(struct udp_options){0});
        if (rc == 0) {
            udp_socket_close(&s);
        } else if (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT) {
            *which = config->relay.address.items[i];
            return -EADDRNOTAVAIL;
        }
    }
    return 0;
}
