#include "signal/room.h"

#include "base/rng.h"
#include "signal/rooms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct room *room_new(struct rooms *rooms, const char *name, const struct moment *now) {
    struct room *room = calloc(1, sizeof *room);
    if (!room) {
        return NULL;
    }
    snprintf(room->name, sizeof room->name, "%s", name);
    room->sid[0] = 'r';
    room->sid[1] = '_';
    rng_token(room->sid + 2, SID_SIZE - 3);
    room->rooms = rooms;
    room->generation = rooms->next_generation++;
    room->opened_ms = now->wall_ms;
    room->next_message = 1;
    list_init(&room->participants);
    wheel_timer_init(&room->empty.timer);
    return room;
}

void room_free(struct room *room) {
    free(room->metadata);
    free(room);
}

struct participant *room_find_identity(const struct room *room, const char *identity) {
    LIST_FOREACH(node, &room->participants) {
        struct participant *p = LIST_ENTRY(node, struct participant, in_room);
        if (strcmp(p->identity, identity) == 0) {
            return p;
        }
    }
    return NULL;
}

struct participant *room_find_sid(const struct room *room, const char *sid, const struct participant *viewer) {
    LIST_FOREACH(node, &room->participants) {
        struct participant *p = LIST_ENTRY(node, struct participant, in_room);
        if (strcmp(p->sid, sid) == 0) {
            return participant_is_hidden(p) && p != viewer ? NULL : p;
        }
    }
    return NULL;
}

uint32_t room_capacity(const struct room *room) {
    uint32_t wanted = room->max_participants ? room->max_participants : room->rooms->config.max_participants;
    return wanted > 0 && wanted < SIGNAL_MESH_CAPACITY ? wanted : SIGNAL_MESH_CAPACITY;
}

/* Directed messages go to those named; what hidden participants do (save speaking) is theirs alone. */
static bool concerns(const struct room_event *event, const struct participant *receiver) {
    const struct room_message *message = event->message;
    if (message && message->directed) {
        for (size_t i = 0; i < message->to_count; i++) {
            if (strcmp(message->to[i], receiver->sid) == 0) {
                return true;
            }
        }
        return false;
    }
    return message || !event->participant || !participant_is_hidden(event->participant) ||
           event->participant == receiver;
}

static void bump(struct room *room, const struct room_event *event) {
    if (event->participant && !event->message) {
        event->participant->version++;
    } else if (!event->message) {
        room->version++;
    }
}

/* Without memory for its text the event is lost: a later resume then gets a snapshot. */
static void lose_event(struct session *session) {
    session->seq++;
    history_clear(&session->history, session->seq);
}

void room_notify(struct room *room, const struct room_event *event, const struct participant *except) {
    struct rooms *rooms = room->rooms;
    struct event_text *text = NULL;
    bool encoded = false;
    bump(room, event);
    rooms->output.observe(rooms->output.ctx, event);
    LIST_FOREACH(node, &room->participants) {
        struct participant *p = LIST_ENTRY(node, struct participant, in_room);
        if (event->type >= ROOM_EVENT_SHOWN || p == except || !concerns(event, p)) {
            continue;
        }
        if (!encoded) {
            text = rooms->output.encode(rooms->output.ctx, event);
            encoded = true;
        }
        if (text) {
            session_push(p->session, text);
        } else {
            lose_event(p->session);
        }
    }
    event_text_unref(text);
}
