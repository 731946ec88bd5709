#include "signal/objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put(json_t *object, const char *key, json_t *value) { return json_object_set_new(object, key, value); }

static int put_number(json_t *object, const char *key, uint64_t n) {
    return put(object, key, json_integer((json_int_t)n));
}

/* The object, or NULL when a part of it could not be made. */
static json_t *whole(json_t *object, int rc) {
    if (rc < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *object_of_track(const struct track *track) {
    json_t *o = json_pack("{s:s,s:s,s:s,s:b}", "id", track->id, "kind", track_is_audio(track) ? "audio" : "video",
                          "source", jwt_source_name(track->source), "muted", track->muted);
    int rc = 0;
    if (track->name[0]) {
        rc |= put(o, "name", json_string(track->name));
    }
    if (track->width) {
        rc |= put_number(o, "width", track->width);
    }
    if (track->height) {
        rc |= put_number(o, "height", track->height);
    }
    return whole(o, rc);
}

static json_t *tracks_of(const struct participant *p) {
    json_t *list = json_array();
    int rc = 0;
    for (uint32_t i = 0; i < p->track_count; i++) {
        rc |= json_array_append_new(list, object_of_track(p->tracks[i]));
    }
    return whole(list, rc);
}

static json_t *attributes_of(const struct participant *p) {
    json_t *o = json_object();
    const char *key;
    const char *value;
    int rc = 0;
    for (size_t cursor = 0; p->attributes && pairs_next(p->attributes, &cursor, &key, &value);) {
        rc |= put(o, key, json_string(value));
    }
    return whole(o, rc);
}

json_t *object_of_participant(const struct participant *p) {
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:o,s:I,s:I,s:s,s:o}", "sid", p->sid, "identity", p->identity, "name",
                          p->name, "metadata", p->metadata ? p->metadata : "", "attributes", attributes_of(p),
                          "joinedAt", (json_int_t)p->joined_ms, "joinOrder", (json_int_t)p->join_order, "state",
                          p->away ? "away" : "active", "tracks", tracks_of(p));
    return whole(o, participant_may(p, JWT_GRANT_SUBSCRIBE) ? 0 : put(o, "canSubscribe", json_false()));
}

static json_t *sources_of(const struct permissions *may) {
    json_t *list = json_array();
    int rc = 0;
    for (uint32_t bit = 1; bit & JWT_SOURCES_ALL; bit <<= 1) {
        if (may->sources & bit) {
            rc |= json_array_append_new(list, json_string(jwt_source_name(bit)));
        }
    }
    return whole(list, rc);
}

static json_t *permissions_of(const struct permissions *may) {
    return json_pack("{s:b,s:b,s:b,s:o,s:b,s:b}", "canPublish", !!(may->grants & JWT_GRANT_PUBLISH), "canSubscribe",
                     !!(may->grants & JWT_GRANT_SUBSCRIBE), "canPublishData", !!(may->grants & JWT_GRANT_PUBLISH_DATA),
                     "canPublishSources", sources_of(may), "canUpdateOwnMetadata",
                     !!(may->grants & JWT_GRANT_UPDATE_OWN_METADATA), "hidden", !!(may->grants & JWT_GRANT_HIDDEN));
}

static json_t *caps_of(const struct jwt_caps *caps) {
    const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        {"maxBitrate", caps->max_bitrate_bps},
        {"maxReceiveBitrate", caps->max_receive_bitrate_bps},
        {"maxHeight", caps->max_height},
        {"maxTracks", caps->max_tracks},
    };
    json_t *o = json_object();
    int rc = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].value > 0) {
            rc |= put_number(o, rows[i].key, rows[i].value);
        }
    }
    return whole(o, rc);
}

json_t *object_of_self(const struct participant *p) {
    json_t *o = object_of_participant(p);
    json_t *caps = caps_of(&p->may.caps);
    int rc = put(o, "permissions", permissions_of(&p->may));
    if (json_object_size(caps) > 0) {
        return whole(o, rc | put(o, "caps", caps));
    }
    json_decref(caps);
    return whole(o, rc);
}

json_t *object_of_room(const struct room *room) {
    return json_pack("{s:s,s:s,s:s,s:I,s:s,s:I,s:I}", "name", room->name, "sid", room->sid, "mode", "mesh",
                     "generation", (json_int_t)room->generation, "metadata", room->metadata ? room->metadata : "",
                     "maxParticipants", (json_int_t)room_capacity(room), "openedAt", (json_int_t)room->opened_ms);
}

json_t *object_of_room_for_admin(const struct room *room) {
    json_t *o = object_of_room(room);
    return whole(o, put_number(o, "numParticipants", room->count));
}

