#include "proto/dtls/fragments.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
    struct list age; /* oldest first */
    struct five_tuple client;
    uint64_t since_us;
    uint32_t len, missing; /* bytes */
    uint16_t message_seq;
    uint8_t *have; /* one bit per byte, behind the message */
    uint8_t message[];
};

struct dtls_fragments {
    struct list by_age;
    unsigned count;
};

struct dtls_fragments *dtls_fragments_new(void) {
    struct dtls_fragments *set = calloc(1, sizeof *set);
    if (set) {
        list_init(&set->by_age);
    }
    return set;
}

static void forget(struct dtls_fragments *set, struct waiting *w) {
    list_remove(&w->age);
    set->count--;
    free(w);
}

void dtls_fragments_free(struct dtls_fragments *set) {
    if (set) {
        while (!list_empty(&set->by_age)) {
            forget(set, LIST_ENTRY(set->by_age.next, struct waiting, age));
        }
        free(set);
    }
}

unsigned dtls_fragments_count(const struct dtls_fragments *set) { return set->count; }

void dtls_fragments_expire(struct dtls_fragments *set, uint64_t now_us) {
    while (!list_empty(&set->by_age)) {
        struct waiting *oldest = LIST_ENTRY(set->by_age.next, struct waiting, age);
        if (oldest->since_us + DTLS_FRAGMENTS_WAIT_US > now_us) {
            return;
        }
        forget(set, oldest);
    }
}

static bool same_source(const struct addr *a, const struct addr *b) {
    return a->family == b->family && memcmp(a->ip, b->ip, a->family == AF_INET ? 3 : 8) == 0;
}

/* The set is small enough to be walked. */
static struct waiting *find(struct dtls_fragments *set, const struct five_tuple *client, unsigned *of_source) {
    *of_source = 0;
    LIST_FOREACH(node, &set->by_age) {
        struct waiting *w = LIST_ENTRY(node, struct waiting, age);
        if (five_tuple_equal(&w->client, client)) {
            return w;
        }
        *of_source += same_source(&w->client.remote, &client->remote);
    }
    return NULL;
}

static int start(struct dtls_fragments *set, struct waiting **out, const struct five_tuple *client,
                 const struct dtls_fragment *fragment, uint64_t now_us) {
    if (set->count == DTLS_FRAGMENTS_MAX) {
        return -ENOBUFS;
    }
    struct waiting *w = calloc(1, sizeof *w + fragment->message_len + (fragment->message_len + 7) / 8);
    if (!w) {
        return -ENOMEM;
    }
    w->client = *client;
    w->since_us = now_us;
    w->len = w->missing = fragment->message_len;
    w->message_seq = fragment->message_seq;
    w->have = w->message + w->len;
    list_push_back(&set->by_age, &w->age);
    set->count++;
    *out = w;
    return 0;
}

/* Bytes that are there already stay as they are. */
static void put(struct waiting *w, const struct dtls_fragment *fragment) {
    for (uint32_t i = 0; i < fragment->len; i++) {
        uint32_t at = fragment->offset + i;
        uint8_t bit = (uint8_t)(1 << (at & 7));
        if (!(w->have[at / 8] & bit)) {
            w->have[at / 8] |= bit;
            w->message[at] = fragment->data[i];
            w->missing--;
        }
    }
}

long dtls_fragments_add(struct dtls_fragments *set, const struct five_tuple *client,
                        const struct dtls_fragment *fragment, uint64_t now_us, uint8_t out[DTLS_HELLO_BYTES_MAX]) {
    unsigned of_source;
    if (fragment->message_len == 0 || fragment->message_len > DTLS_HELLO_BYTES_MAX) {
        return -EMSGSIZE;
    }
    dtls_fragments_expire(set, now_us);
    struct waiting *w = find(set, client, &of_source);
    if (w && (w->len != fragment->message_len || w->message_seq != fragment->message_seq)) {
        forget(set, w);
        w = find(set, client, &of_source);
    }
    if (!w && of_source >= DTLS_FRAGMENTS_PER_SOURCE_MAX) {
        return -EDQUOT;
    }
    int rc = w ? 0 : start(set, &w, client, fragment, now_us);
    if (rc < 0) {
        return rc;
    }
    put(w, fragment);
    if (w->missing > 0) {
        return 0;
    }
    long len = (long)w->len;
    memcpy(out, w->message, w->len);
    forget(set, w);
    return len;
}
