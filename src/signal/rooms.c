#include "signal/rooms.h"

#include "base/error.h"
#include "base/metrics.h"
#include "base/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t name_hash(const struct rooms *r, const char *name) { return hash_bytes(&r->key, name, strlen(name)); }

static uint64_t key_hash(const struct rooms *r, const char *key) {
    return hash_bytes(&r->key, key, RESUME_KEY_SIZE - 1);
}

static bool has_name(const void *item, const void *wanted) {
    return strcmp(((const struct room *)item)->name, wanted) == 0;
}

static bool has_key(const void *item, const void *wanted) {
    return memcmp(((const struct session *)item)->resume_key, wanted, RESUME_KEY_SIZE) == 0;
}

struct room *rooms_find(const struct rooms *r, const char *name) {
    return hash_table_find(&r->by_name, name_hash(r, name), has_name, name);
}

/* --- life --- */

void rooms_init(struct rooms *r, const struct rooms_config *config, const struct rooms_output *output,
                const struct moment *now) {
    memset(r, 0, sizeof *r);
    r->config = *config;
    r->output = *output;
    r->next_generation = 1;
    hash_key_random(&r->key);
    hash_table_init(&r->by_name);
    hash_table_init(&r->by_resume_key);
    wheel_init(&r->wheel, now->mono_us);
    bans_init(&r->bans);
}

static void session_free(struct rooms *r, struct session *s) {
    hash_table_remove(&r->by_resume_key, key_hash(r, s->resume_key), s);
    wheel_cancel(&r->wheel, &s->expiry.timer);
    history_deinit(&s->history);
    participant_free(s->participant);
    free(s);
}

static void remove_room(struct rooms *r, struct room *room) {
    struct room_event event = {.type = ROOM_EVENT_ROOM_CLOSED, .room = room};
    room_notify(room, &event, NULL);
    metrics_add(METRIC_ROOMS, -1);
    wheel_cancel(&r->wheel, &room->empty.timer);
    hash_table_remove(&r->by_name, name_hash(r, room->name), room);
    room_free(room);
}

void rooms_deinit(struct rooms *r, const struct moment *now) {
    uint32_t cursor = 0;
    for (struct room *room; (room = hash_table_next(&r->by_name, &cursor)) != NULL; cursor = 0) {
        LIST_FOREACH(node, &room->participants) { LIST_ENTRY(node, struct participant, in_room)->session->link = NULL; }
        rooms_close(r, room->name, now);
    }
    hash_table_deinit(&r->by_name);
    hash_table_deinit(&r->by_resume_key);
    bans_deinit(&r->bans);
}

void rooms_configure(struct rooms *r, const struct rooms_config *config) { r->config = *config; }

uint64_t rooms_deadline_us(const struct rooms *r) { return wheel_deadline_us(&r->wheel); }

struct firing {
    struct rooms *rooms;
    const struct moment *now;
};

static void fire(struct wheel_timer *timer, void *ctx) {
    struct firing *firing = ctx;
    struct deadline *deadline = LIST_ENTRY(timer, struct deadline, timer);
    deadline->fired(firing->rooms, deadline, firing->now);
}

void rooms_timeout(struct rooms *r, const struct moment *now) {
    wheel_advance(&r->wheel, now->mono_us, fire, &(struct firing){.rooms = r, .now = now});
}

/* --- rooms --- */

static void room_stayed_empty(struct rooms *r, struct deadline *deadline, const struct moment *now) {
    (void)now;
    remove_room(r, LIST_ENTRY(deadline, struct room, empty));
}

static void arm_empty(struct rooms *r, struct room *room, const struct moment *now) {
    uint64_t wait = room->empty_timeout_us ? room->empty_timeout_us : r->config.empty_timeout_us;
    room->empty.fired = room_stayed_empty;
    wheel_set(&r->wheel, &room->empty.timer, now->mono_us + wait);
}

static int open_room(struct rooms *r, const char *name, const struct moment *now, struct room **out) {
    if (r->by_name.count >= SIGNAL_ROOMS_MAX) {
        return -ENOBUFS;
    }
    struct room *room = room_new(r, name, now);
    if (!room || hash_table_insert(&r->by_name, name_hash(r, name), room) < 0) {
        free(room);
        return -ENOMEM;
    }
    metrics_inc(METRIC_ROOMS);
    arm_empty(r, room, now);
    struct room_event event = {.type = ROOM_EVENT_ROOM_OPENED, .room = room};
    room_notify(room, &event, NULL);
    *out = room;
    return 0;
}

