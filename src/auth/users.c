#include "auth/users.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/list.h"
#include "net/loop.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 16 };

static const uint64_t fresh_us = 60000000; /* the database's changes are heard of sooner; this is the safety net */

/* What is looked for: realm, NUL, then the name or its hash. */
enum { KEY_BYTES_MAX = STORE_REALM_MAX + 1 + STORE_NAME_MAX };
struct user_key {
    uint64_t hash;
    bool hashed;
    size_t len;
    char bytes[KEY_BYTES_MAX];
};

/* Users that exist and names that do not have separate queues, so that made-up names push out no user. */
enum presence { PRESENT, ABSENT, PRESENCES };

struct entry {
    struct list node; /* in a queue, the latest used first */
    struct user_key key;
    enum presence presence;
    uint64_t read_us;
    uint64_t generation;
    struct store_user user;
};

struct waiter {
    struct waiter *next;
    auth_user_found *found;
    void *ctx;
};

struct lookup {
    struct store_job job; /* first: done gets it */
    struct auth_users *users;
    struct user_key key;
    uint64_t generation;
    struct waiter *waiters, **waiters_end;
    struct store_user user; /* the job's */
};

struct auth_users {
    struct loop *loop;
    struct store *store;
    struct hash_key hash_key;
    struct hash_table entries;
    struct hash_table lookups;
    struct list queues[PRESENCES];
    size_t counts[PRESENCES];
    size_t bounds[PRESENCES];
    size_t waiting;
    uint64_t generation; /* of the database, as far as we heard */
};

/* --- keys -------------------------------------------------------------------------------------------------- */

static int make_key(const struct auth_users *users, const struct auth_user_query *query, struct user_key *out) {
    size_t realm_len = strlen(query->realm);
    bool fits = query->hashed ? query->name_len == 32 : query->name_len <= STORE_NAME_MAX;
    if (realm_len > STORE_REALM_MAX || !fits || query->name_len == 0) {
        return -EINVAL;
    }
    out->hashed = query->hashed;
    memcpy(out->bytes, query->realm, realm_len + 1);
    memcpy(out->bytes + realm_len + 1, query->name, query->name_len);
    out->len = realm_len + 1 + query->name_len;
    out->hash = hash_bytes(&users->hash_key, out->bytes, out->len) ^ query->hashed;
    return 0;
}

static bool same_key(const struct user_key *a, const struct user_key *b) {
    return a->hashed == b->hashed && a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static bool is_entry(const void *item, const void *wanted) {
    return same_key(&((const struct entry *)item)->key, wanted);
}

static bool is_lookup(const void *item, const void *wanted) {
    return same_key(&((const struct lookup *)item)->key, wanted);
}

/* --- the cache ------------------------------------------------------------------------------------------------- */

static struct entry *find_entry(struct auth_users *users, const struct user_key *key) {
    return hash_table_find(&users->entries, key->hash, is_entry, key);
}

static void drop(struct auth_users *users, struct entry *entry) {
    hash_table_remove(&users->entries, entry->key.hash, entry);
    list_remove(&entry->node);
    users->counts[entry->presence]--;
    explicit_bzero(&entry->user, sizeof entry->user);
    free(entry);
}

/* Without memory nothing is remembered; the answer itself has been given. */
static void remember(struct lookup *lookup, enum presence presence) {
    struct auth_users *users = lookup->users;
    struct entry *entry = find_entry(users, &lookup->key);
    if (entry) {
        drop(users, entry);
    }
    if (users->counts[presence] == users->bounds[presence]) {
        drop(users, LIST_ENTRY(users->queues[presence].prev, struct entry, node));
    }
    entry = calloc(1, sizeof *entry);
    if (!entry || hash_table_insert(&users->entries, lookup->key.hash, entry) < 0) {
        free(entry);
        return;
    }
    entry->key = lookup->key;
    entry->presence = presence;
    entry->read_us = loop_now_us(users->loop);
    entry->generation = lookup->generation;
    entry->user = lookup->user;
    list_push_front(&users->queues[presence], &entry->node);
    users->counts[presence]++;
}

static bool is_fresh(const struct auth_users *users, const struct entry *entry) {
    return entry->generation == users->generation && loop_now_us(users->loop) - entry->read_us < fresh_us;
}

static void answer(auth_user_found *found, void *ctx, int rc, const struct store_user *user) {
    if (rc == 0 && user->disabled) {
        rc = -ERR_UNKNOWN_KEY;
    }
    found(ctx, rc, rc == 0 ? user : NULL);
}

static void answer_from(struct auth_users *users, struct entry *entry, auth_user_found *found, void *ctx) {
    struct store_user user = entry->user; /* found may ask again and push the entry out */
    int rc = entry->presence == PRESENT ? 0 : -ERR_UNKNOWN_KEY;
    list_remove(&entry->node);
    list_push_front(&users->queues[entry->presence], &entry->node);
    answer(found, ctx, rc, &user);
    explicit_bzero(&user, sizeof user);
}

/* --- lookups -------------------------------------------------------------------------------------------------------- */

/* On the store thread. */
static int read_user(struct store_db *db, struct store_job *job) {
    struct lookup *lookup = (struct lookup *)(void *)job;
    const char *realm = lookup->key.bytes;
    size_t realm_len = strlen(realm);
    const char *name = realm + realm_len + 1;
    if (!lookup->key.hashed) {
        return store_db_user_find(db, realm, name, lookup->key.len - realm_len - 1, &lookup->user);
    }
    int rc = store_db_user_find_hash(db, (const uint8_t *)name, &lookup->user);
    return rc == 0 && strcmp(lookup->user.realm, realm) != 0 ? -ENOENT : rc;
}

static void lookup_free(struct lookup *lookup) {
    while (lookup->waiters) {
        struct waiter *next = lookup->waiters->next;
        free(lookup->waiters);
        lookup->waiters = next;
    }
    explicit_bzero(&lookup->user, sizeof lookup->user);
    free(lookup);
}

/* What the database said, or what we remember while it says nothing. */
static int settle(struct lookup *lookup) {
    int rc = lookup->job.result;
    if (rc == 0 || rc == -ENOENT) {
        remember(lookup, rc == 0 ? PRESENT : ABSENT);
        return rc == 0 ? 0 : -ERR_UNKNOWN_KEY;
    }
    const struct entry *entry = find_entry(lookup->users, &lookup->key);
    if (!entry) {
        return -ERR_DATABASE;
    }
    lookup->user = entry->user;
    return entry->presence == PRESENT ? 0 : -ERR_UNKNOWN_KEY;
}

/* Back on the loop. */
static void user_read(struct store_job *job) {
    struct lookup *lookup = (struct lookup *)(void *)job;
    struct auth_users *users = lookup->users;
    hash_table_remove(&users->lookups, lookup->key.hash, lookup);
    int rc = settle(lookup);
    for (struct waiter *w = lookup->waiters; w; w = w->next) {
        users->waiting--;
        answer(w->found, w->ctx, rc, &lookup->user);
    }
    lookup_free(lookup);
}

static int add_waiter(struct lookup *lookup, auth_user_found *found, void *ctx) {
    struct waiter *w = calloc(1, sizeof *w);
    if (!w) {
        return -ENOMEM;
    }
    *w = (struct waiter){.found = found, .ctx = ctx};
    *lookup->waiters_end = w;
    lookup->waiters_end = &w->next;
    return 0;
}

static int start_lookup(struct auth_users *users, const struct user_key *key, auth_user_found *found, void *ctx) {
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup) {
        return -ENOMEM;
    }
    lookup->job = (struct store_job){.run = read_user, .done = user_read, .reply_to = users->loop};
    lookup->users = users;
    lookup->key = *key;
    lookup->generation = users->generation;
    lookup->waiters_end = &lookup->waiters;
    int rc = add_waiter(lookup, found, ctx);
    rc = rc < 0 ? rc : hash_table_insert(&users->lookups, key->hash, lookup);
    if (rc == 0) {
        rc = store_submit(users->store, &lookup->job);
        if (rc < 0) {
            hash_table_remove(&users->lookups, key->hash, lookup);
        }
    }
    if (rc < 0) {
        lookup_free(lookup);
    }
    return rc;
}

