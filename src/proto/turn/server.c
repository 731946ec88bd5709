#include "proto/turn/server.h"

#include "base/cacheline.h"
#include "proto/turn/internal.h"

#include <errno.h>
#include <stdlib.h>

struct turn_server *turn_server_new(const struct turn_settings *settings, uint64_t now_us) {
    struct turn_server *s = cacheline_alloc(sizeof *s);
    if (!s) {
        return NULL;
    }
    hash_key_random(&s->hash_key);
    source_rate_init(&s->error_rate);
    source_rate_init(&s->binding_rate);
    hash_table_init(&s->allocations);
    hash_table_init(&s->tickets);
    hash_table_init(&s->moves);
    hash_table_init(&s->pendings);
    hash_table_init(&s->requests);
    hash_table_init(&s->connections);
    wheel_init(&s->allocation_wheel, now_us);
    wheel_init(&s->pending_wheel, now_us);
    wheel_init(&s->reservation_wheel, now_us);
    wheel_init(&s->connection_wheel, now_us);
    list_init(&s->reservations);
    list_init(&s->ended);
    list_init(&s->dying);
    list_init(&s->dead);
    s->now_us = now_us;
    s->crypto = stun_crypto_new();
    if (!s->crypto || turn_server_configure(s, settings) < 0) {
        turn_server_free(s);
        return NULL;
    }
    return s;
}

static void free_held(struct list *head) {
    while (!list_empty(head)) {
        struct held *held = LIST_ENTRY(head->next, struct held, node);
        list_remove(&held->node);
        free(held);
    }
}

void turn_server_free(struct turn_server *s) {
    if (!s) {
        return;
    }
    uint32_t cursor = 0;
    for (struct turn_allocation *a; (a = turn_server_next(s, &cursor));) {
        connection_end_all(s, a);
        allocation_free(s, a);
    }
    cursor = 0;
    for (struct pending *p; (p = hash_table_next(&s->pendings, &cursor));) {
        free(p);
    }
    LIST_FOREACH_SAFE(node, after, &s->dying) {
        allocation_free(s, LIST_ENTRY(node, struct turn_allocation, dying_node));
    }
    if (s->free_next) {
        allocation_free(s, s->free_next);
    }
    LIST_FOREACH_SAFE(node, after, &s->ended) { free(LIST_ENTRY(node, struct turn_connection, node)); }
    free_held(&s->reservations);
    free_held(&s->dead);
    hash_table_deinit(&s->allocations);
    hash_table_deinit(&s->tickets);
    hash_table_deinit(&s->moves);
    hash_table_deinit(&s->pendings);
    hash_table_deinit(&s->requests);
    hash_table_deinit(&s->connections);
    stun_crypto_free(s->crypto);
    settings_drop(s);
    free(s);
}

/* Wheels without timers follow the clock here, so that a long quiet time is not walked tick by tick later. */
void server_set_now(struct turn_server *s, uint64_t now_us) {
    struct wheel *const wheels[] = {&s->allocation_wheel, &s->pending_wheel, &s->reservation_wheel,
                                    &s->connection_wheel};
    s->now_us = now_us;
    for (size_t i = 0; i < sizeof wheels / sizeof wheels[0]; i++) {
        if (wheels[i]->count == 0) {
            wheel_advance(wheels[i], now_us, allocation_fired, s);
        }
    }
}

int turn_server_input(struct turn_server *s, const struct five_tuple *client, const uint8_t *data, size_t len,
                      const struct turn_time *now) {
    struct stun_msg msg;
    server_set_now(s, now->now_us);
    if (stun_msg_parse(&msg, data, len) < 0) {
        return -EBADMSG;
    }
    if (msg.class == STUN_REQUEST && pending_exists(s, client, msg.txid)) {
        return 0; /* a retransmission of what is being worked on */
    }
    struct request r = {.server = s, .client = client, .msg = &msg, .now = *now};
    request_find_allocation(&r);
    int rc = request_serve(&r);
    explicit_bzero(r.key, sizeof r.key);
    return rc;
}

