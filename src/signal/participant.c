#include "signal/participant.h"

#include "base/error.h"
#include "base/metrics.h"
#include "base/rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool track_is_audio(const struct track *track) {
    return track->source == JWT_SOURCE_MICROPHONE || track->source == JWT_SOURCE_SCREEN_AUDIO;
}

struct participant *participant_new(const char *identity, const struct permissions *may) {
    struct participant *p = calloc(1, sizeof *p);
    if (!p) {
        return NULL;
    }
    p->sid[0] = 'p';
    p->sid[1] = '_';
    rng_token(p->sid + 2, SID_SIZE - 3);
    snprintf(p->identity, sizeof p->identity, "%s", identity);
    p->may = *may;
    list_init(&p->in_room);
    return p;
}

void participant_free(struct participant *p) {
    if (!p) {
        return;
    }
    metrics_add(METRIC_TRACKS, -(int64_t)p->track_count);
    for (uint32_t i = 0; i < p->track_count; i++) {
        free(p->tracks[i]);
    }
    free(p->metadata);
    free(p->attributes);
    free(p);
}

bool participant_may(const struct participant *p, enum jwt_grant grant) { return p->may.grants & grant; }

bool participant_is_hidden(const struct participant *p) { return participant_may(p, JWT_GRANT_HIDDEN); }

int participant_set_profile(struct participant *p, const struct profile *profile) {
    char *metadata = profile->metadata ? strdup(profile->metadata) : NULL;
    struct pairs *attributes = profile->attributes ? malloc(sizeof *attributes) : NULL;
    if ((profile->metadata && !metadata) || (profile->attributes && !attributes)) {
        free(metadata);
        free(attributes);
        return -ENOMEM;
    }
    if (profile->name) {
        snprintf(p->name, sizeof p->name, "%s", profile->name);
    }
    if (metadata) {
        free(p->metadata);
        p->metadata = metadata;
    }
    if (attributes) {
        *attributes = *profile->attributes;
        free(p->attributes);
        p->attributes = attributes;
    }
    return 0;
}

static long find_track(const struct participant *p, const char *id) {
    for (uint32_t i = 0; i < p->track_count; i++) {
        if (strcmp(p->tracks[i]->id, id) == 0) {
            return i;
        }
    }
    return -1;
}

struct track *participant_track(const struct participant *p, const char *id) {
    long at = find_track(p, id);
    return at < 0 ? NULL : p->tracks[at];
}

int participant_check_track(const struct participant *p, const struct track *track) {
    const struct jwt_caps *caps = &p->may.caps;
    bool over_height = caps->max_height > 0 && !track_is_audio(track) && track->height > caps->max_height;
    if (!participant_may(p, JWT_GRANT_PUBLISH) || !(p->may.sources & track->source) || over_height) {
        return -ERR_FORBIDDEN;
    }
    uint32_t most = caps->max_tracks > 0 && caps->max_tracks < SIGNAL_TRACKS_MAX ? caps->max_tracks : SIGNAL_TRACKS_MAX;
    return find_track(p, track->id) < 0 && p->track_count >= most ? -ENOBUFS : 0;
}

int participant_set_track(struct participant *p, const struct track *track, struct track **out) {
    int rc = participant_check_track(p, track);
    if (rc < 0) {
        return rc;
    }
    struct track *mine = participant_track(p, track->id);
    if (!mine) {
        mine = malloc(sizeof *mine);
        if (!mine) {
            return -ENOMEM;
        }
        p->tracks[p->track_count++] = mine;
        metrics_inc(METRIC_TRACKS);
    }
    *mine = *track;
    if (out) {
        *out = mine;
    }
    return 0;
}

bool participant_remove_track(struct participant *p, const char *id) {
    long at = find_track(p, id);
    if (at < 0) {
        return false;
    }
    free(p->tracks[at]);
    p->track_count--;
    metrics_add(METRIC_TRACKS, -1);
    memmove(p->tracks + at, p->tracks + at + 1, (p->track_count - (size_t)at) * sizeof p->tracks[0]);
    return true;
}
