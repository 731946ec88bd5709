#include "auth/quota.h"

#include "base/error.h"
#include "base/hash.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 64, USERS_MAX = 1 << 20, LEASE_MAX = 1 << 20 };

static const uint64_t burst_ns = 500000000; /* half a second's worth may come at once */

struct auth_quota_user {
    uint64_t hash;
    uint64_t allocations;     /* under the shard's lock */
    _Atomic uint64_t paid_ns; /* until when the bandwidth is spent */
    size_t name_len;
    char name[]; /* realm, NUL, user */
};

struct shard {
    pthread_mutex_t lock;
    struct hash_table users;
};

struct auth_quota {
    struct hash_key key;
    size_t users_max;
    _Atomic size_t users;
    _Atomic uint64_t total;
    _Atomic uint64_t user_limit, total_limit, user_bps, total_bps;
    _Atomic uint64_t paid_ns;
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
    hash_key_random(&q->key);
    q->users_max = users < USERS_MAX ? users : USERS_MAX;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&q->shards[i].lock, NULL);
        hash_table_init(&q->shards[i].users);
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
    free(quota);
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

/* Under the shard's lock. */
static int add_user(struct auth_quota *quota, uint64_t hash, const struct name *name, struct auth_quota_user **out) {
    if (atomic_fetch_add(&quota->users, 1) >= quota->users_max) {
        atomic_fetch_sub(&quota->users, 1);
        return -ENOBUFS;
    }
    struct auth_quota_user *user = calloc(1, sizeof *user + name->len);
    if (!user || hash_table_insert(&shard_of(quota, hash)->users, hash, user) < 0) {
        free(user);
        atomic_fetch_sub(&quota->users, 1);
        return -ENOMEM;
    }
    user->hash = hash;
    user->name_len = name->len;
    memcpy(user->name, name->bytes, name->len);
    *out = user;
    return 0;
}

static bool take_from_total(struct auth_quota *quota) {
    uint64_t limit = atomic_load(&quota->total_limit);
    if (atomic_fetch_add(&quota->total, 1) < limit || limit == 0) {
        return true;
    }
    atomic_fetch_sub(&quota->total, 1);
    return false;
}

/* Under the shard's lock, with one taken from the total. */
static int hold_locked(struct auth_quota *quota, uint64_t hash, const struct name *name, struct auth_quota_user **out) {
    struct auth_quota_user *user = hash_table_find(&shard_of(quota, hash)->users, hash, same_user, name);
    uint64_t limit = atomic_load(&quota->user_limit);
    if (user && limit > 0 && user->allocations >= limit) {
        return -ERR_QUOTA;
    }
    int rc = user ? 0 : add_user(quota, hash, name, &user);
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
    struct auth_quota_user *held;
    int rc = make_name(text, realm, user, user_len, &name);
    if (rc < 0) {
        return rc;
    }
    if (!take_from_total(quota)) {
        return -ENOSPC;
    }
    uint64_t hash = hash_bytes(&quota->key, name.bytes, name.len);
    struct shard *shard = shard_of(quota, hash);
    pthread_mutex_lock(&shard->lock);
    rc = hold_locked(quota, hash, &name, &held);
    pthread_mutex_unlock(&shard->lock);
    if (rc < 0) {
        atomic_fetch_sub(&quota->total, 1);
    } else if (out) {
        *out = held;
    }
    return rc;
}

/* Under the shard's lock. */
static void release_locked(struct auth_quota *quota, struct shard *shard, struct auth_quota_user *user) {
    atomic_fetch_sub(&quota->total, 1);
    if (--user->allocations == 0) {
        hash_table_remove(&shard->users, user->hash, user);
        atomic_fetch_sub(&quota->users, 1);
        free(user);
    }
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
    if (held) {
        release_locked(quota, shard, held);
    }
    pthread_mutex_unlock(&shard->lock);
}

uint64_t auth_quota_total(const struct auth_quota *quota) { return atomic_load(&quota->total); }

/* --- bandwidth ------------------------------------------------------------------------------------------------ */

/* How long moving the bytes takes at that rate. */
static uint64_t cost_ns(size_t bytes, uint64_t bps) { return (uint64_t)bytes * 8 * 1000000000 / bps; }

/* Moves the point until which is paid; false when it lies too far ahead already. */
static bool pay(_Atomic uint64_t *paid_ns, uint64_t cost, uint64_t now_ns) {
    uint64_t paid = atomic_load_explicit(paid_ns, memory_order_relaxed);
    uint64_t from;
    do {
        if (paid > now_ns + burst_ns) {
            return false;
        }
        from = paid > now_ns ? paid : now_ns;
    } while (!atomic_compare_exchange_weak_explicit(paid_ns, &paid, from + cost, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

size_t auth_quota_lease(struct auth_quota *quota, struct auth_quota_user *user, size_t want, uint64_t now_us) {
    uint64_t user_bps = user ? atomic_load_explicit(&quota->user_bps, memory_order_relaxed) : 0;
    uint64_t total_bps = atomic_load_explicit(&quota->total_bps, memory_order_relaxed);
    uint64_t now_ns = now_us * 1000;
    want = want < LEASE_MAX ? want : LEASE_MAX;
    if (user_bps > 0 && !pay(&user->paid_ns, cost_ns(want, user_bps), now_ns)) {
        return 0;
    }
    if (total_bps > 0 && !pay(&quota->paid_ns, cost_ns(want, total_bps), now_ns)) {
        if (user_bps > 0) {
            atomic_fetch_sub_explicit(&user->paid_ns, cost_ns(want, user_bps), memory_order_relaxed);
        }
        return 0;
    }
    return want;
}
