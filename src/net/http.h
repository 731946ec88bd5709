/* HTTP for L3 modules: routes and requests, hiding libmicrohttpd. All calls and callbacks happen on the
 * control thread. A handler answers at once or later (the connection is suspended meanwhile). */
#pragma once

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

struct http_request;
struct http_server;
struct ws_handlers;

struct http_header {
    const char *name;
    const char *value;
};

/* Called once the whole body (bounded by body_max of the route) is there. Must lead to exactly one
 * http_reply*, http_reply_file or http_upgrade, now or later. */
typedef void http_handler(void *ctx, struct http_request *req);

struct http_route {
    const char *method; /* "GET"; "*" for any (the handler then looks) */
    const char *path;   /* "/v1/rooms/{room}": each {name} matches one segment; a final "/{path*}" matches all
                           the rest */
    http_handler *handler;
    void *ctx;
    size_t body_max; /* bytes; 0: no body allowed (413) */
};

/* Adds routes; strings and ctx are borrowed for the server's life. First match wins. HEAD is answered from
 * GET; a known path with another method is 405 with Allow. */
int http_server_add_routes(struct http_server *server, const struct http_route *routes, size_t count);

const char *http_request_method(const struct http_request *req);
const char *http_request_path(const struct http_request *req);
const char *http_request_param(const struct http_request *req, const char *name);  /* {name}, decoded; NULL */
const char *http_request_query(const struct http_request *req, const char *name);  /* NULL when absent */
const char *http_request_header(const struct http_request *req, const char *name); /* case-insensitive; NULL */
const char *http_request_body(const struct http_request *req, size_t *len);        /* never NULL, terminated */
/* The client, through trusted proxies (X-Forwarded-For, PROXY). */
const struct addr *http_request_peer(const struct http_request *req);
int http_request_is_secure(const struct http_request *req);

/* Complete answers; the body is copied; headers end with {NULL, NULL} or are NULL. content_type may be NULL.
 */
void http_reply(struct http_request *req, unsigned status, const char *content_type, const void *body, size_t len,
                const struct http_header *headers);
/* 200 with a regular file's first size bytes; fd is taken over. headers as in http_reply. */
void http_reply_file(struct http_request *req, const char *content_type, int fd, uint64_t size,
                     const struct http_header *headers);
/* {"error":{"code":…,"message":…}} with the right status. */
void http_reply_error(struct http_request *req, unsigned status, const char *code, const char *message);

/* Called when the client went away before a late answer: the request must not be answered any more. */
void http_request_on_abort(struct http_request *req, void (*fn)(void *ctx), void *ctx);

/* May this request's Origin open a session here: no Origin (not a browser), the same origin, or one of
 * the policy's. http_upgrade asks this itself and answers 403. */
int http_request_origin_allowed(const struct http_request *req);

/* Answers 101 and turns the connection into a WebSocket (see net/ws.h). protocol: the chosen
 * subprotocol (which the client must have offered) or NULL. On a bad handshake, a foreign Origin or a full
 * server it answers 400/403/426/503 itself and returns -EPROTO; nothing else is called. After 0, opened() and
 * then closed() are called in any case. */
int http_upgrade(struct http_request *req, const char *protocol, const struct ws_handlers *handlers, void *ctx);
