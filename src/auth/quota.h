/* Quotas shared by all workers: allocations per user and in total, and bandwidth leased in blocks. Holding and
 * releasing takes a mutex (allocation time only); leasing bytes takes none. Fixed memory. */
#pragma once

#include <stdbool.h>
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

/* What one realm has of its own. */
enum { AUTH_QUOTA_REALMS_MAX = 65 };
struct auth_quota_realm {
    const char *name;           /* up to 127 bytes */
    uint64_t total_allocations; /* of all its users; 0: no limit */
    uint64_t user_allocations;  /* of each, when limits_users is set; 0: no limit */
    bool limits_users;
};
/* Replaces those set before. Any thread; counts for what comes. */
void auth_quota_set_realms(struct auth_quota *quota, const struct auth_quota_realm *realms, size_t count);

/* Counts one allocation of that user. -ERR_QUOTA when the user's quota is used up, -ENOSPC when the realm's or the total is,
 * -ENOBUFS when too many different users hold allocations. out may be NULL; the handle stays valid until the
 * user's last allocation is released. Any thread. */
int auth_quota_hold(struct auth_quota *quota, const char *realm, const void *user, size_t user_len,
                    struct auth_quota_user **out);
/* Releases one by handle, or by name. */
void auth_quota_release(struct auth_quota *quota, struct auth_quota_user *user);
void auth_quota_release_user(struct auth_quota *quota, const char *realm, const void *user, size_t user_len);

/* The user's bandwidth account, which all threads share; closed as often as it was opened. What was spent is
 * remembered for a while after the last allocation and the last close, so that a user who begins anew gets no new
 * burst. -ENOBUFS, -ENOMEM, -EINVAL. Any thread. */
int auth_quota_open_account(struct auth_quota *quota, const char *realm, const void *user, size_t user_len,
                            struct auth_quota_user **out);
void auth_quota_close_account(struct auth_quota *quota, struct auth_quota_user *user);

/* Takes bytes of the user's bandwidth (user NULL: of all users' together): they may be moved in so many microseconds,
 * 0: now. AUTH_QUOTA_BURST_US worth may come at once. Who asks first is served first, so ask for a block of some
 * milliseconds' worth, spend it locally, and ask again when it is spent. At most 1 MiB at a time. Any thread,
 * lock-free. */
enum { AUTH_QUOTA_BURST_US = 250000 };
uint64_t auth_quota_lease(struct auth_quota *quota, struct auth_quota_user *user, size_t bytes, uint64_t now_us);
/* Gives back what was taken and not moved. */
void auth_quota_refund(struct auth_quota *quota, struct auth_quota_user *user, size_t bytes);

uint64_t auth_quota_total(const struct auth_quota *quota); /* allocations held now */
