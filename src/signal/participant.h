/* A participant's record: what a room knows about one member. It has a single writer, the node of its session, and a
 * version that grows with each change. */
#pragma once

#include "base/list.h"
#include "base/pairs.h"
#include "proto/jwt/jwt.h"
#include "signal/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct room;
struct session;

struct track {
    char id[SIGNAL_TRACK_ID_MAX + 1]; /* the client's, unique per participant */
    char name[SIGNAL_TRACK_NAME_MAX + 1];
    uint32_t source; /* enum jwt_source; says audio or video too */
    uint16_t width;  /* pixels; 0: not said */
    uint16_t height;
    bool muted;
};
bool track_is_audio(const struct track *track);

/* What a token lets its bearer do. */
struct permissions {
    uint32_t grants;  /* enum jwt_grant */
    uint32_t sources; /* enum jwt_source */
    struct jwt_caps caps;
};

struct participant {
    char sid[SID_SIZE]; /* "p_…" */
    char identity[JWT_ID_MAX + 1];
    char name[JWT_NAME_MAX + 1];
    char *metadata;           /* owned; NULL: "" */
    struct pairs *attributes; /* owned; NULL: none */
    struct permissions may;
    uint64_t joined_ms;
    uint64_t version;
    uint32_t join_order;
    bool away; /* its connection is gone and the resume window runs */
    uint32_t track_count;
    struct track *tracks[SIGNAL_TRACKS_MAX]; /* owned */
    struct room *room;
    struct list in_room;
    struct session *session; /* never NULL here; a participant of another node will have none */
};

/* What a participant is to be called from now on; NULL: as before. */
struct profile {
    const char *name;
    const char *metadata;
    const struct pairs *attributes; /* all of them */
};

/* NULL: no memory. */
struct participant *participant_new(const char *identity, const struct permissions *may);
void participant_free(struct participant *p); /* NULL is allowed; must be out of its room */
bool participant_is_hidden(const struct participant *p);
bool participant_may(const struct participant *p, enum jwt_grant grant);

/* All or nothing: -ENOMEM. */
int participant_set_profile(struct participant *p, const struct profile *profile);

struct track *participant_track(const struct participant *p, const char *id); /* NULL */
/* Adds, or replaces the track of the same id. -ERR_FORBIDDEN: no right to this source, or taller than allowed;
 * -ENOBUFS: too many tracks; -ENOMEM. *out may be NULL. */
int participant_set_track(struct participant *p, const struct track *track, struct track **out);
int participant_check_track(const struct participant *p, const struct track *track);
/* False: there is none. */
bool participant_remove_track(struct participant *p, const char *id);
