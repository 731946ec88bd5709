/* What happened, for the admin: log lines and metrics. Strangers' doings are rate-limited. */
#include "base/log.h"
#include "base/metrics.h"
#include "proto/stun/stun.h"
#include "relay/internal.h"

#include <stdio.h>

static const char *method_name(uint16_t method) {
    switch (method) {
    case STUN_BINDING:
        return "binding";
    case STUN_ALLOCATE:
        return "allocate";
    case STUN_REFRESH:
        return "refresh";
    case STUN_CREATE_PERMISSION:
        return "create-permission";
    case STUN_CHANNEL_BIND:
        return "channel-bind";
    case STUN_CONNECT:
        return "connect";
    case STUN_CONNECTION_BIND:
        return "connection-bind";
    default:
        return "other";
    }
}

/* Rows of metrics.def come in pairs: success, error. */
static enum metric_id request_metric(uint16_t method, int code) {
    enum metric_id row;
    switch (method) {
    case STUN_BINDING:
        row = METRIC_STUN_BINDING_SUCCESS;
        break;
    case STUN_ALLOCATE:
        row = METRIC_STUN_ALLOCATE_SUCCESS;
        break;
    case STUN_REFRESH:
        row = METRIC_STUN_REFRESH_SUCCESS;
        break;
    case STUN_CREATE_PERMISSION:
        row = METRIC_STUN_PERMISSION_SUCCESS;
        break;
    case STUN_CHANNEL_BIND:
        row = METRIC_STUN_CHANNEL_SUCCESS;
        break;
    case STUN_CONNECT:
        row = METRIC_STUN_CONNECT_SUCCESS;
        break;
    case STUN_CONNECTION_BIND:
        row = METRIC_STUN_CONNECTION_BIND_SUCCESS;
        break;
    default:
        row = METRIC_STUN_OTHER_SUCCESS;
        break;
    }
    return row + (code != 0);
}

void relay_report_reply(const struct turn_output *out) {
    metrics_inc(request_metric(out->reply.method, out->reply.code));
}

static void report_created(const struct turn_allocation *a) {
    metrics_inc(METRIC_TURN_ALLOCATIONS_CREATED);
    metrics_add(METRIC_TURN_ALLOCATIONS_UDP + a->client.transport, 1);
    log_info("turn", "allocation created", LF_TEXT("session", a->id), LF_TEXT("user", a->user),
             LF_TEXT("realm", a->realm), LF_ADDR("client", &a->client.remote),
             LF_TEXT("transport", transport_name((enum transport)a->client.transport)),
             LF_ADDR("relayed", &a->relays[0].addr), LF_TEXT("relays", a->tcp ? "tcp" : "udp"));
}

static void report_deleted(const struct relay *relay, const struct turn_allocation *a, enum turn_reason reason) {
    metrics_add(METRIC_TURN_ALLOCATIONS_UDP + a->client.transport, -1);
    log_info("turn", "allocation ended", LF_TEXT("session", a->id), LF_TEXT("user", a->user),
             LF_TEXT("reason", turn_reason_name(reason)),
             LF_UINT("seconds", (loop_now_us(relay->options.loop) - a->created_us) / 1000000),
             LF_UINT("from_client_bytes", a->from_client.bytes), LF_UINT("to_client_bytes", a->to_client.bytes));
    if (relay->options.hooks.ended) {
        struct relay_session session;
        relay_session_describe(relay, a, &session);
        relay->options.hooks.ended(relay->options.hooks.ctx, &session, turn_reason_name(reason));
    }
}

static void report_moved(const struct turn_output *out) {
    const struct turn_allocation *a = out->allocation;
    metrics_inc(METRIC_TURN_ALLOCATIONS_MOVED);
    metrics_add(METRIC_TURN_ALLOCATIONS_UDP + out->event.former->transport, -1);
    metrics_add(METRIC_TURN_ALLOCATIONS_UDP + a->client.transport, 1);
    log_info("turn", "allocation moved", LF_TEXT("session", a->id), LF_TEXT("user", a->user),
             LF_ADDR("from", &out->event.former->remote), LF_ADDR("client", &a->client.remote),
             LF_TEXT("transport", transport_name((enum transport)a->client.transport)));
}

static void report_denied(const struct turn_output *out) {
    static struct log_limit limit = {.burst = 20};
    struct addr no_peer = {0};
    const struct addr *peer = out->event.peer ? out->event.peer : &no_peer;
    metrics_inc(METRIC_TURN_DENIED_CHALLENGE + (enum metric_id)out->event.reason - TURN_REASON_CHALLENGE);
    /* The challenge is the normal first step of every client. */
    enum log_level level = out->event.reason == TURN_REASON_CHALLENGE ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    log_limited(&limit, level, "turn", "request denied", LF_TEXT("request", method_name(out->event.method)),
                LF_TEXT("reason", turn_reason_name(out->event.reason)), LF_INT("code", out->event.code),
                LF_ADDR("client", &out->client.remote), LF_TEXT("user", out->event.user), LF_ADDR("peer", peer),
                LF_TEXT("session", out->allocation ? out->allocation->id : "-"));
}

void relay_report_event(struct relay *relay, const struct turn_output *out) {
    const struct turn_allocation *a = out->allocation;
    switch (out->event.event) {
    case TURN_EVENT_CREATED:
        report_created(a);
        break;
    case TURN_EVENT_DELETED:
        report_deleted(relay, a, out->event.reason);
        break;
    case TURN_EVENT_MOVED:
        report_moved(out);
        break;
    case TURN_EVENT_ADRIFT:
        log_info("turn", "allocation without a connection", LF_TEXT("session", a->id), LF_TEXT("user", a->user),
                 LF_ADDR("from", &out->event.former->remote));
        break;
    case TURN_EVENT_DENIED:
        report_denied(out);
        break;
    case TURN_EVENT_REFRESHED:
        log_debug("turn", "allocation refreshed", LF_TEXT("session", a->id));
        break;
    case TURN_EVENT_PERMISSION:
        log_debug("turn", "permission", LF_TEXT("session", a->id), LF_ADDR("peer", out->event.peer));
        break;
    case TURN_EVENT_CHANNEL:
        log_debug("turn", "channel bound", LF_TEXT("session", a->id), LF_UINT("channel", out->event.channel),
                  LF_ADDR("peer", out->event.peer));
        break;
    }
}
