#include "signal/service.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define GRANTS_OF_ADMINS (JWT_GRANT_ROOM_CREATE | JWT_GRANT_ROOM_LIST | JWT_GRANT_ROOM_ADMIN)

static struct log_limit log_refused = {.burst = 10};

struct lookup {
    struct signal_service *service;
    struct signal_key key;
};

static int find_key(void *ctx, const char *issuer, struct jwt_secret *out) {
    struct lookup *lookup = ctx;
    const struct signal_service *service = lookup->service;
    if (service->development && strcmp(issuer, "development") == 0) {
        lookup->key.may_join = true;
        out->len = DEV_SECRET_BYTES;
        memcpy(out->bytes, service->dev_secret, DEV_SECRET_BYTES);
        return 0;
    }
    int rc = service->hooks.key_find(service->hooks.ctx, issuer, &lookup->key);
    *out = lookup->key.secret;
    return rc;
}

int access_verify(struct signal_service *service, const char *token, size_t len, struct jwt_claims *out) {
    struct lookup lookup = {.service = service};
    const struct jwt_keys keys = {.lookup = find_key, .ctx = &lookup};
    int rc = jwt_verify(out, token, len, &keys, clock_wall_s());
    explicit_bzero(&lookup.key.secret, sizeof lookup.key.secret);
    if (rc < 0) {
        return rc;
    }
    if (!lookup.key.may_join) {
        out->grants &= ~(uint32_t)JWT_GRANT_ROOM_JOIN;
    }
    if (!lookup.key.may_administer) {
        out->grants &= ~(uint32_t)GRANTS_OF_ADMINS;
    }
    return 0;
}

/* RFC 6750 sections 2.1 and 2.3. */
static const char *token_of(const struct http_request *req) {
    static const char scheme[] = "Bearer ";
    const char *header = http_request_header(req, "Authorization");
    if (!header) {
        return http_request_query(req, "access_token");
    }
    return strncasecmp(header, scheme, sizeof scheme - 1) == 0 ? header + sizeof scheme - 1 : NULL;
}

int access_bearer(struct signal_service *service, struct http_request *req, struct jwt_claims *out) {
    const char *token = token_of(req);
    int rc = token ? access_verify(service, token, strlen(token), out) : -ENOENT;
    if (rc == -ENOENT) {
        answer_error(req, 401, "unauthorized", "a bearer token is needed");
    } else if (rc < 0) {
        log_limited(&log_refused, LOG_LEVEL_WARNING, "signal", "token refused", LF_ADDR("peer", http_request_peer(req)),
                    LF_ERROR(rc));
        service->hooks.refused(service->hooks.ctx, http_request_peer(req));
        answer_error(req, 401, rc == -ERR_EXPIRED ? "expired" : "unauthorized", "the token is not valid");
    }
    return rc;
}

int access_admin(struct signal_service *service, struct http_request *req, enum jwt_grant grant, const char *room) {
    struct jwt_claims claims;
    int rc = access_bearer(service, req, &claims);
    if (rc < 0) {
        return rc;
    }
    if (!(claims.grants & grant) || (room && claims.room[0] && strcmp(claims.room, room) != 0)) {
        answer_error(req, 403, "forbidden", "the token does not allow this");
        return -ERR_FORBIDDEN;
    }
    return 0;
}

bool access_is_id(const char *text) {
    size_t len = strlen(text);
    return len > 0 && len <= JWT_ID_MAX && text_is_printable(text, len);
}
