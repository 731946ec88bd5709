/* The TURN server machine: the input is a script of what eight clients, the clock and the admin do. Requests are
 * signed as far as the script wants, so that the fuzzer gets past the credentials. After each step the tables must be
 * sound; at the end, with all clients gone, nothing may be left: no relay, no quota, no timer.
 * covers: src/proto/turn/allocate.c src/proto/turn/allocation.c src/proto/turn/attrs.c src/proto/turn/auth.c
 * covers: src/proto/turn/binding.c src/proto/turn/channel.c src/proto/turn/connect.c src/proto/turn/connection.c
 * covers: src/proto/turn/data.c src/proto/turn/limit.c
 * covers: src/proto/turn/discovery.c
 * covers: src/proto/turn/mobility.c
 * covers: src/proto/turn/nonce.c src/proto/turn/output.c src/proto/turn/pending.c src/proto/turn/permission.c
 * covers: src/proto/turn/quota.c src/proto/turn/refresh.c src/proto/turn/reply.c src/proto/turn/request.c
 * covers: src/proto/turn/realm.c src/proto/turn/peer_scopes.c src/proto/turn/third_party.c
 * covers: src/proto/turn/reservation.c src/proto/turn/server.c src/proto/turn/settings.c */
#include "turn_checks.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CLIENTS = 8, STEPS_MAX = 32, REPLY_TO_STRANGER_MAX = 512, TICKETS = 4, TICKET_BYTES = 32 };

static struct world w;
static struct client clients[CLIENTS];
static struct reader script;
static uint8_t tickets[TICKETS][TICKET_BYTES]; /* the last ones given out */
static unsigned ticket_count;
static bool mobile; /* Allocates ask for tickets */
static bool filled; /* the tables were filled once in this script: it is the dearest step */
static struct peer_rules *strict_rules, *usual_rules;

static struct client *pick(void) { return &clients[reader_u8(&script) % CLIENTS]; }

static struct addr pick_peer(void) { return turn_pick_peer(&script); }

/* One of the peers above is a relayed address of ours, although the usual rules deny it. */
static bool is_own(void *ctx, const struct addr *peer) {
    struct addr own = test_addr("10.0.0.1:5000");
    (void)ctx;
    return addr_equal_ip(&own, peer) && (peer->port == 0 || peer->port == own.port);
}

/* A ticket that was given out, perhaps long ago, perhaps not quite as it was. */
static void add_ticket(struct client *c) {
    uint8_t choice = reader_u8(&script);
    uint8_t *ticket = tickets[choice % TICKETS];
    if (choice & 64) {
        uint8_t changed[TICKET_BYTES];
        memcpy(changed, ticket, sizeof changed);
        changed[choice % TICKET_BYTES] ^= 1;
        stun_write_bytes(&c->w, STUN_ATTR_MOBILITY_TICKET, changed, sizeof changed);
    } else {
        stun_write_bytes(&c->w, STUN_ATTR_MOBILITY_TICKET, ticket, choice & 128 ? TICKET_BYTES - 1 : TICKET_BYTES);
    }
}

static void keep_ticket(const struct client *c) {
    const uint8_t *value;
    size_t len;
    if (stun_msg_bytes(&c->reply, STUN_ATTR_MOBILITY_TICKET, &value, &len) == 0) {
        check(c->reply.class == STUN_SUCCESS && len == TICKET_BYTES && w.settings.mobility, "an odd ticket");
        memcpy(tickets[ticket_count++ % TICKETS], value, len);
    }
}

static void send_it(struct client *c) {
    bool known = c->nonce[0] != '\0';
    int code = client_send(c);
    check(code == -1 || code == 0 || (code >= 300 && code < 600), "an odd code");
    if (c->answered) {
        check(known || w.reply_len <= REPLY_TO_STRANGER_MAX, "a long reply to a stranger");
        client_learn(c);
        keep_ticket(c);
    }
}

/* ---- steps */

