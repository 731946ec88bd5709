#include "signal/fields.h"

#include "base/text.h"
#include "proto/json/json.h"

#include <stdio.h>
#include <string.h>

/* text is 1 to max bytes of these characters. */
static bool is_word(const char *text, size_t max, const char *characters) {
    size_t len = strlen(text);
    return len > 0 && len <= max && strspn(text, characters) == len;
}

#define LETTERS       "abcdefghijklmnopqrstuvwxyz"
#define ID_CHARACTERS LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

const char *field_track_id(const json_t *object, const char *key, const char **out) {
    if (json_take_text(object, key, SIGNAL_TRACK_ID_MAX, out) <= 0 ||
        !is_word(*out, SIGNAL_TRACK_ID_MAX, ID_CHARACTERS)) {
        return "a track id is 1 to 64 of A-Z, a-z, 0-9, _ and -";
    }
    return NULL;
}

static const char *field_source(const json_t *object, struct track *out) {
    const char *source = "";
    const char *kind = "";
    if (json_take_text(object, "source", 16, &source) <= 0 || json_take_text(object, "kind", 8, &kind) <= 0) {
        return "a track needs kind and source";
    }
    out->source = jwt_source_parse(source);
    if (out->source == 0 || strcmp(jwt_source_name(out->source), source) != 0) {
        return "source is camera, microphone, screen or screen-audio";
    }
    return strcmp(kind, track_is_audio(out) ? "audio" : "video") == 0 ? NULL : "kind does not fit the source";
}

const char *field_track(const json_t *object, struct track *out) {
    const char *id;
    const char *name = "";
    uint64_t width = 0;
    uint64_t height = 0;
    memset(out, 0, sizeof *out);
    const char *wrong = field_track_id(object, "id", &id);
    wrong = wrong ? wrong : field_source(object, out);
    if (wrong) {
        return wrong;
    }
    if (json_take_text(object, "name", SIGNAL_TRACK_NAME_MAX, &name) < 0 || !text_is_printable(name, strlen(name))) {
        return "a track's name is at most 128 bytes without control characters";
    }
    if (json_take_bool(object, "muted", &out->muted) < 0) {
        return "muted is true or false";
    }
    if (json_take_u64(object, "width", SIGNAL_SIZE_MAX, &width) < 0 ||
        json_take_u64(object, "height", SIGNAL_SIZE_MAX, &height) < 0) {
        return "width and height are 0 to 16384 pixels";
    }
    snprintf(out->id, sizeof out->id, "%s", id);
    snprintf(out->name, sizeof out->name, "%s", name);
    out->width = (uint16_t)width;
    out->height = (uint16_t)height;
    return NULL;
}

const char *field_tracks(const json_t *object, struct track *out, size_t *count) {
    json_t *list = NULL;
    *count = 0;
    if (json_take_node(object, "tracks", JSON_ARRAY, &list) < 0 || json_array_size(list) > SIGNAL_TRACKS_MAX) {
        return "tracks is a list of at most 16";
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *wrong = field_track(json_array_get(list, i), &out[i]);
        if (wrong) {
            return wrong;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(out[i].id, out[j].id) == 0) {
                return "two tracks have the same id";
            }
        }
    }
    *count = json_array_size(list);
    return NULL;
}

static const char *field_attributes(const json_t *object, struct pairs *attributes, bool *there) {
    json_t *changes = NULL;
    const char *key;
    json_t *value;
    if (json_take_node(object, "attributes", JSON_OBJECT, &changes) < 0) {
        return "attributes is an object";
    }
    *there = changes != NULL;
    json_object_foreach(changes, key, value) {
        if (!json_is_string(value)) {
            return "attributes are strings";
        }
        if (pairs_set(attributes, key, json_string_value(value)) < 0) {
            return "attributes have names and are at most 4096 bytes together";
        }
    }
    return NULL;
}

const char *field_profile(const json_t *object, struct profile *out, struct pairs *attributes) {
    bool there = false;
    memset(out, 0, sizeof *out);
    if (json_take_text(object, "name", JWT_NAME_MAX, &out->name) < 0 ||
        (out->name && !text_is_printable(out->name, strlen(out->name)))) {
        return "name is at most 256 bytes without control characters";
    }
    if (json_take_text(object, "metadata", JWT_METADATA_MAX, &out->metadata) < 0) {
        return "metadata is a text of at most 4096 bytes";
    }
    const char *wrong = field_attributes(object, attributes, &there);
    out->attributes = there ? attributes : NULL;
    return wrong;
}

const char *field_sids(const json_t *object, const char **out, size_t max, size_t *count) {
    json_t *list = NULL;
    size_t i;
    json_t *item;
    if (json_take_node(object, "to", JSON_ARRAY, &list) <= 0 || json_array_size(list) == 0 ||
        json_array_size(list) > max) {
        return "to is a list of 1 to 64 participants";
    }
    json_array_foreach(list, i, item) {
        if (!json_is_string(item) || json_string_length(item) >= SID_SIZE) {
            return "to names participants by their sid";
        }
        out[i] = json_string_value(item);
    }
    *count = json_array_size(list);
    return NULL;
}

const char *field_peer_type(const json_t *object, const char **out) {
    if (json_take_text(object, "type", SIGNAL_PEER_TYPE_MAX, out) <= 0 ||
        !is_word(*out, SIGNAL_PEER_TYPE_MAX, LETTERS "-")) {
        return "type is 1 to 32 of a-z and -";
    }
    return NULL;
}
