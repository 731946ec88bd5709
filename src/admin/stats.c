#include "admin/stats.h"

#include "admin/internal.h"
#include "admin/process.h"

#include "base/clock.h"
#include "base/text.h"

#include <string.h>

static json_t *process_report(void) {
    struct admin_process p;
    admin_process_read(&p);
    return json_pack("{s:I,s:I,s:I,s:f}", "resident_bytes", (json_int_t)p.resident_bytes, "open_fds",
                     (json_int_t)p.open_fds, "max_fds", p.max_fds > INT64_MAX ? (json_int_t)-1 : (json_int_t)p.max_fds,
                     "cpu_s", p.cpu_s);
}

json_t *admin_status_report(const struct admin *admin) {
    struct admin_summary sum = {0};
    if (admin->hooks.summary) {
        admin->hooks.summary(admin->hooks.ctx, &sum);
    }
    json_int_t uptime = (json_int_t)((clock_now_us() - admin->started_us) / 1000000);
    return json_pack("{s:s,s:I,s:I,s:i,s:b,s:I,s:I,s:I,s:I,s:o}", "version", admin->options.version, "started",
                     (json_int_t)admin->started_wall_s, "uptime_s", uptime, "workers", (int)sum.workers, "draining",
                     sum.draining, "allocations", (json_int_t)sum.allocations, "rooms", (json_int_t)sum.rooms,
                     "participants", (json_int_t)sum.participants, "websockets", (json_int_t)sum.websockets, "process",
                     process_report());
}

/* The member of that name, an object, made when it is missing. Borrowed. */
static json_t *member(json_t *parent, const char *name) {
    json_t *child = json_object_get(parent, name);
    if (!child) {
        child = json_object();
        json_object_set_new(parent, name, child);
    }
    return child;
}

/* `a="x",b="y"` without its quotes. */
static void label_text(char *out, size_t size, const char *labels) {
    size_t len = 0;
    for (; *labels && len + 1 < size; labels++) {
        if (*labels != '"') {
            out[len++] = *labels;
        }
    }
    out[len] = '\0';
}

json_t *admin_stats_group_table(const struct metric_info *table, size_t count, int64_t (*read)(size_t index)) {
    json_t *groups = json_object();
    for (size_t i = 0; i < count; i++) {
        char text[128];
        const char *name = table[i].name;
        size_t prefix = strcspn(name, "_");
        if (text_copy(text, sizeof text, name, prefix) < 0) {
            continue;
        }
        json_t *group = member(groups, text);
        const char *rest = name[prefix] ? name + prefix + 1 : name;
        json_t *value = json_integer(read(i));
        if (table[i].labels[0]) {
            label_text(text, sizeof text, table[i].labels);
            json_object_set_new(member(group, rest), text, value);
        } else {
            json_object_set_new(group, rest, value);
        }
    }
    return groups;
}

static int64_t read_metric(size_t index) { return metrics_read((enum metric_id)index); }

json_t *admin_stats_group(void) { return admin_stats_group_table(metric_table, METRIC_COUNT, read_metric); }
