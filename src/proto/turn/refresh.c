#include "proto/turn/internal.h"

#include <errno.h>

/* RFC 8656 sections 7.2, 8.2: the smaller of what is wanted and the maximum, but never below the
 * default; and not beyond a token's end (RFC 7635 section 9). */
uint32_t lifetime_of(const struct request *r, uint32_t wanted_s) {
    uint32_t max = r->server->settings->plain.max_lifetime_s;
    uint32_t lifetime = wanted_s < max ? wanted_s : max;
    lifetime = lifetime > LIFETIME_DEFAULT_S ? lifetime : LIFETIME_DEFAULT_S;
    uint64_t left = r->credential_expiry_s > r->now.wall_s ? r->credential_expiry_s - r->now.wall_s : 0;
    return r->token && left < lifetime ? (uint32_t)left : lifetime;
}

/* With an address family named, it must be one of the allocation's, else 443 (section 8.2). */
static int check_family(const struct request *r, int *index) {
    uint8_t wire;
    *index = -1;
    int rc = stun_msg_u8(r->msg, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &wire);
    if (rc < 0) {
        return rc == -ENOENT ? 0 : 400;
    }
    for (int i = 0; i < r->allocation->relay_count; i++) {
        if (r->allocation->relays[i].addr.family == (wire == 1 ? AF_INET : wire == 2 ? AF_INET6 : AF_UNSPEC)) {
            *index = i;
            return 0;
        }
    }
    return 443;
}

/* Lifetime 0 with a family ends that relayed address of a pair and keeps the other. */
static void drop_relay(struct request *r, int index) {
    struct turn_allocation *a = r->allocation;
    output_close(r->server, a->relays[index].handle);
    a->relays[index] = a->relays[1 - index];
    a->relays[1] = (struct turn_relay){.handle = NULL};
    a->relay_count = 1;
    connection_judge_again(r->server, a);
    for (size_t i = a->permission_count; i-- > 0;) {
        if (!turn_relay_for(a, &a->permissions[i].ip)) {
            a->permissions[i] = a->permissions[--a->permission_count];
        }
    }
    for (size_t i = a->channel_count; i-- > 0;) {
        if (!turn_relay_for(a, &a->channels[i].peer)) {
            a->channels[i] = a->channels[--a->channel_count];
        }
    }
}

/* A later token carries the session on: its key signs from now on. */
static void take_token(const struct request *r, struct turn_allocation *a) {
    if (r->token) {
        a->credential_expiry_s = r->credential_expiry_s;
        a->key_len = r->key_len;
        memcpy(a->key, r->key, r->key_len);
    }
}

int handle_refresh(struct request *r) {
    struct turn_allocation *a = r->allocation;
    uint32_t wanted = LIFETIME_DEFAULT_S;
    int index;
    if (stun_msg_u32(r->msg, STUN_ATTR_LIFETIME, &wanted) == -EBADMSG) {
        return 400;
    }
    int code = check_family(r, &index);
    if (code != 0) {
        return code;
    }
    uint32_t lifetime = wanted == 0 ? 0 : lifetime_of(r, wanted);
    stun_write_u32(&r->reply, STUN_ATTR_LIFETIME, lifetime);
    if (lifetime == 0 && (index < 0 || a->relay_count == 1)) {
        allocation_end(r->server, a, TURN_REASON_CLIENT);
        return 0;
    }
    code = mobility_refresh(r);
    if (code != 0) {
        return code;
    }
    if (lifetime == 0) {
        drop_relay(r, index);
    } else {
        a->expiry_us = r->now.now_us + lifetime * US_PER_S;
        take_token(r, a);
    }
    allocation_set_timer(r->server, a);
    output_event(r, TURN_EVENT_REFRESHED, a);
    return 0;
}
