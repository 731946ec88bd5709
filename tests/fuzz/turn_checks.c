#include "turn_checks.h"

#include <stdio.h>
#include <stdlib.h>

void check(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "fuzz_turn: %s\n", what);
        abort();
    }
}

void turn_check_unique(const struct turn_allocation *a) {
    for (unsigned i = 0; i < a->permission_count; i++) {
        for (unsigned k = 0; k < i; k++) {
            check(!addr_equal_ip(&a->permissions[i].ip, &a->permissions[k].ip), "a permission twice");
        }
    }
    for (unsigned i = 0; i < a->channel_count; i++) {
        bool permitted = false;
        for (unsigned k = 0; k < a->permission_count; k++) {
            permitted |= addr_equal_ip(&a->permissions[k].ip, &a->channels[i].peer);
        }
        check(a->channels[i].permitted == permitted, "a channel's permission");
        for (unsigned k = 0; k < i; k++) {
            check(a->channels[i].number != a->channels[k].number &&
                      !addr_equal(&a->channels[i].peer, &a->channels[k].peer),
                  "a channel twice");
        }
    }
}

static void check_allocation(const struct world *w, const struct turn_allocation *a) {
    check(!a->dying && a->relay_count >= 1 && a->relay_count <= TURN_RELAYS_MAX, "relays");
    check(a->permission_count <= a->permission_room && a->permission_room <= TURN_PERMISSIONS_MAX, "permissions");
    check(a->channel_count <= a->channel_room && a->channel_room <= TURN_CHANNELS_MAX, "channels");
    check(a->expiry_us > w->now.now_us - 100000, "outlived its time");
    check(!a->moving || a->mobility, "moves without a ticket");
    check(a->client.local.port == 0 || turn_client_find(w->server, &a->client) == a, "not found where it is");
    for (unsigned i = 0; i < a->permission_count; i++) {
        const struct addr *ip = &a->permissions[i].ip;
        enum peer_verdict verdict = peer_rules_judge_ip(w->settings.peers, ip);
        check(verdict != PEER_DENIED || w->settings.own.has(NULL, ip), "a forbidden peer");
        check(verdict == PEER_ALLOWED || a->by_port, "a peer that is not asked for");
        check(a->permissions[i].expiry_us + 100000 > w->now.now_us, "a permission outlived its time");
    }
    for (unsigned i = 0; i < a->channel_count; i++) {
        const struct turn_channel *c = &a->channels[i];
        check(c->own != peer_rules_allow(w->settings.peers, &c->peer), "a channel to a forbidden peer");
        check(!c->own || w->settings.own.has(NULL, &c->peer), "a channel that leads nowhere");
    }
}

void turn_check_world(const struct world *w, unsigned clients) {
    uint32_t cursor = 0;
    unsigned relays = 0;
    for (struct turn_allocation *a; (a = turn_server_next(w->server, &cursor));) {
        check_allocation(w, a);
        relays += a->relay_count;
    }
    check(relays <= w->open_relays, "an allocation on a closed relay");
    check(turn_server_count(w->server) <= w->total, "an allocation without quota");
    check(w->total <= clients * 2, "quota leaks");
}
