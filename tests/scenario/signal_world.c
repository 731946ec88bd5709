#include "signal_world.h"

#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

/* --- what the dialect asks --- */

static int verify(void *ctx, const char *token, size_t len, struct jwt_claims *out) {
    const char *room = memchr(token, '@', len);
    const char *options = memchr(token, ':', len);
    const char *end = options ? options : token + len;
    (void)ctx;
    if (!room || room > end) {
        return strcmp(token, "old") == 0 ? -ERR_EXPIRED : -ERR_INTEGRITY;
    }
    jwt_claims_init(out);
    snprintf(out->subject, sizeof out->subject, "%.*s", (int)(room - token), token);
    snprintf(out->room, sizeof out->room, "%.*s", (int)(end - room - 1), room + 1);
    out->grants |= JWT_GRANT_ROOM_JOIN;
    out->grants |= options && strstr(options, "hidden") ? JWT_GRANT_HIDDEN : 0;
    out->grants |= options && strstr(options, "own") ? JWT_GRANT_UPDATE_OWN_METADATA : 0;
    out->grants |= options && strstr(options, "create") ? JWT_GRANT_ROOM_CREATE : 0;
    out->grants &= ~(options && strstr(options, "mute") ? (uint32_t)JWT_GRANT_PUBLISH : 0);
    out->grants &= ~(options && strstr(options, "deaf") ? (uint32_t)JWT_GRANT_SUBSCRIBE : 0);
    out->grants &= ~(options && strstr(options, "silent") ? (uint32_t)JWT_GRANT_PUBLISH_DATA : 0);
    out->grants &= ~(options && strstr(options, "nojoin") ? (uint32_t)JWT_GRANT_ROOM_JOIN : 0);
    out->sources = options && strstr(options, "voice") ? JWT_SOURCE_MICROPHONE : JWT_SOURCES_ALL;
    out->caps.max_tracks = options && strstr(options, "two") ? 2 : 0;
    out->caps.max_height = options && strstr(options, "low") ? 360 : 0;
    snprintf(out->name, sizeof out->name, "%s", options && strstr(options, "named") ? "Given" : "");
    return 0;
}

static json_t *list_servers(void *ctx, const struct dialect_caller *caller, bool limited, uint32_t *ttl_s) {
    const struct world *w = ctx;
    if (limited && w->limited) {
        return NULL;
    }
    *ttl_s = w->no_credentials ? 0 : 600;
    return w->no_credentials ? json_array()
                             : json_pack("[{s:[s],s:s}]", "urls", "turn:h:1", "username", caller->subject);
}

static void refused(void *ctx, const struct addr *peer) {
    struct world *w = ctx;
    (void)peer;
    w->refused++;
}

static void observe(void *ctx, const struct room_event *event) {
    struct world *w = ctx;
    (void)event;
    w->observed++;
}

/* --- connections --- */

static int io_send(void *ctx, const char *text, size_t len) {
    struct client *c = ctx;
    if (c->queued + len > WORLD_QUEUE_MAX) {
        return -ENOBUFS;
    }
    json_t *message = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    CHECK(json_is_object(message)); /* what we send is JSON, always */
    c->queued += c->stalled ? len : 0;
    json_array_append_new(c->stalled ? c->wire : c->inbox, message);
    return 0;
}

static size_t io_queued(void *ctx) { return ((const struct client *)ctx)->queued; }

static void io_close(void *ctx, unsigned code, const char *reason) {
    struct client *c = ctx;
    CHECK(c->close_code == 0 && strlen(reason) <= 123);
    c->close_code = code;
}

static const struct link_io io = {.send = io_send, .queued = io_queued, .close = io_close};

/* What the event loop does after a close: the connection ends. */
void world_settle(struct world *w) {
    for (size_t i = 0; i < WORLD_CLIENTS_MAX; i++) {
        struct client *c = &w->clients[i];
        if (c->link && c->close_code != 0) {
            struct link *link = c->link;
            c->link = NULL;
            link_closed(link, 1006, &w->now);
        }
    }
}

/* --- the world --- */

void world_init_config(struct world *w, const struct rooms_config *rooms) {
    const struct dialect_config config = {.rooms = *rooms, .version = "1", .node = "n"};
    const struct dialect_hooks hooks = {
        .ctx = w, .verify = verify, .ice_servers = list_servers, .refused = refused, .observe = observe};
    memset(w, 0, sizeof *w);
    w->now = (struct moment){.mono_us = 1000000, .wall_ms = 1700000000000};
    w->dialect = dialect_new(&config, &hooks, &w->now);
    CHECK(w->dialect);
    for (size_t i = 0; i < WORLD_CLIENTS_MAX; i++) {
        w->clients[i].world = w;
    }
}

