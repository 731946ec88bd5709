#include "relay/bandwidth.h"

#include "base/cacheline.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCKS_PER_S = 100, BLOCK_MIN = 1500, BLOCK_MAX = 64 * 1024 };

struct relay_meter {
    struct relay_tokens tokens;
    void *account; /* NULL: could not be opened, the user is not limited */
    uint64_t sessions;
    uint64_t hash;
    char user[];
};

static uint64_t block_of(uint64_t bps) {
    uint64_t block = bps / 8 / BLOCKS_PER_S;
    block = block > BLOCK_MIN ? block : BLOCK_MIN;
    return bps == 0 ? 0 : block < BLOCK_MAX ? block : BLOCK_MAX;
}

void relay_bandwidth_init(struct relay_bandwidth *b, const struct relay_hooks *hooks) {
    *b = (struct relay_bandwidth){.hooks = hooks};
    hash_table_init(&b->meters);
    hash_key_random(&b->key);
}

void relay_bandwidth_deinit(struct relay_bandwidth *b) { hash_table_deinit(&b->meters); }

void relay_bandwidth_set(struct relay_bandwidth *b, uint64_t user_bps, uint64_t total_bps) {
    uint32_t cursor = 0;
    b->user_block = b->hooks->lease ? block_of(user_bps) : 0;
    b->total = (struct relay_tokens){.block = b->hooks->lease ? block_of(total_bps) : 0};
    for (struct relay_meter *m; (m = hash_table_next(&b->meters, &cursor)) != NULL;) {
        m->tokens = (struct relay_tokens){.block = m->account ? b->user_block : 0};
    }
}

bool relay_bandwidth_limits(const struct relay_bandwidth *b) { return b->user_block > 0 || b->total.block > 0; }

/* ---- meters ---- */

struct names {
    const char *realm, *user;
};

static bool same_user(const void *item, const void *wanted) {
    const struct relay_meter *m = item;
    const struct names *names = wanted;
    return strcmp(m->user, names->user) == 0 && strcmp(m->user + strlen(m->user) + 1, names->realm) == 0;
}

/* On cache lines of its own: each packet writes to it. */
static struct relay_meter *meter_new(struct relay_bandwidth *b, const struct names *names, uint64_t hash) {
    size_t user_size = strlen(names->user) + 1, realm_size = strlen(names->realm) + 1;
    size_t size = sizeof(struct relay_meter) + user_size + realm_size;
    struct relay_meter *m = cacheline_alloc(size);
    if (!m) {
        return NULL;
    }
    *m = (struct relay_meter){.hash = hash};
    memcpy(m->user, names->user, user_size);
    memcpy(m->user + user_size, names->realm, realm_size);
    if (hash_table_insert(&b->meters, hash, m) < 0) {
        free(m);
        return NULL;
    }
    m->account = b->hooks->account_open(b->hooks->ctx, names->realm, names->user);
    m->tokens.block = m->account ? b->user_block : 0;
    return m;
}

struct relay_meter *relay_meter_join(struct relay_bandwidth *b, const char *realm, const char *user) {
    const struct names names = {realm, user};
    uint64_t hash = hash_bytes(&b->key, user, strlen(user)); /* few users have a namesake in another realm */
    struct relay_meter *m = hash_table_find(&b->meters, hash, same_user, &names);
    m = m ? m : meter_new(b, &names, hash);
    if (m) {
        m->sessions++;
    }
    return m;
}

void relay_meter_leave(struct relay_bandwidth *b, struct relay_meter *meter) {
    if (--meter->sessions == 0) {
        hash_table_remove(&b->meters, meter->hash, meter);
        if (meter->account) {
            b->hooks->refund(b->hooks->ctx, meter->account, meter->tokens.bytes + meter->tokens.booked);
            b->hooks->account_close(b->hooks->ctx, meter->account);
        }
        free(meter);
    }
}

/* ---- tokens ---- */

/* True when so many bytes may be moved; the next block is booked when need be. account NULL: all users together. */
static bool has_tokens(const struct relay_bandwidth *b, struct relay_tokens *t, void *account, size_t bytes,
                       uint64_t now_us) {
    if (t->block == 0) {
        return true;
    }
    while (t->bytes < bytes) {
        if (t->booked == 0) {
            t->booked = bytes - t->bytes > t->block ? bytes - t->bytes : t->block;
            t->ready_us = now_us + b->hooks->lease(b->hooks->ctx, account, t->booked, now_us);
        }
        if (t->ready_us > now_us) {
            return false;
        }
        t->bytes += t->booked;
        t->booked = 0;
    }
    return true;
}

static void spend(struct relay_tokens *t, size_t bytes) {
    if (t->block > 0) {
        t->bytes -= bytes;
    }
}

enum relay_verdict relay_meter_take(struct relay_bandwidth *b, struct relay_meter *meter, size_t bytes,
                                    uint64_t now_us) {
    if (!has_tokens(b, &meter->tokens, meter->account, bytes, now_us)) {
        return RELAY_OVER_USER;
    }
    if (!has_tokens(b, &b->total, NULL, bytes, now_us)) {
        return RELAY_OVER_TOTAL;
    }
    spend(&meter->tokens, bytes);
    spend(&b->total, bytes);
    return RELAY_PASS;
}

/* As many as there are, after one more block at most. */
static size_t room_in(const struct relay_bandwidth *b, struct relay_tokens *t, void *account, size_t want,
                      uint64_t now_us) {
    if (t->block == 0) {
        return want;
    }
    if (t->bytes < want && !has_tokens(b, t, account, t->bytes + 1, now_us) && t->bytes == 0) {
        return 0;
    }
    return t->bytes < want ? (size_t)t->bytes : want;
}

size_t relay_meter_room(struct relay_bandwidth *b, struct relay_meter *meter, size_t want, uint64_t now_us,
                        uint64_t *wait_us) {
    size_t room = room_in(b, &meter->tokens, meter->account, want, now_us);
    const struct relay_tokens *short_of = &meter->tokens;
    if (room > 0) {
        room = room_in(b, &b->total, NULL, room, now_us);
        short_of = &b->total;
    }
    *wait_us = room > 0 ? 0 : short_of->ready_us - now_us;
    return room;
}
