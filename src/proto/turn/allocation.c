#include "proto/turn/allocation.h"

#include "base/rng.h"
#include "proto/turn/internal.h"

#include <assert.h>
#include <stdlib.h>

static uint64_t client_hash(const struct turn_server *s, const struct five_tuple *client) {
    return hash_bytes(&s->hash_key, client, sizeof *client);
}

static bool same_client(const void *item, const void *wanted) {
    return five_tuple_equal(&((const struct turn_allocation *)item)->client, wanted);
}

struct turn_allocation *turn_client_find(const struct turn_server *s, const struct five_tuple *client) {
    struct turn_allocation *a = hash_table_find(&s->allocations, client_hash(s, client), same_client, client);
    return a || s->moves.count == 0 ? a : mobility_find_moving(s, client);
}

void allocation_set_client(struct turn_server *s, struct turn_allocation *a, const struct five_tuple *client) {
    hash_table_remove(&s->allocations, client_hash(s, &a->client), a);
    a->client = *client;
    int rc = hash_table_insert(&s->allocations, client_hash(s, client), a);
    assert(rc == 0); /* the table has just had room for it */
    (void)rc;
}

/* User name and realm in one block. */
static int copy_names(struct turn_allocation *a, const struct request *r) {
    size_t realm_bytes = strlen(r->realm) + 1;
    a->user = malloc(r->user_len + 1 + realm_bytes);
    if (!a->user) {
        return -1;
    }
    memcpy(a->user, r->user, r->user_len);
    a->user[r->user_len] = '\0';
    a->realm = a->user + r->user_len + 1;
    memcpy(a->realm, r->realm, realm_bytes);
    return 0;
}

struct turn_allocation *allocation_new(struct request *r, const struct allocate_plan *plan) {
    struct turn_server *s = r->server;
    struct turn_allocation *a = calloc(1, sizeof *a);
    if (!a || copy_names(a, r) < 0 || hash_table_insert(&s->allocations, client_hash(s, r->client), a) < 0) {
        if (a) {
            free(a->user);
        }
        free(a);
        return NULL;
    }
    a->client = *r->client;
    a->permissions = &a->first_permission;
    a->permission_room = 1;
    a->channels = &a->first_channel;
    a->channel_room = 1;
    a->created_us = r->now.now_us;
    a->expiry_us = r->now.now_us + plan->lifetime_s * US_PER_S;
    a->credential_expiry_s = r->credential_expiry_s;
    a->tcp = plan->tcp;
    a->failed_family = plan->failed_family;
    a->failed_code = plan->failed_code;
    a->token = r->token;
    a->key_len = r->key_len;
    memcpy(a->key, r->key, r->key_len);
    memcpy(a->allocate_txid, r->msg->txid, sizeof a->allocate_txid);
    rng_token(a->id, TURN_SESSION_ID_CHARS);
    wheel_timer_init(&a->timer);
    list_init(&a->dying_node);
    list_init(&a->connections);
    allocation_set_timer(s, a);
    if (plan->mobile && mobility_new(s, a) < 0) {
        hash_table_remove(&s->allocations, client_hash(s, r->client), a);
        allocation_free(s, a);
        return NULL;
    }
    return a;
}

void allocation_end(struct turn_server *s, struct turn_allocation *a, enum turn_reason reason) {
    if (a->dying) {
        return;
    }
    a->dying = true;
    a->end_reason = (uint8_t)reason;
    connection_end_all(s, a);
    hash_table_remove(&s->allocations, client_hash(s, &a->client), a);
    mobility_end(s, a);
    wheel_cancel(&s->allocation_wheel, &a->timer);
    list_push_back(&s->dying, &a->dying_node);
    if (a->has_quota) {
        quota_give(s, a->realm, a->user);
    }
}

void allocation_free(struct turn_server *s, struct turn_allocation *a) {
    mobility_end(s, a);
    wheel_cancel(&s->allocation_wheel, &a->timer);
    if (a->permissions != &a->first_permission) {
        free(a->permissions);
    }
    if (a->channels != &a->first_channel) {
        free(a->channels);
    }
    explicit_bzero(a->key, sizeof a->key);
    free(a->user);
    free(a);
}

/* One timer serves the allocation and all its permissions and channels: it stands at the first to end. */
void allocation_set_timer(struct turn_server *s, struct turn_allocation *a) {
    uint64_t first = a->expiry_us;
    for (size_t i = 0; i < a->permission_count; i++) {
        first = a->permissions[i].expiry_us < first ? a->permissions[i].expiry_us : first;
    }
    for (size_t i = 0; i < a->channel_count; i++) {
        first = a->channels[i].expiry_us < first ? a->channels[i].expiry_us : first;
    }
    wheel_set(&s->allocation_wheel, &a->timer, first);
}

void allocation_fired(struct wheel_timer *timer, void *ctx) {
    struct turn_server *s = ctx;
    struct turn_allocation *a = LIST_ENTRY(timer, struct turn_allocation, timer);
    if (a->expiry_us <= s->now_us) {
        allocation_end(s, a, TURN_REASON_EXPIRED);
        return;
    }
    permission_drop_expired(a, s->now_us);
    channel_drop_expired(a, s->now_us);
    channel_sync(a);
    allocation_set_timer(s, a);
}
