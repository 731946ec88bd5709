#include "signal/session.h"

#include "base/error.h"
#include "base/metrics.h"
#include "signal/rooms.h"

#include <errno.h>

void session_push(struct session *s, struct event_text *text) {
    const struct rooms_output *output = &s->participant->room->rooms->output;
    s->seq++;
    unsigned superseded = history_push(&s->history, s->seq, text, s->coalescing || !s->link);
    metrics_add(METRIC_SIGNAL_EVENTS_COALESCED, superseded);
    if (s->link) {
        output->deliver(output->ctx, s, &(struct history_entry){.seq = s->seq, .text = text});
    }
}

/* Tells the others about this participant, or one track of it. */
static void tell(struct session *s, enum room_event_type type, const struct track *track) {
    struct participant *p = s->participant;
    struct room_event event = {.type = type, .room = p->room, .participant = p, .track = track};
    room_notify(p->room, &event, p);
}

int session_publish(struct session *s, const struct track *track, const struct track **out) {
    struct track *mine;
    int rc = participant_set_track(s->participant, track, &mine);
    if (rc < 0) {
        return rc;
    }
    *out = mine;
    tell(s, ROOM_EVENT_TRACK_PUBLISHED, mine);
    return 0;
}

int session_unpublish(struct session *s, const char *track_id) {
    const struct track *mine = participant_track(s->participant, track_id);
    if (!mine) {
        return -ENOENT;
    }
    struct track gone = *mine;
    participant_remove_track(s->participant, track_id);
    tell(s, ROOM_EVENT_TRACK_UNPUBLISHED, &gone);
    return 0;
}

int session_mute(struct session *s, const char *track_id, bool muted, const struct track **out) {
    struct track *mine = participant_track(s->participant, track_id);
    if (!mine) {
        return -ENOENT;
    }
    *out = mine;
    if (mine->muted != muted) {
        mine->muted = muted;
        tell(s, ROOM_EVENT_TRACK_MUTED, mine);
    }
    return 0;
}

int session_update(struct session *s, const struct profile *profile) {
    if (!participant_may(s->participant, JWT_GRANT_UPDATE_OWN_METADATA)) {
        return -ERR_FORBIDDEN;
    }
    int rc = participant_set_profile(s->participant, profile);
    if (rc == 0) {
        tell(s, ROOM_EVENT_PARTICIPANT_UPDATED, NULL);
    }
    return rc;
}

static bool any_receiver(const struct participant *sender, const struct room_message *message) {
    for (size_t i = 0; i < message->to_count; i++) {
        const struct participant *p = room_find_sid(sender->room, message->to[i], sender);
        if (p && p != sender) {
            return true;
        }
    }
    return false;
}

int session_chat(struct session *s, struct room_message *message, const struct moment *now) {
    struct participant *p = s->participant;
    if (!participant_may(p, JWT_GRANT_PUBLISH_DATA)) {
        return -ERR_FORBIDDEN;
    }
    if (message->directed && !any_receiver(p, message)) {
        return -ENOENT;
    }
    message->id = p->room->next_message++;
    message->time_ms = now->wall_ms;
    struct room_event event = {.type = ROOM_EVENT_CHAT, .room = p->room, .participant = p, .message = message};
    room_notify(p->room, &event, p);
    return 0;
}

/* Only those who see each other, and may receive, connect. */
static bool may_connect(const struct participant *p) {
    return !participant_is_hidden(p) && participant_may(p, JWT_GRANT_SUBSCRIBE);
}

int session_peer(struct session *s, const struct room_message *message) {
    struct participant *p = s->participant;
    const struct participant *to = room_find_sid(p->room, message->to[0], p);
    if (!to || to == p) {
        return -ENOENT;
    }
    if (!may_connect(p) || !may_connect(to)) {
        return -ERR_FORBIDDEN;
    }
    if (message->generation != p->room->generation) {
        return -ESTALE;
    }
    struct room_event event = {.type = ROOM_EVENT_PEER, .room = p->room, .participant = p, .message = message};
    room_notify(p->room, &event, p);
    return 0;
}