static void step_allocate(void) {
    struct client *c = pick();
    uint8_t wishes = reader_u8(&script);
    client_begin(c, STUN_ALLOCATE);
    if (wishes & 1) {
        stun_write_u8(&c->w, STUN_ATTR_REQUESTED_TRANSPORT, wishes & 2 ? 6 : 17);
    } else {
        stun_write_u8(&c->w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    }
    if (wishes & 4) {
        stun_write_u8(&c->w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, reader_u8(&script) % 4);
    }
    if (wishes & 8) {
        stun_write_u8(&c->w, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, wishes & 2 ? 1 : 2);
    }
    if (wishes & 16) {
        uint8_t bits = reader_u8(&script) & 0x80;
        stun_write_bytes(&c->w, STUN_ATTR_EVEN_PORT, &bits, wishes & 2 ? 0 : 1);
    }
    if (wishes & 32) {
        stun_write_u32(&c->w, STUN_ATTR_LIFETIME, reader_u32(&script));
    }
    if (wishes & 64) {
        const struct turn_allocation *a = client_allocation(pick());
        uint8_t token[8] = {reader_u8(&script) % 6};
        stun_write_bytes(&c->w, STUN_ATTR_RESERVATION_TOKEN, a ? a->reservation_token : token, 8);
    }
    if (wishes & 128) {
        stun_write_bytes(&c->w, STUN_ATTR_DONT_FRAGMENT, NULL, 0);
    }
    if (mobile) {
        stun_write_bytes(&c->w, STUN_ATTR_MOBILITY_TICKET, "x", wishes == 255);
    }
    send_it(c);
}

static void step_refresh(void) {
    struct client *c = pick();
    uint8_t wishes = reader_u8(&script);
    client_begin(c, STUN_REFRESH);
    if (wishes & 1) {
        stun_write_u32(&c->w, STUN_ATTR_LIFETIME, wishes & 2 ? 0 : 60U * reader_u8(&script));
    }
    if (wishes & 4) {
        stun_write_u8(&c->w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, wishes & 8 ? 1 : reader_u8(&script) % 4);
    }
    if (wishes & 16) {
        add_ticket(c);
    }
    send_it(c);
}

static void step_permit(void) {
    struct client *c = pick();
    unsigned count = reader_u8(&script) % 80;
    client_begin(c, STUN_CREATE_PERMISSION);
    for (unsigned i = 0; i < count % 60 && !script.failed; i++) {
        struct addr peer = pick_peer();
        stun_write_xor_addr(&c->w, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
    }
    send_it(c);
}

static void step_bind(void) {
    struct client *c = pick();
    uint16_t number = reader_u16(&script);
    struct addr peer = pick_peer();
    client_begin(c, STUN_CHANNEL_BIND);
    stun_write_u32(&c->w, STUN_ATTR_CHANNEL_NUMBER, (uint32_t)(number % 3 ? 0x4000 + number % 128 : number) << 16);
    stun_write_xor_addr(&c->w, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
    send_it(c);
}

/* Many at once, to get the tables full. */
static void step_bind_many(void) {
    struct client *c = pick();
    unsigned count = reader_u8(&script) % 70;
    struct addr first = test_addr("203.0.113.77:1000");
    if (filled) {
        return;
    }
    filled = true;
    for (unsigned i = 0; i < count; i++) {
        struct addr peer = first;
        peer.port = (uint16_t)(peer.port + i);
        peer.ip[3] = (uint8_t)(count % 2 ? peer.ip[3] : i);
        client_begin(c, STUN_CHANNEL_BIND);
        stun_write_u32(&c->w, STUN_ATTR_CHANNEL_NUMBER, (0x4100U + i) << 16);
        stun_write_xor_addr(&c->w, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
        send_it(c);
    }
}

/* Attributes as the script has them, under a right header and signature. */
static void step_attributes(void) {
    static const uint16_t methods[] = {STUN_BINDING,      STUN_ALLOCATE, STUN_REFRESH, STUN_CREATE_PERMISSION,
                                       STUN_CHANNEL_BIND, STUN_SEND,     STUN_CONNECT, STUN_CONNECTION_BIND};
    struct client *c = pick();
    uint8_t choice = reader_u8(&script);
    size_t len = reader_u8(&script) & 0xfc;
    const uint8_t *body = reader_bytes(&script, len);
    client_begin(c, choice < 240 ? methods[choice % 8] : choice);
    if (!body) {
        return;
    }
    writer_bytes(&c->w, body, len);
    client_sign(c);
    struct stun_msg msg;
    if (stun_msg_parse(&msg, c->request, c->w.len) == 0) {
        client_resend(c);
    } else {
        check(world_input(&w, &c->tuple, c->request, c->w.len) == -EBADMSG, "took what does not parse");
    }
}

/* Bytes as the script has them. */
static void step_raw(void) {
    struct client *c = pick();
    size_t len = reader_u8(&script);
    const uint8_t *data = reader_bytes(&script, len);
    if (data) {
        world_input(&w, &c->tuple, data, len);
        check(w.replies <= 1, "more replies than requests");
    }
}

static void step_resend(void) {
    struct client *c = pick();
    if (c->w.len >= STUN_HEADER_BYTES) {
        uint8_t flip = reader_u8(&script);
        if (flip & 1) { /* a bit of it changed on the way */
            uint8_t copy[sizeof c->request];
            size_t at = reader_u8(&script) % c->w.len;
            memcpy(copy, c->request, c->w.len);
            copy[at] ^= (uint8_t)(flip | 2);
            world_input(&w, &c->tuple, copy, c->w.len);
        } else {
            world_input(&w, &c->tuple, c->request, c->w.len);
        }
    }
}

/* To where something ends, or a moment. */
static void step_sleep(void) {
    static const double seconds[] = {0.1, 1, 5, 11, 31, 61, 301, 601};
    world_sleep(&w, seconds[reader_u8(&script) % 8]);
}

static void step_identity(void) { turn_change_identity(&w, pick(), &script); }

/* Clients with odd addresses are sent away, and all when the server is full. */
static bool pick_alternate(void *ctx, const struct five_tuple *client, bool full, struct addr *out) {
    (void)ctx;
    *out = test_addr("192.0.2.222:3478");
    return full || client->remote.ip[3] % 2;
}

static void step_admin(void) {
    uint8_t what = reader_u8(&script);
    w.settings.strict_expiry = what & 1;
    w.settings.sha256 = what & 2;
    w.settings.tcp = (what & 3) != 3;
    w.settings.dont_fragment = what & 4;
    w.settings.relay_ipv6 = what & 8;
    w.settings.realm = what & 16 ? "example.org" : "other.example";
    w.settings.software = what & 32 ? "turnout" : NULL;
    w.settings.peers = what & 64 ? strict_rules : usual_rules;
    w.settings.challenge_rate = what & 128 ? 3 : 0;
    w.settings.anonymity = what & 8;
    w.settings.nonce_lifetime_s = 60;
    w.settings.alternates.pick = (what & 3) == 3 ? pick_alternate : NULL;
    check(world_configure(&w) == 0, "settings refused");
}

static void step_world(void) {
    uint8_t what = reader_u8(&script);
    w.hold_keys = what & 1;
    w.hold_relays = what & 2;
    w.user_quota = what & 4 ? 2 : 0;
    w.total_quota = what & 8 ? 3 : 0;
    w.ports = what & 16 ? 4 : 64;
    w.hold_connects = (what & 132) == 132;
    w.refuse_connects = (what & 132) == 128;
    w.hold_takes = (what & 136) == 136;
    mobile = what & 32;
    if (w.settings.mobility != (bool)(what & 64)) {
        w.settings.mobility = what & 64;
        check(world_configure(&w) == 0, "settings refused");
    }
}

/* A Binding request while NAT behaviour discovery is on: the answer goes to the source's address and no other, and
 * where it may be sent elsewhere or padded it is not longer than the request. */
static void step_discover(void) {
    static const uint16_t types[] = {STUN_ATTR_CHANGE_REQUEST, STUN_ATTR_RESPONSE_PORT, STUN_ATTR_PADDING,
                                     STUN_ATTR_SOFTWARE};
    enum { SHORTEST = 32 + 8 };
    struct client *c = pick();
    unsigned count = reader_u8(&script) % 5;
    client_begin(c, STUN_BINDING);
    for (unsigned i = 0; i < count; i++) {
        uint8_t choice = reader_u8(&script);
        size_t len = choice & 8 ? reader_u8(&script) : 4;
        const uint8_t *value = reader_bytes(&script, len);
        if (value) {
            stun_write_bytes(&c->w, types[choice % 4], value, len);
        }
    }
    if (count & 1) {
        stun_write_fingerprint(&c->w);
    }
    long len = stun_write_end(&c->w);
    w.settings.discovery[0] = (struct turn_discovery){{test_addr("192.0.2.200:3478"), test_addr("192.0.2.201:3479")},
                                                      {test_addr("192.0.2.200:3478"), test_addr("192.0.2.201:3479")}};
    w.settings.discovery_count = 1;
    check(world_configure(&w) == 0 && len > 0, "settings refused");
    world_input(&w, &c->tuple, c->request, (size_t)len);
    w.settings.discovery_count = 0;
    struct stun_msg msg;
    if (w.replies > 0 && stun_msg_parse(&msg, c->request, (size_t)len) == 0) {
        bool bounded =
            w.reply_code == 0 && (stun_msg_has(&msg, STUN_ATTR_RESPONSE_PORT) || stun_msg_has(&msg, STUN_ATTR_PADDING));
        check(w.replies == 1 && addr_equal_ip(&w.reply_to.remote, &c->tuple.remote), "an answer to somebody else");
        check(w.reply_to.remote.port == c->tuple.remote.port || w.reply_to.remote.port >= 1024, "a port below 1024");
        check(!bounded || w.reply_len <= (size_t)len || w.reply_len <= SHORTEST, "an answer longer than its request");
        check(stun_msg_parse(&msg, w.reply, w.reply_len) == 0, "an answer that does not parse");
    }
    check(world_configure(&w) == 0, "settings refused");
}

static void step_answer(void) {
    uint8_t which = reader_u8(&script);
    if (which & 2) {
        if (which & 1 && w.questions_take > 0) {
            world_answer_take(&w);
        } else if (w.questions_connect > 0) {
            world_answer_connect(&w, which & 4);
        }
    } else if (which & 1) {
        if (w.questions_relay > 0) {
            world_answer_relay(&w);
        }
    } else if (w.questions_key > 0) {
        world_answer_key(&w);
    }
}

static void step_gone(void) {
    turn_server_client_gone(w.server, &pick()->tuple);
    world_drain(&w);
}

static void step_kill(void) {
    struct turn_allocation *a = client_allocation(pick());
    if (a) {
        check(turn_server_find_id(w.server, a->id) == a, "an id that finds another");
        turn_server_kill(w.server, a);
        world_drain(&w);
    }
}

static void step_connect(void) {
    struct client *c = pick();
    struct addr peer = pick_peer();
    client_begin(c, STUN_CONNECT);
    stun_write_xor_addr(&c->w, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
    send_it(c);
}

static uint32_t pick_connection(void) {
    uint8_t choice = reader_u8(&script);
    return w.open_peers > 0 && choice < 250 ? w.peers[choice % w.open_peers] : choice;
}

static void step_bind_connection(void) {
    struct client *c = pick();
    client_begin(c, STUN_CONNECTION_BIND);
    stun_write_u32(&c->w, STUN_ATTR_CONNECTION_ID, pick_connection());
    send_it(c);
}

static void step_peer_connects(void) {
    struct turn_allocation *a = client_allocation(pick());
    struct addr peer = pick_peer();
    char text[ADDR_TEXT_MAX];
    if (w.open_peers > 0 && reader_u8(&script) % 4 == 0) {
        turn_server_connection_closed(w.server, pick_connection());
        world_drain(&w);
    } else if (a) {
        bool permitted = a->tcp && turn_peer_to_client(a, &peer) == TURN_AS_DATA_INDICATION;
        check(world_peer_connects(&w, a, addr_format(&peer, text)) < 0 || permitted, "a peer unasked");
    }
}

/* The packet path: whatever it lets through must be permitted. */
static void step_packets(void) {
    struct client *c = pick();
    const struct turn_allocation *a = client_allocation(c);
    uint8_t choice = reader_u8(&script);
    struct addr peer = pick_peer();
    size_t len = reader_u8(&script);
    const uint8_t *data = reader_bytes(&script, len);
    uint8_t buf[TURN_DATA_HEADROOM_V6 + 256 + TURN_DATA_TAILROOM];
    struct turn_send send;
    uint16_t number;
    size_t payload, total;
    struct stun_msg msg;
    if (!data) {
        return;
    }
    turn_channel_data_parse(data, len, &number, &payload);
    turn_send_indication_parse(&send, data, len);
    struct writer out;
    writer_init(&out, buf, sizeof buf);
    stun_write_header(&out, STUN_INDICATION, STUN_SEND, c->request + 8);
    writer_bytes(&out, data, len & 0xfc);
    long n = stun_write_end(&out);
    if (n > 0 && turn_send_indication_parse(&send, buf, (size_t)n) == 0) {
        check(send.data >= buf && send.data + send.len <= buf + n, "payload outside the message");
    }
    if (choice & 1) {
        stun_write_xor_addr(&out, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
        stun_write_bytes(&out, STUN_ATTR_DATA, "x", 1);
        n = stun_write_end(&out);
        if (n > 0) {
            turn_send_indication_parse(&send, buf, (size_t)n);
        }
    }
    if (a && turn_ends_move(a, &c->tuple)) {
        turn_server_confirm_move(w.server, client_allocation(c));
        world_drain(&w);
        check(client_allocation(c) == a && five_tuple_equal(&a->client, &c->tuple), "a move that goes elsewhere");
    }
    if (a && !a->tcp) {
        int how = turn_peer_to_client(a, &peer);
        const struct turn_channel *back = turn_channel_to_peer(a, (uint16_t)(how > 0 ? how : 0x4000 + choice));
        check(how <= 0 || (back && addr_equal(&back->peer, &peer)), "a channel that leads elsewhere");
        check(how != 0 || turn_server_route(w.server, a, &peer) != TURN_ROUTE_NONE || w.settings.peers == strict_rules,
              "one way only");
    }
    memcpy(buf + TURN_DATA_HEADROOM_V6, data, len);
    uint8_t *m = turn_data_indication_wrap(buf + TURN_DATA_HEADROOM_V6, len, &peer, &total);
    check(stun_msg_parse(&msg, m, total) == 0, "a Data indication that does not parse");
}

static void start(void) {
    static bool ready;
    if (!ready) {
        static const char *const rules[] = {"-203.0.113.9:5001", "-203.0.113.10", "+10.0.0.1:5000",
                                            "-192.0.2.200:3478"};
        world_init(&w);
        usual_rules = w.rules;
        w.rules = NULL;
        world_set_rules(&w, rules, 4);
        strict_rules = w.rules;
        turn_add_realms(&w);
        ready = true;
    }
    w.hold_keys = w.hold_relays = w.hold_connects = w.refuse_connects = w.hold_takes = false;
    w.user_quota = w.total_quota = 0;
    w.ports = 64;
    w.questions_key = w.questions_relay = w.questions_connect = w.questions_take = 0;
    w.settings.own.has = is_own;
    w.settings.strict_expiry = w.settings.sha256 = w.settings.anonymity = false;
    w.settings.mobility = mobile = false;
    memset(tickets, 0, sizeof tickets);
    ticket_count = 0;
    w.settings.tcp = w.settings.relay_ipv6 = w.settings.dont_fragment = true;
    w.settings.realm = "example.org";
    w.settings.software = NULL;
    w.settings.challenge_rate = w.settings.nonce_lifetime_s = 0;
    w.settings.alternates.pick = NULL;
    w.settings.peers = usual_rules;
    check(world_configure(&w) == 0, "settings refused");
    for (unsigned i = 0; i < CLIENTS; i++) {
        client_init(&clients[i], &w, i);
        clients[i].tuple.transport = i < CLIENTS / 2 ? TRANSPORT_UDP : TRANSPORT_TCP;
    }
}

static void end(void) {
    uint32_t cursor = 0;
    for (struct turn_allocation *a; (a = turn_server_next(w.server, &cursor));) {
        turn_check_unique(a);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        turn_server_client_gone(w.server, &clients[i].tuple);
        world_drain(&w);
    }
    world_sleep(&w, 302); /* what could be taken up again ends by itself */
    check(turn_server_count(w.server) == 0, "an allocation is left");
    check(w.open_relays == 0 && w.open_peers == 0, "a relay or a peer's connection is left");
    check(w.total == 0, "quota is left");
    check(turn_server_deadline(w.server) == UINT64_MAX, "a timer is left");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const steps[])(void) = {
        step_allocate, step_refresh, step_permit,   step_bind,    step_bind_many,       step_attributes,   step_raw,
        step_resend,   step_sleep,   step_identity, step_admin,   step_world,           step_answer,       step_gone,
        step_kill,     step_packets, step_discover, step_connect, step_bind_connection, step_peer_connects};
    start();
    filled = false;
    reader_init(&script, data, size);
    for (unsigned i = 0; i < STEPS_MAX && reader_left(&script) > 0 && !script.failed; i++) {
        steps[reader_u8(&script) % (sizeof steps / sizeof steps[0])]();
        turn_check_world(&w, CLIENTS);
    }
    end();
    return 0;
}
