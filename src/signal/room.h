/* One room and the one place through which every change of it is told: to its members' sessions and to the observer. */
#pragma once

#include "base/list.h"
#include "base/wheel.h"
#include "proto/jwt/jwt.h"
#include "signal/event.h"
#include "signal/moment.h"
#include "signal/participant.h"

struct rooms;
struct session;

/* A timer of the registry's wheel that knows what to do. */
struct deadline {
    struct wheel_timer timer;
    void (*fired)(struct rooms *rooms, struct deadline *deadline, const struct moment *now);
};

struct room {
    char name[JWT_ID_MAX + 1];
    char sid[SID_SIZE];  /* "r_…": another one when the room opens anew */
    uint32_t generation; /* of its mode; grows over all rooms of the process */
    uint32_t next_order;
    uint32_t count;            /* participants */
    uint32_t max_participants; /* 0: the configured bound */
    uint64_t version;
    uint64_t next_message;
    uint64_t opened_ms;
    uint64_t empty_timeout_us;
    char *metadata;           /* owned; NULL: "" */
    struct list participants; /* by join order */
    struct deadline empty;
    struct rooms *rooms;
};

/* NULL: no memory. */
struct room *room_new(struct rooms *rooms, const char *name, const struct moment *now);
void room_free(struct room *room); /* must be empty */

struct participant *room_find_identity(const struct room *room, const char *identity); /* NULL */
/* Not for hidden ones, save to themselves (viewer). NULL. */
struct participant *room_find_sid(const struct room *room, const char *sid, const struct participant *viewer);
/* How many it takes now: bounded by the configuration and by what its mode can carry. */
uint32_t room_capacity(const struct room *room);

/* Tells a change: bumps versions, serialises once, hands it to every session it concerns save except's, and to
 * the observer. */
void room_notify(struct room *room, const struct room_event *event, const struct participant *except);
