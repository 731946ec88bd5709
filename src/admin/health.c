/* Whether the threads turn and the daemon's parts are well. An idle loop sleeps, so each is asked once a
 * second to turn; one that does not is stuck. */
#include "admin/internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum { TICK_US = 1000000 };

static void turn(void *data) { (void)data; }

static void on_tick(void *ctx) {
    struct admin *admin = ctx;
    for (size_t i = 0; i < admin->options.loop_count; i++) {
        /* A full inbox refuses; such a loop has enough reason to turn. */
        (void)loop_post(admin->options.loops[i], turn, NULL, 0);
    }
    loop_timer_set(admin->options.loop, &admin->tick, TICK_US);
}

void admin_health_start(struct admin *admin) {
    loop_timer_init(&admin->tick, on_tick, admin);
    on_tick(admin);
}

void admin_health_stop(struct admin *admin) { loop_timer_cancel(admin->options.loop, &admin->tick); }

const struct loop *admin_health_stuck_loop(const struct admin *admin, uint64_t patience_us) {
    uint64_t now = clock_now_us();
    for (size_t i = 0; i < admin->options.loop_count; i++) {
        uint64_t turned = loop_last_turn_us(admin->options.loops[i]);
        turned = turned > admin->started_us ? turned : admin->started_us;
        if (now > turned && now - turned > patience_us) {
            return admin->options.loops[i];
        }
    }
    return NULL;
}

static struct admin_check loops_check(const struct admin *admin) {
    struct admin_check check = {.name = "threads", .ok = true};
    const struct loop *stuck = admin_health_stuck_loop(admin, ADMIN_READY_PATIENCE_US);
    if (stuck) {
        check.ok = false;
        snprintf(check.detail, sizeof check.detail, "Thread %s has not turned for 5 seconds.", loop_name(stuck));
    }
    return check;
}

json_t *admin_health_report(const struct admin *admin, bool *ready) {
    struct admin_check checks[ADMIN_CHECKS_MAX + 1];
    json_t *rows = json_array();
    size_t count = admin->hooks.checks ? admin->hooks.checks(admin->hooks.ctx, checks) : 0;
    checks[count++] = loops_check(admin);
    *ready = true;
    for (size_t i = 0; i < count; i++) {
        *ready = *ready && checks[i].ok;
        json_array_append_new(
            rows, json_pack("{s:s,s:b,s:s}", "name", checks[i].name, "ok", checks[i].ok, "detail", checks[i].detail));
    }
    return rows;
}