static int ask(struct auth_users *users, const struct user_key *key, auth_user_found *found, void *ctx) {
    struct lookup *lookup = hash_table_find(&users->lookups, key->hash, is_lookup, key);
    if (users->waiting >= AUTH_USERS_PENDING) {
        return -ENOBUFS;
    }
    int rc = lookup ? add_waiter(lookup, found, ctx) : start_lookup(users, key, found, ctx);
    users->waiting += rc == 0;
    return rc;
}

int auth_users_find(struct auth_users *users, const struct auth_user_query *query, auth_user_found *found, void *ctx) {
    struct user_key key;
    if (make_key(users, query, &key) < 0) {
        found(ctx, -ERR_UNKNOWN_KEY, NULL); /* no user can have such a name */
        return 0;
    }
    struct entry *entry = find_entry(users, &key);
    if (entry && is_fresh(users, entry)) {
        answer_from(users, entry, found, ctx);
        return 0;
    }
    int rc = ask(users, &key, found, ctx);
    if (rc < 0 && entry) {
        answer_from(users, entry, found, ctx);
        return 0;
    }
    return rc < 0 ? rc : -EINPROGRESS;
}

/* --- life -------------------------------------------------------------------------------------------------------------- */

static void database_changed(void *ctx) {
    struct auth_users *users = ctx;
    users->generation++;
}

int auth_users_new(struct auth_users **out, struct loop *loop, struct store *store, size_t capacity) {
    struct auth_users *users = calloc(1, sizeof *users);
    *out = NULL;
    if (!users) {
        return -ENOMEM;
    }
    users->loop = loop;
    users->store = store;
    hash_key_random(&users->hash_key);
    hash_table_init(&users->entries);
    hash_table_init(&users->lookups);
    for (int i = 0; i < PRESENCES; i++) {
        list_init(&users->queues[i]);
    }
    users->bounds[PRESENT] = capacity < CAPACITY_MIN ? CAPACITY_MIN : capacity;
    users->bounds[ABSENT] = users->bounds[PRESENT] / 4;
    int rc = store_watch(store, loop, database_changed, users);
    if (rc < 0) {
        free(users);
        return rc;
    }
    *out = users;
    return 0;
}

void auth_users_free(struct auth_users *users) {
    struct lookup *lookup;
    uint32_t cursor = 0;
    if (!users) {
        return;
    }
    while ((lookup = hash_table_next(&users->lookups, &cursor)) != NULL) {
        lookup_free(lookup);
    }
    for (int i = 0; i < PRESENCES; i++) {
        LIST_FOREACH_SAFE(node, after, &users->queues[i]) { drop(users, LIST_ENTRY(node, struct entry, node)); }
    }
    hash_table_deinit(&users->entries);
    hash_table_deinit(&users->lookups);
    free(users);
}
