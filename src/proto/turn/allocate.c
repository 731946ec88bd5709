/* Allocate (RFC 8656 section 7, RFC 6062 section 5.1): check, take quota, have the caller open one or two relays, create. */
#include "proto/turn/internal.h"

#include <errno.h>
#include <stdlib.h>

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, WIRE_IPV4 = 1, WIRE_IPV6 = 2 };

static bool family_served(const struct request *r, uint8_t family) {
    const struct turn_settings *plain = &r->server->settings->plain;
    return family == AF_INET ? plain->relay_ipv4 : plain->relay_ipv6;
}

/* ADDRESS-ERROR-CODE (section 18.12): family, zeros, class, number, reason. */
static void write_address_error(struct writer *w, const struct turn_allocation *a) {
    const char *reason = stun_error_reason(a->failed_code);
    uint8_t value[64] = {a->failed_family == AF_INET ? WIRE_IPV4 : WIRE_IPV6, 0, (uint8_t)(a->failed_code / 100),
                         (uint8_t)(a->failed_code % 100)};
    size_t len = strlen(reason);
    len = len < sizeof value - 4 ? len : sizeof value - 4;
    memcpy(value + 4, reason, len);
    stun_write_bytes(w, STUN_ATTR_ADDRESS_ERROR_CODE, value, 4 + len);
}

/* The same for the first answer and for a retransmission. */
static void write_success(struct request *r, const struct turn_allocation *a) {
    uint64_t left_us = a->expiry_us > r->now.now_us ? a->expiry_us - r->now.now_us : 0;
    for (uint8_t i = 0; i < a->relay_count; i++) {
        stun_write_xor_addr(&r->reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &a->relays[i].addr);
    }
    stun_write_u32(&r->reply, STUN_ATTR_LIFETIME, (uint32_t)((left_us + US_PER_S - 1) / US_PER_S));
    if (a->has_reservation) {
        stun_write_bytes(&r->reply, STUN_ATTR_RESERVATION_TOKEN, a->reservation_token, sizeof a->reservation_token);
    }
    stun_write_xor_addr(&r->reply, STUN_ATTR_XOR_MAPPED_ADDRESS, &r->client->remote);
    mobility_write_ticket(r, a);
    if (a->failed_family != 0) {
        write_address_error(&r->reply, a);
    }
}

static bool comes_by_stream(const struct request *r) {
    return r->client->transport == TRANSPORT_TCP || r->client->transport == TRANSPORT_TLS;
}

/* RFC 6062 section 5.1: for clients on streams, and without what only a UDP port can have. */
static int check_tcp(const struct request *r) {
    bool ok = comes_by_stream(r) && !stun_msg_has(r->msg, STUN_ATTR_DONT_FRAGMENT) &&
              !stun_msg_has(r->msg, STUN_ATTR_EVEN_PORT) && !stun_msg_has(r->msg, STUN_ATTR_RESERVATION_TOKEN);
    return ok ? 0 : 400;
}

/* REQUESTED-TRANSPORT and DONT-FRAGMENT. */
static int check_transport(struct request *r, struct allocate_plan *plan) {
    uint8_t protocol;
    if (stun_msg_u8(r->msg, STUN_ATTR_REQUESTED_TRANSPORT, &protocol) < 0) {
        return 400;
    }
    if (protocol == PROTOCOL_TCP && r->server->settings->plain.tcp) {
        plan->tcp = true;
        return check_tcp(r);
    }
    if (protocol != PROTOCOL_UDP) {
        return 442;
    }
    if (stun_msg_has(r->msg, STUN_ATTR_DONT_FRAGMENT) && !r->server->settings->plain.dont_fragment) {
        r->unknown[r->unknown_count++] = STUN_ATTR_DONT_FRAGMENT;
        return 420;
    }
    return 0;
}

/* The type under which a second family is asked for, or 0. Clients older than RFC 8656 have the draft's. */
static uint16_t second_family_type(const struct request *r) {
    static const uint16_t types[] = {STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, STUN_ATTR_DRAFT_ADDITIONAL_ADDRESS_FAMILY};
    return stun_msg_has(r->msg, types[0]) ? types[0] : stun_msg_has(r->msg, types[1]) ? types[1] : 0;
}

