#include "lib/turn_world.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "turn_world: %s\n", what);
        abort();
    }
}

struct addr test_addr(const char *text) {
    struct addr a;
    need(addr_parse(&a, text) == 0, text);
    return a;
}

/* ---- quotas */

static int quota_take(void *ctx, const char *realm, const char *user) {
    struct world *w = ctx;
    char key[64];
    snprintf(key, sizeof key, "%s/%s", realm, user);
    if (w->total_quota && w->total >= w->total_quota) {
        return -ENOSPC;
    }
    for (unsigned i = 0; i < WORLD_USER_QUOTA_NAMES; i++) {
        if (w->names[i].count == 0 || strcmp(w->names[i].name, key) == 0) {
            if (w->user_quota && w->names[i].count >= w->user_quota) {
                return -ERR_QUOTA;
            }
            snprintf(w->names[i].name, sizeof w->names[i].name, "%s", key);
            w->names[i].count++;
            w->total++;
            return 0;
        }
    }
    return -ENOSPC;
}

static void quota_give(void *ctx, const char *realm, const char *user) {
    struct world *w = ctx;
    char key[64];
    snprintf(key, sizeof key, "%s/%s", realm, user);
    for (unsigned i = 0; i < WORLD_USER_QUOTA_NAMES; i++) {
        if (w->names[i].count > 0 && strcmp(w->names[i].name, key) == 0) {
            w->names[i].count--;
            w->total--;
            return;
        }
    }
    need(false, "quota given back that was not taken");
}

/* ---- ports */

static struct turn_relay take_port(struct world *w, unsigned i, uint8_t family) {
    struct turn_relay relay = {.addr = test_addr(family == AF_INET ? "192.0.2.200" : "[2001:db8:200::1]:0")};
    relay.addr.port = (uint16_t)(50000 + i);
    relay.handle = &w->port_taken[i];
    w->port_taken[i] = true;
    w->open_relays++;
    return relay;
}

static void close_port(struct world *w, void *handle) {
    bool *taken = handle;
    need(taken >= w->port_taken && taken < w->port_taken + WORLD_PORTS && *taken, "closes a relay that is not open");
    *taken = false;
    w->open_relays--;
}

static int answer_relay(struct world *w, const struct turn_output *out) {
    unsigned step = out->open.even ? 2 : 1;
    for (unsigned i = 0; i + out->open.reserve_pair < w->ports; i += step) {
        if (!w->port_taken[i] && !(out->open.reserve_pair && w->port_taken[i + 1])) {
            struct turn_opened opened = {.relay = take_port(w, i, out->open.family)};
            if (out->open.reserve_pair) {
                opened.reserved = take_port(w, i + 1, out->open.family);
            }
            int rc = turn_server_relay_opened(w->server, out->request, &opened, &w->now);
            if (rc < 0) {
                close_port(w, opened.relay.handle);
                if (opened.reserved.handle) {
                    close_port(w, opened.reserved.handle);
                }
            }
            return rc;
        }
    }
    return turn_server_relay_failed(w->server, out->request, &w->now);
}

/* ---- TCP connections with peers */

static void open_peer(struct world *w, uint32_t id) {
    need(w->open_peers < WORLD_PEERS, "too many peers");
    w->peers[w->open_peers++] = id;
}

bool world_has_peer(const struct world *w, uint32_t id) {
    for (unsigned i = 0; i < w->open_peers; i++) {
        if (w->peers[i] == id) {
            return true;
        }
    }
    return false;
}

static void close_peer(struct world *w, uint32_t id) {
    for (unsigned i = 0; i < w->open_peers; i++) {
        if (w->peers[i] == id) {
            w->peers[i] = w->peers[--w->open_peers];
            return;
        }
    }
}

static int answer_connect(struct world *w, const struct turn_output *out, bool connected) {
    if (!connected) {
        return turn_server_connect_failed(w->server, out->connection.id, &w->now);
    }
    int rc = turn_server_connected(w->server, out->connection.id, &w->now);
    if (rc == 0) {
        open_peer(w, out->connection.id);
    }
    return rc;
}

/* The one server plays all workers. */
static int answer_take(struct world *w, const struct turn_output *out) {
    int code = turn_server_connection_take(w->server, out->connection.id, w->taking_user, w->taking_realm);
    int rc = turn_server_taken(w->server, out->request, code, &w->now);
    if (rc < 0 && code == 0) {
        turn_server_connection_closed(w->server, out->connection.id);
    }
    return rc;
}

/* ---- keys */

