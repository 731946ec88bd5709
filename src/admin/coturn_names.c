/* Some counters under the names that coturn's exporter uses, so that dashboards made for it go on working. Its
 * traffic counters move when a session has ended; these move while it runs. */
#include "admin/exposition.h"

#include "base/addr.h"

#include <event2/buffer.h>
#include <inttypes.h>
#include <string.h>

enum { PARTS_MAX = TRANSPORT_COUNT };

struct alias {
    const char *name;
    const char *labels;
    const char *type;
    const char *help;
    enum metric_id parts[PARTS_MAX]; /* their sum */
    unsigned count;
};

#define ONE(id) {METRIC_##id}, 1
/* The rows of all transports. */
#define SUM(id) {METRIC_##id##_UDP, METRIC_##id##_TCP, METRIC_##id##_TLS, METRIC_##id##_DTLS}, 4

static const struct alias aliases[] = {
    {"stun_binding_request",
     "",
     "counter",
     "STUN Binding requests",
     {METRIC_STUN_BINDING_SUCCESS, METRIC_STUN_BINDING_ERROR},
     2},
    {"stun_binding_response", "", "counter", "STUN Binding responses", ONE(STUN_BINDING_SUCCESS)},
    {"stun_binding_error", "", "counter", "STUN Binding errors", ONE(STUN_BINDING_ERROR)},
    {"turn_total_traffic_rcvp", "", "counter", "Packets received from clients", SUM(RELAY_PACKETS_FROM_CLIENT)},
    {"turn_total_traffic_rcvb", "", "counter", "Bytes received from clients", SUM(RELAY_BYTES_FROM_CLIENT)},
    {"turn_total_traffic_sentp", "", "counter", "Packets sent to clients", SUM(RELAY_PACKETS_TO_CLIENT)},
    {"turn_total_traffic_sentb", "", "counter", "Bytes sent to clients", SUM(RELAY_BYTES_TO_CLIENT)},
    {"turn_total_traffic_peer_rcvp", "", "counter", "Packets received from peers", SUM(RELAY_PACKETS_TO_CLIENT)},
    {"turn_total_traffic_peer_rcvb", "", "counter", "Bytes received from peers", SUM(RELAY_BYTES_TO_CLIENT)},
    {"turn_total_traffic_peer_sentp", "", "counter", "Packets sent to peers", SUM(RELAY_PACKETS_FROM_CLIENT)},
    {"turn_total_traffic_peer_sentb", "", "counter", "Bytes sent to peers", SUM(RELAY_BYTES_FROM_CLIENT)},
    {"turn_total_allocations", "type=\"UDP\"", "gauge", "Allocations in force", ONE(TURN_ALLOCATIONS_UDP)},
    {"turn_total_allocations", "type=\"TCP\"", "gauge", "", ONE(TURN_ALLOCATIONS_TCP)},
    {"turn_total_allocations", "type=\"TLS/TCP\"", "gauge", "", ONE(TURN_ALLOCATIONS_TLS)},
    {"turn_total_allocations", "type=\"DTLS\"", "gauge", "", ONE(TURN_ALLOCATIONS_DTLS)},
};

void admin_expose_coturn_names(struct evbuffer *out, enum admin_format format) {
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        const struct alias *a = &aliases[i];
        int64_t value = 0;
        /* OpenMetrics knows no counter without _total. */
        bool nameless = format == ADMIN_FORMAT_OPENMETRICS && strcmp(a->type, "counter") == 0;
        if (i == 0 || strcmp(a->name, aliases[i - 1].name) != 0) {
            evbuffer_add_printf(out, "# HELP %s %s\n# TYPE %s %s\n", a->name, a->help, a->name,
                                nameless ? "unknown" : a->type);
        }
        for (unsigned p = 0; p < a->count; p++) {
            value += metrics_read(a->parts[p]);
        }
        bool labels = a->labels[0] != '\0';
        evbuffer_add_printf(out, "%s%s%s%s %" PRId64 "\n", a->name, labels ? "{" : "", a->labels, labels ? "}" : "",
                            value);
    }
}