static int set_options(struct room *room, const struct room_options *options) {
    if (options->metadata) {
        char *metadata = strdup(options->metadata);
        if (!metadata) {
            return -ENOMEM;
        }
        free(room->metadata);
        room->metadata = metadata;
    }
    if (options->set_max_participants) {
        room->max_participants = options->max_participants;
    }
    if (options->empty_timeout_us) {
        room->empty_timeout_us = options->empty_timeout_us;
    }
    return 0;
}

int rooms_open(struct rooms *r, const char *name, const struct room_options *options, const struct moment *now) {
    struct room *room = rooms_find(r, name);
    int rc = room ? 0 : open_room(r, name, now, &room);
    rc = rc < 0 ? rc : set_options(room, options);
    if (rc < 0) {
        return rc;
    }
    if (room->count == 0) {
        arm_empty(r, room, now);
    }
    struct room_event event = {.type = ROOM_EVENT_ROOM_UPDATED, .room = room};
    room_notify(room, &event, NULL);
    return 0;
}

int rooms_close(struct rooms *r, const char *name, const struct moment *now) {
    struct room *room = rooms_find(r, name);
    if (!room) {
        return -ENOENT;
    }
    LIST_FOREACH_SAFE(node, after, &room->participants) {
        rooms_leave(r, LIST_ENTRY(node, struct participant, in_room)->session, LEAVE_ROOM_CLOSED, now);
    }
    remove_room(r, room);
    return 0;
}

/* --- sessions --- */

static void session_expired(struct rooms *r, struct deadline *deadline, const struct moment *now) {
    rooms_leave(r, LIST_ENTRY(deadline, struct session, expiry), LEAVE_TIMEOUT, now);
}

/* A participant with its session, not yet in any room. */
static int make_session(struct rooms *r, const struct rooms_join *join, struct session **out) {
    struct session *s = calloc(1, sizeof *s);
    struct participant *p = participant_new(join->identity, join->may);
    int rc = s && p ? participant_set_profile(p, join->profile) : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < join->track_count; i++) {
        rc = participant_set_track(p, &join->tracks[i], NULL);
    }
    if (rc == 0) {
        s->id[0] = 's';
        s->id[1] = '_';
        rng_token(s->id + 2, SID_SIZE - 3);
        rng_token(s->resume_key, RESUME_KEY_SIZE - 1);
        rc = hash_table_insert(&r->by_resume_key, key_hash(r, s->resume_key), s);
    }
    if (rc < 0) {
        participant_free(p);
        free(s);
        return rc;
    }
    history_init(&s->history);
    wheel_timer_init(&s->expiry.timer);
    s->expiry.fired = session_expired;
    s->participant = p;
    s->link = join->link;
    p->session = s;
    *out = s;
    return 0;
}

static void count_participant(const struct participant *p, int n) {
    metrics_add(p->away ? METRIC_PARTICIPANTS_AWAY : METRIC_PARTICIPANTS_ACTIVE, n);
}

static void enter(struct room *room, struct session *s, const struct moment *now) {
    struct participant *p = s->participant;
    struct room_event event = {.type = ROOM_EVENT_PARTICIPANT_JOINED, .room = room, .participant = p};
    p->room = room;
    p->join_order = ++room->next_order;
    p->joined_ms = now->wall_ms;
    list_push_back(&room->participants, &p->in_room);
    room->count++;
    count_participant(p, 1);
    wheel_cancel(&room->rooms->wheel, &room->empty.timer);
    room_notify(room, &event, p);
}

/* The room of a join: there already, or opened when the token or the configuration says so. */
static int admit(struct rooms *r, const struct rooms_join *join, const struct moment *now, struct room **out) {
    bool may_open = r->config.auto_create || join->may->grants & JWT_GRANT_ROOM_CREATE;
    struct room *room = rooms_find(r, join->room);
    if ((!room && !may_open) || bans_hold(&r->bans, join->room, join->identity, now->mono_us)) {
        return -ERR_FORBIDDEN;
    }
    int rc = room ? 0 : open_room(r, join->room, now, &room);
    if (rc < 0) {
        return rc;
    }
    struct participant *same = room_find_identity(room, join->identity);
    if (room->count - (same ? 1 : 0) >= room_capacity(room)) {
        return -ERR_QUOTA;
    }
    if (same) {
        rooms_leave(r, same->session, LEAVE_DUPLICATE_IDENTITY, now);
    }
    *out = room;
    return 0;
}

