/* A database of its own for each test. */
#pragma once

#include "store/db.h"

#include "base/error.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct database {
    char dir[64];
    char path[128];
};

static inline void database_make(struct database *d) {
    snprintf(d->dir, sizeof d->dir, "/tmp/turnout-store-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    snprintf(d->path, sizeof d->path, "%s/turnout.db", d->dir);
}

static inline void database_remove(struct database *d) {
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".good"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s%s", d->path, ends[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(d->dir), 0);
}

static inline struct store_user database_user(const char *realm, const char *name, uint8_t fill) {
    struct store_user user = {0};
    snprintf(user.realm, sizeof user.realm, "%s", realm);
    snprintf(user.name, sizeof user.name, "%s", name);
    memset(user.keys.md5, fill, sizeof user.keys.md5);
    memset(user.keys.sha256, fill + 1, sizeof user.keys.sha256);
    memset(user.keys.userhash, fill + 2, sizeof user.keys.userhash);
    return user;
}
