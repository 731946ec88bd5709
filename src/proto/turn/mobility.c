/* Moves of an allocation to another five-tuple (RFC 8016). The allocation goes on with its five-tuple; the one it moves to
 * stands beside it, in turn_server.moves, until the client has sent data from there (section 3.2.2).
 *
 * A ticket is 24 bytes as base64url, for there are clients that take it for a string: the allocation's name (the number of the worker that owns it, then seven random bytes), a
 * generation that counts up with every move, and a MAC. So nobody else can make one, a worker knows the owner without
 * asking, and a stranger's invention costs no look into a table. */
#include "base/rng.h"
#include "base/text.h"
#include "proto/turn/internal.h"

#include <errno.h>
#include <stdlib.h>

enum {
    NAME_BYTES = 8,
    GENERATION_BYTES = 4,
    BODY_BYTES = NAME_BYTES + GENERATION_BYTES,
    MAC_BYTES = 12,
    TICKET_CHARS = (BODY_BYTES + MAC_BYTES) / 3 * 4,
    KEEP_TICKET_S = 40, /* for a repeated Refresh whose answer was lost: 30 or more (RFC 8016 section 3.2.2) */
    ADRIFT_S = 300,     /* an allocation without a client: as long as a permission lasts */
};

struct turn_mobility {
    struct turn_allocation *allocation;
    struct five_tuple next; /* while the allocation is moving */
    uint64_t moved_us;      /* when the last move began */
    uint32_t generation;    /* of the one valid ticket */
    uint8_t name[NAME_BYTES];
};

/* ---- tickets */

struct ticket {
    uint8_t name[NAME_BYTES];
    uint32_t generation;
};

static bool ticket_mac(struct turn_server *s, const uint8_t body[BODY_BYTES], uint8_t out[STUN_SHA1_BYTES]) {
    return token_mac(s, "mobility ticket", (struct stun_span){body, BODY_BYTES}, out);
}

/* The request's ticket, when a server of this process has made it. */
static bool ticket_read(const struct request *r, struct ticket *out) {
    uint8_t body[BODY_BYTES + MAC_BYTES];
    uint8_t mac[STUN_SHA1_BYTES];
    const uint8_t *value;
    size_t len;
    if (stun_msg_bytes(r->msg, STUN_ATTR_MOBILITY_TICKET, &value, &len) < 0 || len != TICKET_CHARS ||
        base64url_decode(body, sizeof body, (const char *)value, len) != sizeof body ||
        !ticket_mac(r->server, body, mac) || !bytes_equal_ct(mac, body + BODY_BYTES, MAC_BYTES)) {
        return false;
    }
    memcpy(out->name, body, NAME_BYTES);
    out->generation = load_be32(body + NAME_BYTES);
    return true;
}

void mobility_write_ticket(struct request *r, const struct turn_allocation *a) {
    uint8_t body[BODY_BYTES + STUN_SHA1_BYTES] = {0};
    char text[TICKET_CHARS + 1];
    if (a->mobility) {
        memcpy(body, a->mobility->name, NAME_BYTES);
        store_be32(body + NAME_BYTES, a->mobility->generation);
        if (ticket_mac(r->server, body, body + BODY_BYTES)) {
            base64url_encode(text, body, BODY_BYTES + MAC_BYTES);
            stun_write_text(&r->reply, STUN_ATTR_MOBILITY_TICKET, text);
        }
    }
}

int mobility_owner(const struct request *r) {
    struct ticket t;
    return r->server->settings->plain.mobility && ticket_read(r, &t) ? t.name[0] : -1;
}

/* ---- tables */

static uint64_t name_hash(const struct turn_server *s, const uint8_t name[NAME_BYTES]) {
    return hash_bytes(&s->hash_key, name, NAME_BYTES);
}

static uint64_t flow_hash(const struct turn_server *s, const struct five_tuple *flow) {
    return hash_bytes(&s->hash_key, flow, sizeof *flow);
}

static bool same_name(const void *item, const void *wanted) {
    return memcmp(((const struct turn_mobility *)item)->name, wanted, NAME_BYTES) == 0;
}

static bool same_flow(const void *item, const void *wanted) {
    return five_tuple_equal(&((const struct turn_mobility *)item)->next, wanted);
}

struct turn_allocation *mobility_find_moving(const struct turn_server *s, const struct five_tuple *flow) {
    const struct turn_mobility *m = hash_table_find(&s->moves, flow_hash(s, flow), same_flow, flow);
    return m ? m->allocation : NULL;
}

struct turn_allocation *mobility_find(const struct request *r) {
    const struct turn_server *s = r->server;
    struct ticket t;
    if (r->msg->method != STUN_REFRESH || !s->settings->plain.mobility || !ticket_read(r, &t)) {
        return NULL;
    }
    const struct turn_mobility *m = hash_table_find(&s->tickets, name_hash(s, t.name), same_name, t.name);
    return m && m->generation == t.generation ? m->allocation : NULL;
}

static void drop_next(struct turn_server *s, struct turn_allocation *a) {
    if (a->moving) {
        hash_table_remove(&s->moves, flow_hash(s, &a->mobility->next), a->mobility);
        a->moving = false;
    }
}

