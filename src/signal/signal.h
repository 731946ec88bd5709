/* Signaling as the daemon wires it: rooms over WebSocket (turnout-protocol(7)), TURN credentials and room
 * administration over HTTP. Everything runs on the control thread. */
#pragma once

#include "base/addr.h"
#include "proto/jwt/jwt.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct http_server;
struct loop;
struct signal_service;

enum { SIGNAL_USERNAME_MAX = 192, SIGNAL_PASSWORD_MAX = 64 };

/* Short-lived TURN credentials. */
struct signal_credentials {
    char username[SIGNAL_USERNAME_MAX + 1]; /* "<expiry>:<subject>" */
    char password[SIGNAL_PASSWORD_MAX + 1];
    uint32_t ttl_s;
};

/* An API key: its secret signs tokens. */
struct signal_key {
    struct jwt_secret secret;
    bool may_join;       /* its tokens open rooms */
    bool may_administer; /* its tokens may carry roomAdmin, roomCreate, roomList */
};

/* What signaling needs from others. Called on the control thread; none may block. */
struct signal_hooks {
    void *ctx;
    /* An enabled API key by its id: 0, or -ERR_UNKNOWN_KEY. */
    int (*key_find)(void *ctx, const char *id, struct signal_key *out);
    /* Checks "ID.SECRET" of a key that may get credentials, in constant time, and says its id (JWT_KEY_ID_MAX + 1
     * bytes). 0, -ERR_UNKNOWN_KEY, -ERR_FORBIDDEN. */
    int (*key_check)(void *ctx, const char *text, char *id);
    /* TURN credentials bound to a subject (at most JWT_ID_MAX bytes, printable). 0 or negative: none now. */
    int (*credentials)(void *ctx, const char *subject, struct signal_credentials *out);
    /* May this source address (subject NULL), or this subject, make one more credential or token request?
     * 0: yes; else the seconds to wait. */
    uint32_t (*admit)(void *ctx, const struct addr *peer, const char *subject);
    /* A token or key from this address was refused: counts toward a lock-out. */
    void (*refused)(void *ctx, const struct addr *peer);
};

/* config is read here and in signal_reconfigure, not kept; hooks are copied. NULL: no memory. */
struct signal_service *signal_new(struct loop *loop, const struct config *config, const struct signal_hooks *hooks);
/* After http_server_free, whose last WebSockets still report here. NULL is allowed. */
void signal_free(struct signal_service *service);
/* Takes another configuration; rooms and sessions stay. */
void signal_reconfigure(struct signal_service *service, const struct config *config);
/* Adds /v1/signal, /v1/ice-servers, /turn, /v1/rooms…, /v1/config and /v1/dev/token. */
int signal_add_routes(struct signal_service *service, struct http_server *server);
/* Tells every client that the server stops, and closes. No client can join from here on. */
void signal_shutdown(struct signal_service *service);

struct signal_stats {
    uint32_t rooms;
    uint32_t participants; /* active and away */
    uint32_t away;
    uint32_t websockets; /* joined or not yet */
};
void signal_get_stats(const struct signal_service *service, struct signal_stats *out);

/* For the control socket. JSON is a new reference; NULL: no memory, or no such room. */
json_t *signal_rooms_json(const struct signal_service *service);
json_t *signal_room_json(const struct signal_service *service, const char *room);
/* 0 or -ENOENT. ban_s: seconds this identity may not join again; 0: it may at once. */
int signal_room_close(struct signal_service *service, const char *room);
int signal_participant_kick(struct signal_service *service, const char *room, const char *identity, uint32_t ban_s);
/* track: its id, or NULL for all. */
int signal_participant_mute(struct signal_service *service, const char *room, const char *identity, const char *track);
