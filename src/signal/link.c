#include "signal/link.h"

#include "base/log.h"
#include "base/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND_US = 1000000, LAG_LOOK_US = 100000, DISCONNECT_MAX = 128 };

static const struct doom_row {
    unsigned code;
    const char *reason;
    enum metric_id metric;
    bool told; /* by a disconnect event */
    bool reconnect;
} dooms[DOOM_COUNT] = {
    [DOOM_LEFT] = {1000, "left", METRIC_SIGNAL_CLOSED_LEFT, false, false},
    [DOOM_SHUTDOWN] = {1001, "server-shutdown", METRIC_SIGNAL_CLOSED_SHUTDOWN, true, true},
    [DOOM_TOO_BIG] = {1009, "too-big", METRIC_SIGNAL_CLOSED_TOO_BIG, false, false},
    [DOOM_BAD_PROTOCOL] = {4000, "bad-protocol", METRIC_SIGNAL_CLOSED_BAD_PROTOCOL, false, false},
    [DOOM_UNAUTHORIZED] = {4001, "unauthorized", METRIC_SIGNAL_CLOSED_UNAUTHORIZED, false, false},
    [DOOM_DUPLICATE_IDENTITY] = {4002, "duplicate-identity", METRIC_SIGNAL_CLOSED_DUPLICATE, true, false},
    [DOOM_TAKEN_OVER] = {4002, "taken-over", METRIC_SIGNAL_CLOSED_TAKEN_OVER, false, false},
    [DOOM_KICKED] = {4003, "kicked", METRIC_SIGNAL_CLOSED_KICKED, true, false},
    [DOOM_ROOM_CLOSED] = {4004, "room-closed", METRIC_SIGNAL_CLOSED_ROOM_CLOSED, true, false},
    [DOOM_SLOW_CONSUMER] = {4005, "slow-consumer", METRIC_SIGNAL_CLOSED_SLOW_CONSUMER, true, true},
    [DOOM_JOIN_TIMEOUT] = {4006, "join-timeout", METRIC_SIGNAL_CLOSED_JOIN_TIMEOUT, false, false},
    [DOOM_RATE_LIMITED] = {4007, "rate-limited", METRIC_SIGNAL_CLOSED_RATE_LIMITED, true, false},
};

static struct log_limit log_closed = {.burst = 20};

/* --- sending --- */

static int send_text(struct link *link, const char *text, size_t len) {
    int rc = link->io->send(link->io_ctx, text, len);
    if (rc == 0) {
        metrics_inc(METRIC_SIGNAL_MESSAGES_OUT);
    }
    return rc;
}

void link_send(struct link *link, const char *text, size_t len) {
    if (link->doom == DOOM_NONE && send_text(link, text, len) < 0) {
        link_doom(link, DOOM_SLOW_CONSUMER);
    }
}

static void begin_lag(struct link *link) {
    struct dialect *d = link->dialect;
    if (!link->lagging) {
        link->lagging = true;
        link->lag_since_us = d->now_us;
        link->session->coalescing = true;
        metrics_inc(METRIC_SIGNAL_LAGS);
    }
    wheel_set(&d->wheel, &link->timer, d->now_us + LAG_LOOK_US);
}

static bool grow_scratch(struct dialect *d, size_t need) {
    if (need <= d->scratch_cap) {
        return true;
    }
    char *bigger = realloc(d->scratch, need * 2);
    if (!bigger) {
        return false;
    }
    d->scratch = bigger;
    d->scratch_cap = need * 2;
    return true;
}

/* One event, spliced with this session's number. False: it stays in the history for later. */
static bool send_event(struct link *link, const struct history_entry *entry) {
    struct dialect *d = link->dialect;
    if (!grow_scratch(d, entry->text->len + EVENT_SEQ_BYTES)) {
        return false;
    }
    size_t len = event_text_write(entry->text, entry->seq, d->scratch);
    if (send_text(link, d->scratch, len) < 0) {
        return false;
    }
    link->sent_seq = entry->seq;
    return true;
}

static bool is_congested(const struct link *link) { return link->io->queued(link->io_ctx) > SIGNAL_LAG_HIGH; }

