#include "auth/quota.h"

#include "auth/quota_realms.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/list.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 64, USERS_MAX = 1 << 20, LEASE_MAX = 1 << 20, IDLE_MAX = 256 /* per shard */ };

static const uint64_t burst_ns = AUTH_QUOTA_BURST_US * 1000ULL;

struct auth_quota_user {
    uint64_t hash;
    struct list idle; /* in the shard's list while nobody holds it; all of these under the shard's lock */
    uint64_t allocations;
    uint64_t accounts;        /* open */
    _Atomic uint64_t paid_ns; /* until when the bandwidth is spent */
    size_t name_len;
    char name[]; /* realm, NUL, user */
};

struct shard {
    pthread_mutex_t lock;
    struct hash_table users;
    struct list idle; /* users whose account is remembered only, oldest first */
    uint32_t idle_count;
};

struct auth_quota {
    struct hash_key key;
    size_t users_max;
    _Atomic size_t users;
    _Atomic uint64_t total;
    _Atomic uint64_t user_limit, total_limit, user_bps, total_bps;
    _Atomic uint64_t paid_ns;
    struct quota_realms *realms;
    struct shard shards[SHARDS];
};

struct name {
    const void *bytes;
    size_t len;
};

struct auth_quota *auth_quota_new(size_t users, const struct auth_quota_limits *limits) {
    struct auth_quota *q = calloc(1, sizeof *q);
    if (!q) {
        return NULL;
    }
    q->realms = quota_realms_new();
    if (!q->realms) {
        free(q);
        return NULL;
    }
    hash_key_random(&q->key);
    q->users_max = users < USERS_MAX ? users : USERS_MAX;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&q->shards[i].lock, NULL);
        hash_table_init(&q->shards[i].users);
        list_init(&q->shards[i].idle);
    }
    auth_quota_set_limits(q, limits);
    return q;
}

void auth_quota_free(struct auth_quota *quota) {
    if (!quota) {
        return;
    }
    for (size_t i = 0; i < SHARDS; i++) {
        uint32_t cursor = 0;
        void *user;
        while ((user = hash_table_next(&quota->shards[i].users, &cursor)) != NULL) {
            free(user);
        }
        hash_table_deinit(&quota->shards[i].users);
        pthread_mutex_destroy(&quota->shards[i].lock);
    }
    quota_realms_free(quota->realms);
    free(quota);
}

void auth_quota_set_realms(struct auth_quota *quota, const struct auth_quota_realm *realms, size_t count) {
    quota_realms_set(quota->realms, realms, count);
}

void auth_quota_set_limits(struct auth_quota *quota, const struct auth_quota_limits *limits) {
    atomic_store(&quota->user_limit, limits->user_allocations);
    atomic_store(&quota->total_limit, limits->total_allocations);
    atomic_store(&quota->user_bps, limits->user_bps);
    atomic_store(&quota->total_bps, limits->total_bps);
}

/* --- allocations -------------------------------------------------------------------------------------------- */

static bool same_user(const void *item, const void *wanted) {
    const struct auth_quota_user *user = item;
    const struct name *name = wanted;
    return user->name_len == name->len && memcmp(user->name, name->bytes, name->len) == 0;
}

static struct shard *shard_of(struct auth_quota *quota, uint64_t hash) { return &quota->shards[hash >> 58]; }
_Static_assert(SHARDS == 1 << (64 - 58), "the upper bits name the shard");

/* Under the shard's lock, as all up to take_from_total. */
static struct auth_quota_user *make_user(struct shard *shard, uint64_t hash, const struct name *name) {
    struct auth_quota_user *user = calloc(1, sizeof *user + name->len);
    if (!user || hash_table_insert(&shard->users, hash, user) < 0) {
        free(user);
        return NULL;
    }
    user->hash = hash;
    user->name_len = name->len;
    memcpy(user->name, name->bytes, name->len);
    list_init(&user->idle);
    return user;
}

