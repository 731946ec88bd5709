/* All rooms of this process and their sessions: a machine without I/O, clock, WebSocket or JSON. Time is passed in; what happens
 * comes out through callbacks, which must not call back into the rooms. */
#pragma once

#include "base/hash.h"
#include "base/wheel.h"
#include "signal/bans.h"
#include "signal/session.h"

struct rooms_config {
    uint64_t empty_timeout_us;
    uint64_t resume_timeout_us;
    uint32_t max_participants; /* per room; 0: what the mode can carry */
    bool auto_create;          /* a token for an unknown room opens it */
};

struct rooms_output {
    void *ctx;
    /* Serialises an event that clients see. NULL: no memory (it then counts as lost for all receivers). */
    struct event_text *(*encode)(void *ctx, const struct room_event *event);
    /* A new event of a session with a connection. */
    void (*deliver)(void *ctx, struct session *session, const struct history_entry *entry);
    /* The connection has lost its session for that reason. */
    void (*detached)(void *ctx, void *link, enum leave_reason reason);
    /* Everything that happens, once each, in order: what the rest of the process hears of rooms. */
    void (*observe)(void *ctx, const struct room_event *event);
};

struct rooms {
    struct rooms_config config;
    struct rooms_output output;
    struct hash_key key;
    struct hash_table by_name;
    struct hash_table by_resume_key;
    struct wheel wheel;
    struct bans bans;
    uint32_t next_generation;
};

struct rooms_join {
    const char *room;
    const char *identity;
    const struct permissions *may;
    const struct profile *profile;
    const struct track *tracks; /* published at once, all or none */
    size_t track_count;
    void *link;
};

/* What an admin may set when opening a room. */
struct room_options {
    const char *metadata; /* NULL: stays */
    uint32_t max_participants;
    uint64_t empty_timeout_us; /* 0: the configured one */
    bool set_max_participants;
};

void rooms_init(struct rooms *r, const struct rooms_config *config, const struct rooms_output *output,
                const struct moment *now);
/* Ends every session without telling anybody. */
void rooms_deinit(struct rooms *r, const struct moment *now);
/* Rooms that are there keep going by the new rules. */
void rooms_configure(struct rooms *r, const struct rooms_config *config);
uint64_t rooms_deadline_us(const struct rooms *r);
void rooms_timeout(struct rooms *r, const struct moment *now);

struct room *rooms_find(const struct rooms *r, const char *name); /* NULL */
/* Opens a room or changes one. -ENOBUFS: too many rooms; -ENOMEM. */
int rooms_open(struct rooms *r, const char *name, const struct room_options *options, const struct moment *now);

/* A session of the same identity ends. -ERR_FORBIDDEN: unknown room that may not be opened, banned, or tracks
 * without the right; -ERR_QUOTA: full; -ENOBUFS: too many rooms or tracks; -ENOMEM. */
int rooms_join(struct rooms *r, const struct rooms_join *join, const struct moment *now, struct session **out);
/* Another connection takes the session of that key. -ENOENT. The caller replays. */
int rooms_resume(struct rooms *r, const char *key, void *link, struct session **out);
/* The connection is gone: away until the resume window ends. */
void rooms_drop(struct rooms *r, struct session *session, const struct moment *now);
/* Ends a session; it is freed. detached is called when it still has a connection, unless reason is LEAVE_LEFT. */
void rooms_leave(struct rooms *r, struct session *session, enum leave_reason reason, const struct moment *now);

/* For admins. -ENOENT: no such room or participant. */
int rooms_close(struct rooms *r, const char *name, const struct moment *now);
int rooms_kick(struct rooms *r, struct room *room, const char *identity, uint32_t ban_s, const struct moment *now);
/* track_id NULL: all. */
int rooms_mute(struct room *room, const char *identity, const char *track_id);
