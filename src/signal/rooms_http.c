/* Administration of rooms over HTTP, for holders of tokens with roomList, roomCreate or roomAdmin. */
#include "signal/service.h"

#include "base/text.h"
#include "proto/json/json.h"

#include <errno.h>
#include <string.h>

enum { EMPTY_TIMEOUT_S_MAX = 7 * 24 * 3600 };

void rooms_http_list(void *ctx, struct http_request *req) {
    struct signal_service *service = ctx;
    if (access_admin(service, req, JWT_GRANT_ROOM_LIST, NULL) == 0) {
        answer_json(req, 200, json_pack("{s:o}", "rooms", signal_rooms_json(service)));
    }
}

/* NULL, or what is wrong. Points into body. */
static const char *read_options(const json_t *body, const char **name, struct room_options *out) {
    uint64_t most = 0;
    uint64_t seconds = 0;
    memset(out, 0, sizeof *out);
    if (json_take_text(body, "name", JWT_ID_MAX, name) <= 0 || !access_is_id(*name)) {
        return "name is 1 to 128 bytes without control characters";
    }
    if (json_take_text(body, "metadata", JWT_METADATA_MAX, &out->metadata) < 0) {
        return "metadata is a text of at most 4096 bytes";
    }
    int rc = json_take_u64(body, "maxParticipants", UINT32_MAX, &most);
    if (rc < 0) {
        return "maxParticipants is a number";
    }
    if (json_take_u64(body, "emptyTimeout", EMPTY_TIMEOUT_S_MAX, &seconds) < 0) {
        return "emptyTimeout is at most 604800 seconds";
    }
    out->set_max_participants = rc > 0;
    out->max_participants = (uint32_t)most;
    out->empty_timeout_us = seconds * 1000000;
    return NULL;
}

static void create(struct signal_service *service, struct http_request *req, const json_t *body) {
    const char *name;
    struct room_options options;
    struct moment now;
    const char *wrong = read_options(body, &name, &options);
    if (wrong) {
        answer_error(req, 400, "bad-request", wrong);
        return;
    }
    service_now(service, &now);
    int rc = rooms_open(dialect_rooms(service->dialect), name, &options, &now);
    service_settle(service, &now);
    if (rc < 0) {
        answer_error(req, 503, "unavailable", "no further room can be opened");
        return;
    }
    json_t *shown = signal_room_json(service, name);
    answer_json(req, 200, json_pack("{s:O}", "room", json_object_get(shown, "room")));
    json_decref(shown);
}

void rooms_http_create(void *ctx, struct http_request *req) {
    struct signal_service *service = ctx;
    if (access_admin(service, req, JWT_GRANT_ROOM_CREATE, NULL) < 0) {
        return;
    }
    json_t *body = answer_read_json(req);
    if (body) {
        create(service, req, body);
        json_decref(body);
    }
}

/* The room of the path, for whom may administer it; NULL after an answer. */
static const char *admin_room(struct signal_service *service, struct http_request *req) {
    const char *room = http_request_param(req, "room");
    return access_admin(service, req, JWT_GRANT_ROOM_ADMIN, room) == 0 ? room : NULL;
}

static void answer_result(struct http_request *req, int rc) {
    if (rc == 0) {
        answer_empty(req);
    } else if (rc == -ENOENT) {
        answer_error(req, 404, "not-found", "there is none of that name");
    } else {
        answer_error(req, 500, "internal", "the server failed");
    }
}

void rooms_http_show(void *ctx, struct http_request *req) {
    const char *room = admin_room(ctx, req);
    if (!room) {
        return;
    }
    json_t *shown = signal_room_json(ctx, room);
    if (shown) {
        answer_json(req, 200, shown);
    } else {
        answer_result(req, -ENOENT);
    }
}

void rooms_http_close(void *ctx, struct http_request *req) {
    const char *room = admin_room(ctx, req);
    if (room) {
        answer_result(req, signal_room_close(ctx, room));
    }
}

void rooms_http_kick(void *ctx, struct http_request *req) {
    const char *room = admin_room(ctx, req);
    const char *identity = http_request_param(req, "identity");
    const char *ban = http_request_query(req, "ban");
    uint64_t ban_s = 0;
    if (!room) {
        return;
    }
    if (ban && (text_parse_u64(&ban_s, ban, strlen(ban)) < 0 || ban_s > SIGNAL_BAN_SECONDS_MAX)) {
        answer_error(req, 400, "bad-request", "ban is at most 2592000 seconds");
        return;
    }
    answer_result(req,
                  access_is_id(identity) ? signal_participant_kick(ctx, room, identity, (uint32_t)ban_s) : -ENOENT);
}

void rooms_http_mute(void *ctx, struct http_request *req) {
    const char *room = admin_room(ctx, req);
    const char *track = NULL;
    json_t *body = room ? answer_read_json(req) : NULL;
    if (!body) {
        return;
    }
    if (json_take_text(body, "track", SIGNAL_TRACK_ID_MAX, &track) < 0) {
        answer_error(req, 400, "bad-request", "track is the id of one");
    } else {
        answer_result(req, signal_participant_mute(ctx, room, http_request_param(req, "identity"), track));
    }
    json_decref(body);
}
