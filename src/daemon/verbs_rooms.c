/* Rooms and participants live on the control thread: answered at once. */
#include "daemon/verbs.h"

#include "daemon/daemon.h"
#include "signal/signal.h"

#include <errno.h>
#include <jansson.h>

static void list(void *ctx, struct admin_call *call) {
    const struct daemon *d = ctx;
    json_t *rooms = signal_rooms_json(d->signal);
    uint64_t left = admin_call_uint(call, "limit", UINT64_MAX);
    size_t i;
    json_t *room;
    json_array_foreach(rooms, i, room) {
        if (left-- == 0) {
            break;
        }
        admin_call_row(call, json_incref(room));
    }
    json_decref(rooms);
    admin_call_done(call);
}

static void answer(struct admin_call *call, int rc) {
    const char *room = admin_call_text(call, "room");
    const char *identity = admin_call_text(call, "identity");
    const char *track = admin_call_text(call, "track");
    if (rc == 0) {
        admin_call_reply(call, json_object());
    } else if (rc != -ENOENT) {
        admin_call_error(call, rc, "The room");
    } else if (!identity) {
        admin_call_fail(call, "not-found", "There is no room %s.", room);
    } else if (!track) {
        admin_call_fail(call, "not-found", "There is no participant %s in a room %s.", identity, room);
    } else {
        admin_call_fail(call, "not-found", "There is no participant %s with a track %s in a room %s.", identity, track,
                        room);
    }
}

static void show(void *ctx, struct admin_call *call) {
    const struct daemon *d = ctx;
    json_t *room = signal_room_json(d->signal, admin_call_text(call, "room"));
    if (room) {
        admin_call_reply(call, room);
    } else {
        answer(call, -ENOENT);
    }
}

static void close_room(void *ctx, struct admin_call *call) {
    const struct daemon *d = ctx;
    answer(call, signal_room_close(d->signal, admin_call_text(call, "room")));
}

static void kick(void *ctx, struct admin_call *call) {
    const struct daemon *d = ctx;
    uint32_t ban_s = (uint32_t)admin_call_uint(call, "ban", 0); /* at most a year */
    answer(call,
           signal_participant_kick(d->signal, admin_call_text(call, "room"), admin_call_text(call, "identity"), ban_s));
}

static void mute(void *ctx, struct admin_call *call) {
    const struct daemon *d = ctx;
    answer(call, signal_participant_mute(d->signal, admin_call_text(call, "room"), admin_call_text(call, "identity"),
                                         admin_call_text(call, "track")));
}

void verbs_set_rooms(struct admin_hooks *hooks) {
    hooks->verbs[ADMIN_VERB_ROOMS_LIST] = list;
    hooks->verbs[ADMIN_VERB_ROOMS_SHOW] = show;
    hooks->verbs[ADMIN_VERB_ROOMS_CLOSE] = close_room;
    hooks->verbs[ADMIN_VERB_PARTICIPANTS_KICK] = kick;
    hooks->verbs[ADMIN_VERB_PARTICIPANTS_MUTE] = mute;
}
