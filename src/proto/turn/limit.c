/* A cap on challenges, so that a server is no use as a reflector: requests without credentials have forged
 * sources. Memory is fixed; sources that share a bucket share its cap. */
#include "proto/turn/internal.h"

/* What one source is: an IPv4 address or an IPv6 /64. */
static uint64_t source_hash(const struct turn_server *s, const struct addr *a) {
    return hash_bytes(&s->hash_key, a->ip, a->family == AF_INET6 ? 8 : 4);
}

bool limit_challenge(struct turn_server *s, const struct five_tuple *client, uint64_t now_us) {
    uint32_t rate = s->settings->plain.challenge_rate;
    if (rate == 0 || client->transport != TRANSPORT_UDP) {
        return true; /* other transports have shown that their source is real */
    }
    struct limit_bucket *b = &s->limits[source_hash(s, &client->remote) % LIMIT_BUCKETS];
    uint32_t second = (uint32_t)(now_us / US_PER_S);
    if (b->second != second) {
        *b = (struct limit_bucket){.second = second};
    }
    if (b->count >= rate) {
        return false;
    }
    b->count++;
    return true;
}