static int set_next(struct turn_server *s, struct turn_allocation *a, const struct five_tuple *flow) {
    struct turn_mobility *m = a->mobility;
    drop_next(s, a); /* one move at a time: the last one counts */
    if (hash_table_insert(&s->moves, flow_hash(s, flow), m) < 0) {
        return -ENOMEM;
    }
    m->next = *flow;
    m->moved_us = s->now_us;
    a->moving = true;
    return 0;
}

int mobility_new(struct turn_server *s, struct turn_allocation *a) {
    struct turn_mobility *m = calloc(1, sizeof *m);
    if (!m) {
        return -ENOMEM;
    }
    m->allocation = a;
    rng_bytes(m->name, sizeof m->name);
    rng_bytes(&m->generation, sizeof m->generation);
    m->name[0] = s->settings->plain.worker;
    if (hash_table_insert(&s->tickets, name_hash(s, m->name), m) < 0) {
        free(m);
        return -ENOMEM;
    }
    a->mobility = m;
    return 0;
}

void mobility_end(struct turn_server *s, struct turn_allocation *a) {
    if (a->mobility) {
        drop_next(s, a);
        hash_table_remove(&s->tickets, name_hash(s, a->mobility->name), a->mobility);
        free(a->mobility);
        a->mobility = NULL;
    }
}

/* ---- requests */

/* A ticket that comes from a flow of the allocation itself: its Refresh once more, or a change of mind. */
static int check_own_ticket(struct request *r) {
    const struct turn_allocation *a = r->allocation;
    const struct turn_mobility *m = a->mobility;
    struct ticket t;
    if (!ticket_read(r, &t) || !m || memcmp(t.name, m->name, NAME_BYTES) != 0) {
        return 437; /* another allocation's, and there is one on this flow already */
    }
    bool here = five_tuple_equal(&a->client, r->client);
    bool recent = r->server->now_us - m->moved_us <= KEEP_TICKET_S * US_PER_S;
    if (a->moving != here && t.generation == m->generation - 1 && recent) {
        r->repeats = true;
        return 0;
    }
    if (a->moving && here && t.generation == m->generation) {
        r->by_ticket = true;
        return 0;
    }
    return 400;
}

int mobility_check(struct request *r) {
    const uint8_t *value;
    size_t len;
    if (r->msg->method != STUN_REFRESH || stun_msg_bytes(r->msg, STUN_ATTR_MOBILITY_TICKET, &value, &len) < 0) {
        return 0;
    }
    if (!r->server->settings->plain.mobility) {
        return 405;
    }
    if (len != TICKET_CHARS) {
        return 400;
    }
    return r->allocation && !r->by_ticket ? check_own_ticket(r) : 0;
}

static bool is_adrift(const struct turn_allocation *a) { return a->client.local.port == 0; }

static void report(struct turn_server *s, struct turn_allocation *a, enum turn_event event) {
    struct turn_output *out = output_push(s, TURN_OUTPUT_EVENT, &a->client);
    out->allocation = a;
    out->event.event = event;
    out->event.user = a->user;
    out->event.former = &s->event_former;
}

/* Data for the client goes there from now on. */
static void go_to(struct turn_server *s, struct turn_allocation *a, const struct five_tuple *flow) {
    struct five_tuple to = *flow;
    drop_next(s, a);
    s->event_former = a->client;
    allocation_set_client(s, a, &to);
    report(s, a, TURN_EVENT_MOVED);
}

int mobility_refresh(struct request *r) {
    struct turn_server *s = r->server;
    struct turn_allocation *a = r->allocation;
    if (!r->by_ticket && !r->repeats) {
        return 0;
    }
    if (r->by_ticket && is_adrift(a)) {
        a->mobility->generation++;
        a->mobility->moved_us = s->now_us;
        go_to(s, a, r->client);
    } else if (r->by_ticket && five_tuple_equal(&a->client, r->client)) {
        a->mobility->generation++;
        a->mobility->moved_us = s->now_us;
        drop_next(s, a);
    } else if (r->by_ticket) {
        if (pending_allocates(s, r->client)) {
            return 437;
        }
        if (set_next(s, a, r->client) < 0) {
            return 500;
        }
        a->mobility->generation++;
    }
    mobility_write_ticket(r, a);
    return 0;
}

void turn_server_confirm_move(struct turn_server *s, struct turn_allocation *a) {
    if (a->moving) {
        go_to(s, a, &a->mobility->next);
    }
}

bool mobility_keep(struct turn_server *s, struct turn_allocation *a, const struct five_tuple *gone) {
    if (!a->mobility || !s->settings->plain.mobility) {
        return false;
    }
    if (!five_tuple_equal(&a->client, gone)) {
        drop_next(s, a); /* it never got there */
        return true;
    }
    if (a->moving) {
        go_to(s, a, &a->mobility->next); /* RFC 8016 section 3.2.2: the client has closed the old one */
        return true;
    }
    struct five_tuple nowhere = a->client;
    uint64_t end_us = s->now_us + ADRIFT_S * US_PER_S;
    nowhere.local.port = 0; /* no packet comes to port 0, so nobody else is taken for this client */
    allocation_set_client(s, a, &nowhere);
    a->expiry_us = a->expiry_us < end_us ? a->expiry_us : end_us;
    allocation_set_timer(s, a);
    s->event_former = *gone;
    report(s, a, TURN_EVENT_ADRIFT);
    return true;
}
