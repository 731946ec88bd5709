/* TURN credentials over HTTP: RTCIceServer lists for browsers, and the reply of draft-uberti-behave-turn-rest-00 for
 * other servers. */
#include "signal/service.h"

#include "base/error.h"
#include "base/metrics.h"
#include "signal/form.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { KEY_TEXT_SIZE = JWT_KEY_ID_MAX + 1 + JWT_SECRET_MAX + 1 };

static bool is_limited(struct signal_service *service, struct http_request *req, const char *subject) {
    uint32_t wait = service->hooks.admit(service->hooks.ctx, http_request_peer(req), subject);
    if (wait > 0) {
        metrics_inc(METRIC_CREDENTIALS_LIMITED);
        answer_later(req, wait);
    }
    return wait > 0;
}

/* The subject of the request's token, who must be one that may join. Answers itself on failure. */
static int subject_of_token(struct signal_service *service, struct http_request *req, char *subject) {
    struct jwt_claims claims;
    if (is_limited(service, req, NULL)) {
        return -EAGAIN;
    }
    int rc = access_bearer(service, req, &claims);
    if (rc == 0 && (!(claims.grants & JWT_GRANT_ROOM_JOIN) || !claims.subject[0])) {
        answer_error(req, 403, "forbidden", "the token is not for joining a room");
        rc = -ERR_FORBIDDEN;
    }
    if (rc < 0) {
        metrics_inc(METRIC_CREDENTIALS_REFUSED);
        return rc;
    }
    snprintf(subject, JWT_ID_MAX + 1, "%s", claims.subject);
    return 0;
}

/* Credentials for subject, within its rate. Answers itself on failure. */
static int issue(struct signal_service *service, struct http_request *req, const char *subject,
                 struct signal_credentials *out) {
    if (is_limited(service, req, subject)) {
        return -EAGAIN;
    }
    int rc = service->hooks.credentials(service->hooks.ctx, subject, out);
    if (rc < 0) {
        metrics_inc(METRIC_CREDENTIALS_FAILED);
        answer_error(req, 503, "unavailable", "no credentials can be issued now");
        return rc;
    }
    metrics_inc(METRIC_CREDENTIALS_OK);
    return 0;
}

/* What the client calls this server; "" when it does not say. */
static void host_of(const struct http_request *req, char *out) {
    const char *host = http_request_header(req, "Host");
    ice_host_parse(out, host ? host : "");
}

void credentials_ice_servers(void *ctx, struct http_request *req) {
    struct signal_service *service = ctx;
    struct signal_credentials credentials;
    char subject[JWT_ID_MAX + 1];
    char host[ICE_HOST_SIZE];
    if (subject_of_token(service, req, subject) < 0 || issue(service, req, subject, &credentials) < 0) {
        return;
    }
    host_of(req, host);
    answer_json(req, 200,
                json_pack("{s:o,s:I}", "iceServers", ice_servers(&service->listeners, host, &credentials), "ttl",
                          (json_int_t)credentials.ttl_s));
    explicit_bzero(&credentials, sizeof credentials);
}

/* --- /turn --- */

/* A parameter from the query or the form. 1 found, 0 absent, negative: malformed. */
static int param(const struct http_request *req, const char *name, char *out, size_t cap) {
    size_t len;
    const char *body = http_request_body(req, &len);
    const char *query = http_request_query(req, name);
    if (query) {
        int n = snprintf(out, cap, "%s", query);
        return n >= 0 && (size_t)n < cap ? 1 : -ENOBUFS;
    }
    return form_find(body, len, name, out, cap);
}

static int key_param(const struct http_request *req, char *out) {
    int rc = param(req, "key", out, KEY_TEXT_SIZE);
    return rc == 0 ? param(req, "api", out, KEY_TEXT_SIZE) : rc;
}

/* A key was given: the user is what its holder says. Whoever has a key serves many, so only failures count against the
 * source. */
static int subject_of_key(struct signal_service *service, struct http_request *req, const char *key, char *subject) {
    char id[JWT_KEY_ID_MAX + 1];
    int rc = service->hooks.key_check(service->hooks.ctx, key, id);
    if (rc < 0) {
        metrics_inc(METRIC_CREDENTIALS_REFUSED);
        service->hooks.refused(service->hooks.ctx, http_request_peer(req));
        if (!is_limited(service, req, NULL)) {
            answer_error(req, rc == -ERR_FORBIDDEN ? 403 : 401, rc == -ERR_FORBIDDEN ? "forbidden" : "unauthorized",
                         "the key is not valid here");
        }
        return rc;
    }
    rc = param(req, "username", subject, JWT_ID_MAX + 1);
    if (rc == 0) {
        snprintf(subject, JWT_ID_MAX + 1, "%s", id);
    } else if (rc < 0 || !access_is_id(subject)) {
        answer_error(req, 400, "bad-request", "username is 1 to 128 bytes without control characters");
        return -EINVAL;
    }
    return 0;
}

/* A body, if any, has to be a form; the service, if named, ours. */
static bool is_turn_request(const struct http_request *req) {
    static const char form[] = "application/x-www-form-urlencoded";
    const char *type = http_request_header(req, "Content-Type");
    char name[16];
    size_t len;
    http_request_body(req, &len);
    if (len > 0 && (!type || strncasecmp(type, form, sizeof form - 1) != 0)) {
        return false;
    }
    int rc = param(req, "service", name, sizeof name);
    return rc == 0 || (rc > 0 && strcmp(name, "turn") == 0);
}

void credentials_turn(void *ctx, struct http_request *req) {
    struct signal_service *service = ctx;
    struct signal_credentials credentials;
    char key[KEY_TEXT_SIZE];
    char subject[JWT_ID_MAX + 1];
    char host[ICE_HOST_SIZE];
    int has_key = key_param(req, key);
    if (has_key < 0 || !is_turn_request(req)) {
        answer_error(req, 400, "bad-request", "service=turn, username and key are expected, as query or form");
        return;
    }
    int rc = has_key ? subject_of_key(service, req, key, subject) : subject_of_token(service, req, subject);
    explicit_bzero(key, sizeof key);
    if (rc < 0 || issue(service, req, subject, &credentials) < 0) {
        return;
    }
    host_of(req, host);
    answer_json(req, 200,
                json_pack("{s:s,s:s,s:I,s:o}", "username", credentials.username, "password", credentials.password,
                          "ttl", (json_int_t)credentials.ttl_s, "uris", ice_turn_uris(&service->listeners, host)));
    explicit_bzero(&credentials, sizeof credentials);
}