json_t *object_of_participants(const struct room *room, const struct participant *viewer) {
    json_t *list = json_array();
    int rc = 0;
    LIST_FOREACH(node, &room->participants) {
        const struct participant *p = LIST_ENTRY(node, struct participant, in_room);
        if (p != viewer && (!viewer || !participant_is_hidden(p))) {
            rc |= json_array_append_new(list, object_of_participant(p));
        }
    }
    return whole(list, rc);
}

/* --- events: what stands beside "event" and "seq" --- */

static json_t *body_participant(const struct room_event *e) {
    return json_pack("{s:o}", "participant", object_of_participant(e->participant));
}

static json_t *body_left(const struct room_event *e) {
    return json_pack("{s:s,s:s}", "participant", e->participant->sid, "reason", leave_reason_name(e->reason));
}

static json_t *body_published(const struct room_event *e) {
    return json_pack("{s:s,s:o}", "participant", e->participant->sid, "track", object_of_track(e->track));
}

static json_t *body_unpublished(const struct room_event *e) {
    return json_pack("{s:s,s:s}", "participant", e->participant->sid, "track", e->track->id);
}

static json_t *body_muted(const struct room_event *e) {
    return json_pack("{s:s,s:s,s:b}", "participant", e->participant->sid, "track", e->track->id, "muted",
                     e->track->muted);
}

static json_t *body_chat(const struct room_event *e) {
    const struct room_message *m = e->message;
    char id[24];
    snprintf(id, sizeof id, "m%llu", (unsigned long long)m->id);
    json_t *o = json_pack("{s:s,s:s,s:s,s:I}", "from", e->participant->sid, "text", m->text, "id", id, "time",
                          (json_int_t)m->time_ms);
    json_t *to = m->directed ? json_array() : NULL;
    int rc = 0;
    for (size_t i = 0; to && i < m->to_count; i++) {
        rc |= json_array_append_new(to, json_string(m->to[i]));
    }
    return whole(o, m->directed ? rc | put(o, "to", to) : rc);
}

static json_t *body_peer(const struct room_event *e) {
    const struct room_message *m = e->message;
    json_t *data = (json_t *)(uintptr_t)m->data; /* borrowed from the request, which nobody changes */
    return json_pack("{s:s,s:I,s:I,s:s,s:O}", "from", e->participant->sid, "generation", (json_int_t)m->generation,
                     "msg", (json_int_t)m->number, "type", m->type, "data", data);
}

static json_t *body_room(const struct room_event *e) { return json_pack("{s:o}", "room", object_of_room(e->room)); }

static json_t *(*const bodies[ROOM_EVENT_SHOWN])(const struct room_event *e) = {
    [ROOM_EVENT_PARTICIPANT_JOINED] = body_participant,
    [ROOM_EVENT_PARTICIPANT_LEFT] = body_left,
    [ROOM_EVENT_PARTICIPANT_UPDATED] = body_participant,
    [ROOM_EVENT_TRACK_PUBLISHED] = body_published,
    [ROOM_EVENT_TRACK_UNPUBLISHED] = body_unpublished,
    [ROOM_EVENT_TRACK_MUTED] = body_muted,
    [ROOM_EVENT_CHAT] = body_chat,
    [ROOM_EVENT_PEER] = body_peer,
    [ROOM_EVENT_ROOM_UPDATED] = body_room,
};

/* Events that carry the whole state of one thing: the latest is enough. */
static const char *subject_of(const struct room_event *e, char *out, size_t cap) {
    switch (e->type) {
    case ROOM_EVENT_PARTICIPANT_UPDATED:
        snprintf(out, cap, "u/%s", e->participant->sid);
        return out;
    case ROOM_EVENT_TRACK_MUTED:
        snprintf(out, cap, "m/%s/%s", e->participant->sid, e->track->id);
        return out;
    case ROOM_EVENT_ROOM_UPDATED:
        return "r";
    default:
        return NULL;
    }
}

/* {"event":"name" and then the body without its opening brace. */
static struct event_text *join_text(const struct room_event *event, const char *body) {
    char subject[SID_SIZE + SIGNAL_TRACK_ID_MAX + 8];
    char head[64];
    size_t head_len = (size_t)snprintf(head, sizeof head, "{\"event\":\"%s\"", room_event_name(event->type));
    size_t body_len = strlen(body);
    char *text = malloc(head_len + body_len);
    if (!text) {
        return NULL;
    }
    memcpy(text, head, head_len);
    memcpy(text + head_len, body, body_len);
    text[head_len] = ',';
    struct event_text *made =
        event_text_new(text, head_len + body_len, head_len, subject_of(event, subject, sizeof subject));
    free(text);
    return made;
}

struct event_text *object_encode_event(const struct room_event *event) {
    json_t *body = bodies[event->type](event);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct event_text *made = text ? join_text(event, text) : NULL;
    free(text);
    json_decref(body);
    return made;
}
