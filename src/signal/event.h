/* What happens in a room, and its text: serialised once, shared by every history and queue it goes to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct participant;
struct room;
struct track;

enum room_event_type {
    ROOM_EVENT_PARTICIPANT_JOINED,
    ROOM_EVENT_PARTICIPANT_LEFT,
    ROOM_EVENT_PARTICIPANT_UPDATED,
    ROOM_EVENT_TRACK_PUBLISHED,
    ROOM_EVENT_TRACK_UNPUBLISHED,
    ROOM_EVENT_TRACK_MUTED,
    ROOM_EVENT_CHAT,
    ROOM_EVENT_PEER,
    ROOM_EVENT_ROOM_UPDATED,
    ROOM_EVENT_SHOWN, /* the events above go to clients, those below only to observers */
    ROOM_EVENT_ROOM_OPENED = ROOM_EVENT_SHOWN,
    ROOM_EVENT_ROOM_CLOSED,
};

/* Why a participant left, or a connection lost its session. */
enum leave_reason {
    LEAVE_LEFT,
    LEAVE_TIMEOUT,
    LEAVE_KICKED,
    LEAVE_DUPLICATE_IDENTITY,
    LEAVE_ROOM_CLOSED,
    LEAVE_TAKEN_OVER, /* the session lives on: another connection resumed it */
};
const char *leave_reason_name(enum leave_reason reason);

/* What one participant says to others. */
struct room_message {
    const char *text;      /* chat */
    uint64_t id;           /* chat: grows within the room */
    uint64_t time_ms;      /* chat */
    bool directed;         /* chat: not to everybody */
    uint32_t generation;   /* peer */
    uint64_t number;       /* peer: the sender's */
    const char *type;      /* peer */
    const void *data;      /* peer: the dialect's own, passed through to encode */
    const char *const *to; /* sids of the receivers when directed, or the one peer */
    size_t to_count;
};

struct room_event {
    enum room_event_type type;
    enum leave_reason reason; /* PARTICIPANT_LEFT */
    const struct room *room;
    struct participant *participant; /* whom it is about, or the sender; NULL: the room itself */
    const struct track *track;
    const struct room_message *message; /* CHAT, PEER */
};

/* The wire name, such as "participant-joined"; only for types below ROOM_EVENT_SHOWN. */
const char *room_event_name(enum room_event_type type);

struct event_text {
    uint32_t refs;
    uint32_t len;
    uint32_t split;       /* where the sequence number goes */
    uint32_t subject_len; /* 0: every such event counts, none replaces another */
    char data[];          /* len bytes of JSON, then subject_len bytes */
};

/* json starts with `{"event":"<name>"`, split bytes long. subject: equal for events of which only the latest counts; NULL:
 * none. NULL: no memory. One reference. */
struct event_text *event_text_new(const char *json, size_t len, size_t split, const char *subject);
struct event_text *event_text_ref(struct event_text *text);
void event_text_unref(struct event_text *text); /* NULL is allowed */
/* Does a newer event make the older one superfluous? */
bool event_text_supersedes(const struct event_text *newer, const struct event_text *older);
enum { EVENT_SEQ_BYTES = 32 }; /* what the sequence number adds at most */
/* Writes the event as one session sees it; out has len + EVENT_SEQ_BYTES. Returns the length. */
size_t event_text_write(const struct event_text *text, uint64_t seq, char *out);
