#include "ctl/account.h"

#include "config/config.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int change_ids(const char *user, uid_t uid, gid_t gid) {
    if (initgroups(user, gid) < 0 || setgid(gid) < 0 || setuid(uid) < 0) {
        return -errno;
    }
    return 0;
}

int ctl_account_become(const struct config *config, char *why, size_t size) {
    const struct config_account *account = &config->server.user;
    if (geteuid() != 0 || !account->user[0]) {
        return 0;
    }
    const struct passwd *user = getpwnam(account->user);
    if (!user) {
        snprintf(why, size, "There is no user %s, whom [server] user names for the daemon.", account->user);
        return -ENOENT;
    }
    gid_t gid = user->pw_gid;
    uid_t uid = user->pw_uid;
    if (account->group[0]) {
        const struct group *group = getgrnam(account->group);
        if (!group) {
            snprintf(why, size, "There is no group %s, which [server] user names for the daemon.", account->group);
            return -ENOENT;
        }
        gid = group->gr_gid;
    }
    int rc = change_ids(account->user, uid, gid);
    if (rc < 0) {
        snprintf(why, size, "Becoming user %s failed: %s.", account->user, strerrordesc_np(-rc));
    }
    return rc;
}