void world_init(struct world *w) {
    world_init_config(
        w, &(struct rooms_config){.resume_timeout_us = 60000000, .empty_timeout_us = 30000000, .auto_create = true});
}

void world_deinit(struct world *w) {
    for (size_t i = 0; i < WORLD_CLIENTS_MAX; i++) {
        client_break(&w->clients[i], 1000);
        json_decref(w->clients[i].inbox);
        json_decref(w->clients[i].wire);
    }
    world_check(w);
    CHECK(dialect_link_count(w->dialect) == 0);
    dialect_free(w->dialect, &w->now);
}

void world_sleep(struct world *w, double seconds) {
    uint64_t end = w->now.mono_us + (uint64_t)(seconds * 1e6);
    uint64_t next;
    while ((next = dialect_deadline_us(w->dialect)) <= end) {
        uint64_t step = next > w->now.mono_us ? next - w->now.mono_us : 0;
        w->now.mono_us += step;
        w->now.wall_ms += step / 1000;
        dialect_timeout(w->dialect, &w->now);
        world_settle(w);
        CHECK(dialect_deadline_us(w->dialect) > w->now.mono_us); /* no timer that is due stays */
    }
    w->now.wall_ms += (end - w->now.mono_us) / 1000;
    w->now.mono_us = end;
}

static uint32_t check_room(const struct rooms *rooms, const struct room *room) {
    uint32_t count = 0;
    uint32_t order = 0;
    CHECK(rooms_find(rooms, room->name) == room);
    LIST_FOREACH(node, &room->participants) {
        const struct participant *p = LIST_ENTRY(node, struct participant, in_room);
        const struct session *s = p->session;
        const struct link *link = s->link;
        CHECK(p->room == room && s->participant == p && p->join_order > order);
        CHECK(p->away == (link == NULL) && wheel_timer_pending(&s->expiry.timer) == p->away);
        CHECK(!link || (link->session == s && link->sent_seq <= s->seq));
        CHECK(s->history.count <= SIGNAL_HISTORY_EVENTS && s->history.bytes <= SIGNAL_HISTORY_BYTES);
        CHECK(p->track_count <= SIGNAL_TRACKS_MAX && room_find_identity(room, p->identity) == p);
        order = p->join_order;
        count++;
    }
    CHECK(count == room->count && count <= SIGNAL_MESH_CAPACITY);
    CHECK(wheel_timer_pending(&room->empty.timer) == (count == 0));
    return count;
}

void world_check(struct world *w) {
    const struct rooms *rooms = dialect_rooms(w->dialect);
    uint32_t cursor = 0;
    uint32_t sessions = 0;
    uint32_t links = 0;
    for (const struct room *room; (room = hash_table_next(&rooms->by_name, &cursor)) != NULL;) {
        sessions += check_room(rooms, room);
    }
    for (size_t i = 0; i < WORLD_CLIENTS_MAX; i++) {
        const struct link *link = w->clients[i].link;
        links += link != NULL;
        CHECK(!link || !link->session || link->session->link == link);
        CHECK(!link || list_empty(&link->in_doomed)); /* the doomed are closed within the same input */
    }
    CHECK(sessions == rooms->by_resume_key.count);
    CHECK(links == dialect_link_count(w->dialect));
}

/* --- clients --- */

void client_connect(struct world *w, struct client *c) {
    struct addr peer;
    addr_parse(&peer, "192.0.2.1:4000");
    CHECK(!c->link);
    json_decref(c->inbox);
    json_decref(c->wire);
    c->inbox = json_array();
    c->wire = json_array();
    c->queued = 0;
    c->stalled = false;
    c->close_code = 0;
    c->seq = 0;
    c->link = link_open(w->dialect, &(struct dialect_caller){.host = "h", .peer = &peer}, &io, c, &w->now);
    CHECK(c->link);
    world_settle(w);
}

void client_break(struct client *c, unsigned code) {
    struct link *link = c->link;
    if (link) {
        c->link = NULL;
        link_closed(link, code, &c->world->now);
        world_settle(c->world);
    }
    json_array_clear(c->wire);
    c->queued = 0;
}

void client_stall(struct client *c, bool stalled) {
    c->stalled = stalled;
    if (!stalled) {
        json_array_extend(c->inbox, c->wire);
        json_array_clear(c->wire);
        c->queued = 0;
    }
}

void client_send(struct client *c, const char *text, size_t len) {
    CHECK(c->link);
    link_text(c->link, text, len, &c->world->now);
    world_settle(c->world);
}

