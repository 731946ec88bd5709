/* /stats and `status`: the daemon's numbers as JSON. */
#pragma once

#include "base/metrics.h"

#include <stddef.h>

struct admin;
struct json_t;

/* {"version","uptime_s","workers","draining","allocations",...,"process":{...}}. NULL: no memory. */
struct json_t *admin_status_report(const struct admin *admin);

/* All counters by subsystem: {"udp":{"send_calls_total":5,"dropped_total":{"reason=oversize":1}}}. */
struct json_t *admin_stats_group(void);
/* The same for another table: values[i] belongs to table[i]. */
struct json_t *admin_stats_group_table(const struct metric_info *table, size_t count, int64_t (*read)(size_t index));
