#include "signal/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "config/config.h"
#include "signal/objects.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 16 * 1024 };

static struct log_limit log_events = {.burst = 50};

/* --- time --- */

void service_now(const struct signal_service *service, struct moment *out) {
    out->mono_us = loop_now_us(service->loop);
    out->wall_ms = clock_wall_ms();
}

void service_rearm(struct signal_service *service) {
    uint64_t deadline = dialect_deadline_us(service->dialect);
    uint64_t now = loop_now_us(service->loop);
    if (deadline == UINT64_MAX) {
        loop_timer_cancel(service->loop, &service->timer);
    } else {
        loop_timer_set(service->loop, &service->timer, deadline > now ? deadline - now : 0);
    }
}

static void timer_fired(void *ctx) {
    struct signal_service *service = ctx;
    struct moment now;
    service_now(service, &now);
    dialect_timeout(service->dialect, &now);
    service_rearm(service);
}

void service_settle(struct signal_service *service, const struct moment *now) {
    dialect_settle(service->dialect, now);
    service_rearm(service);
}

/* --- what the dialect asks --- */

static int verify(void *ctx, const char *token, size_t len, struct jwt_claims *out) {
    return access_verify(ctx, token, len, out);
}

static json_t *list_ice_servers(void *ctx, const struct dialect_caller *caller, bool limited, uint32_t *ttl_s) {
    const struct signal_service *service = ctx;
    const struct signal_hooks *hooks = &service->hooks;
    struct signal_credentials credentials;
    if (limited && (hooks->admit(hooks->ctx, caller->peer, NULL) > 0 ||
                    hooks->admit(hooks->ctx, caller->peer, caller->subject) > 0)) {
        return NULL;
    }
    bool issued = hooks->credentials(hooks->ctx, caller->subject, &credentials) == 0;
    json_t *servers = ice_servers(&service->listeners, caller->host, issued ? &credentials : NULL);
    *ttl_s = issued ? credentials.ttl_s : 0;
    explicit_bzero(&credentials, sizeof credentials);
    return servers;
}

static void refused(void *ctx, const struct addr *peer) {
    const struct signal_service *service = ctx;
    service->hooks.refused(service->hooks.ctx, peer);
}

static void observe(void *ctx, const struct room_event *event) {
    static const struct {
        const char *text;
        enum log_level level;
    } rows[] = {
        [ROOM_EVENT_PARTICIPANT_JOINED] = {"participant joined", LOG_LEVEL_INFO},
        [ROOM_EVENT_PARTICIPANT_LEFT] = {"participant left", LOG_LEVEL_INFO},
        [ROOM_EVENT_PARTICIPANT_UPDATED] = {"participant updated", LOG_LEVEL_DEBUG},
        [ROOM_EVENT_TRACK_PUBLISHED] = {"track published", LOG_LEVEL_DEBUG},
        [ROOM_EVENT_TRACK_UNPUBLISHED] = {"track unpublished", LOG_LEVEL_DEBUG},
        [ROOM_EVENT_ROOM_UPDATED] = {"room updated", LOG_LEVEL_DEBUG},
        [ROOM_EVENT_ROOM_OPENED] = {"room opened", LOG_LEVEL_INFO},
        [ROOM_EVENT_ROOM_CLOSED] = {"room closed", LOG_LEVEL_INFO},
    };
    const struct participant *p = event->participant;
    (void)ctx;
    if (event->type >= sizeof rows / sizeof rows[0] || !rows[event->type].text) {
        return;
    }
    log_limited(&log_events, rows[event->type].level, "signal", rows[event->type].text,
                LF_TEXT("room", event->room->name), LF_TEXT("session", p ? p->session->id : "-"),
                LF_TEXT("identity", p ? p->identity : "-"),
                LF_TEXT("state", !p        ? "-"
                                 : p->away ? "away"
                                           : "active"),
                LF_TEXT("reason", event->type == ROOM_EVENT_PARTICIPANT_LEFT ? leave_reason_name(event->reason) : "-"));
}

/* --- life --- */

static void read_config(struct dialect_config *out, const struct config *config) {
    memset(out, 0, sizeof *out);
    out->rooms.empty_timeout_us = config->rooms.empty_timeout_us;
    out->rooms.resume_timeout_us = config->rooms.resume_timeout_us;
    out->rooms.max_participants =
        config->rooms.max_participants > UINT32_MAX ? UINT32_MAX : (uint32_t)config->rooms.max_participants;
    out->rooms.auto_create = config->rooms.auto_create;
    snprintf(out->version, sizeof out->version, "%s", PACKAGE_VERSION);
    snprintf(out->node, sizeof out->node, "%.*s", DIALECT_LABEL_MAX - 1, config->cluster.node_name);
}

static void take_config(struct signal_service *service, const struct config *config) {
    if (config->auth.development && !service->development) {
        log_warning("signal", "development mode: anybody may mint tokens and join any room");
    }
    service->development = config->auth.development;
    ice_listeners_read(&service->listeners, config);
}

