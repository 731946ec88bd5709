/* turnout.v1: JSON messages of many connections to calls on rooms, and events back. A machine like the rooms: connections are
 * given as callbacks, time is passed in. */
#pragma once

#include "base/addr.h"
#include "signal/rooms.h"

#include <jansson.h>

struct dialect;
struct dialect_caller;
struct link;

enum { DIALECT_HOST_MAX = 255, DIALECT_LABEL_MAX = 64 };

struct dialect_config {
    struct rooms_config rooms;
    char version[DIALECT_LABEL_MAX];
    char node[DIALECT_LABEL_MAX];
};

struct dialect_hooks {
    void *ctx;
    /* As jwt_verify; grants that the key may not give are taken away. */
    int (*verify)(void *ctx, const char *token, size_t len, struct jwt_claims *out);
    /* A new reference to an array of RTCIceServer with fresh credentials for subject, valid ttl_s; the array is empty
     * when there are none. host: what the client calls us. limited: as one more request, subject to rates;
     * NULL when those are exceeded. */
    json_t *(*ice_servers)(void *ctx, const struct dialect_caller *caller, bool limited, uint32_t *ttl_s);
    /* A token from there was refused. */
    void (*refused)(void *ctx, const struct addr *peer);
    /* Everything that happens in rooms, once each (struct rooms_output). */
    void (*observe)(void *ctx, const struct room_event *event);
};

/* Who a connection is. */
struct dialect_caller {
    const char *subject; /* identity; NULL before the join */
    const char *host;    /* of the Host header; "" */
    const struct addr *peer;
};

/* The connection under a link. */
struct link_io {
    int (*send)(void *ctx, const char *text, size_t len); /* -ENOBUFS: too much waits */
    size_t (*queued)(void *ctx);                          /* bytes that wait */
    void (*close)(void *ctx, unsigned code, const char *reason);
};

/* NULL: no memory. config and hooks are copied. */
struct dialect *dialect_new(const struct dialect_config *config, const struct dialect_hooks *hooks,
                            const struct moment *now);
/* Links that are still open are freed without a word. */
void dialect_free(struct dialect *d, const struct moment *now);
void dialect_configure(struct dialect *d, const struct dialect_config *config);
uint64_t dialect_deadline_us(const struct dialect *d);
void dialect_timeout(struct dialect *d, const struct moment *now);
/* Says server-shutdown to all and closes them; further joins are refused. */
void dialect_shutdown(struct dialect *d, const struct moment *now);

/* For calls on rooms that come from elsewhere; dialect_settle must follow them. */
struct rooms *dialect_rooms(struct dialect *d);
void dialect_settle(struct dialect *d, const struct moment *now);
uint32_t dialect_link_count(const struct dialect *d);
const char *dialect_version(const struct dialect *d);

/* A connection opened. caller is copied; io and ctx stay until link_closed. NULL: no memory or too many. */
struct link *link_open(struct dialect *d, const struct dialect_caller *caller, const struct link_io *io, void *ctx,
                       const struct moment *now);
/* A text message of it, valid UTF-8. */
void link_text(struct link *link, const char *text, size_t len, const struct moment *now);
/* The connection is gone, with its peer's close code; link is freed. */
void link_closed(struct link *link, unsigned code, const struct moment *now);
