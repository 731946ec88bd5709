/* Verbs that need nothing beyond this module. */
#include "admin/internal.h"
#include "admin/process.h"
#include "admin/stats.h"

#include "base/clock.h"
#include "base/log.h"

#include <sys/types.h>
#include <unistd.h>

static void add_externals(const struct admin *admin, json_t *to) {
    if (admin->hooks.externals) {
        json_object_set_new(to, "external", admin->hooks.externals(admin->hooks.ctx));
    }
}

/* status: the numbers of /stats, the checks of /readyz and the listeners. */
static void answer_status(void *ctx, struct admin_call *call) {
    const struct admin *admin = ctx;
    bool ready;
    json_t *report = admin_status_report(admin);
    json_t *checks = admin_health_report(admin, &ready);
    json_object_set_new(report, "ready", json_boolean(ready));
    json_object_set_new(report, "checks", checks);
    json_object_set_new(report, "pid", json_integer(getpid()));
    if (admin->hooks.listeners) {
        json_object_set_new(report, "listeners", admin->hooks.listeners(admin->hooks.ctx));
    }
    add_externals(admin, report);
    admin_call_reply(call, report);
}

static void answer_log_level(void *ctx, struct admin_call *call) {
    const char *wanted = admin_call_text(call, "level");
    enum log_level before = log_get_level();
    enum log_level level = before;
    (void)ctx;
    if (wanted && log_level_parse(&level, wanted) == 0) {
        log_set_level(level);
        /* Written whatever the new level is: a log that falls silent should say why. */
        log_write(LOG_LEVEL_WARNING, "admin", "log level changed",
                  (const struct log_field[]){LF_TEXT("from", log_level_name(before)),
                                             LF_TEXT("to", log_level_name(level)),
                                             LF_UINT("uid", admin_call_uid(call)),
                                             {0}});
    }
    admin_call_reply(call, json_pack("{s:s,s:s}", "level", log_level_name(level), "before", log_level_name(before)));
}

/* selftest: what turnoutctl cannot see from outside. */
static void answer_selftest(void *ctx, struct admin_call *call) {
    const struct admin *admin = ctx;
    struct admin_process p;
    bool ready;
    admin_process_read(&p);
    json_t *checks = admin_health_report(admin, &ready);
    json_t *data =
        json_pack("{s:s,s:o,s:I,s:I,s:I,s:I,s:I}", "version", admin->options.version, "checks", checks, "uid",
                  (json_int_t)geteuid(), "gid", (json_int_t)getegid(), "open_fds", (json_int_t)p.open_fds, "max_fds",
                  p.max_fds > INT64_MAX ? (json_int_t)-1 : (json_int_t)p.max_fds, "time", (json_int_t)clock_wall_s());
    if (admin->hooks.listeners) {
        json_object_set_new(data, "listeners", admin->hooks.listeners(admin->hooks.ctx));
    }
    add_externals(admin, data);
    admin_call_reply(call, data);
}

admin_handler *admin_builtin(enum admin_verb_id verb) {
    switch (verb) {
    case ADMIN_VERB_STATUS:
        return answer_status;
    case ADMIN_VERB_LOG_LEVEL:
        return answer_log_level;
    case ADMIN_VERB_SELFTEST:
        return answer_selftest;
    default:
        return NULL;
    }
}
