#include "proto/turn/internal.h"

#include <errno.h>
#include <stdlib.h>

static struct turn_channel *find_number(const struct turn_allocation *a, uint16_t number) {
    for (size_t i = 0; i < a->channel_count; i++) {
        if (a->channels[i].number == number) {
            return &a->channels[i];
        }
    }
    return NULL;
}

static struct turn_channel *find_peer(const struct turn_allocation *a, const struct addr *peer) {
    for (size_t i = 0; i < a->channel_count; i++) {
        if (addr_equal(&a->channels[i].peer, peer)) {
            return &a->channels[i];
        }
    }
    return NULL;
}

static int reserve_one(struct turn_allocation *a) {
    if (a->channel_count < a->channel_room) {
        return 0;
    }
    if (a->channel_count == TURN_CHANNELS_MAX) {
        return -ENOSPC;
    }
    size_t room = (size_t)a->channel_room * 4;
    room = room < TURN_CHANNELS_MAX ? room : TURN_CHANNELS_MAX;
    struct turn_channel *old = a->channels == &a->first_channel ? NULL : a->channels;
    struct turn_channel *bigger = realloc(old, room * sizeof *bigger);
    if (!bigger) {
        return -ENOMEM;
    }
    if (!old) {
        bigger[0] = a->first_channel;
    }
    a->channels = bigger;
    a->channel_room = (uint8_t)room;
    return 0;
}

void channel_drop_expired(struct turn_allocation *a, uint64_t now_us) {
    for (size_t i = a->channel_count; i-- > 0;) {
        if (a->channels[i].expiry_us <= now_us) {
            a->channels[i] = a->channels[--a->channel_count];
        }
    }
}

void channel_sync(struct turn_allocation *a) {
    for (size_t i = 0; i < a->channel_count; i++) {
        a->channels[i].permitted = permission_find(a, &a->channels[i].peer) != NULL;
    }
}

void channel_judge_again(struct turn_server *s, struct turn_allocation *a) {
    struct peer_scope scope = permission_scope(s, a);
    for (size_t i = a->channel_count; i-- > 0;) {
        struct turn_channel *c = &a->channels[i];
        c->own = !peer_scope_allow(&scope, &c->peer);
        if (c->own && !permission_is_own(s, &scope, &c->peer)) {
            *c = a->channels[--a->channel_count];
        }
    }
    channel_sync(a);
}

/* Number and peer of the request; 0 or an error code. */
static int read_binding(struct request *r, uint16_t *number, struct addr *peer) {
    uint32_t value;
    if (stun_msg_u32(r->msg, STUN_ATTR_CHANNEL_NUMBER, &value) < 0 ||
        stun_msg_xor_addr(r->msg, STUN_ATTR_XOR_PEER_ADDRESS, peer) < 0 || peer->port == 0) {
        return 400;
    }
    *number = (uint16_t)(value >> 16);
    if (*number < TURN_CHANNEL_FIRST || *number > TURN_CHANNEL_LAST) {
        return 400;
    }
    return 0;
}

/* Finds or adds the channel and makes room for its permission, so that nothing fails later. */
static int take_channel(struct turn_allocation *a, uint16_t number, const struct addr *peer,
                        struct turn_channel **out) {
    struct turn_channel *c = find_number(a, number);
    if (c != find_peer(a, peer)) {
        return 400; /* the number has another peer, or the peer another number (RFC 8656 section 12.2) */
    }
    int rc = permission_find(a, peer) ? 0 : permission_reserve(a, 1);
    if (rc == 0 && !c) {
        rc = reserve_one(a);
    }
    if (rc < 0) {
        return rc == -ENOSPC ? 508 : 500;
    }
    if (!c) {
        c = &a->channels[a->channel_count++];
        *c = (struct turn_channel){.peer = *peer, .number = number};
    }
    *out = c;
    return 0;
}

int handle_channel_bind(struct request *r) {
    struct turn_server *s = r->server;
    struct turn_allocation *a = r->allocation;
    struct turn_channel *c;
    int code = 0;
    if (a->tcp) {
        r->reason = TURN_REASON_UNSUPPORTED; /* a stream has no channels */
        return 403;
    }
    code = read_binding(r, &r->channel, &s->event_peer);
    if (code != 0) {
        return code;
    }
    r->peer = &s->event_peer;
    bool own;
    code = permission_check_data_peer(r, r->peer, &own);
    if (code == 0) {
        code = take_channel(a, r->channel, r->peer, &c);
    }
    if (code != 0) {
        return code;
    }
    c->own = own;
    c->expiry_us = s->now_us + CHANNEL_LIFETIME_S * US_PER_S;
    permission_refresh(s, a, r->peer);
    channel_sync(a);
    allocation_set_timer(s, a);
    output_event(r, TURN_EVENT_CHANNEL, a);
    return 0;
}
