#include "auth/keys.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/rng.h"
#include "net/loop.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_US = 1000000, ID_CHARS = 16, SECRET_CHARS = 43 };

/* The keys as read at one time. */
struct key_list {
    struct store_api_key *items;
    size_t count, room;
    bool cut; /* there were more than AUTH_KEYS_MAX */
};

struct auth_keys {
    struct store_job job; /* first: done gets it */
    struct loop *loop;
    struct store *store;
    struct loop_timer retry;
    struct key_list fresh; /* the job's */
    bool loading, again;

    bool ready;
    struct key_list list;
    struct hash_key hash_key;
    struct hash_table by_id;
};

static void list_free(struct key_list *list) {
    if (list->items) {
        explicit_bzero(list->items, list->room * sizeof *list->items);
    }
    free(list->items);
    *list = (struct key_list){0};
}

static int keep_key(void *ctx, const struct store_api_key *key) {
    struct key_list *list = ctx;
    if (list->count == AUTH_KEYS_MAX) {
        list->cut = true;
        return 0;
    }
    if (list->count == list->room) {
        struct key_list grown = {.room = list->room ? list->room * 2 : 16, .count = list->count};
        grown.items = calloc(grown.room, sizeof *grown.items);
        if (!grown.items) {
            return -ENOMEM;
        }
        if (list->count > 0) {
            memcpy(grown.items, list->items, list->count * sizeof *list->items);
        }
        list_free(list);
        *list = grown;
    }
    list->items[list->count++] = *key;
    return 0;
}

/* On the store thread. */
static int read_keys(struct store_db *db, struct store_job *job) {
    struct auth_keys *keys = (struct auth_keys *)(void *)job;
    return store_db_key_list(db, keep_key, &keys->fresh);
}

static int build_index(struct auth_keys *keys) {
    hash_table_deinit(&keys->by_id);
    hash_table_init(&keys->by_id);
    for (size_t i = 0; i < keys->list.count; i++) {
        struct store_api_key *key = &keys->list.items[i];
        int rc = hash_table_insert(&keys->by_id, hash_bytes(&keys->hash_key, key->id, strlen(key->id)), key);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static void load(struct auth_keys *keys);

static void load_again(void *ctx) { load(ctx); }

/* Back on the loop. */
static void keys_read(struct store_job *job) {
    struct auth_keys *keys = (struct auth_keys *)(void *)job;
    keys->loading = false;
    int rc = job->result;
    if (rc == 0) {
        list_free(&keys->list);
        keys->list = keys->fresh;
        keys->fresh = (struct key_list){0};
        keys->ready = true;
        rc = build_index(keys);
    }
    list_free(&keys->fresh);
    if (rc < 0 && rc != -ECANCELED) {
        loop_timer_set(keys->loop, &keys->retry, RETRY_US);
    }
    if (keys->list.cut) {
        log_warning("auth", "too-many-api-keys", LF_INT("used", AUTH_KEYS_MAX));
    }
    if (keys->again && rc == 0) {
        load(keys);
    }
}

static void load(struct auth_keys *keys) {
    keys->again = keys->loading;
    if (keys->loading) {
        return;
    }
    loop_timer_cancel(keys->loop, &keys->retry);
    keys->job = (struct store_job){.run = read_keys, .done = keys_read, .reply_to = keys->loop};
    keys->loading = store_submit(keys->store, &keys->job) == 0;
    if (!keys->loading) {
        loop_timer_set(keys->loop, &keys->retry, RETRY_US);
    }
}

int auth_keys_new(struct auth_keys **out, struct loop *loop, struct store *store) {
    struct auth_keys *keys = calloc(1, sizeof *keys);
    *out = NULL;
    if (!keys) {
        return -ENOMEM;
    }
    keys->loop = loop;
    keys->store = store;
    hash_key_random(&keys->hash_key);
    hash_table_init(&keys->by_id);
    loop_timer_init(&keys->retry, load_again, keys);
    int rc = store_watch(store, loop, load_again, keys); /* also loads the first time */
    if (rc < 0) {
        free(keys);
        return rc;
    }
    *out = keys;
    return 0;
}

void auth_keys_free(struct auth_keys *keys) {
    if (keys) {
        loop_timer_cancel(keys->loop, &keys->retry);
        hash_table_deinit(&keys->by_id);
        list_free(&keys->list);
        list_free(&keys->fresh);
        free(keys);
    }
}

bool auth_keys_ready(const struct auth_keys *keys) { return keys->ready; }

static bool has_id(const void *item, const void *wanted) {
    const struct store_api_key *key = item;
    return strcmp(key->id, wanted) == 0;
}

const struct store_api_key *auth_keys_find(const struct auth_keys *keys, const char *id) {
    const struct store_api_key *key =
        hash_table_find(&keys->by_id, hash_bytes(&keys->hash_key, id, strlen(id)), has_id, id);
    return key && !key->disabled ? key : NULL;
}

const struct store_api_key *auth_keys_any(const struct auth_keys *keys, uint32_t permissions) {
    for (size_t i = 0; i < keys->list.count; i++) {
        const struct store_api_key *key = &keys->list.items[i];
        if (!key->disabled && (key->permissions & permissions) == permissions) {
            return key;
        }
    }
    return NULL;
}

int auth_keys_verify(const struct auth_keys *keys, const char *text, uint32_t permissions,
                     const struct store_api_key **out) {
    char id[STORE_KEY_ID_MAX + 1];
    const char *dot = strchr(text, '.');
    size_t id_len = dot ? (size_t)(dot - text) : 0;
    *out = NULL;
    if (!dot || id_len >= sizeof id) {
        return -ERR_UNKNOWN_KEY;
    }
    memcpy(id, text, id_len);
    id[id_len] = '\0';
    const struct store_api_key *key = auth_keys_find(keys, id);
    size_t len = strlen(dot + 1);
    if (!key || len != strlen(key->secret) || !bytes_equal_ct(dot + 1, key->secret, len)) {
        return -ERR_UNKNOWN_KEY;
    }
    if ((key->permissions & permissions) != permissions) {
        return -ERR_FORBIDDEN;
    }
    *out = key;
    return 0;
}

void auth_key_generate(struct store_api_key *key) {
    rng_token(key->id, ID_CHARS);
    rng_token(key->secret, SECRET_CHARS);
}