static bool is_user(struct world *w, const char *name, const struct stun_credentials *who) {
    uint8_t hash[STUN_SHA256_BYTES];
    if (!w->held_hash) {
        return strcmp(who->user, name) == 0;
    }
    need(stun_derive_userhash(w->crypto, who, hash) == 0, "no hash");
    return memcmp(hash, name, sizeof hash) == 0;
}

static int answer_key(struct world *w, const struct turn_output *out, const char *name) {
    for (unsigned i = 0; i < WORLD_USERS && w->users[i].name; i++) {
        const struct world_user *user = &w->users[i];
        struct stun_credentials who = {user->name,     strlen(user->name),    w->held_realm, strlen(w->held_realm),
                                       user->password, strlen(user->password)};
        if (is_user(w, name, &who)) {
            uint8_t bytes[STUN_KEY_BYTES_MAX];
            int len = stun_derive_key(w->crypto, out->lookup.sha256 ? STUN_HASH_SHA256 : STUN_HASH_SHA1, &who, bytes);
            need(len > 0, "no key");
            struct turn_key key = {bytes, (size_t)len, user->name};
            return turn_server_key(w->server, out->request, &key, &w->now);
        }
    }
    return turn_server_key(w->server, out->request, NULL, &w->now);
}

static void hold_key(struct world *w, const struct turn_output *out) {
    w->questions_key++;
    w->held_key = *out;
    snprintf(w->held_realm, sizeof w->held_realm, "%s", out->lookup.realm);
    w->held_hash = out->lookup.userhash != NULL;
    if (w->held_hash) {
        memcpy(w->held_user, out->lookup.userhash, STUN_SHA256_BYTES);
    } else {
        snprintf(w->held_user, sizeof w->held_user, "%s", out->lookup.user);
    }
    if (!w->hold_keys) {
        answer_key(w, out, w->held_user);
    }
}

/* ---- outputs */

static void note_event(struct world *w, const struct turn_output *out) {
    if (w->log_count < WORLD_LOG) {
        unsigned i = w->log_count++;
        w->log[i].event = out->event.event;
        w->log[i].reason = out->event.reason;
        snprintf(w->log[i].user, sizeof w->log[i].user, "%s", out->event.user);
        snprintf(w->log[i].id, sizeof w->log[i].id, "%s", out->allocation ? out->allocation->id : "");
    }
}

static void note_reply(struct world *w, const struct turn_output *out) {
    need(out->reply.len <= sizeof w->reply, "a reply too long");
    memcpy(w->reply, out->reply.bytes, out->reply.len);
    w->reply_len = out->reply.len;
    w->reply_code = out->reply.code;
    w->reply_to = out->client;
    w->replies++;
}

static void carry_out(struct world *w, const struct turn_output *out) {
    switch (out->type) {
    case TURN_OUTPUT_REPLY:
        note_reply(w, out);
        break;
    case TURN_OUTPUT_INDICATION:
        memcpy(w->indication, out->reply.bytes, out->reply.len);
        w->indication_len = out->reply.len;
        w->indication_to = out->client;
        break;
    case TURN_OUTPUT_CONNECT:
        w->questions_connect++;
        w->held_connect = *out;
        if (!w->hold_connects) {
            answer_connect(w, out, !w->refuse_connects);
        }
        break;
    case TURN_OUTPUT_TAKE_CONNECTION:
        w->questions_take++;
        w->held_take = *out;
        snprintf(w->taking_user, sizeof w->taking_user, "%s", out->connection.user);
        snprintf(w->taking_realm, sizeof w->taking_realm, "%s", out->connection.realm);
        if (!w->hold_takes) {
            answer_take(w, out);
        }
        break;
    case TURN_OUTPUT_CLOSE_CONNECTION:
        close_peer(w, out->connection.id);
        break;
    case TURN_OUTPUT_OPEN_RELAY:
        w->questions_relay++;
        w->held_relay = *out;
        if (!w->hold_relays) {
            answer_relay(w, out);
        }
        break;
    case TURN_OUTPUT_CLOSE_RELAY:
        close_port(w, out->close);
        break;
    case TURN_OUTPUT_LOOKUP_KEY:
        hold_key(w, out);
        break;
    case TURN_OUTPUT_FORWARD:
        w->forwarded_to = (int)out->forward.worker;
        break;
    case TURN_OUTPUT_EVENT:
        note_event(w, out);
        break;
    }
}

void world_drain(struct world *w) {
    struct turn_output out;
    while (turn_server_poll(w->server, &out)) {
        carry_out(w, &out);
    }
}

