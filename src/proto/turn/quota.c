/* Quotas are counted by the caller; here only when to take and when to give. */
#include "proto/turn/internal.h"

#include "base/error.h"

const char *turn_quota_name(const char *user) {
    struct stun_ephemeral name;
    return stun_ephemeral_parse(&name, user, strlen(user)) == 0 ? name.user : user;
}

int quota_take(struct request *r) {
    const struct turn_quota *quota = &r->server->settings->plain.quota;
    char user[STUN_USERNAME_BYTES_MAX + 1];
    if (!quota->take) {
        return 0;
    }
    request_user_text(r, user);
    int rc = quota->take(quota->ctx, r->realm, turn_quota_name(user));
    if (rc == 0) {
        r->has_quota = true;
        return 0;
    }
    r->reason = TURN_REASON_QUOTA;
    return rc == -ERR_QUOTA ? 486 : 508;
}

void quota_give(struct turn_server *s, const char *realm, const char *user) {
    const struct turn_quota *quota = &s->settings->plain.quota;
    if (quota->give) {
        quota->give(quota->ctx, realm, turn_quota_name(user));
    }
}