/* The user's entry, out of the idle ones. */
static int use_user(struct auth_quota *quota, uint64_t hash, const struct name *name, struct auth_quota_user **out) {
    struct shard *shard = shard_of(quota, hash);
    struct auth_quota_user *user = hash_table_find(&shard->users, hash, same_user, name);
    if (!user || user->allocations + user->accounts == 0) {
        if (atomic_fetch_add(&quota->users, 1) >= quota->users_max) {
            atomic_fetch_sub(&quota->users, 1);
            return -ENOBUFS;
        }
        if (user) {
            list_remove(&user->idle);
            shard->idle_count--;
        }
    }
    user = user ? user : make_user(shard, hash, name);
    if (!user) {
        atomic_fetch_sub(&quota->users, 1);
        return -ENOMEM;
    }
    *out = user;
    return 0;
}

static void forget_user(struct shard *shard, struct auth_quota_user *user) {
    hash_table_remove(&shard->users, user->hash, user);
    free(user);
}

/* Nobody holds it any more, perhaps: what it spent is remembered, if it spent. */
static void let_user(struct auth_quota *quota, struct shard *shard, struct auth_quota_user *user) {
    if (user->allocations + user->accounts > 0) {
        return;
    }
    atomic_fetch_sub(&quota->users, 1);
    if (atomic_load_explicit(&user->paid_ns, memory_order_relaxed) == 0) {
        forget_user(shard, user);
        return;
    }
    list_push_back(&shard->idle, &user->idle);
    if (++shard->idle_count > IDLE_MAX) {
        struct auth_quota_user *oldest = LIST_ENTRY(shard->idle.next, struct auth_quota_user, idle);
        list_remove(&oldest->idle);
        shard->idle_count--;
        forget_user(shard, oldest);
    }
}

static bool take_from_total(struct auth_quota *quota) {
    uint64_t limit = atomic_load(&quota->total_limit);
    if (atomic_fetch_add(&quota->total, 1) < limit || limit == 0) {
        return true;
    }
    atomic_fetch_sub(&quota->total, 1);
    return false;
}

/* Under the shard's lock, with one taken from the realm and the total. */
static int hold_locked(struct auth_quota *quota, const struct name *name, uint64_t limit,
                       struct auth_quota_user **out) {
    uint64_t hash = hash_bytes(&quota->key, name->bytes, name->len);
    struct auth_quota_user *user = hash_table_find(&shard_of(quota, hash)->users, hash, same_user, name);
    if (user && limit > 0 && user->allocations >= limit) {
        return -ERR_QUOTA;
    }
    int rc = use_user(quota, hash, name, &user);
    if (rc == 0) {
        user->allocations++;
        *out = user;
    }
    return rc;
}

enum { NAME_BYTES_MAX = 1024 };

/* "realm\0user" in text. */
static int make_name(char text[NAME_BYTES_MAX], const char *realm, const void *user, size_t user_len,
                     struct name *out) {
    size_t realm_len = strlen(realm);
    if (realm_len >= NAME_BYTES_MAX || user_len > NAME_BYTES_MAX - realm_len - 1) {
        return -EINVAL;
    }
    memcpy(text, realm, realm_len + 1);
    memcpy(text + realm_len + 1, user, user_len);
    *out = (struct name){.bytes = text, .len = realm_len + 1 + user_len};
    return 0;
}

int auth_quota_hold(struct auth_quota *quota, const char *realm, const void *user, size_t user_len,
                    struct auth_quota_user **out) {
    char text[NAME_BYTES_MAX];
    struct name name;
    struct auth_quota_user *held = NULL;
    int rc = make_name(text, realm, user, user_len, &name);
    if (rc < 0) {
        return rc;
    }
    uint64_t limit = atomic_load(&quota->user_limit);
    rc = quota_realms_hold(quota->realms, realm, &limit);
    if (rc == 0 && !take_from_total(quota)) {
        quota_realms_release(quota->realms, realm);
        rc = -ENOSPC;
    }
    if (rc < 0) {
        return rc;
    }
    struct shard *shard = shard_of(quota, hash_bytes(&quota->key, name.bytes, name.len));
    pthread_mutex_lock(&shard->lock);
    rc = hold_locked(quota, &name, limit, &held);
    pthread_mutex_unlock(&shard->lock);
    if (rc < 0) {
        quota_realms_release(quota->realms, realm);
        atomic_fetch_sub(&quota->total, 1);
    } else if (out) {
        *out = held;
    }
    return rc;
}

