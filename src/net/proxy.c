#include "net/proxy.h"

#include "base/hash.h"

#include <stdlib.h>

enum { WAYS = 8, SETS = PROXY_PATHS_MAX / WAYS };

struct path {
    struct addr client;
    struct addr local;
    struct addr via; /* AF_UNSPEC: the place is free */
    uint64_t used_us;
    bool known;
};

struct proxy_paths {
    struct hash_key key;
    struct path latest; /* whoever came last, with or without a place below */
    struct path sets[SETS][WAYS];
};

void proxy_sources_set(struct proxy_sources *sources, const struct prefix *items, size_t count) {
    *sources = (struct proxy_sources){.items = items, .count = count};
}

bool proxy_sources_contain(struct proxy_sources *sources, const struct addr *ip) {
    if (sources->count == 0) {
        return false;
    }
    if (!addr_equal_ip(&sources->last, ip)) {
        sources->last = *ip;
        sources->last_listed = false;
        for (size_t i = 0; i < sources->count && !sources->last_listed; i++) {
            sources->last_listed = prefix_contains(&sources->items[i], ip);
        }
    }
    return sources->last_listed;
}

struct proxy_paths *proxy_paths_new(void) {
    struct proxy_paths *paths = calloc(1, sizeof *paths);
    if (paths) {
        hash_key_random(&paths->key);
    }
    return paths;
}

void proxy_paths_free(struct proxy_paths *paths) { free(paths); }

static struct path *set_of(struct proxy_paths *paths, const struct addr *client) {
    return paths->sets[hash_bytes(&paths->key, client, sizeof *client) % SETS];
}

static bool is_of(const struct path *p, const struct addr *client, const struct addr *local) {
    return p->via.family != AF_UNSPEC && addr_equal(&p->client, client) && addr_equal(&p->local, local);
}

static struct path *find(struct proxy_paths *paths, const struct addr *client, const struct addr *local) {
    struct path *set = set_of(paths, client);
    for (int i = 0; i < WAYS; i++) {
        if (is_of(&set[i], client, local)) {
            return &set[i];
        }
    }
    return NULL;
}

/* Free, strangers' or long silent clients' places first, of these the one not used for longest; known clients take one
 * another's. NULL: all are in use. */
static struct path *place_for(struct path *set, bool known, uint64_t now_us) {
    struct path *oldest = NULL, *oldest_known = NULL;
    for (int i = 0; i < WAYS; i++) {
        bool in_use = set[i].known && now_us - set[i].used_us <= PROXY_PATH_IDLE_US;
        struct path **best = in_use ? &oldest_known : &oldest;
        if (!*best || set[i].used_us < (*best)->used_us) {
            *best = &set[i];
        }
    }
    if (oldest) {
        return oldest;
    }
    return known ? oldest_known : NULL;
}

bool proxy_paths_touch(struct proxy_paths *paths, const struct five_tuple *client, const struct addr *via,
                       uint64_t now_us) {
    struct path *p = find(paths, &client->remote, &client->local);
    if (!p || !p->known || !addr_equal(&p->via, via)) {
        return false;
    }
    p->used_us = now_us;
    return true;
}

void proxy_paths_learn(struct proxy_paths *paths, const struct five_tuple *client, const struct addr *via, bool known,
                       uint64_t now_us) {
    struct path *p = find(paths, &client->remote, &client->local);
    paths->latest =
        (struct path){.client = client->remote, .local = client->local, .via = *via, .used_us = now_us, .known = known};
    if (!p) {
        p = place_for(set_of(paths, &client->remote), known, now_us);
    }
    if (p) {
        *p = paths->latest;
    }
}

void proxy_paths_forget(struct proxy_paths *paths, const struct five_tuple *client) {
    struct path *p = find(paths, &client->remote, &client->local);
    if (p) {
        *p = (struct path){0};
    }
    if (is_of(&paths->latest, &client->remote, &client->local)) {
        paths->latest = (struct path){0};
    }
}

const struct addr *proxy_paths_find(struct proxy_paths *paths, const struct addr *to, const struct addr *from) {
    if (is_of(&paths->latest, to, from)) {
        return &paths->latest.via;
    }
    const struct path *p = find(paths, to, from);
    return p ? &p->via : NULL;
}
