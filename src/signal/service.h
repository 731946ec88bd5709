/* The signaling service as its own files see it. */
#pragma once

#include "net/http.h"
#include "net/loop.h"
#include "signal/dialect.h"
#include "signal/ice.h"
#include "signal/signal.h"

enum { DEV_SECRET_BYTES = 32 };

struct signal_service {
    struct loop *loop;
    struct signal_hooks hooks;
    struct dialect *dialect;
    struct loop_timer timer; /* the dialect's next deadline */
    struct ice_listeners listeners;
    bool development;
    bool stopping;
    uint8_t dev_secret[DEV_SECRET_BYTES]; /* signs what /v1/dev/token mints */
};

void service_now(const struct signal_service *service, struct moment *out);
/* After every input to the dialect: sets the timer anew. */
void service_rearm(struct signal_service *service);
/* After calls on rooms: closes whom they doomed, and rearms. */
void service_settle(struct signal_service *service, const struct moment *now);

/* --- who asks (access.c) --- */

/* Checks a token; grants its key may not give are taken away. As jwt_verify. */
int access_verify(struct signal_service *service, const char *token, size_t len, struct jwt_claims *out);
/* The request's token, from Authorization or access_token; answers 401 itself and returns a negative code. */
int access_bearer(struct signal_service *service, struct http_request *req, struct jwt_claims *out);
/* As above, with the grant and, where room is not NULL, for that room (a token without room: for all). Answers
 * 401 and 403 itself. */
int access_admin(struct signal_service *service, struct http_request *req, enum jwt_grant grant, const char *room);
/* Room names, identities: 1 to JWT_ID_MAX bytes of UTF-8 without control characters. */
bool access_is_id(const char *text);

/* --- answers (answer.c): JSON, never stored --- */

/* Takes over body; NULL: 500. */
void answer_json(struct http_request *req, unsigned status, json_t *body);
void answer_empty(struct http_request *req); /* 204 */
void answer_error(struct http_request *req, unsigned status, const char *code, const char *message);
/* 429 with Retry-After. */
void answer_later(struct http_request *req, uint32_t seconds);
/* The body as a JSON object, or NULL after a 400 or 415. */
json_t *answer_read_json(struct http_request *req);

/* --- handlers --- */
void gateway_handle(void *ctx, struct http_request *req);
void credentials_ice_servers(void *ctx, struct http_request *req);
void credentials_turn(void *ctx, struct http_request *req);
void rooms_http_list(void *ctx, struct http_request *req);
void rooms_http_create(void *ctx, struct http_request *req);
void rooms_http_show(void *ctx, struct http_request *req);
void rooms_http_close(void *ctx, struct http_request *req);
void rooms_http_kick(void *ctx, struct http_request *req);
void rooms_http_mute(void *ctx, struct http_request *req);
void page_config(void *ctx, struct http_request *req);
void page_dev_token(void *ctx, struct http_request *req);
