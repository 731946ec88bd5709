/* What the caller is to do, in order. A call makes at most OUTPUTS_MAX of these; allocations, connections and relays
 * that end are walked off their lists, so that a thousand expiries need no queue. */
#include "proto/turn/internal.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>

struct turn_output *output_push(struct turn_server *s, enum turn_output_type type, const struct five_tuple *client) {
    assert(s->output_count < OUTPUTS_MAX); /* every call is drained before the next */
    struct turn_output *out = &s->outputs[(s->output_first + s->output_count++) % OUTPUTS_MAX];
    memset(out, 0, sizeof *out);
    out->type = type;
    if (client) {
        out->client = *client;
    }
    return out;
}

static const char *keep_user(struct request *r) {
    struct turn_server *s = r->server;
    size_t n = r->user_len < TURN_USER_TEXT_MAX ? r->user_len : TURN_USER_TEXT_MAX;
    if (n == 0 && r->userhash) {
        static const char prefix[] = "userhash:";
        memcpy(s->event_user, prefix, sizeof prefix);
        hex_encode(s->event_user + sizeof prefix - 1, r->userhash, 8); /* enough to tell it from others */
        return s->event_user;
    }
    if (n > 0) {
        memcpy(s->event_user, r->user, n);
    }
    s->event_user[n] = '\0';
    return s->event_user;
}

void output_event(struct request *r, enum turn_event event, struct turn_allocation *a) {
    struct turn_output *out = output_push(r->server, TURN_OUTPUT_EVENT, r->client);
    out->allocation = a;
    out->event.event = event;
    out->event.reason = r->reason;
    out->event.method = r->msg->method;
    out->event.user = keep_user(r);
    out->event.channel = r->channel;
    if (r->peer) {
        r->server->event_peer = *r->peer;
        out->event.peer = &r->server->event_peer;
    }
}

void output_denied(struct request *r, int code) {
    output_event(r, TURN_EVENT_DENIED, r->allocation);
    struct turn_server *s = r->server;
    s->outputs[(s->output_first + s->output_count - 1) % OUTPUTS_MAX].event.code = code;
}

void output_close(struct turn_server *s, void *handle) {
    if (handle) {
        output_push(s, TURN_OUTPUT_CLOSE_RELAY, NULL)->close = handle;
    }
}

static void clear(struct turn_output *out, enum turn_output_type type) {
    memset(out, 0, sizeof *out);
    out->type = type;
}

/* DELETED first, then each relay, then the allocation goes with the next poll. */
static bool poll_dying(struct turn_server *s, struct turn_output *out) {
    if (list_empty(&s->dying)) {
        return false;
    }
    struct turn_allocation *a = LIST_ENTRY(s->dying.next, struct turn_allocation, dying_node);
    if (a->closing == 0) {
        clear(out, TURN_OUTPUT_EVENT);
        out->event.event = TURN_EVENT_DELETED;
        out->event.reason = (enum turn_reason)a->end_reason;
        out->event.user = a->user;
    } else {
        clear(out, TURN_OUTPUT_CLOSE_RELAY);
        out->close = a->relays[a->closing - 1].handle;
    }
    out->client = a->client;
    out->allocation = a;
    if (a->closing++ == a->relay_count) {
        list_remove(&a->dying_node);
        s->free_next = a;
    }
    return true;
}

/* Requests and reservations whose time is over: most hold no relay. */
static bool poll_dead(struct turn_server *s, struct turn_output *out) {
    while (!list_empty(&s->dead)) {
        struct held *held = LIST_ENTRY(s->dead.next, struct held, node);
        void *handle = held->relay.handle;
        list_remove(&held->node);
        free(held);
        if (handle) {
            clear(out, TURN_OUTPUT_CLOSE_RELAY);
            out->close = handle;
            return true;
        }
    }
    return false;
}

/* First of all: an allocation's connections are closed before it is reported as deleted. */
static bool pop(struct turn_server *s, struct turn_output *out) {
    if (s->output_count == 0 && !list_empty(&s->ended)) {
        struct turn_connection *c = LIST_ENTRY(s->ended.next, struct turn_connection, node);
        list_remove(&c->node);
        connection_conclude(s, c);
    }
    if (s->output_count == 0) {
        return false;
    }
    *out = s->outputs[s->output_first];
    s->output_first = (s->output_first + 1) % OUTPUTS_MAX;
    s->output_count--;
    return true;
}

bool turn_server_poll(struct turn_server *s, struct turn_output *out) {
    if (s->free_next) {
        allocation_free(s, s->free_next);
        s->free_next = NULL;
    }
    return pop(s, out) || poll_dying(s, out) || poll_dead(s, out);
}
