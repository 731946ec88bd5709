#include "admin/errors.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>

struct wording {
    int rc;
    const char *code;
    const char *says;
};

static const struct wording wordings[] = {
    {ENOENT, "not-found", "there is none"},
    {EEXIST, "conflict", "there is one already"},
    {EINVAL, "bad-request", "the value is not allowed"},
    {EPERM, "forbidden", "the configuration does not allow it"},
    {EACCES, "forbidden", "permission denied"},
    {EBUSY, "unavailable", "the database is locked by another program"},
    {ENOSPC, "unavailable", "the disk is full"},
    {EROFS, "unavailable", "the database cannot be written"},
    {ENOBUFS, "unavailable", "too much is waiting already; try again"},
    {ECANCELED, "unavailable", "the daemon is stopping"},
    {ERR_DATABASE, "unavailable", "the database cannot be used; the log says why"},
    {ERR_FORBIDDEN, "forbidden", "it is not allowed"},
};

static const struct wording *find(int rc) {
    for (size_t i = 0; i < sizeof wordings / sizeof wordings[0]; i++) {
        if (wordings[i].rc == (rc < 0 ? -rc : rc)) {
            return &wordings[i];
        }
    }
    return NULL;
}

const char *admin_error_code(int rc) {
    const struct wording *w = find(rc);
    return w ? w->code : "internal";
}

void admin_error_sentence(char *out, size_t size, int rc, const char *subject) {
    const struct wording *w = find(rc);
    snprintf(out, size, "%s: %s.", subject, w ? w->says : error_text(rc));
}
