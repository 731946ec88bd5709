#include "net/owners.h"

#include "base/cacheline.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Chains of entries by port, entries from a dense pool: a random port touches four bytes of the first array and nothing
 * else. Writers take the lock and make `version` odd meanwhile; a reader that met a writer looks again. Every field a
 * reader sees is atomic, so that a torn entry is possible and a fault is not. */
enum { READ_TRIES = 16, CHAIN_MAX = 64 };

struct entry {
    _Atomic uint64_t ip[2];
    _Atomic uint64_t tag; /* port, family, worker, kind, told */
    void *_Atomic handle;
    _Atomic uint32_t next; /* index + 1, or 0 */
};

struct told_ip {
    struct addr ip;
    unsigned count;
};

struct owners {
    _Atomic uint32_t heads[65536];                 /* by port: index + 1, or 0 */
    _Alignas(CACHE_LINE) _Atomic uint32_t version; /* read by all with each packet that may be ours */
    _Alignas(CACHE_LINE) pthread_mutex_t lock;     /* and what it guards */
    uint32_t used;                                 /* entries ever used */
    uint32_t free;                                 /* chain of those given back */
    struct told_ip told[OWNERS_IPS_MAX];
    struct entry entries[OWNERS_MAX];
};

/* Parts of a tag. */
enum { TAG_FAMILY = 16, TAG_WORKER = 24, TAG_KIND = 32, TAG_TOLD = 40 };
#define TAG_ADDRESS_MASK 0xffffffULL /* port and family */

static uint64_t tag_of(const struct addr *at) { return at->port | (uint64_t)at->family << TAG_FAMILY; }

static void ip_words(const struct addr *at, uint64_t words[2]) { memcpy(words, at->ip, sizeof at->ip); }

struct owners *owners_new(void) {
    struct owners *o = aligned_alloc(CACHE_LINE, sizeof *o);
    if (!o) {
        return NULL;
    }
    /* The entries stay untouched, so that they cost nothing before they are used. */
    memset(o, 0, offsetof(struct owners, entries));
    pthread_mutex_init(&o->lock, NULL);
    return o;
}

void owners_free(struct owners *o) {
    if (o) {
        pthread_mutex_destroy(&o->lock);
        free(o);
    }
}

/* ---- reading */

static bool entry_is(const struct entry *e, uint64_t tag, const uint64_t ip[2]) {
    return (atomic_load_explicit(&e->tag, memory_order_acquire) & TAG_ADDRESS_MASK) == tag &&
           atomic_load_explicit(&e->ip[0], memory_order_acquire) == ip[0] &&
           atomic_load_explicit(&e->ip[1], memory_order_acquire) == ip[1];
}

static const struct entry *find(const struct owners *o, const struct addr *at) {
    uint64_t ip[2];
    ip_words(at, ip);
    uint32_t i = atomic_load_explicit(&o->heads[at->port], memory_order_acquire);
    for (int steps = 0; i != 0 && steps < CHAIN_MAX; steps++) {
        const struct entry *e = &o->entries[i - 1];
        if (entry_is(e, tag_of(at), ip)) {
            return e;
        }
        i = atomic_load_explicit(&e->next, memory_order_acquire);
    }
    return NULL;
}

static bool read_owner(const struct owners *o, const struct addr *at, struct owner *out) {
    const struct entry *e = find(o, at);
    if (e) {
        uint64_t tag = atomic_load_explicit(&e->tag, memory_order_acquire);
        out->handle = atomic_load_explicit(&e->handle, memory_order_acquire);
        out->worker = (uint8_t)(tag >> TAG_WORKER);
        out->kind = (uint8_t)(tag >> TAG_KIND);
    }
    return e != NULL;
}

bool owners_find(const struct owners *o, const struct addr *at, struct owner *out) {
    if (atomic_load_explicit(&o->heads[at->port], memory_order_relaxed) == 0) {
        return false;
    }
    for (int tries = 0; tries < READ_TRIES; tries++) {
        uint32_t version = atomic_load_explicit(&o->version, memory_order_acquire);
        bool found = version % 2 == 0 && read_owner(o, at, out);
        if (version % 2 == 0 && atomic_load_explicit(&o->version, memory_order_relaxed) == version) {
            return found;
        }
    }
    return false;
}

/* ---- writing */

static void begin_change(struct owners *o) {
    pthread_mutex_lock(&o->lock);
    atomic_fetch_add_explicit(&o->version, 1, memory_order_acq_rel);
}

