/* Bandwidth limits between the machine's allocations and relay/bandwidth.h. */
#include "base/log.h"
#include "base/metrics.h"
#include "relay/internal.h"
#include "relay/settings.h"

static void attach(struct relay *relay, struct turn_allocation *a) {
    static struct log_limit limit = {.burst = 5};
    a->bandwidth = relay_meter_join(&relay->bandwidth, a->realm, turn_quota_name(a->user));
    if (!a->bandwidth) {
        log_limited(&limit, LOG_LEVEL_WARNING, "relay", "no memory: session without bandwidth limit",
                    LF_TEXT("session", a->id));
    }
}

void relay_limits_begin(struct relay *relay, struct turn_allocation *a) {
    if (relay_bandwidth_limits(&relay->bandwidth)) {
        attach(relay, a);
    }
}

void relay_limits_end(struct relay *relay, struct turn_allocation *a) {
    if (a->bandwidth) {
        relay_meter_leave(&relay->bandwidth, a->bandwidth);
        a->bandwidth = NULL;
    }
}

void relay_limits_configure(struct relay *relay) {
    struct relay_rates rates = relay_settings_rates(relay->settings);
    uint32_t cursor = 0;
    relay_bandwidth_set(&relay->bandwidth, rates.user_bps, rates.total_bps);
    for (struct turn_allocation *a; (a = turn_server_next(relay->server, &cursor)) != NULL;) {
        if (!relay_bandwidth_limits(&relay->bandwidth)) {
            relay_limits_end(relay, a);
        } else if (!a->bandwidth) {
            attach(relay, a);
        }
    }
    relay_joins_limit(relay);
}

bool relay_limits_take(struct relay *relay, struct turn_allocation *a, size_t bytes) {
    uint64_t now_us = loop_now_us(relay->options.loop);
    enum relay_verdict verdict = relay_meter_take(&relay->bandwidth, a->bandwidth, bytes, now_us);
    if (verdict == RELAY_PASS) {
        return true;
    }
    a->dropped++;
    metrics_inc(verdict == RELAY_OVER_USER ? METRIC_RELAY_DROPPED_USER_BANDWIDTH
                                           : METRIC_RELAY_DROPPED_TOTAL_BANDWIDTH);
    return false;
}
