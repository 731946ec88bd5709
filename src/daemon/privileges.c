#include "daemon/privileges.h"

#include "base/log.h"
#include "config/config.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

int account_resolve(struct account *out, const struct config_account *names) {
    *out = (struct account){.uid = geteuid(), .gid = getegid()};
    if (geteuid() != 0) {
        return 0; /* started without root: there is nothing to drop */
    }
    if (names->user[0]) {
        const struct passwd *user = getpwnam(names->user);
        if (!user) {
            log_error("daemon", "no such user: make it (adduser --system --group) or set [server] user",
                      LF_TEXT("user", names->user));
            return -ENOENT;
        }
        *out = (struct account){.uid = user->pw_uid, .gid = user->pw_gid};
    }
    if (names->group[0]) {
        const struct group *group = getgrnam(names->group);
        if (!group) {
            log_error("daemon", "no such group", LF_TEXT("group", names->group));
            return -ENOENT;
        }
        out->gid = group->gr_gid;
    }
    return 0;
}

int account_give(const struct account *account, const char *path, bool folder) {
    if (folder && mkdir(path, 0750) < 0 && errno != EEXIST) {
        return -errno;
    }
    if (geteuid() != 0 || account->uid == 0) {
        return 0;
    }
    return chown(path, account->uid, account->gid) < 0 ? -errno : 0;
}

int account_become(const struct account *account, const char *user) {
    if (account->uid == geteuid() && account->gid == getegid()) {
        return 0;
    }
    capng_clear(CAPNG_SELECT_BOTH);
    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_BIND_SERVICE);
    int rc = capng_change_id((int)account->uid, (int)account->gid, CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
    /* A process that could become root again has not dropped anything. */
    if (rc != 0 || (account->uid != 0 && setuid(0) == 0)) {
        log_error("daemon", "cannot drop privileges", LF_TEXT("user", user), LF_INT("step", rc));
        return -EPERM;
    }
    log_info("daemon", "privileges dropped", LF_TEXT("user", user), LF_UINT("uid", account->uid));
    return 0;
}

int account_seal(void) {
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -errno;
    }
    if (geteuid() == 0) {
        return 0; /* asked to stay root */
    }
    capng_clear(CAPNG_SELECT_BOTH);
    return capng_apply(CAPNG_SELECT_CAPS) == 0 ? 0 : -EPERM;
}