static void end_change(struct owners *o) {
    atomic_fetch_add_explicit(&o->version, 1, memory_order_release);
    pthread_mutex_unlock(&o->lock);
}

static struct told_ip *told_slot(struct owners *o, const struct addr *ip) {
    struct told_ip *free_slot = NULL;
    for (size_t i = 0; i < OWNERS_IPS_MAX; i++) {
        if (o->told[i].count > 0 && addr_equal_ip(&o->told[i].ip, ip)) {
            return &o->told[i];
        }
        if (o->told[i].count == 0 && !free_slot) {
            free_slot = &o->told[i];
        }
    }
    return free_slot;
}

/* False when there is no room: the IP then counts as not told. */
static bool tell(struct owners *o, const struct addr *ip) {
    struct told_ip *slot = told_slot(o, ip);
    if (slot) {
        slot->ip = *ip;
        slot->count++;
    }
    return slot != NULL;
}

static void untell(struct owners *o, const struct addr *ip) {
    struct told_ip *slot = told_slot(o, ip);
    if (slot && slot->count > 0) {
        slot->count--;
    }
}

/* Index + 1 of an entry for use, or 0. */
static uint32_t take_entry(struct owners *o) {
    uint32_t i = o->free;
    if (i != 0) {
        o->free = atomic_load_explicit(&o->entries[i - 1].next, memory_order_relaxed);
    } else if (o->used < OWNERS_MAX) {
        i = ++o->used;
    }
    return i;
}

static void set_entry(struct owners *o, uint32_t i, const struct addr *at, const struct owner *owner, bool told) {
    struct entry *e = &o->entries[i - 1];
    uint64_t ip[2];
    ip_words(at, ip);
    uint64_t tag = tag_of(at) | (uint64_t)owner->worker << TAG_WORKER | (uint64_t)owner->kind << TAG_KIND |
                   (uint64_t)told << TAG_TOLD;
    atomic_store_explicit(&e->ip[0], ip[0], memory_order_release);
    atomic_store_explicit(&e->ip[1], ip[1], memory_order_release);
    atomic_store_explicit(&e->handle, owner->handle, memory_order_release);
    atomic_store_explicit(&e->tag, tag, memory_order_release);
    atomic_store_explicit(&e->next, atomic_load_explicit(&o->heads[at->port], memory_order_relaxed),
                          memory_order_release);
    atomic_store_explicit(&o->heads[at->port], i, memory_order_release);
}

int owners_add(struct owners *o, const struct addr *at, const struct owner *owner, bool told) {
    if (at->port == 0 || at->scope != 0 || at->family == AF_UNSPEC) {
        return -EINVAL;
    }
    begin_change(o);
    uint32_t i = take_entry(o);
    if (i != 0) {
        set_entry(o, i, at, owner, told && tell(o, at));
    }
    end_change(o);
    return i != 0 ? 0 : -ENOSPC;
}

/* The link that leads to the entry of that address; the link holds 0 when there is none. */
static _Atomic uint32_t *link_to(struct owners *o, const struct addr *at) {
    uint64_t ip[2];
    ip_words(at, ip);
    _Atomic uint32_t *link = &o->heads[at->port];
    for (uint32_t i; (i = atomic_load_explicit(link, memory_order_relaxed)) != 0;) {
        if (entry_is(&o->entries[i - 1], tag_of(at), ip)) {
            break;
        }
        link = &o->entries[i - 1].next;
    }
    return link;
}

void owners_remove(struct owners *o, const struct addr *at) {
    begin_change(o);
    _Atomic uint32_t *link = link_to(o, at);
    uint32_t i = atomic_load_explicit(link, memory_order_relaxed);
    if (i != 0) {
        struct entry *e = &o->entries[i - 1];
        if (atomic_load_explicit(&e->tag, memory_order_relaxed) >> TAG_TOLD & 1) {
            untell(o, at);
        }
        atomic_store_explicit(link, atomic_load_explicit(&e->next, memory_order_relaxed), memory_order_release);
        atomic_store_explicit(&e->tag, 0, memory_order_release);
        atomic_store_explicit(&e->next, o->free, memory_order_release);
        o->free = i;
    }
    end_change(o);
}

bool owners_tell_ip(struct owners *o, const struct addr *ip) {
    pthread_mutex_lock(&o->lock);
    const struct told_ip *slot = told_slot(o, ip);
    bool told = slot && slot->count > 0 && addr_equal_ip(&slot->ip, ip);
    pthread_mutex_unlock(&o->lock);
    return told;
}