/* A name must be one that a USERNAME could hold. */
static bool key_fits(const struct turn_key *key) {
    size_t len = key->user ? strlen(key->user) : 1;
    return (key->len == STUN_MD5_BYTES || key->len == STUN_SHA256_BYTES) && len > 0 && len <= STUN_USERNAME_BYTES_MAX;
}

int turn_server_key(struct turn_server *s, uint64_t request, const struct turn_key *key, const struct turn_time *now) {
    struct pending *p = pending_find(s, request, PENDING_KEY);
    if (!p) {
        return -ENOENT;
    }
    if (key && !key_fits(key)) {
        return -EINVAL;
    }
    struct request r = {.server = s};
    struct stun_msg msg;
    server_set_now(s, now->now_us);
    pending_unlink(s, p);
    request_resume(&r, &msg, p, now);
    if (key && r.user_len == 0 && key->user) {
        r.user = key->user;
        r.user_len = strlen(r.user);
    }
    r.lookup = key && r.user_len > 0 ? LOOKUP_FOUND : LOOKUP_NONE;
    if (key) {
        memcpy(r.key, key->bytes, key->len);
        r.key_len = (uint8_t)key->len;
    }
    request_serve(&r);
    explicit_bzero(r.key, sizeof r.key);
    free(p);
    return 0;
}

int turn_server_relay_opened(struct turn_server *s, uint64_t request, const struct turn_opened *opened,
                             const struct turn_time *now) {
    struct pending *p = pending_find(s, request, PENDING_RELAY);
    if (!p) {
        return -ENOENT;
    }
    server_set_now(s, now->now_us);
    allocate_next(s, p, opened, now);
    return 0;
}

int turn_server_relay_failed(struct turn_server *s, uint64_t request, const struct turn_time *now) {
    struct pending *p = pending_find(s, request, PENDING_RELAY);
    if (!p) {
        return -ENOENT;
    }
    server_set_now(s, now->now_us);
    allocate_next(s, p, NULL, now);
    return 0;
}

void turn_server_client_gone(struct turn_server *s, const struct five_tuple *client) {
    struct turn_allocation *a = turn_client_find(s, client);
    if (a && !mobility_keep(s, a, client)) {
        allocation_end(s, a, TURN_REASON_DISCONNECTED);
    }
    pending_drop_client(s, client);
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

uint64_t turn_server_deadline(const struct turn_server *s) {
    uint64_t first = earlier(wheel_deadline_us(&s->allocation_wheel), wheel_deadline_us(&s->pending_wheel));
    first = earlier(first, wheel_deadline_us(&s->connection_wheel));
    return earlier(first, wheel_deadline_us(&s->reservation_wheel));
}

void turn_server_timeout(struct turn_server *s, uint64_t now_us) {
    s->now_us = now_us;
    wheel_advance(&s->allocation_wheel, now_us, allocation_fired, s);
    wheel_advance(&s->pending_wheel, now_us, pending_fired, s);
    wheel_advance(&s->reservation_wheel, now_us, reservation_fired, s);
    wheel_advance(&s->connection_wheel, now_us, connection_fired, s);
}

size_t turn_server_count(const struct turn_server *s) { return s->allocations.count; }

struct turn_allocation *turn_server_next(const struct turn_server *s, uint32_t *cursor) {
    return hash_table_next(&s->allocations, cursor);
}

struct turn_allocation *turn_server_find_id(const struct turn_server *s, const char *id) {
    uint32_t cursor = 0;
    for (struct turn_allocation *a; (a = turn_server_next(s, &cursor));) {
        if (strcmp(a->id, id) == 0) {
            return a;
        }
    }
    return NULL;
}

void turn_server_kill(struct turn_server *s, struct turn_allocation *a) { allocation_end(s, a, TURN_REASON_KILLED); }
