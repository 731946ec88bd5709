#include "daemon/steer.h"

#include "base/hash.h"
#include "base/list.h"

#include <errno.h>
#include <stdlib.h>

/* A client need not say anything for the longest max-lifetime there is. */
static const uint64_t idle_us = (uint64_t)25 * 3600 * 1000000;

struct flow {
    struct five_tuple tuple;
    struct list age; /* oldest use first */
    uint64_t hash;
    uint64_t used_us;
    unsigned owner;
};

struct steer {
    struct hash_table flows;
    struct hash_key key;
    struct list by_age;
};

struct steer *steer_new(void) {
    struct steer *s = calloc(1, sizeof *s);
    if (s) {
        hash_table_init(&s->flows);
        hash_key_random(&s->key);
        list_init(&s->by_age);
    }
    return s;
}

static void forget(struct steer *s, struct flow *f) {
    hash_table_remove(&s->flows, f->hash, f);
    list_remove(&f->age);
    free(f);
}

void steer_free(struct steer *s) {
    if (s) {
        while (!list_empty(&s->by_age)) {
            forget(s, LIST_ENTRY(s->by_age.next, struct flow, age));
        }
        hash_table_deinit(&s->flows);
        free(s);
    }
}

static bool same_flow(const void *item, const void *wanted) {
    return five_tuple_equal(&((const struct flow *)item)->tuple, wanted);
}

static struct flow *find(struct steer *s, const struct five_tuple *tuple) {
    return hash_table_find(&s->flows, hash_bytes(&s->key, tuple, sizeof *tuple), same_flow, tuple);
}

static void touch(struct steer *s, struct flow *f, uint64_t now_us) {
    f->used_us = now_us;
    list_remove(&f->age);
    list_push_back(&s->by_age, &f->age);
}

int steer_find(struct steer *s, const struct five_tuple *flow, uint64_t now_us) {
    if (s->flows.count == 0) {
        return STEER_NONE;
    }
    struct flow *f = find(s, flow);
    if (!f) {
        return STEER_NONE;
    }
    touch(s, f, now_us);
    return (int)f->owner;
}

int steer_learn(struct steer *s, const struct five_tuple *flow, unsigned owner, uint64_t now_us) {
    struct flow *f = find(s, flow);
    if (!f) {
        steer_expire(s, now_us);
        if (s->flows.count >= STEER_FLOWS_MAX) {
            forget(s, LIST_ENTRY(s->by_age.next, struct flow, age));
        }
        f = calloc(1, sizeof *f);
        if (!f) {
            return -ENOMEM;
        }
        f->tuple = *flow;
        f->hash = hash_bytes(&s->key, flow, sizeof *flow);
        list_init(&f->age);
        if (hash_table_insert(&s->flows, f->hash, f) < 0) {
            free(f);
            return -ENOMEM;
        }
    }
    f->owner = owner;
    touch(s, f, now_us);
    return 0;
}

size_t steer_count(const struct steer *s) { return s->flows.count; }

void steer_forget(struct steer *s, const struct five_tuple *flow) {
    struct flow *f = s->flows.count > 0 ? find(s, flow) : NULL;
    if (f) {
        forget(s, f);
    }
}

void steer_expire(struct steer *s, uint64_t now_us) {
    while (!list_empty(&s->by_age)) {
        struct flow *oldest = LIST_ENTRY(s->by_age.next, struct flow, age);
        if (oldest->used_us + idle_us > now_us) {
            return;
        }
        forget(s, oldest);
    }
}