/* RESERVATION-TOKEN excludes EVEN-PORT and the choice of a family. */
static int read_port_wishes(const struct request *r, struct allocate_plan *plan) {
    uint8_t even = 0;
    const uint8_t *token;
    size_t token_len;
    int has_even = stun_msg_u8(r->msg, STUN_ATTR_EVEN_PORT, &even);
    int has_token = stun_msg_bytes(r->msg, STUN_ATTR_RESERVATION_TOKEN, &token, &token_len);
    bool chooses = stun_msg_has(r->msg, STUN_ATTR_REQUESTED_ADDRESS_FAMILY) || second_family_type(r) != 0;
    if (has_even == -EBADMSG) {
        return 400;
    }
    plan->even = has_even == 0;
    plan->pair = plan->even && (even & 0x80);
    if (has_token == 0) {
        if (token_len != sizeof plan->token || plan->even || chooses) {
            return 400;
        }
        plan->has_token = true;
        memcpy(plan->token, token, token_len);
    }
    return 0;
}

static int plan_two_families(const struct request *r, struct allocate_plan *plan) {
    uint8_t wire;
    if (stun_msg_u8(r->msg, second_family_type(r), &wire) < 0 || wire != WIRE_IPV6 || plan->pair ||
        stun_msg_has(r->msg, STUN_ATTR_REQUESTED_ADDRESS_FAMILY)) {
        return 400;
    }
    static const uint8_t both[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < 2; i++) {
        if (family_served(r, both[i])) {
            plan->families[plan->family_count++] = both[i];
        } else {
            plan->failed_family = both[i];
            plan->failed_code = 440;
        }
    }
    return plan->family_count > 0 ? 0 : 440;
}

static int read_families(const struct request *r, struct allocate_plan *plan) {
    uint8_t wire = WIRE_IPV4;
    if (second_family_type(r) != 0) {
        return plan_two_families(r, plan);
    }
    if (stun_msg_u8(r->msg, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &wire) == -EBADMSG) {
        return 400;
    }
    uint8_t family = wire == WIRE_IPV6 ? AF_INET6 : AF_INET;
    if ((wire != WIRE_IPV4 && wire != WIRE_IPV6) || (!plan->has_token && !family_served(r, family))) {
        return 440;
    }
    plan->families[plan->family_count++] = family;
    return 0;
}

/* An empty MOBILITY-TICKET asks for one (RFC 8016 section 3.1.2). The data connections of a TCP relay cannot move. */
static int read_mobility(const struct request *r, struct allocate_plan *plan) {
    const uint8_t *ticket;
    size_t len;
    if (stun_msg_bytes(r->msg, STUN_ATTR_MOBILITY_TICKET, &ticket, &len) < 0) {
        return 0;
    }
    plan->mobile = len == 0 && r->server->settings->plain.mobility && !plan->tcp;
    return len > 0 ? 400 : plan->mobile ? 0 : 405;
}

static int read_plan(struct request *r, struct allocate_plan *plan) {
    uint32_t lifetime = LIFETIME_DEFAULT_S;
    int code = check_transport(r, plan);
    if (code == 0) {
        code = read_port_wishes(r, plan);
    }
    if (code == 0) {
        code = read_families(r, plan);
    }
    if (code == 0) {
        code = read_mobility(r, plan);
    }
    if (code == 0 && stun_msg_u32(r->msg, STUN_ATTR_LIFETIME, &lifetime) == -EBADMSG) {
        code = 400;
    }
    plan->lifetime_s = lifetime_of(r, lifetime);
    return code;
}

static void give_back(struct request *r) {
    char user[STUN_USERNAME_BYTES_MAX + 1];
    if (r->has_quota) {
        request_user_text(r, user);
        quota_give(r->server, r->realm, user);
    }
}

/* What an allocation is made of once the relays are open. */
struct parts {
    struct turn_relay relays[TURN_RELAYS_MAX];
    uint8_t relay_count;
    struct turn_relay reserved;
};

static int create(struct request *r, const struct allocate_plan *plan, const struct parts *parts) {
    struct turn_server *s = r->server;
    uint8_t token[8];
    struct turn_relay unused;
    if (parts->relay_count == 0 || (plan->pair && !parts->reserved.handle)) {
        return 508;
    }
    if (plan->pair && reservation_add(s, &parts->reserved, token) < 0) {
        return 508;
    }
    struct turn_allocation *a = allocation_new(r, plan);
    if (!a) {
        if (plan->pair) {
            reservation_take(s, token, &unused);
        }
        return 500;
    }
    memcpy(a->relays, parts->relays, sizeof a->relays);
    a->relay_count = parts->relay_count;
    a->has_quota = r->has_quota;
    a->has_reservation = plan->pair;
    if (plan->pair) {
        memcpy(a->reservation_token, token, sizeof token);
    }
    reply_begin(r);
    write_success(r, a);
    output_event(r, TURN_EVENT_CREATED, a);
    return 0;
}

