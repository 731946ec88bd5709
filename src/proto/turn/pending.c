/* Requests that wait for the caller: for a user's key, a relay port or a peer's connection. Bounded in number and size,
 * each with a time limit. */
#include "proto/turn/internal.h"

#include <stdlib.h>

struct transaction {
    struct five_tuple client;
    uint8_t txid[STUN_TXID_BYTES];
};

static uint64_t transaction_hash(const struct turn_server *s, const struct five_tuple *client, const uint8_t *txid) {
    struct transaction t = {.client = *client};
    memcpy(t.txid, txid, sizeof t.txid);
    return hash_bytes(&s->hash_key, &t, sizeof t);
}

static bool same_transaction(const void *item, const void *wanted) {
    const struct pending *p = item;
    const struct transaction *t = wanted;
    return five_tuple_equal(&p->client, &t->client) && memcmp(p->message + 8, t->txid, sizeof t->txid) == 0;
}

static bool same_id(const void *item, const void *wanted) {
    return ((const struct pending *)item)->id == *(const uint64_t *)wanted;
}

/* Ids count up: they need no mixing. */
static uint64_t id_hash(uint64_t id) { return id; }

static int link_pending(struct turn_server *s, struct pending *p) {
    if (hash_table_insert(&s->pendings, p->hash, p) < 0) {
        return -1;
    }
    if (hash_table_insert(&s->requests, id_hash(p->id), p) < 0) {
        hash_table_remove(&s->pendings, p->hash, p);
        return -1;
    }
    if (p->stage == PENDING_CONNECT) {
        s->connect_count++; /* its time is the connection's */
    } else {
        wheel_set(&s->pending_wheel, &p->timer, s->now_us + PENDING_LIFETIME_S * US_PER_S);
    }
    return 0;
}

/* Connects wait for strangers, so they have a bound of their own. */
static bool has_room(const struct turn_server *s, enum pending_stage stage) {
    return stage == PENDING_CONNECT ? s->connect_count < TURN_CONNECTS_MAX
                                    : s->pendings.count - s->connect_count < TURN_PENDING_MAX;
}

struct pending *pending_new(struct request *r, enum pending_stage stage) {
    struct turn_server *s = r->server;
    size_t len = r->msg->len;
    size_t user_len = r->userhash || r->token ? r->user_len : 0;
    if (!has_room(s, stage) || len > TURN_PENDING_MESSAGE_MAX) {
        return NULL;
    }
    struct pending *p = calloc(1, sizeof *p + len + user_len);
    if (!p) {
        return NULL;
    }
    list_init(&p->held.node);
    wheel_timer_init(&p->timer);
    p->id = ++s->next_request;
    p->hash = transaction_hash(s, r->client, r->msg->txid);
    p->client = *r->client;
    p->stage = stage;
    p->len = len;
    p->key_len = r->key_len;
    memcpy(p->key, r->key, r->key_len);
    p->has_quota = r->has_quota;
    p->token = r->token;
    p->key_hash = r->hash;
    p->credential_expiry_s = r->credential_expiry_s;
    memcpy(p->message, r->msg->data, len);
    if (user_len > 0) {
        p->user_len = user_len;
        memcpy(p->message + len, r->user, user_len);
    }
    if (link_pending(s, p) < 0) {
        free(p);
        return NULL;
    }
    return p;
}

bool pending_exists(const struct turn_server *s, const struct five_tuple *client, const uint8_t *txid) {
    struct transaction t = {.client = *client};
    memcpy(t.txid, txid, sizeof t.txid);
    return hash_table_find(&s->pendings, transaction_hash(s, client, txid), same_transaction, &t) != NULL;
}

bool pending_allocates(const struct turn_server *s, const struct five_tuple *client) {
    uint32_t cursor = 0;
    for (struct pending *p; (p = hash_table_next(&s->pendings, &cursor));) {
        if (p->stage == PENDING_RELAY && five_tuple_equal(&p->client, client)) {
            return true;
        }
    }
    return false;
}

struct pending *pending_find(const struct turn_server *s, uint64_t id, enum pending_stage stage) {
    struct pending *p = hash_table_find(&s->requests, id_hash(id), same_id, &id);
    return p && p->stage == stage ? p : NULL;
}

void pending_unlink(struct turn_server *s, struct pending *p) {
    hash_table_remove(&s->pendings, p->hash, p);
    hash_table_remove(&s->requests, id_hash(p->id), p);
    s->connect_count -= p->stage == PENDING_CONNECT;
    wheel_cancel(&s->pending_wheel, &p->timer);
}

static void give_quota(struct turn_server *s, const struct pending *p) {
    struct request r = {.server = s};
    struct stun_msg msg;
    char user[STUN_USERNAME_BYTES_MAX + 1];
    request_resume(&r, &msg, p, &(struct turn_time){0});
    request_user_text(&r, user);
    quota_give(s, r.realm, user);
}

void pending_drop(struct turn_server *s, struct pending *p) {
    pending_unlink(s, p);
    if (p->has_quota) {
        give_quota(s, p);
    }
    explicit_bzero(p->key, sizeof p->key);
    list_push_back(&s->dead, &p->held.node);
}

void pending_fired(struct wheel_timer *timer, void *ctx) {
    pending_drop(ctx, LIST_ENTRY(timer, struct pending, timer));
}

void pending_drop_client(struct turn_server *s, const struct five_tuple *client) {
    uint32_t cursor = 0;
    for (struct pending *p; (p = hash_table_next(&s->pendings, &cursor));) {
        if (five_tuple_equal(&p->client, client)) {
            pending_drop(s, p);
            cursor = 0; /* the removal moved entries */
        }
    }
}
