/* What the web app asks before it joins: how this server is set up, and in development mode a token. */
#include "signal/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/text.h"
#include "proto/json/json.h"

#include <stdio.h>
#include <string.h>

enum { DEV_TOKEN_S = 6 * 3600, GUEST_LETTERS = 6 };

static struct log_limit log_minted = {.burst = 5};

void page_config(void *ctx, struct http_request *req) {
    const struct signal_service *service = ctx;
    answer_json(
        req, 200,
        json_pack("{s:b,s:s}", "development", service->development, "version", dialect_version(service->dialect)));
}

/* NULL, or what is wrong. */
static const char *read_wish(const json_t *body, struct jwt_claims *out) {
    const char *room;
    const char *identity = NULL;
    const char *name = "";
    char guest[GUEST_LETTERS + 1];
    jwt_claims_init(out);
    if (json_take_text(body, "room", JWT_ID_MAX, &room) <= 0 || !access_is_id(room)) {
        return "room is 1 to 128 bytes without control characters";
    }
    if (json_take_text(body, "identity", JWT_ID_MAX, &identity) < 0 || (identity && !access_is_id(identity))) {
        return "identity is 1 to 128 bytes without control characters";
    }
    if (json_take_text(body, "name", JWT_NAME_MAX, &name) < 0 || !text_is_printable(name, strlen(name))) {
        return "name is at most 256 bytes without control characters";
    }
    rng_token(guest, GUEST_LETTERS);
    snprintf(out->room, sizeof out->room, "%s", room);
    snprintf(out->subject, sizeof out->subject, "%s%s", identity ? "" : "guest-", identity ? identity : guest);
    snprintf(out->name, sizeof out->name, "%s", name);
    return NULL;
}

static void mint(struct signal_service *service, struct http_request *req, const json_t *body) {
    struct jwt_claims claims;
    char token[JWT_TOKEN_SIZE];
    const char *wrong = read_wish(body, &claims);
    if (wrong) {
        answer_error(req, 400, "bad-request", wrong);
        return;
    }
    snprintf(claims.issuer, sizeof claims.issuer, "development");
    claims.grants |= JWT_GRANT_ROOM_JOIN | JWT_GRANT_ROOM_CREATE | JWT_GRANT_UPDATE_OWN_METADATA;
    claims.expires_s = clock_wall_s() + DEV_TOKEN_S;
    if (jwt_sign(token, sizeof token, &claims, service->dev_secret, DEV_SECRET_BYTES) < 0) {
        answer_error(req, 500, "internal", "the server failed");
        return;
    }
    log_limited(&log_minted, LOG_LEVEL_INFO, "signal", "development token minted",
                LF_ADDR("peer", http_request_peer(req)), LF_TEXT("room", claims.room),
                LF_TEXT("identity", claims.subject));
    answer_json(req, 200, json_pack("{s:s,s:s}", "token", token, "identity", claims.subject));
}

void page_dev_token(void *ctx, struct http_request *req) {
    struct signal_service *service = ctx;
    if (!service->development) {
        answer_error(req, 404, "not-found", "not in development mode");
        return;
    }
    json_t *body = answer_read_json(req);
    if (body) {
        mint(service, req, body);
        json_decref(body);
    }
}