static void forget(struct world *w) {
    w->reply_len = 0;
    w->reply_code = -1;
    w->replies = 0;
    w->log_count = 0;
    w->forwarded_to = -1;
    w->indication_len = 0;
}

int world_input(struct world *w, const struct five_tuple *client, const uint8_t *data, size_t len) {
    forget(w);
    int rc = turn_server_input(w->server, client, data, len, &w->now);
    world_drain(w);
    return rc;
}

int world_answer_relay(struct world *w) {
    forget(w);
    int rc = answer_relay(w, &w->held_relay);
    world_drain(w);
    return rc;
}

int world_answer_connect(struct world *w, bool connected) {
    forget(w);
    int rc = answer_connect(w, &w->held_connect, connected);
    world_drain(w);
    return rc;
}

int world_answer_take(struct world *w) {
    forget(w);
    int rc = answer_take(w, &w->held_take);
    world_drain(w);
    return rc;
}

int64_t world_peer_connects(struct world *w, struct turn_allocation *a, const char *peer) {
    struct addr from = test_addr(peer);
    uint32_t id;
    forget(w);
    int rc = turn_server_peer_connected(w->server, a, &from, &id, &w->now);
    if (rc == 0) {
        open_peer(w, id);
    }
    world_drain(w);
    return rc < 0 ? rc : (int64_t)id;
}

int world_answer_key(struct world *w) {
    forget(w);
    int rc = answer_key(w, &w->held_key, w->held_user);
    world_drain(w);
    return rc;
}

void world_sleep(struct world *w, double seconds) {
    uint64_t start = w->now.now_us;
    uint64_t start_s = w->now.wall_s;
    uint64_t end = start + (uint64_t)(seconds * 1e6);
    forget(w);
    for (;;) {
        uint64_t due = turn_server_deadline(w->server);
        if (due > end) {
            break;
        }
        w->now.now_us = due > w->now.now_us ? due : w->now.now_us;
        turn_server_timeout(w->server, w->now.now_us);
        need(turn_server_deadline(w->server) > w->now.now_us, "a deadline in the past after a timeout");
        world_drain(w);
    }
    w->now.now_us = end;
    w->now.wall_s = start_s + (end - start) / 1000000;
}

bool world_saw(const struct world *w, enum turn_event event, enum turn_reason reason) {
    for (unsigned i = 0; i < w->log_count; i++) {
        if (w->log[i].event == event && w->log[i].reason == reason) {
            return true;
        }
    }
    return false;
}

/* ---- life */

void world_set_rules(struct world *w, const char *const *rules, size_t count) {
    struct peer_rules_builder *b = peer_rules_builder_new();
    need(b != NULL, "no memory");
    for (size_t i = 0; i < count; i++) {
        need(peer_rules_add(b, rules[i] + 1, rules[i][0] == '+') == 0, rules[i]);
    }
    struct peer_rules *old = w->rules;
    w->rules = peer_rules_compile(b);
    need(w->rules != NULL, "no memory");
    w->settings.peers = w->rules;
    if (w->server) {
        need(turn_server_configure(w->server, &w->settings) == 0, "configure");
    }
    peer_rules_free(old);
}

int world_configure(struct world *w) {
    int rc = turn_server_configure(w->server, &w->settings);
    forget(w);
    world_drain(w);
    return rc;
}

void world_init(struct world *w) {
    memset(w, 0, sizeof *w);
    w->crypto = stun_crypto_new();
    w->now = (struct turn_time){.now_us = 1000000000, .wall_s = 1700000000};
    w->ports = WORLD_PORTS;
    w->users[0] = (struct world_user){"alice", "wonder"};
    w->users[1] = (struct world_user){"bob", "builder"};
    w->secrets[0] = "north";
    w->settings = (struct turn_settings){.realm = "example.org",
                                         .secrets = w->secrets,
                                         .secret_count = 1,
                                         .has_users = true,
                                         .dont_fragment = true,
                                         .relay_ipv4 = true,
                                         .relay_ipv6 = true,
                                         .worker_count = 4,
                                         .nonce_key = {1, 2, 3},
                                         .quota = {quota_take, quota_give, w}};
    world_set_rules(w, NULL, 0);
    w->server = turn_server_new(&w->settings, w->now.now_us);
    need(w->crypto && w->server, "no memory");
    forget(w);
}

void world_deinit(struct world *w) {
    turn_server_free(w->server);
    peer_rules_free(w->rules);
    stun_crypto_free(w->crypto);
}
