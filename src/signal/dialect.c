#include "signal/dialect.h"

#include "base/error.h"
#include "proto/json/json.h"
#include "signal/call.h"
#include "signal/objects.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_MAX_BITS = 53, METHOD_MAX = 32 };

static const struct method {
    const char *name;
    enum dialect_error (*handle)(struct call *call);
    bool needs_join;
} methods[] = {
    {"chat", method_chat, true},           {"ice-servers", method_ice_servers, true},
    {"join", method_join, false},          {"leave", method_leave, true},
    {"mute", method_mute, true},           {"peer", method_peer, true},
    {"ping", method_ping, true},           {"publish", method_publish, true},
    {"unpublish", method_unpublish, true}, {"update", method_update, true},
};
enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

static const struct error_row {
    const char *name;
    const char *message;
} errors[DIALECT_ERROR_COUNT] = {
    [DIALECT_OK] = {"", ""},
    [DIALECT_BAD_REQUEST] = {"bad-request", "the request is malformed"},
    [DIALECT_UNAUTHORIZED] = {"unauthorized", "the token is not valid"},
    [DIALECT_EXPIRED] = {"expired", "the token or resume key is past its time"},
    [DIALECT_FORBIDDEN] = {"forbidden", "not allowed"},
    [DIALECT_NOT_FOUND] = {"not-found", "there is none"},
    [DIALECT_CONFLICT] = {"conflict", "does not fit the present state"},
    [DIALECT_ROOM_FULL] = {"room-full", "the room takes no more participants"},
    [DIALECT_RATE_LIMITED] = {"rate-limited", "too many requests"},
    [DIALECT_TOO_LARGE] = {"too-large", "over a limit"},
    [DIALECT_UNSUPPORTED] = {"unsupported", "unknown method"},
    [DIALECT_UNAVAILABLE] = {"unavailable", "not now"},
    [DIALECT_INTERNAL] = {"internal", "the server failed"},
};

/* --- life --- */

static struct event_text *encode(void *ctx, const struct room_event *event) {
    (void)ctx;
    return object_encode_event(event);
}

static void observe(void *ctx, const struct room_event *event) {
    const struct dialect *d = ctx;
    d->hooks.observe(d->hooks.ctx, event);
}

struct dialect *dialect_new(const struct dialect_config *config, const struct dialect_hooks *hooks,
                            const struct moment *now) {
    struct dialect *d = calloc(1, sizeof *d);
    if (!d) {
        return NULL;
    }
    const struct rooms_output output = {
        .ctx = d, .encode = encode, .deliver = link_deliver, .detached = link_detached, .observe = observe};
    d->config = *config;
    d->hooks = *hooks;
    list_init(&d->links);
    list_init(&d->doomed);
    wheel_init(&d->wheel, now->mono_us);
    rooms_init(&d->rooms, &config->rooms, &output, now);
    return d;
}

void dialect_configure(struct dialect *d, const struct dialect_config *config) {
    d->config = *config;
    rooms_configure(&d->rooms, &config->rooms);
}

static void fired(struct wheel_timer *timer, void *ctx) {
    (void)ctx;
    link_timer_fired(LIST_ENTRY(timer, struct link, timer));
}

uint64_t dialect_deadline_us(const struct dialect *d) {
    uint64_t mine = wheel_deadline_us(&d->wheel);
    uint64_t rooms = rooms_deadline_us(&d->rooms);
    return mine < rooms ? mine : rooms;
}

void dialect_timeout(struct dialect *d, const struct moment *now) {
    d->now_us = now->mono_us;
    wheel_advance(&d->wheel, now->mono_us, fired, NULL);
    rooms_timeout(&d->rooms, now);
    dialect_settle(d, now);
}

struct rooms *dialect_rooms(struct dialect *d) {
    return &d->rooms;
}

uint32_t dialect_link_count(const struct dialect *d) { return d->link_count; }

const char *dialect_version(const struct dialect *d) { return d->config.version; }

/* --- the envelope --- */

enum dialect_error call_refuse(struct call *call, const char *message) {
    call->message = message;
    return DIALECT_BAD_REQUEST;
}

enum dialect_error call_error_of(int rc) {
    switch (rc) {
    case 0:
        return DIALECT_OK;
    case -ERR_FORBIDDEN:
        return DIALECT_FORBIDDEN;
    case -ERR_QUOTA:
        return DIALECT_ROOM_FULL;
    case -ENOENT:
        return DIALECT_NOT_FOUND;
    case -ESTALE:
        return DIALECT_CONFLICT;
    case -ENOBUFS:
        return DIALECT_TOO_LARGE;
    default:
        return DIALECT_INTERNAL;
    }
}

void call_put(struct call *call, const char *key, json_t *value) { json_object_set_new(call->reply, key, value); }

static void send_json(struct link *link, json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT);
    if (text) {
        link_send(link, text, strlen(text));
        free(text);
    }
}

static void reply_ok(const struct call *call, uint64_t id) {
    json_t *envelope = json_pack("{s:I,s:b}", "id", (json_int_t)id, "ok", 1);
    json_object_update(envelope, call->reply);
    send_json(call->link, envelope);
    json_decref(envelope);
}

static void reply_error(const struct call *call, uint64_t id, enum dialect_error error) {
    const char *message = call->message ? call->message : errors[error].message;
    json_t *envelope =
        json_pack("{s:I,s:{s:s,s:s}}", "id", (json_int_t)id, "error", "code", errors[error].name, "message", message);
    if (call->generation > 0) {
        json_object_set_new(json_object_get(envelope, "error"), "generation", json_integer(call->generation));
    }
    send_json(call->link, envelope);
    json_decref(envelope);
}

static const struct method *find_method(const char *name) {
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

static enum dialect_error run(struct call *call, const char *name) {
    const struct method *method = find_method(name);
    if (!method) {
        return DIALECT_UNSUPPORTED;
    }
    if (method->needs_join && !call->link->session) {
        return call_refuse(call, "join first");
    }
    return method->handle(call);
}

static void answer(struct call *call, uint64_t id, const char *name) {
    struct link *link = call->link;
    enum dialect_error error = call->reply ? run(call, name) : DIALECT_INTERNAL;
    if (error == DIALECT_OK) {
        reply_ok(call, id);
    } else {
        reply_error(call, id, error);
    }
    if (call->catch_up) {
        link_catch_up(link);
    }
    if (call->doom != DOOM_NONE) {
        link_doom(link, call->doom);
    }
    json_decref(call->reply);
}

void dialect_message(struct link *link, const char *text, size_t len, const struct moment *now) {
    struct call call = {.link = link, .now = now};
    const char *name = "";
    uint64_t id = 0;
    json_t *request = json_parse_object(text, len, SIGNAL_DEPTH_MAX);
    if (!request || json_take_u64(request, "id", (uint64_t)1 << ID_MAX_BITS, &id) <= 0 || id == 0 ||
        json_take_text(request, "method", METHOD_MAX, &name) <= 0) {
        link_doom(link, DOOM_BAD_PROTOCOL);
    } else {
        call.request = request;
        call.reply = json_object();
        answer(&call, id, name);
    }
    json_decref(request);
}
