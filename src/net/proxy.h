/* Load balancers that speak the PROXY protocol (proto/proxy/proxy.h): who they are, and for datagrams the way back to a
 * client through them. One worker's, on its thread. */
#pragma once

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

enum {
    PROXY_PATHS_MAX = 16384,            /* clients of one worker whose datagrams come through proxies */
    PROXY_PATH_IDLE_US = 900 * 1000000, /* after which a known client's place is anybody's */
};

/* Who must speak it. Zero: nobody. The items are borrowed. */
struct proxy_sources {
    const struct prefix *items;
    size_t count;
    struct addr last; /* the answer given last is remembered: there are few proxies and many packets */
    bool last_listed;
};

void proxy_sources_set(struct proxy_sources *sources, const struct prefix *items, size_t count);
bool proxy_sources_contain(struct proxy_sources *sources, const struct addr *ip);

/* Client -> the address its datagrams come from. Of fixed size, nothing is allocated after proxy_paths_new: a stranger
 * takes the place of another stranger, never that of a client that has a session. */
struct proxy_paths;

/* NULL: no memory. */
struct proxy_paths *proxy_paths_new(void);
void proxy_paths_free(struct proxy_paths *paths);

/* A datagram of the client (remote and local count) came through via. True: it is a known client on its known path, and
 * there is nothing to learn. */
bool proxy_paths_touch(struct proxy_paths *paths, const struct five_tuple *client, const struct addr *via,
                       uint64_t now_us);
/* Remembers the path. known: the client has a session. In any case it is found until the next call of learn. */
void proxy_paths_learn(struct proxy_paths *paths, const struct five_tuple *client, const struct addr *via, bool known,
                       uint64_t now_us);
/* The client came without a proxy. */
void proxy_paths_forget(struct proxy_paths *paths, const struct five_tuple *client);
/* Where to send what is for the client `to` at our address `from`; NULL: to itself. */
const struct addr *proxy_paths_find(struct proxy_paths *paths, const struct addr *to, const struct addr *from);
