/* Rooms, participants and events as the JSON of turnout.v1. */
#pragma once

#include "signal/rooms.h"

#include <jansson.h>

/* New references; NULL: no memory. */
json_t *object_of_track(const struct track *track);
json_t *object_of_participant(const struct participant *p);
/* The same with permissions and caps: for the participant's own eyes. */
json_t *object_of_self(const struct participant *p);
json_t *object_of_room(const struct room *room);
json_t *object_of_room_for_admin(const struct room *room); /* counts the hidden, too */
/* All that viewer may see, save itself; viewer NULL: all. */
json_t *object_of_participants(const struct room *room, const struct participant *viewer);

/* Serialises an event that clients see. NULL: no memory. */
struct event_text *object_encode_event(const struct room_event *event);
