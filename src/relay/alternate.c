/* Where new clients are sent instead (300 Try Alternate). */
#include "relay/alternate.h"

#include "base/hash.h"
#include "base/rng.h"
#include "config/config.h"
#include "relay/settings.h"

enum { ALTERNATES_MAX = 16 };

/* The list's addresses of one family, and which of them is this server (count: none). */
struct choice {
    const struct addr *items[ALTERNATES_MAX];
    size_t count;
    size_t own;
};

static struct choice choose_among(const struct config_addrs *list, const struct five_tuple *client,
                                  const struct addr *told) {
    struct choice c = {.count = 0};
    c.own = ALTERNATES_MAX;
    for (size_t i = 0; i < list->count && c.count < ALTERNATES_MAX; i++) {
        const struct addr *a = &list->items[i];
        if (a->family == client->remote.family) {
            c.own = addr_equal(a, &client->local) || addr_equal(a, told) ? c.count : c.own;
            c.items[c.count++] = a;
        }
    }
    return c;
}

/* The same on every server of a fleet with the same list: whoever was sent here is not sent on. */
static size_t place_of(const struct five_tuple *client, size_t count) {
    static const struct hash_key same_everywhere = {0x7475726e, 0x6f7574};
    return hash_bytes(&same_everywhere, client->remote.ip, client->remote.family == AF_INET6 ? 8 : 4) % count;
}

bool relay_alternate_pick(void *ctx, const struct five_tuple *client, bool full, struct addr *out) {
    const struct relay_settings *settings = ctx;
    struct addr told = relay_addresses_told(relay_settings_addresses(settings), &client->local);
    struct choice c = choose_among(&relay_settings_config(settings)->relay.alternate_server, client, &told);
    if (c.count == 0 || (c.count == 1 && c.own == 0)) {
        return false;
    }
    size_t at = c.own < c.count && !full ? place_of(client, c.count) : rng_below((uint32_t)c.count);
    if (at == c.own && !full) {
        return false;
    }
    at = at == c.own ? (at + 1) % c.count : at;
    *out = *c.items[at];
    return true;
}
