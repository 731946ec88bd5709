/* Quotas shared by all workers: allocations per user and in total, and bandwidth leased in blocks. Holding and
 * releasing takes a mutex (allocation time only); leasing bytes takes none. Fixed memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct auth_quota;
struct auth_quota_user;

struct auth_quota_limits {
    uint64_t user_allocations; /* 0: no limit, as for the others */
    uint64_t total_allocations;
    uint64_t user_bps;
    uint64_t total_bps;
};

/* users: different users that may hold allocations at one time (up to 1 Mi). NULL: no memory. */
struct auth_quota *auth_quota_new(size_t users, const struct auth_quota_limits *limits);
void auth_quota_free(struct auth_quota *quota);
/* Any thread; counts for what comes. */
void auth_quota_set_limits(struct auth_quota *quota, const struct auth_quota_limits *limits);

/* Counts one allocation of that user. -ERR_QUOTA when the user's quota is used up, -ENOSPC when the total is,
 * -ENOBUFS when too many different users hold allocations. out may be NULL; the handle stays valid until the
 * user's last allocation is released. Any thread. */
int auth_quota_hold(struct auth_quota *quota, const char *realm, const void *user, size_t user_len,
                    struct auth_quota_user **out);
/* Releases one by handle, or by name. */
void auth_quota_release(struct auth_quota *quota, struct auth_quota_user *user);
void auth_quota_release_user(struct auth_quota *quota, const char *realm, const void *user, size_t user_len);

/* Bytes that this user may move now: want, or 0 when the user's or the total bandwidth is used up. user NULL: the
 * total only. Ask for blocks (say 16 kB) and spend them locally: the overshoot is half a second's worth, which
 * may come at once, and the blocks out. want is at most 1 MiB. Any thread, lock-free. */
size_t auth_quota_lease(struct auth_quota *quota, struct auth_quota_user *user, size_t want, uint64_t now_us);

uint64_t auth_quota_total(const struct auth_quota *quota); /* allocations held now */
