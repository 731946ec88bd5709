#include "admin/exposition.h"

#include "admin/process.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum admin_format admin_format_wanted(const char *accept) {
    return accept && strcasestr(accept, "application/openmetrics-text") ? ADMIN_FORMAT_OPENMETRICS
                                                                        : ADMIN_FORMAT_PROMETHEUS;
}

const char *admin_format_content_type(enum admin_format format) {
    return format == ADMIN_FORMAT_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                              : "text/plain; version=0.0.4; charset=utf-8";
}

static void put(struct evbuffer *out, const char *text) { evbuffer_add(out, text, strlen(text)); }

/* Backslash and newline are escaped in help texts and label values, the quote in label values; OpenMetrics
 * wants the quote escaped in help texts as well. */
static void put_escaped(struct evbuffer *out, const char *text, bool quote) {
    for (; *text; text++) {
        if (*text == '\n') {
            put(out, "\\n");
        } else if (*text == '\\' || (quote && *text == '"')) {
            evbuffer_add_printf(out, "\\%c", *text);
        } else {
            evbuffer_add(out, text, 1);
        }
    }
}

/* One metric: its lines before the samples. name is a counter's with _total. */
struct family {
    const char *name;
    const char *type;
    const char *help;
};

static void put_family(struct evbuffer *out, enum admin_format format, const struct family *f) {
    size_t len = strlen(f->name);
    bool openmetrics = format == ADMIN_FORMAT_OPENMETRICS;
    /* In OpenMetrics the family of a counter has no _total, that of an info no _info. */
    const char *suffix = !openmetrics                      ? ""
                         : strcmp(f->type, "counter") == 0 ? "_total"
                         : strcmp(f->type, "info") == 0    ? "_info"
                                                           : "";
    size_t suffix_len = strlen(suffix);
    if (len > suffix_len && strcmp(f->name + len - suffix_len, suffix) == 0) {
        len -= suffix_len;
    }
    const char *type = !openmetrics && strcmp(f->type, "info") == 0 ? "gauge" : f->type;
    evbuffer_add_printf(out, "# HELP %.*s ", (int)len, f->name);
    put_escaped(out, f->help, openmetrics);
    evbuffer_add_printf(out, "\n# TYPE %.*s %s\n", (int)len, f->name, type);
}

static void put_series_family(struct evbuffer *out, enum admin_format format, const struct metric_info *info) {
    char name[128];
    snprintf(name, sizeof name, "turnout_%s", info->name);
    const struct family f = {name, info->type == METRIC_TYPE_COUNTER ? "counter" : "gauge", info->help};
    put_family(out, format, &f);
}

void admin_expose_series(struct evbuffer *out, enum admin_format format, const struct admin_series *series) {
    const char *last = "";
    for (size_t i = 0; i < series->count; i++) {
        const struct metric_info *info = &series->table[i];
        if (strcmp(info->name, last) != 0) {
            put_series_family(out, format, info);
            last = info->name;
        }
        bool labels = info->labels[0] != '\0';
        evbuffer_add_printf(out, "turnout_%s%s%s%s %" PRId64 "\n", info->name, labels ? "{" : "", info->labels,
                            labels ? "}" : "", series->read(i));
    }
}

static void put_number(struct evbuffer *out, enum admin_format format, const struct family *f, double value) {
    put_family(out, format, f);
    evbuffer_add_printf(out, "%s %.17g\n", f->name, value);
}

/* Names and meanings are those of Prometheus' client libraries, so that existing dashboards work. */
static void put_process(struct evbuffer *out, enum admin_format format) {
    struct admin_process p;
    admin_process_read(&p);
    const struct {
        struct family family;
        double value;
    } rows[] = {
        {{"process_cpu_seconds_total", "counter", "User and system CPU time spent"}, p.cpu_s},
        {{"process_open_fds", "gauge", "Open file descriptors"}, (double)p.open_fds},
        {{"process_max_fds", "gauge", "File descriptors the process may open"}, (double)p.max_fds},
        {{"process_resident_memory_bytes", "gauge", "Resident memory"}, (double)p.resident_bytes},
        {{"process_virtual_memory_bytes", "gauge", "Virtual memory"}, (double)p.virtual_bytes},
        {{"process_start_time_seconds", "gauge", "When the process started, in seconds since 1970"}, p.started_s},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_number(out, format, &rows[i].family, rows[i].value);
    }
}

static void put_build(struct evbuffer *out, enum admin_format format, const char *version) {
    const struct family f = {"turnout_build_info", "info", "Which build is running"};
    put_family(out, format, &f);
    put(out, "turnout_build_info{version=\"");
    put_escaped(out, version, true);
    put(out, "\",libevent=\"");
    put_escaped(out, event_get_version(), true);
    put(out, "\"} 1\n");
}

static int64_t read_metric(size_t index) { return metrics_read((enum metric_id)index); }

void admin_expose_page(struct evbuffer *out, enum admin_format format, const char *version, bool coturn_names) {
    const struct admin_series own = {metric_table, METRIC_COUNT, read_metric};
    put_build(out, format, version);
    put_process(out, format);
    admin_expose_series(out, format, &own);
    if (coturn_names) {
        admin_expose_coturn_names(out, format);
    }
    if (format == ADMIN_FORMAT_OPENMETRICS) {
        put(out, "# EOF\n");
    }
}