void link_deliver(void *ctx, struct session *session, const struct history_entry *entry) {
    struct link *link = session->link;
    (void)ctx;
    if (link->doom != DOOM_NONE || link->lagging) {
        return;
    }
    if (!send_event(link, entry) || is_congested(link)) {
        begin_lag(link);
    }
}

void link_catch_up(struct link *link) {
    struct session *session = link->session;
    const struct history_entry *entry;
    while (link->doom == DOOM_NONE && (entry = history_after(&session->history, link->sent_seq)) != NULL) {
        if (!send_event(link, entry) || is_congested(link)) {
            begin_lag(link);
            return;
        }
    }
    link->lagging = false;
    session->coalescing = false;
}

/* A slow reader: may it have the rest, does it wait on, or is it cut? */
static void look_after(struct link *link) {
    struct dialect *d = link->dialect;
    bool lost = !history_reaches(&link->session->history, link->sent_seq);
    bool too_long = d->now_us - link->lag_since_us > (uint64_t)SIGNAL_LAG_SECONDS * SECOND_US;
    if (link->io->queued(link->io_ctx) <= SIGNAL_LAG_LOW && !lost) {
        link->lag_since_us = d->now_us;
        link_catch_up(link);
    } else if (lost || too_long) {
        link_doom(link, DOOM_SLOW_CONSUMER);
    } else {
        wheel_set(&d->wheel, &link->timer, d->now_us + LAG_LOOK_US);
    }
}

void link_timer_fired(struct link *link) {
    if (link->doom != DOOM_NONE) {
        return;
    }
    if (!link->session) {
        link_doom(link, DOOM_JOIN_TIMEOUT);
    } else if (link->lagging) {
        look_after(link);
    }
}

/* --- life --- */

static void count(const struct link *link, int n) {
    metrics_add(link->session ? METRIC_SIGNAL_CONNECTIONS_JOINED : METRIC_SIGNAL_CONNECTIONS_JOINING, n);
}

struct link *link_open(struct dialect *d, const struct dialect_caller *caller, const struct link_io *io, void *ctx,
                       const struct moment *now) {
    struct link *link = d->link_count < SIGNAL_LINKS_MAX ? calloc(1, sizeof *link) : NULL;
    if (!link) {
        return NULL;
    }
    link->dialect = d;
    link->io = io;
    link->io_ctx = ctx;
    link->peer = *caller->peer;
    snprintf(link->host, sizeof link->host, "%s", caller->host);
    list_push_back(&d->links, &link->in_dialect);
    list_init(&link->in_doomed);
    wheel_timer_init(&link->timer);
    wheel_set(&d->wheel, &link->timer, now->mono_us + (uint64_t)SIGNAL_JOIN_SECONDS * SECOND_US);
    d->link_count++;
    count(link, 1);
    if (d->shutting_down) {
        link_doom(link, DOOM_SHUTDOWN);
        dialect_settle(d, now);
    }
    return link;
}

void link_attach(struct link *link, struct session *session, uint64_t seq) {
    count(link, -1);
    link->session = session;
    link->sent_seq = seq;
    wheel_cancel(&link->dialect->wheel, &link->timer);
    count(link, 1);
}

void link_end_session(struct link *link) {
    count(link, -1);
    link->session = NULL;
    link->lagging = false;
    count(link, 1);
}

void link_detached(void *ctx, void *which, enum leave_reason reason) {
    static const enum doom doom_of[] = {
        [LEAVE_LEFT] = DOOM_LEFT,
        [LEAVE_TIMEOUT] = DOOM_LEFT,
        [LEAVE_KICKED] = DOOM_KICKED,
        [LEAVE_DUPLICATE_IDENTITY] = DOOM_DUPLICATE_IDENTITY,
        [LEAVE_ROOM_CLOSED] = DOOM_ROOM_CLOSED,
        [LEAVE_TAKEN_OVER] = DOOM_TAKEN_OVER,
    };
    struct link *link = which;
    (void)ctx;
    link_doom(link, doom_of[reason]);
    link_end_session(link);
}

void link_doom(struct link *link, enum doom doom) {
    if (link->doom == DOOM_NONE) {
        link->doom = doom;
        list_push_back(&link->dialect->doomed, &link->in_doomed);
    }
}

