#include "base/error.h"
#include "proto/turn/internal.h"

#include <errno.h>
#include <stdlib.h>

struct turn_permission *permission_find(const struct turn_allocation *a, const struct addr *ip) {
    for (size_t i = 0; i < a->permission_count; i++) {
        if (addr_equal_ip(&a->permissions[i].ip, ip)) {
            return &a->permissions[i];
        }
    }
    return NULL;
}

int permission_reserve(struct turn_allocation *a, size_t n) {
    size_t wanted = a->permission_count + n;
    if (wanted > TURN_PERMISSIONS_MAX) {
        return -ENOSPC;
    }
    size_t room = a->permission_room;
    while (room < wanted) {
        room = room * 4 < TURN_PERMISSIONS_MAX ? room * 4 : TURN_PERMISSIONS_MAX;
    }
    if (room == a->permission_room) {
        return 0;
    }
    struct turn_permission *old = a->permissions == &a->first_permission ? NULL : a->permissions;
    struct turn_permission *bigger = realloc(old, room * sizeof *bigger);
    if (!bigger) {
        return -ENOMEM;
    }
    if (!old) {
        bigger[0] = a->first_permission;
    }
    a->permissions = bigger;
    a->permission_room = (uint8_t)room;
    return 0;
}

struct peer_scope permission_scope(const struct turn_server *s, const struct turn_allocation *a) {
    const struct turn_settings *plain = &s->settings->plain;
    return peer_scopes_find(plain->scopes, plain->peers, a->realm, turn_quota_name(a->user));
}

void permission_refresh(struct turn_server *s, struct turn_allocation *a, const struct addr *peer) {
    struct turn_permission *p = permission_find(a, peer);
    struct peer_scope scope = permission_scope(s, a);
    if (!p) {
        p = &a->permissions[a->permission_count++];
        p->ip = *peer;
        p->ip.port = 0;
    }
    p->expiry_us = s->now_us + PERMISSION_LIFETIME_S * US_PER_S;
    p->by_port = peer_scope_judge_ip(&scope, peer) != PEER_ALLOWED;
    a->by_port |= p->by_port;
}

static void remove_at(struct turn_allocation *a, size_t i) {
    a->permissions[i] = a->permissions[--a->permission_count];
}

void permission_drop_expired(struct turn_allocation *a, uint64_t now_us) {
    for (size_t i = a->permission_count; i-- > 0;) {
        if (a->permissions[i].expiry_us <= now_us) {
            remove_at(a, i);
        }
    }
}

void permission_judge_again(struct turn_server *s, struct turn_allocation *a) {
    struct peer_scope scope = permission_scope(s, a);
    for (size_t i = a->permission_count; i-- > 0;) {
        enum peer_verdict verdict = peer_scope_judge_ip(&scope, &a->permissions[i].ip);
        a->permissions[i].by_port = verdict != PEER_ALLOWED;
        a->by_port |= a->permissions[i].by_port;
        if (verdict == PEER_DENIED && !permission_is_own(s, &scope, &a->permissions[i].ip)) {
            remove_at(a, i);
        }
    }
}

bool permission_is_own(const struct turn_server *s, const struct peer_scope *scope, const struct addr *peer) {
    const struct turn_own *own = &s->settings->plain.own;
    return own->has && !peer_scope_forbid(scope, peer) && own->has(own->ctx, peer);
}

int permission_check_peer(const struct request *r, const struct addr *peer, bool with_port) {
    struct peer_scope scope = permission_scope(r->server, r->allocation);
    bool allowed = with_port ? peer_scope_allow(&scope, peer) : peer_scope_judge_ip(&scope, peer) != PEER_DENIED;
    if (!allowed) {
        return 403;
    }
    return turn_relay_for(r->allocation, peer) ? 0 : 443;
}

int permission_check_data_peer(const struct request *r, const struct addr *peer, bool *own) {
    struct peer_scope scope = permission_scope(r->server, r->allocation);
    int code = permission_check_peer(r, peer, peer->port != 0);
    *own = code == 403 && turn_relay_for(r->allocation, peer) && permission_is_own(r->server, &scope, peer);
    return *own ? 0 : code;
}

/* The peers of a request, without repetition. 0, or an error code. */
static int read_peers(struct request *r, struct addr *peers, size_t *count) {
    *count = 0;
    for (size_t i = 0; i < r->msg->attr_count; i++) {
        struct addr *peer = &peers[*count];
        bool seen = false;
        if (r->msg->attrs[i].type != STUN_ATTR_XOR_PEER_ADDRESS) {
            continue;
        }
        if (stun_attr_xor_addr(r->msg, &r->msg->attrs[i], peer) < 0) {
            return 400;
        }
        r->peer = peer;
        bool own;
        struct addr ip = *peer;
        ip.port = 0; /* a permission has none */
        int code = permission_check_data_peer(r, &ip, &own);
        if (code != 0) {
            return code;
        }
        for (size_t k = 0; k < *count && !seen; k++) {
            seen = addr_equal_ip(&peers[k], peer);
        }
        *count += !seen;
    }
    return *count > 0 ? 0 : 400;
}

/* RFC 8656 section 10.2: all of the peers or none. */
int handle_create_permission(struct request *r) {
    struct turn_allocation *a = r->allocation;
    struct addr peers[STUN_ATTRS_MAX];
    size_t count, fresh = 0;
    int code = read_peers(r, peers, &count);
    if (code != 0) {
        if (r->peer) {
            r->server->event_peer = *r->peer;
            r->peer = &r->server->event_peer;
        }
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        fresh += !permission_find(a, &peers[i]);
    }
    r->server->event_peer = peers[0];
    r->peer = &r->server->event_peer;
    int rc = permission_reserve(a, fresh);
    if (rc < 0) {
        return rc == -ENOSPC ? 508 : 500;
    }
    for (size_t i = 0; i < count; i++) {
        permission_refresh(r->server, a, &peers[i]);
    }
    channel_sync(a);
    allocation_set_timer(r->server, a);
    output_event(r, TURN_EVENT_PERMISSION, a);
    return 0;
}

static enum turn_route route_by_rules(const struct turn_server *s, const struct turn_allocation *a,
                                      const struct addr *peer) {
    const struct turn_permission *p = permission_find(a, peer);
    if (!p || !p->by_port) {
        return p ? TURN_ROUTE_ANY : TURN_ROUTE_NONE;
    }
    struct peer_scope scope = permission_scope(s, a);
    if (peer_scope_allow(&scope, peer)) {
        return TURN_ROUTE_ANY;
    }
    return peer_scope_forbid(&scope, peer) ? TURN_ROUTE_NONE : TURN_ROUTE_OWN;
}

enum turn_route turn_server_route(const struct turn_server *s, const struct turn_allocation *a,
                                  const struct addr *peer) {
    return a->tcp ? TURN_ROUTE_NONE : route_by_rules(s, a, peer);
}

/* One of our own relayed addresses is no exception here: a connection leaves through a socket. */
bool permission_holds(const struct turn_server *s, const struct turn_allocation *a, const struct addr *peer) {
    return route_by_rules(s, a, peer) == TURN_ROUTE_ANY;
}

int turn_server_from_peer(const struct turn_server *s, const struct turn_allocation *a, const struct addr *peer) {
    int how = turn_peer_to_client(a, peer);
    if (how < 0 || !a->by_port) {
        return how;
    }
    struct peer_scope scope = permission_scope(s, a);
    return peer_scope_allow(&scope, peer) ? how : -ERR_FORBIDDEN;
}
