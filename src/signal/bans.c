#include "signal/bans.h"

#include "proto/jwt/jwt.h"
#include "signal/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ban {
    uint64_t until_us;
    char room[JWT_ID_MAX + 1];
    char identity[JWT_ID_MAX + 1];
};

void bans_init(struct bans *b) { memset(b, 0, sizeof *b); }

void bans_deinit(struct bans *b) {
    free(b->items);
    bans_init(b);
}

static struct ban *find(const struct bans *b, const char *room, const char *identity) {
    for (uint32_t i = 0; i < b->count; i++) {
        if (strcmp(b->items[i].identity, identity) == 0 && strcmp(b->items[i].room, room) == 0) {
            return &b->items[i];
        }
    }
    return NULL;
}

static struct ban *first_to_end(const struct bans *b) {
    struct ban *first = &b->items[0];
    for (uint32_t i = 1; i < b->count; i++) {
        if (b->items[i].until_us < first->until_us) {
            first = &b->items[i];
        }
    }
    return first;
}

int bans_add(struct bans *b, const char *room, const char *identity, uint64_t until_us) {
    struct ban *ban = find(b, room, identity);
    if (!ban && b->count == SIGNAL_BANS_MAX) {
        ban = first_to_end(b);
    }
    if (!ban) {
        struct ban *items = realloc(b->items, (b->count + 1) * sizeof *items);
        if (!items) {
            return -ENOMEM;
        }
        b->items = items;
        ban = &items[b->count++];
    }
    ban->until_us = until_us;
    snprintf(ban->room, sizeof ban->room, "%s", room);
    snprintf(ban->identity, sizeof ban->identity, "%s", identity);
    return 0;
}

bool bans_hold(struct bans *b, const char *room, const char *identity, uint64_t now_us) {
    struct ban *ban = find(b, room, identity);
    if (!ban) {
        return false;
    }
    if (ban->until_us > now_us) {
        return true;
    }
    *ban = b->items[--b->count];
    return false;
}
