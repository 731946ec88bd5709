#include "auth/quota_realms.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * AUTH_QUOTA_REALMS_MAX, NAME_BYTES = 128 }; /* those configured, and earlier ones with sessions */

struct slot {
    char name[NAME_BYTES]; /* "": free */
    uint64_t allocations;
    uint64_t total_limit;
    uint64_t user_limit;
    bool limits_users;
};

struct quota_realms {
    pthread_mutex_t lock;
    struct slot slots[SLOTS];
};

struct quota_realms *quota_realms_new(void) {
    struct quota_realms *realms = calloc(1, sizeof *realms);
    if (realms) {
        pthread_mutex_init(&realms->lock, NULL);
    }
    return realms;
}

void quota_realms_free(struct quota_realms *realms) {
    if (realms) {
        pthread_mutex_destroy(&realms->lock);
        free(realms);
    }
}

static struct slot *find(struct quota_realms *realms, const char *name) {
    for (size_t i = 0; i < SLOTS; i++) {
        if (strcmp(realms->slots[i].name, name) == 0) {
            return &realms->slots[i];
        }
    }
    return NULL;
}

/* The realm's slot, or a free one made its own. NULL: none is free. */
static struct slot *take(struct quota_realms *realms, const char *name) {
    struct slot *slot = find(realms, name);
    if (!slot) {
        slot = find(realms, "");
        if (slot) {
            memcpy(slot->name, name, strlen(name) + 1);
        }
    }
    return slot;
}

static void let_go(struct slot *slot) {
    if (slot->allocations == 0 && slot->total_limit == 0 && !slot->limits_users) {
        memset(slot, 0, sizeof *slot);
    }
}

void quota_realms_set(struct quota_realms *realms, const struct auth_quota_realm *limits, size_t count) {
    pthread_mutex_lock(&realms->lock);
    for (size_t i = 0; i < SLOTS; i++) {
        realms->slots[i].total_limit = 0;
        realms->slots[i].limits_users = false;
        let_go(&realms->slots[i]);
    }
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = strlen(limits[i].name) < NAME_BYTES ? take(realms, limits[i].name) : NULL;
        if (slot) {
            slot->total_limit = limits[i].total_allocations;
            slot->limits_users = limits[i].limits_users;
            slot->user_limit = limits[i].user_allocations;
        }
    }
    pthread_mutex_unlock(&realms->lock);
}

int quota_realms_hold(struct quota_realms *realms, const char *realm, uint64_t *user_limit) {
    int rc = realm[0] && strlen(realm) < NAME_BYTES ? 0 : -ENOBUFS;
    if (rc < 0) {
        return rc;
    }
    pthread_mutex_lock(&realms->lock);
    struct slot *slot = take(realms, realm);
    if (!slot) {
        rc = -ENOBUFS;
    } else if (slot->total_limit > 0 && slot->allocations >= slot->total_limit) {
        rc = -ENOSPC;
    } else {
        slot->allocations++;
        *user_limit = slot->limits_users ? slot->user_limit : *user_limit;
    }
    pthread_mutex_unlock(&realms->lock);
    return rc;
}

void quota_realms_release(struct quota_realms *realms, const char *realm) {
    pthread_mutex_lock(&realms->lock);
    struct slot *slot = realm[0] ? find(realms, realm) : NULL;
    if (slot && slot->allocations > 0) {
        slot->allocations--;
        let_go(slot);
    }
    pthread_mutex_unlock(&realms->lock);
}