static void say_disconnect(struct link *link, const struct doom_row *row) {
    char text[DISCONNECT_MAX];
    int n = snprintf(text, sizeof text, "{\"event\":\"disconnect\",\"reason\":\"%s\",\"reconnect\":%s}", row->reason,
                     row->reconnect ? "true" : "false");
    send_text(link, text, (size_t)n); /* the close code says it too, should this not fit */
}

static void close_doomed(struct link *link, const struct moment *now) {
    const struct doom_row *row = &dooms[link->doom];
    struct session *session = link->session;
    list_remove(&link->in_doomed);
    wheel_cancel(&link->dialect->wheel, &link->timer);
    if (row->told) {
        say_disconnect(link, row);
    }
    metrics_inc(row->metric);
    log_limited(&log_closed, LOG_LEVEL_INFO, "signal", "connection closed by us", LF_ADDR("peer", &link->peer),
                LF_TEXT("session", session ? session->id : "-"), LF_TEXT("reason", row->reason));
    if (session) {
        link_end_session(link);
        rooms_drop(&link->dialect->rooms, session, now);
    }
    link->io->close(link->io_ctx, row->code, row->reason);
}

void dialect_settle(struct dialect *d, const struct moment *now) {
    d->now_us = now->mono_us;
    while (!list_empty(&d->doomed)) { /* closing one may doom others: it tells them */
        close_doomed(LIST_ENTRY(d->doomed.next, struct link, in_doomed), now);
    }
}

/* A bucket by its arithmetic: paid_us is when all that was sent would have been due at the steady rate. */
bool link_take_token(struct link *link) {
    const uint64_t step = SECOND_US / SIGNAL_RATE;
    const uint64_t now = link->dialect->now_us;
    uint64_t paid = link->paid_us > now ? link->paid_us : now;
    if (paid + step > now + step * SIGNAL_BURST) {
        return false;
    }
    link->paid_us = paid + step;
    return true;
}

void link_text(struct link *link, const char *text, size_t len, const struct moment *now) {
    struct dialect *d = link->dialect;
    d->now_us = now->mono_us;
    if (link->doom != DOOM_NONE) {
        return;
    }
    metrics_inc(METRIC_SIGNAL_MESSAGES_IN);
    if (!link_take_token(link)) {
        link_doom(link, DOOM_RATE_LIMITED);
    } else if (len > (link->session ? SIGNAL_MESSAGE_MAX : SIGNAL_JOIN_MAX)) {
        link_doom(link, DOOM_TOO_BIG);
    } else {
        dialect_message(link, text, len, now);
    }
    dialect_settle(d, now);
}

static void free_link(struct link *link) {
    struct dialect *d = link->dialect;
    count(link, -1);
    list_remove(&link->in_dialect);
    list_remove(&link->in_doomed);
    wheel_cancel(&d->wheel, &link->timer);
    d->link_count--;
    free(link);
}

/* RFC 6455 section 7.4.1: 1000 and 1001 are said by a client that goes on purpose. */
void link_closed(struct link *link, unsigned code, const struct moment *now) {
    struct dialect *d = link->dialect;
    struct session *session = link->session;
    d->now_us = now->mono_us;
    if (session) {
        link_end_session(link);
        if (code == 1000 || code == 1001) {
            session->link = NULL;
            rooms_leave(&d->rooms, session, LEAVE_LEFT, now);
        } else {
            rooms_drop(&d->rooms, session, now);
        }
    }
    free_link(link);
    dialect_settle(d, now);
}

void dialect_shutdown(struct dialect *d, const struct moment *now) {
    d->shutting_down = true;
    LIST_FOREACH(node, &d->links) { link_doom(LIST_ENTRY(node, struct link, in_dialect), DOOM_SHUTDOWN); }
    dialect_settle(d, now);
}

void dialect_free(struct dialect *d, const struct moment *now) {
    LIST_FOREACH_SAFE(node, after, &d->links) { free_link(LIST_ENTRY(node, struct link, in_dialect)); }
    rooms_deinit(&d->rooms, now);
    free(d->scratch);
    free(d);
}
