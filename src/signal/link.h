/* A connection's state, shared by link.c (policy), dialect.c (envelope) and methods.c. */
#pragma once

#include "signal/dialect.h"

/* Why a connection is closed by us. */
enum doom {
    DOOM_NONE,
    DOOM_LEFT,
    DOOM_SHUTDOWN,
    DOOM_TOO_BIG,
    DOOM_BAD_PROTOCOL,
    DOOM_UNAUTHORIZED,
    DOOM_DUPLICATE_IDENTITY,
    DOOM_TAKEN_OVER,
    DOOM_KICKED,
    DOOM_ROOM_CLOSED,
    DOOM_SLOW_CONSUMER,
    DOOM_JOIN_TIMEOUT,
    DOOM_RATE_LIMITED,
    DOOM_COUNT,
};

struct link {
    struct dialect *dialect;
    struct list in_dialect;
    struct list in_doomed; /* alone unless doomed and not yet closed */
    const struct link_io *io;
    void *io_ctx;
    struct session *session;  /* NULL before the join and after the end */
    struct wheel_timer timer; /* join time-out, later the look after a slow reader */
    uint64_t sent_seq;        /* the latest event handed to the connection */
    uint64_t lag_since_us;
    uint64_t paid_us; /* rate limit, see link_take_token */
    enum doom doom;
    uint32_t attempts; /* to join */
    bool lagging;      /* events wait in the session's history */
    struct addr peer;
    char host[DIALECT_HOST_MAX + 1];
};

struct dialect {
    struct dialect_config config;
    struct dialect_hooks hooks;
    struct rooms rooms;
    struct wheel wheel;
    struct list links;
    struct list doomed;
    uint32_t link_count;
    uint64_t now_us; /* of the input being handled */
    bool shutting_down;
    char *scratch; /* one event as one session sees it */
    size_t scratch_cap;
};

/* The machine's callbacks (struct rooms_output). */
void link_deliver(void *ctx, struct session *session, const struct history_entry *entry);
void link_detached(void *ctx, void *link, enum leave_reason reason);

/* Gives the link its session; events after seq will follow by link_catch_up. */
void link_attach(struct link *link, struct session *session, uint64_t seq);
/* The session ended by the client's own wish. */
void link_end_session(struct link *link);
/* Sends held-back events as far as the connection takes them. */
void link_catch_up(struct link *link);
/* Queues text; a connection that takes no more is doomed. */
void link_send(struct link *link, const char *text, size_t len);
/* Closes the connection once the current input is handled. The first reason counts. */
void link_doom(struct link *link, enum doom doom);
void link_timer_fired(struct link *link);
/* False: the client sends too fast. */
bool link_take_token(struct link *link);

/* One message of a client, within bounds (dialect.c). */
void dialect_message(struct link *link, const char *text, size_t len, const struct moment *now);
