#include "admin/admin.h"

#include "admin/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

int admin_new(struct admin **out, const struct admin_options *options, const struct admin_hooks *hooks) {
    struct admin *admin = calloc(1, sizeof *admin);
    if (!admin) {
        return -ENOMEM;
    }
    admin->options = *options;
    admin->hooks = *hooks;
    admin->started_us = clock_now_us();
    admin->started_wall_s = clock_wall_s();
    int rc = options->control_path ? admin_control_open(admin) : 0;
    if (rc < 0) {
        log_error("admin", "control socket not opened", LF_TEXT("path", options->control_path), LF_ERROR(rc));
        free(admin);
        return rc;
    }
    admin_health_start(admin);
    *out = admin;
    return 0;
}

void admin_free(struct admin *admin) {
    if (!admin) {
        return;
    }
    admin_health_stop(admin);
    admin_control_close(admin);
    free(admin);
}

void admin_set_coturn_names(struct admin *admin, bool on) { admin->options.coturn_names = on; }
