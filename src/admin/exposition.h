/* /metrics: the process's counters as text that Prometheus reads. */
#pragma once

#include "base/metrics.h"

#include <stdbool.h>
#include <stddef.h>

struct evbuffer;

enum admin_format {
    ADMIN_FORMAT_PROMETHEUS,  /* text exposition format 0.0.4 */
    ADMIN_FORMAT_OPENMETRICS, /* OpenMetrics 1.0.0 */
};

/* The format an Accept header asks for; NULL: Prometheus. */
enum admin_format admin_format_wanted(const char *accept);
const char *admin_format_content_type(enum admin_format format);

/* A table of counters and their values: base/metrics.h's, or a test's. */
struct admin_series {
    const struct metric_info *table;
    size_t count;
    int64_t (*read)(size_t index);
};

/* Appends HELP, TYPE and samples of all rows, each name with the prefix turnout_. */
void admin_expose_series(struct evbuffer *out, enum admin_format format, const struct admin_series *series);
/* Appends the whole page: build, process, the counters, coturn's names when wanted, and the end mark. */
void admin_expose_page(struct evbuffer *out, enum admin_format format, const char *version, bool coturn_names);

/* coturn_names.c: appends counters under coturn's names. */
void admin_expose_coturn_names(struct evbuffer *out, enum admin_format format);