struct signal_service *signal_new(struct loop *loop, const struct config *config, const struct signal_hooks *hooks) {
    struct signal_service *service = calloc(1, sizeof *service);
    struct dialect_config dialect;
    struct moment now;
    if (!service) {
        return NULL;
    }
    const struct dialect_hooks dialect_hooks = {
        .ctx = service, .verify = verify, .ice_servers = list_ice_servers, .refused = refused, .observe = observe};
    service->loop = loop;
    service->hooks = *hooks;
    rng_bytes(service->dev_secret, sizeof service->dev_secret);
    loop_timer_init(&service->timer, timer_fired, service);
    service_now(service, &now);
    read_config(&dialect, config);
    take_config(service, config);
    service->dialect = dialect_new(&dialect, &dialect_hooks, &now);
    if (!service->dialect) {
        free(service);
        return NULL;
    }
    return service;
}

void signal_free(struct signal_service *service) {
    struct moment now;
    if (!service) {
        return;
    }
    service_now(service, &now);
    loop_timer_cancel(service->loop, &service->timer);
    dialect_free(service->dialect, &now);
    explicit_bzero(service->dev_secret, sizeof service->dev_secret);
    free(service);
}

void signal_reconfigure(struct signal_service *service, const struct config *config) {
    struct dialect_config dialect;
    read_config(&dialect, config);
    take_config(service, config);
    dialect_configure(service->dialect, &dialect);
}

void signal_shutdown(struct signal_service *service) {
    struct moment now;
    service_now(service, &now);
    service->stopping = true;
    dialect_shutdown(service->dialect, &now);
    service_rearm(service);
}

int signal_add_routes(struct signal_service *service, struct http_server *server) {
    const struct http_route routes[] = {
        {"GET", "/v1/signal", gateway_handle, service, 0},
        {"GET", "/v1/config", page_config, service, 0},
        {"POST", "/v1/dev/token", page_dev_token, service, BODY_MAX},
        {"GET", "/v1/ice-servers", credentials_ice_servers, service, 0},
        {"GET", "/turn", credentials_turn, service, 0},
        {"POST", "/turn", credentials_turn, service, BODY_MAX},
        {"GET", "/v1/rooms", rooms_http_list, service, 0},
        {"POST", "/v1/rooms", rooms_http_create, service, BODY_MAX},
        {"GET", "/v1/rooms/{room}", rooms_http_show, service, 0},
        {"DELETE", "/v1/rooms/{room}", rooms_http_close, service, 0},
        {"DELETE", "/v1/rooms/{room}/participants/{identity}", rooms_http_kick, service, 0},
        {"POST", "/v1/rooms/{room}/participants/{identity}/mute", rooms_http_mute, service, BODY_MAX},
    };
    return http_server_add_routes(server, routes, sizeof routes / sizeof routes[0]);
}

/* --- for admins --- */

void signal_get_stats(const struct signal_service *service, struct signal_stats *out) {
    const struct rooms *rooms = dialect_rooms(service->dialect);
    uint32_t cursor = 0;
    memset(out, 0, sizeof *out);
    out->rooms = rooms->by_name.count;
    out->participants = rooms->by_resume_key.count;
    out->websockets = dialect_link_count(service->dialect);
    for (const struct session *s; (s = hash_table_next(&rooms->by_resume_key, &cursor)) != NULL;) {
        out->away += s->participant->away;
    }
}

json_t *signal_rooms_json(const struct signal_service *service) {
    const struct rooms *rooms = dialect_rooms(service->dialect);
    json_t *list = json_array();
    uint32_t cursor = 0;
    for (const struct room *room; (room = hash_table_next(&rooms->by_name, &cursor)) != NULL;) {
        if (json_array_append_new(list, object_of_room_for_admin(room)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *signal_room_json(const struct signal_service *service, const char *name) {
    const struct room *room = rooms_find(dialect_rooms(service->dialect), name);
    return room ? json_pack("{s:o,s:o}", "room", object_of_room_for_admin(room), "participants",
                            object_of_participants(room, NULL))
                : NULL;
}

int signal_room_close(struct signal_service *service, const char *room) {
    struct moment now;
    service_now(service, &now);
    int rc = rooms_close(dialect_rooms(service->dialect), room, &now);
    service_settle(service, &now);
    return rc;
}

int signal_participant_kick(struct signal_service *service, const char *name, const char *identity, uint32_t ban_s) {
    struct moment now;
    struct rooms *rooms = dialect_rooms(service->dialect);
    struct room *room = rooms_find(rooms, name);
    service_now(service, &now);
    int rc = room ? rooms_kick(rooms, room, identity, ban_s, &now) : -ENOENT;
    service_settle(service, &now);
    return rc;
}

int signal_participant_mute(struct signal_service *service, const char *name, const char *identity, const char *track) {
    struct moment now;
    struct room *room = rooms_find(dialect_rooms(service->dialect), name);
    service_now(service, &now);
    int rc = room ? rooms_mute(room, identity, track) : -ENOENT;
    service_settle(service, &now);
    return rc;
}
