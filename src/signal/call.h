/* One request being answered: what a method's handler reads and fills in. */
#pragma once

#include "signal/link.h"

enum dialect_error {
    DIALECT_OK,
    DIALECT_BAD_REQUEST,
    DIALECT_UNAUTHORIZED,
    DIALECT_EXPIRED,
    DIALECT_FORBIDDEN,
    DIALECT_NOT_FOUND,
    DIALECT_CONFLICT,
    DIALECT_ROOM_FULL,
    DIALECT_RATE_LIMITED,
    DIALECT_TOO_LARGE,
    DIALECT_UNSUPPORTED,
    DIALECT_UNAVAILABLE,
    DIALECT_INTERNAL,
    DIALECT_ERROR_COUNT,
};

struct call {
    struct link *link;
    const json_t *request;
    const struct moment *now;
    json_t *reply;       /* members beside id and ok */
    const char *message; /* of an error, static; NULL: the code's own */
    enum doom doom;      /* after the reply */
    uint32_t generation; /* of a conflict; 0: none */
    bool catch_up;       /* events follow the reply */
};

/* Bad request; message is static. */
enum dialect_error call_refuse(struct call *call, const char *message);
/* The error a machine's negative code stands for. */
enum dialect_error call_error_of(int rc);
/* Adds a member (taking value) to the reply. */
void call_put(struct call *call, const char *key, json_t *value);

/* The methods' handlers, one each. */
enum dialect_error method_chat(struct call *call);
enum dialect_error method_ice_servers(struct call *call);
enum dialect_error method_join(struct call *call);
enum dialect_error method_leave(struct call *call);
enum dialect_error method_mute(struct call *call);
enum dialect_error method_peer(struct call *call);
enum dialect_error method_ping(struct call *call);
enum dialect_error method_publish(struct call *call);
enum dialect_error method_unpublish(struct call *call);
enum dialect_error method_update(struct call *call);