int rooms_join(struct rooms *r, const struct rooms_join *join, const struct moment *now, struct session **out) {
    struct session *s;
    struct room *room;
    int rc = make_session(r, join, &s);
    if (rc < 0) {
        return rc;
    }
    rc = admit(r, join, now, &room);
    if (rc < 0) {
        session_free(r, s);
        return rc;
    }
    enter(room, s, now);
    *out = s;
    return 0;
}

static void set_away(struct session *s, bool away) {
    struct participant *p = s->participant;
    struct room_event event = {.type = ROOM_EVENT_PARTICIPANT_UPDATED, .room = p->room, .participant = p};
    if (p->away != away) {
        count_participant(p, -1);
        p->away = away;
        count_participant(p, 1);
        room_notify(p->room, &event, p);
    }
}

int rooms_resume(struct rooms *r, const char *key, void *link, struct session **out) {
    struct session *s =
        strlen(key) == RESUME_KEY_SIZE - 1 ? hash_table_find(&r->by_resume_key, key_hash(r, key), has_key, key) : NULL;
    if (!s) {
        return -ENOENT;
    }
    if (s->link) {
        r->output.detached(r->output.ctx, s->link, LEAVE_TAKEN_OVER);
    }
    wheel_cancel(&r->wheel, &s->expiry.timer);
    s->link = link;
    s->coalescing = false;
    set_away(s, false);
    *out = s;
    return 0;
}

void rooms_drop(struct rooms *r, struct session *s, const struct moment *now) {
    s->link = NULL;
    wheel_set(&r->wheel, &s->expiry.timer, now->mono_us + r->config.resume_timeout_us);
    set_away(s, true);
}

/* By the reasons a participant leaves for. */
static const enum metric_id left_metrics[] = {
    [LEAVE_LEFT] = METRIC_PARTICIPANTS_LEFT_LEFT,
    [LEAVE_TIMEOUT] = METRIC_PARTICIPANTS_LEFT_TIMEOUT,
    [LEAVE_KICKED] = METRIC_PARTICIPANTS_LEFT_KICKED,
    [LEAVE_DUPLICATE_IDENTITY] = METRIC_PARTICIPANTS_LEFT_DUPLICATE,
    [LEAVE_ROOM_CLOSED] = METRIC_PARTICIPANTS_LEFT_ROOM_CLOSED,
};

void rooms_leave(struct rooms *r, struct session *s, enum leave_reason reason, const struct moment *now) {
    struct participant *p = s->participant;
    struct room *room = p->room;
    struct room_event event = {.type = ROOM_EVENT_PARTICIPANT_LEFT, .reason = reason, .room = room, .participant = p};
    list_remove(&p->in_room);
    room->count--;
    count_participant(p, -1);
    metrics_inc(left_metrics[reason]);
    room_notify(room, &event, p);
    if (s->link && reason != LEAVE_LEFT) {
        r->output.detached(r->output.ctx, s->link, reason);
    }
    session_free(r, s);
    if (room->count == 0) {
        arm_empty(r, room, now);
    }
}

/* --- admins --- */

int rooms_kick(struct rooms *r, struct room *room, const char *identity, uint32_t ban_s, const struct moment *now) {
    struct participant *p = room_find_identity(room, identity);
    if (ban_s > 0) {
        int rc = bans_add(&r->bans, room->name, identity, now->mono_us + (uint64_t)ban_s * 1000000);
        if (rc < 0) {
            return rc;
        }
    }
    if (!p) {
        return ban_s > 0 ? 0 : -ENOENT;
    }
    rooms_leave(r, p->session, LEAVE_KICKED, now);
    return 0;
}

int rooms_mute(struct room *room, const char *identity, const char *track_id) {
    struct participant *p = room_find_identity(room, identity);
    if (!p || (track_id && !participant_track(p, track_id))) {
        return -ENOENT;
    }
    for (uint32_t i = 0; i < p->track_count; i++) {
        struct track *track = p->tracks[i];
        if (!track->muted && (!track_id || strcmp(track->id, track_id) == 0)) {
            struct room_event event = {.type = ROOM_EVENT_TRACK_MUTED, .room = room, .participant = p, .track = track};
            track->muted = true;
            room_notify(room, &event, NULL);
        }
    }
    return 0;
}