/* The end of an Allocate that has its quota: success, or all is given back. */
static int conclude(struct request *r, const struct allocate_plan *plan, const struct parts *parts) {
    int code = create(r, plan, parts);
    if (code != 0) {
        for (uint8_t i = 0; i < parts->relay_count; i++) {
            output_close(r->server, parts->relays[i].handle);
        }
        output_close(r->server, parts->reserved.handle);
        give_back(r);
    }
    return code;
}

static void ask_for_relay(struct turn_server *s, const struct pending *p) {
    struct turn_output *out = output_push(s, TURN_OUTPUT_OPEN_RELAY, &p->client);
    out->request = p->id;
    out->open.family = p->plan.families[p->opened];
    out->open.tcp = p->plan.tcp;
    out->open.even = p->plan.even;
    out->open.reserve_pair = p->plan.pair;
}

static int start(struct request *r, const struct allocate_plan *plan) {
    struct parts parts = {.relay_count = 0};
    if (plan->has_token) {
        if (reservation_take(r->server, plan->token, &parts.relays[0]) < 0) {
            give_back(r);
            return 508;
        }
        parts.relay_count = 1;
        return conclude(r, plan, &parts);
    }
    struct pending *p = pending_new(r, PENDING_RELAY);
    if (!p) {
        give_back(r);
        return 508;
    }
    p->plan = *plan;
    ask_for_relay(r->server, p);
    return REQUEST_WAITS;
}

/* Who has a token for a port of this server stays. */
static bool is_sent_away(struct request *r, const struct allocate_plan *plan, bool full) {
    const struct turn_alternates *alternates = &r->server->settings->plain.alternates;
    return alternates->pick && !plan->has_token && alternates->pick(alternates->ctx, r->client, full, &r->alternate);
}

int handle_allocate(struct request *r) {
    struct allocate_plan plan = {.lifetime_s = 0};
    const struct turn_allocation *a = r->allocation;
    if (a && memcmp(a->allocate_txid, r->msg->txid, sizeof a->allocate_txid) == 0 && auth_user_equals(r, a->user)) {
        write_success(r, a); /* a retransmission: the first answer was lost */
        return 0;
    }
    if (a || pending_allocates(r->server, r->client)) {
        return 437;
    }
    int code = read_plan(r, &plan);
    if (code == 0 && is_sent_away(r, &plan, false)) {
        return 300;
    }
    if (code == 0) {
        code = quota_take(r);
    }
    if (code == 508 && is_sent_away(r, &plan, true)) {
        r->reason = TURN_REASON_REDIRECTED;
        return 300;
    }
    return code == 0 ? start(r, &plan) : code;
}

static void answer(struct turn_server *s, struct pending *p, const struct turn_opened *opened,
                   const struct turn_time *now) {
    struct request r = {.server = s};
    struct stun_msg msg;
    struct parts parts = {.relay_count = 0};
    if (p->held.relay.handle) {
        parts.relays[parts.relay_count++] = p->held.relay;
    }
    if (opened) {
        parts.relays[parts.relay_count++] = opened->relay;
        parts.reserved = opened->reserved;
    }
    pending_unlink(s, p);
    request_resume(&r, &msg, p, now);
    r.authenticated = true;
    /* A second Allocate of the same client cannot have come in between: pending_allocates saw to that. */
    request_answer(&r, conclude(&r, &p->plan, &parts));
    explicit_bzero(p->key, sizeof p->key);
    free(p);
}

void allocate_next(struct turn_server *s, struct pending *p, const struct turn_opened *opened,
                   const struct turn_time *now) {
    uint8_t family = p->plan.families[p->opened++];
    if (!opened) {
        p->plan.failed_family = family;
        p->plan.failed_code = 508;
    }
    if (p->opened == p->plan.family_count) {
        answer(s, p, opened, now);
        return;
    }
    if (opened) {
        p->held.relay = opened->relay;
    }
    ask_for_relay(s, p);
}
