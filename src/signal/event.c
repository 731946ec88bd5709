#include "signal/event.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const event_names[ROOM_EVENT_SHOWN] = {
    [ROOM_EVENT_PARTICIPANT_JOINED] = "participant-joined",
    [ROOM_EVENT_PARTICIPANT_LEFT] = "participant-left",
    [ROOM_EVENT_PARTICIPANT_UPDATED] = "participant-updated",
    [ROOM_EVENT_TRACK_PUBLISHED] = "track-published",
    [ROOM_EVENT_TRACK_UNPUBLISHED] = "track-unpublished",
    [ROOM_EVENT_TRACK_MUTED] = "track-muted",
    [ROOM_EVENT_CHAT] = "chat",
    [ROOM_EVENT_PEER] = "peer",
    [ROOM_EVENT_ROOM_UPDATED] = "room-updated",
};

static const char *const reason_names[] = {
    [LEAVE_LEFT] = "left",
    [LEAVE_TIMEOUT] = "timeout",
    [LEAVE_KICKED] = "kicked",
    [LEAVE_DUPLICATE_IDENTITY] = "duplicate-identity",
    [LEAVE_ROOM_CLOSED] = "room-closed",
    [LEAVE_TAKEN_OVER] = "taken-over",
};

const char *leave_reason_name(enum leave_reason reason) { return reason_names[reason]; }

const char *room_event_name(enum room_event_type type) {
    assert(type < ROOM_EVENT_SHOWN);
    return event_names[type];
}

struct event_text *event_text_new(const char *json, size_t len, size_t split, const char *subject) {
    size_t subject_len = subject ? strlen(subject) : 0;
    struct event_text *text = malloc(sizeof *text + len + subject_len);
    if (!text) {
        return NULL;
    }
    text->refs = 1;
    text->len = (uint32_t)len;
    text->split = (uint32_t)split;
    text->subject_len = (uint32_t)subject_len;
    memcpy(text->data, json, len);
    if (subject) {
        memcpy(text->data + len, subject, subject_len);
    }
    return text;
}

struct event_text *event_text_ref(struct event_text *text) {
    text->refs++;
    return text;
}

void event_text_unref(struct event_text *text) {
    if (text && --text->refs == 0) {
        free(text);
    }
}

bool event_text_supersedes(const struct event_text *newer, const struct event_text *older) {
    return newer->subject_len > 0 && newer->subject_len == older->subject_len &&
           memcmp(newer->data + newer->len, older->data + older->len, newer->subject_len) == 0;
}

size_t event_text_write(const struct event_text *text, uint64_t seq, char *out) {
    memcpy(out, text->data, text->split);
    size_t n = text->split;
    n += (size_t)snprintf(out + n, EVENT_SEQ_BYTES, ",\"seq\":%llu", (unsigned long long)seq);
    memcpy(out + n, text->data + text->split, text->len - text->split);
    return n + text->len - text->split;
}
