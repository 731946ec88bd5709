/* A participant's session: its sequence of events and its attachment to a connection. It outlives the connection by the resume
 * window. Its verbs are what a client may do in a room, in terms of no particular dialect. */
#pragma once

#include "signal/history.h"
#include "signal/room.h"

struct session {
    char id[SID_SIZE]; /* "s_…": appears in logs */
    char resume_key[RESUME_KEY_SIZE];
    uint64_t seq; /* of the latest event */
    struct participant *participant;
    void *link;      /* the connection; NULL while away */
    bool coalescing; /* the connection holds events back */
    struct history history;
    struct deadline expiry; /* of the resume window */
};

/* Appends an event (borrowed) and delivers it to the connection. */
void session_push(struct session *s, struct event_text *text);

/* Verbs. 0, or -ERR_FORBIDDEN without the right, -ENOENT no such track or peer, -ENOBUFS over a bound, -ENOMEM. */
int session_publish(struct session *s, const struct track *track, const struct track **out);
int session_unpublish(struct session *s, const char *track_id);
int session_mute(struct session *s, const char *track_id, bool muted, const struct track **out);
int session_update(struct session *s, const struct profile *profile);
/* Fills in id and time_ms. -ENOENT when directed and none of the receivers is there. */
int session_chat(struct session *s, struct room_message *message, const struct moment *now);
/* To one participant (message->to[0]), also while it is away. -ESTALE: message->generation is not the room's. */
int session_peer(struct session *s, const struct room_message *message);
