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
    check(a->connection_count <= TURN_CONNECTIONS_MAX && a->connections_waiting <= TURN_CONNECTIONS_WAITING_MAX &&
              a->connections_waiting <= a->connection_count,
          "connections");
    check(a->tcp ? a->channel_count == 0 && !a->mobility : a->connection_count == 0, "a TCP relay, or none");
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
    unsigned relays = 0, connections = 0;
    for (struct turn_allocation *a; (a = turn_server_next(w->server, &cursor));) {
        check_allocation(w, a);
        relays += a->relay_count;
        connections += a->connection_count;
    }
    check(relays <= w->open_relays, "an allocation on a closed relay");
    check(w->open_peers <= connections, "a peer's connection without an allocation");
    for (unsigned i = 0; i < w->open_peers; i++) {
        check(turn_server_connection_find(w->server, w->peers[i]) != NULL, "a connection that is not known");
    }
    check(turn_server_count(w->server) <= w->total, "an allocation without quota");
    check(w->total <= clients * 2, "quota leaks");
}

void turn_change_identity(const struct world *w, struct client *c, struct reader *script) {
    uint8_t who = reader_u8(script);
    c->hashed = who & 32;
    c->sha256 = who & 64;
    c->fingerprint = who & 128;
    switch (who % 8) {
    case 0:
        snprintf(c->user, sizeof c->user, "alice");
        snprintf(c->password, sizeof c->password, "wonder");
        break;
    case 1:
        snprintf(c->user, sizeof c->user, "bob");
        snprintf(c->password, sizeof c->password, "builder");
        break;
    case 2:
        snprintf(c->user, sizeof c->user, "mallory");
        break;
    case 3:
        snprintf(c->password, sizeof c->password, "guess");
        break;
    case 4:
        client_set_ephemeral(c, "south", w->now.wall_s + 600, "carol");
        break;
    case 5:
        c->nonce[reader_u8(script) % 8] = 'A';
        break;
    default:
        client_set_ephemeral(c, "north", w->now.wall_s + reader_u8(script), "carol");
    }
}

struct addr turn_pick_peer(struct reader *script) {
    static const char *const peers[] = {"203.0.113.9:5000",    "203.0.113.9:5001", "203.0.113.10:5000", "10.0.0.1:5000",
                                        "[2001:db8::9]:5000",  "[fe80::1]:5000",   "192.0.2.200:3478",  "192.0.2.200:7",
                                        "[2002:a00:1::1]:500", "[::1]:80"};
    size_t n = sizeof peers / sizeof peers[0];
    uint8_t choice = reader_u8(script);
    struct addr a;
    if (choice % 16 < n) {
        return test_addr(peers[choice % 16]);
    }
    uint32_t ip = choice % 2 ? 0xcb007100U + reader_u8(script) : reader_u32(script);
    uint8_t bytes[4];
    store_be32(bytes, ip);
    addr_from_bytes(&a, bytes, 4, (uint16_t)(5000 + choice / 16));
    return a;
}

void turn_add_realms(struct world *w) {
    static const char *const secrets[] = {"north", "east"};
    static const struct turn_oauth_key keys[] = {{.kid = "alice", .key = "0123456789abcdef", .key_len = 16}};
    static const struct turn_realm realm = {.name = "other.example",
                                            .secrets = secrets,
                                            .secret_count = 2,
                                            .anonymity = true,
                                            .oauth_keys = keys,
                                            .oauth_key_count = 1,
                                            .oauth_name = "turn.example"};
    static const struct turn_realm_way way = {.kind = TURN_WAY_ORIGIN, .text = "https://b.example"};
    w->settings.realms = &realm;
    w->settings.ways = &way;
    w->settings.realm_count = w->settings.way_count = 1;
}