/* Takes the reply to id out of the inbox; NULL when there is none. */
static json_t *take_reply(struct client *c, uint64_t id) {
    size_t i;
    json_t *message;
    json_array_foreach(c->inbox, i, message) {
        if ((uint64_t)json_integer_value(json_object_get(message, "id")) == id) {
            json_incref(message);
            json_array_remove(c->inbox, i);
            return message;
        }
    }
    return NULL;
}

static json_t *request(struct client *c, const char *format, va_list args) {
    char *members = NULL;
    char *text = NULL;
    CHECK(vasprintf(&members, format, args) >= 0);
    int n = asprintf(&text, "{\"id\":%llu,%s}", (unsigned long long)++c->next_id, members);
    CHECK(n > 0);
    client_send(c, text, (size_t)n);
    free(members);
    free(text);
    return take_reply(c, c->next_id);
}

json_t *client_request(struct client *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    json_t *reply = request(c, format, args);
    va_end(args);
    return reply;
}

void client_expect(struct client *c, const char *error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    json_t *reply = request(c, format, args);
    va_end(args);
    CHECK(reply);
    if (strcmp(at(reply, "error.code"), error) != 0) {
        fprintf(stderr, "wanted error \"%s\" for %s, got %s\n", error, format, json_dumps(reply, 0));
        abort();
    }
    CHECK((json_is_true(json_object_get(reply, "ok")) != 0) == (error[0] == '\0'));
    json_decref(reply);
}

static json_t *keep_session(struct client *c, json_t *reply) {
    if (json_is_true(json_object_get(reply, "ok"))) {
        snprintf(c->sid, sizeof c->sid, "%s", at(reply, "self.sid"));
        snprintf(c->key, sizeof c->key, "%s", at(reply, "resumeKey"));
        snprintf(c->identity, sizeof c->identity, "%s", at(reply, "self.identity"));
        c->generation = number_at(reply, "room.generation");
        c->seq = (uint64_t)number_at(reply, "seq");
    }
    return reply;
}

json_t *client_join(struct world *w, struct client *c, const char *token) {
    client_connect(w, c);
    return keep_session(c, client_request(c, "\"method\":\"join\",\"token\":\"%s\"", token));
}

void client_enter(struct world *w, struct client *c, const char *token) {
    json_t *reply = client_join(w, c, token);
    CHECK(json_is_true(json_object_get(reply, "ok")));
    json_decref(reply);
}

json_t *client_resume(struct world *w, struct client *c, uint64_t seq) {
    client_connect(w, c);
    return keep_session(c, client_request(c, "\"method\":\"join\",\"resume\":{\"key\":\"%s\",\"seq\":%llu}", c->key,
                                          (unsigned long long)seq));
}

json_t *client_event(struct client *c, const char *name) {
    json_t *event = json_array_get(c->inbox, 0);
    if (!event || strcmp(at(event, "event"), name) != 0) {
        fprintf(stderr, "%s wanted event %s, has %s\n", c->identity, name, json_dumps(c->inbox, 0));
        abort();
    }
    if (strcmp(name, "disconnect") != 0) {
        CHECK((uint64_t)number_at(event, "seq") > c->seq);
        c->seq = (uint64_t)number_at(event, "seq");
    }
    json_incref(event);
    json_array_remove(c->inbox, 0);
    return event;
}

void client_expect_event(struct client *c, const char *name) { json_decref(client_event(c, name)); }

void client_expect_quiet(const struct client *c) {
    if (json_array_size(c->inbox) > 0) {
        fprintf(stderr, "%s wanted nothing, has %s\n", c->identity, json_dumps(c->inbox, 0));
        abort();
    }
}

void client_drain(struct client *c) {
    while (json_array_size(c->inbox) > 0) {
        json_t *message = json_array_get(c->inbox, 0);
        uint64_t seq = (uint64_t)number_at(message, "seq");
        if (json_object_get(message, "resumeKey")) {
            keep_session(c, message);
        } else if (seq > 0) {
            CHECK(seq > c->seq);
            c->seq = seq;
        }
        json_array_remove(c->inbox, 0);
    }
}

static const json_t *node_at(const json_t *object, const char *path) {
    char key[64];
    for (;; path++) {
        size_t len = strcspn(path, ".");
        CHECK(len < sizeof key);
        memcpy(key, path, len);
        key[len] = '\0';
        bool index = len > 0 && strspn(key, "0123456789") == len;
        object = index ? json_array_get(object, (size_t)strtoul(key, NULL, 10)) : json_object_get(object, key);
        path += len;
        if (*path == '\0') {
            return object;
        }
    }
}

const char *at(const json_t *object, const char *path) {
    const char *text = json_string_value(node_at(object, path));
    return text ? text : "";
}

json_int_t number_at(const json_t *object, const char *path) { return json_integer_value(node_at(object, path)); }
