/* What strangers put into fields: the first character says which, the rest is a JSON object, a form or a Host header.
 * What is accepted keeps its bounds, and a track shown to others is one that would be accepted again.
 * covers: src/signal/fields.c src/signal/form.c src/proto/json/json.c */
#include "signal/fields.h"

#include "base/text.h"
#include "proto/json/json.h"
#include "signal/form.h"
#include "signal/ice.h"
#include "signal/objects.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_track(const struct track *track) {
    struct track again;
    json_t *shown = object_of_track(track);
    check(strlen(track->id) <= SIGNAL_TRACK_ID_MAX && strlen(track->name) <= SIGNAL_TRACK_NAME_MAX);
    check(track->width <= SIGNAL_SIZE_MAX && track->height <= SIGNAL_SIZE_MAX);
    check(!field_track(shown, &again));
    check(memcmp(track, &again, sizeof again) == 0);
    json_decref(shown);
}

static void fuzz_tracks(const json_t *object) {
    struct track tracks[SIGNAL_TRACKS_MAX];
    size_t count;
    const char *id;
    if (!field_track(object, &tracks[0])) {
        check_track(&tracks[0]);
        check(!field_track_id(object, "id", &id) && strcmp(id, tracks[0].id) == 0);
    }
    if (!field_tracks(object, tracks, &count)) {
        check(count <= SIGNAL_TRACKS_MAX);
        for (size_t i = 0; i < count; i++) {
            check_track(&tracks[i]);
        }
    }
}

static void fuzz_profile(const json_t *object) {
    struct pairs attributes;
    struct profile profile;
    pairs_init(&attributes);
    pairs_set(&attributes, "a", "1");
    if (field_profile(object, &profile, &attributes)) {
        return;
    }
    check(!profile.name ||
          (strlen(profile.name) <= JWT_NAME_MAX && text_is_printable(profile.name, strlen(profile.name))));
    check(!profile.metadata || strlen(profile.metadata) <= JWT_METADATA_MAX);
    check(!profile.attributes || (profile.attributes == &attributes && attributes.len <= PAIRS_BYTES_MAX));
}

static void fuzz_addressees(const json_t *object) {
    const char *to[SIGNAL_CHAT_TO_MAX];
    const char *type;
    size_t count = 0;
    if (!field_sids(object, to, SIGNAL_CHAT_TO_MAX, &count)) {
        check(count > 0 && count <= SIGNAL_CHAT_TO_MAX);
        for (size_t i = 0; i < count; i++) {
            check(strlen(to[i]) < SID_SIZE);
        }
    }
    if (!field_peer_type(object, &type)) {
        check(strlen(type) > 0 && strlen(type) <= SIGNAL_PEER_TYPE_MAX);
    }
}

static void fuzz_form(const char *body, size_t len) {
    char value[32];
    for (size_t cap = 1; cap <= sizeof value; cap += 31) {
        if (form_find(body, len, "key", value, cap) > 0) {
            check(strlen(value) < cap);
        }
    }
}

static void fuzz_host(const char *text, size_t len) {
    char authority[512];
    char host[ICE_HOST_SIZE];
    char again[ICE_HOST_SIZE];
    if (text_copy(authority, sizeof authority, text, len < 500 ? len : 500) < 0) {
        return;
    }
    if (ice_host_parse(host, authority) == 0) {
        check(host[0] != '\0' && !strpbrk(host, "/@?# \"\\"));
        check(ice_host_parse(again, host) == 0 && strcmp(again, host) == 0);
    } else {
        check(host[0] == '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data + 1;
    if (size < 1) {
        return 0;
    }
    if (data[0] == 'f') {
        fuzz_form(text, size - 1);
    } else if (data[0] == 'h') {
        fuzz_host(text, size - 1);
    } else {
        json_t *object = json_parse_object(text, size - 1, SIGNAL_DEPTH_MAX);
        if (object) {
            fuzz_tracks(object);
            fuzz_profile(object);
            fuzz_addressees(object);
        }
        json_decref(object);
    }
    return 0;
}
