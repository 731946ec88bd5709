/* What the tests of moving allocations share: two clients, one of which has an allocation with a ticket. */
#pragma once

#include "lib/turn_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TICKET_MAX = 64 };

struct ticket {
    uint8_t bytes[TICKET_MAX];
    size_t len;
};

static struct world w;
static struct client c, d; /* c is where the allocation begins, d where it goes */
static struct ticket first;

static inline void challenge(struct client *client) {
    client->nonce[0] = '\0';
    client_begin(client, STUN_ALLOCATE);
    assert_int_equal(client_send(client), 401);
    client_learn(client);
}

static inline struct ticket ticket_of(const struct client *client) {
    struct ticket t;
    const uint8_t *value;
    assert_int_equal(stun_msg_bytes(&client->reply, STUN_ATTR_MOBILITY_TICKET, &value, &t.len), 0);
    assert_in_range(t.len, 16, TICKET_MAX);
    memcpy(t.bytes, value, t.len);
    return t;
}

static inline bool same(const struct ticket *a, const struct ticket *b) {
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static inline int allocate(struct client *client, const void *ticket, size_t len) {
    client_begin(client, STUN_ALLOCATE);
    stun_write_u8(&client->w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    stun_write_bytes(&client->w, STUN_ATTR_MOBILITY_TICKET, ticket, len);
    return client_send(client);
}

static inline int refresh_for(struct client *client, const struct ticket *t, uint32_t lifetime) {
    client_begin(client, STUN_REFRESH);
    stun_write_u32(&client->w, STUN_ATTR_LIFETIME, lifetime);
    stun_write_bytes(&client->w, STUN_ATTR_MOBILITY_TICKET, t->bytes, t->len);
    return client_send(client);
}

static inline int refresh(struct client *client, const struct ticket *t) { return refresh_for(client, t, 600); }

static inline struct ticket move(struct client *client, const struct ticket *t) {
    assert_int_equal(refresh(client, t), 0);
    return ticket_of(client);
}

/* Data of the client, as the relay sees it. */
static inline void talk(const struct client *client) {
    struct turn_allocation *a = client_allocation(client);
    assert_non_null(a);
    if (turn_ends_move(a, &client->tuple)) {
        w.log_count = 0;
        turn_server_confirm_move(w.server, a);
        world_drain(&w);
    }
}

static inline void gone(const struct client *client) {
    w.log_count = 0;
    turn_server_client_gone(w.server, &client->tuple);
    world_drain(&w);
}

/* Where packets of peers go. */
static inline bool is_at(const struct client *client) {
    const struct turn_allocation *a = client_allocation(client);
    return a && five_tuple_equal(&a->client, &client->tuple);
}

static inline void over_tcp(struct client *client) { client->tuple.transport = TRANSPORT_TCP; }

static inline struct ticket begin_over_tcp(struct client *e) {
    client_init(e, &w, 3);
    over_tcp(e);
    challenge(e);
    assert_int_equal(allocate(e, "", 0), 0);
    return ticket_of(e);
}

static inline int setup(void **state) {
    (void)state;
    world_init(&w);
    w.settings.mobility = true;
    world_configure(&w);
    client_init(&c, &w, 1);
    client_init(&d, &w, 2);
    challenge(&c);
    challenge(&d);
    assert_int_equal(allocate(&c, "", 0), 0);
    first = ticket_of(&c);
    return 0;
}

static inline int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}