/* Under the shard's lock. */
static void release_locked(struct auth_quota *quota, struct shard *shard, struct auth_quota_user *user) {
    atomic_fetch_sub(&quota->total, 1);
    quota_realms_release(quota->realms, user->name); /* the realm, up to its NUL */
    user->allocations--;
    let_user(quota, shard, user);
}

void auth_quota_release(struct auth_quota *quota, struct auth_quota_user *user) {
    struct shard *shard = shard_of(quota, user->hash);
    pthread_mutex_lock(&shard->lock);
    release_locked(quota, shard, user);
    pthread_mutex_unlock(&shard->lock);
}

void auth_quota_release_user(struct auth_quota *quota, const char *realm, const void *user, size_t user_len) {
    char text[NAME_BYTES_MAX];
    struct name name;
    if (make_name(text, realm, user, user_len, &name) < 0) {
        return;
    }
    uint64_t hash = hash_bytes(&quota->key, name.bytes, name.len);
    struct shard *shard = shard_of(quota, hash);
    pthread_mutex_lock(&shard->lock);
    struct auth_quota_user *held = hash_table_find(&shard->users, hash, same_user, &name);
    if (held && held->allocations > 0) {
        release_locked(quota, shard, held);
    }
    pthread_mutex_unlock(&shard->lock);
}

uint64_t auth_quota_total(const struct auth_quota *quota) { return atomic_load(&quota->total); }

/* --- bandwidth ------------------------------------------------------------------------------------------------ */

int auth_quota_open_account(struct auth_quota *quota, const char *realm, const void *user, size_t user_len,
                            struct auth_quota_user **out) {
    char text[NAME_BYTES_MAX];
    struct name name;
    int rc = make_name(text, realm, user, user_len, &name);
    if (rc < 0) {
        return rc;
    }
    uint64_t hash = hash_bytes(&quota->key, name.bytes, name.len);
    struct shard *shard = shard_of(quota, hash);
    pthread_mutex_lock(&shard->lock);
    rc = use_user(quota, hash, &name, out);
    if (rc == 0) {
        (*out)->accounts++;
    }
    pthread_mutex_unlock(&shard->lock);
    return rc;
}

void auth_quota_close_account(struct auth_quota *quota, struct auth_quota_user *user) {
    struct shard *shard = shard_of(quota, user->hash);
    pthread_mutex_lock(&shard->lock);
    user->accounts--;
    let_user(quota, shard, user);
    pthread_mutex_unlock(&shard->lock);
}

/* How long moving the bytes takes at that rate. */
static uint64_t cost_ns(size_t bytes, uint64_t bps) { return (uint64_t)bytes * 8 * 1000000000 / bps; }

static _Atomic uint64_t *paid_of(struct auth_quota *quota, struct auth_quota_user *user, uint64_t *bps) {
    *bps = atomic_load_explicit(user ? &quota->user_bps : &quota->total_bps, memory_order_relaxed);
    return user ? &user->paid_ns : &quota->paid_ns;
}

/* Moves the point in time until which is paid; the bytes wait for the point where it was before, less the burst. */
uint64_t auth_quota_lease(struct auth_quota *quota, struct auth_quota_user *user, size_t bytes, uint64_t now_us) {
    uint64_t bps, from, now_ns = now_us * 1000;
    _Atomic uint64_t *paid_ns = paid_of(quota, user, &bps);
    if (bps == 0) {
        return 0;
    }
    uint64_t cost = cost_ns(bytes < LEASE_MAX ? bytes : LEASE_MAX, bps);
    uint64_t paid = atomic_load_explicit(paid_ns, memory_order_relaxed);
    do {
        from = paid > now_ns ? paid : now_ns;
    } while (!atomic_compare_exchange_weak_explicit(paid_ns, &paid, from + cost, memory_order_relaxed,
                                                    memory_order_relaxed));
    return from > now_ns + burst_ns ? (from - now_ns - burst_ns + 999) / 1000 : 0;
}

void auth_quota_refund(struct auth_quota *quota, struct auth_quota_user *user, size_t bytes) {
    uint64_t bps;
    _Atomic uint64_t *paid_ns = paid_of(quota, user, &bps);
    uint64_t cost = bps == 0 ? 0 : cost_ns(bytes < LEASE_MAX ? bytes : LEASE_MAX, bps);
    uint64_t paid = atomic_load_explicit(paid_ns, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(paid_ns, &paid, paid > cost ? paid - cost : 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}
