/* What clients send, checked field by field. Each returns NULL, or a static text that says what is wrong. */
#pragma once

#include "signal/participant.h"

#include <jansson.h>

const char *field_track(const json_t *object, struct track *out);
/* A track's id under that key, borrowed. */
const char *field_track_id(const json_t *object, const char *key, const char **out);
/* A list of tracks, at most SIGNAL_TRACKS_MAX, ids distinct. */
const char *field_tracks(const json_t *object, struct track *out, size_t *count);
/* name, metadata, attributes, each optional. attributes has what the participant has now and is changed; profile points
 * into object and to attributes. */
const char *field_profile(const json_t *object, struct profile *out, struct pairs *attributes);
/* sids under "to": at least one, at most max. Borrowed. */
const char *field_sids(const json_t *object, const char **out, size_t max, size_t *count);
/* A peer message's type: 1 to SIGNAL_PEER_TYPE_MAX of [a-z-]. */
const char *field_peer_type(const json_t *object, const char **out);
