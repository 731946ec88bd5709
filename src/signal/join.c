/* The join: from a token, or from the key of a session whose connection dropped. */
#include "signal/call.h"

#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "proto/json/json.h"
#include "signal/fields.h"
#include "signal/objects.h"

#include <errno.h>
#include <string.h>

static struct log_limit log_refused = {.burst = 10};

/* What a join asks for, parsed. Points into the request and into itself. */
struct join_request {
    const char *token;
    const char *resume_key;
    uint64_t resume_seq;
    struct profile profile;
    struct pairs attributes;
    struct track tracks[SIGNAL_TRACKS_MAX];
    size_t track_count;
};

static const char *read_resume(const json_t *request, struct join_request *out) {
    json_t *resume = NULL;
    if (json_take_node(request, "resume", JSON_OBJECT, &resume) < 0) {
        return "resume is an object";
    }
    if (resume && (json_take_text(resume, "key", RESUME_KEY_SIZE - 1, &out->resume_key) <= 0 ||
                   json_take_u64(resume, "seq", (uint64_t)1 << 53, &out->resume_seq) <= 0)) {
        return "resume needs key and seq";
    }
    return NULL;
}

static const char *read_join(const json_t *request, struct join_request *out) {
    const char *ignored;
    memset(out, 0, sizeof *out);
    const char *wrong = read_resume(request, out);
    if (wrong) {
        return wrong;
    }
    if (json_take_text(request, "token", JWT_TOKEN_MAX, &out->token) < 0 || (!out->token && !out->resume_key)) {
        return "join needs a token or a resume key";
    }
    if (json_take_text(request, "client", SIGNAL_CLIENT_MAX, &ignored) < 0) {
        return "client is a text of at most 128 bytes";
    }
    if (json_take_text(request, "offer", SIGNAL_JOIN_MAX, &ignored) < 0) {
        return "offer is a text";
    }
    wrong = field_profile(request, &out->profile, &out->attributes);
    return wrong ? wrong : field_tracks(request, out->tracks, &out->track_count);
}

/* --- the reply --- */

static void put_ice_servers(struct call *call, const struct participant *self) {
    struct link *link = call->link;
    const struct dialect_hooks *hooks = &link->dialect->hooks;
    const struct dialect_caller caller = {.subject = self->identity, .host = link->host, .peer = &link->peer};
    uint32_t ttl_s = 0;
    call_put(call, "iceServers", hooks->ice_servers(hooks->ctx, &caller, false, &ttl_s));
    call_put(call, "iceTtl", json_integer(ttl_s));
}

static void put_session(struct call *call, const struct session *s, bool resumed, bool snapshot) {
    const struct participant *self = s->participant;
    const struct dialect_config *config = &call->link->dialect->config;
    call_put(call, "session", json_string(s->id));
    call_put(call, "resumeKey", json_string(s->resume_key));
    call_put(call, "resumeTimeout", json_integer((json_int_t)(config->rooms.resume_timeout_us / 1000000)));
    call_put(call, "resumed", json_boolean(resumed));
    call_put(call, "snapshot", json_boolean(snapshot));
    call_put(call, "seq", json_integer((json_int_t)call->link->sent_seq));
    call_put(call, "self", object_of_self(self));
    call_put(call, "room", object_of_room(self->room));
    if (snapshot) {
        call_put(call, "participants", object_of_participants(self->room, self));
    }
    put_ice_servers(call, self);
    call_put(call, "server", json_pack("{s:s,s:s}", "version", config->version, "node", config->node));
}

/* --- resume --- */

static enum dialect_error resume(struct call *call, const struct join_request *join) {
    struct session *s;
    if (rooms_resume(&call->link->dialect->rooms, join->resume_key, call->link, &s) < 0) {
        metrics_inc(METRIC_SIGNAL_RESUMES_EXPIRED);
        call->message = "no session has this key any more";
        return DIALECT_EXPIRED;
    }
    bool replay = join->resume_seq <= s->seq && history_reaches(&s->history, join->resume_seq);
    if (!replay) {
        history_clear(&s->history, s->seq);
    }
    metrics_inc(replay ? METRIC_SIGNAL_RESUMES_REPLAYED : METRIC_SIGNAL_RESUMES_SNAPSHOT);
    link_attach(call->link, s, replay ? join->resume_seq : s->seq);
    put_session(call, s, true, !replay);
    call->catch_up = true;
    return DIALECT_OK;
}

/* --- with a token --- */

static enum dialect_error refuse_token(struct call *call, int rc) {
    const struct dialect_hooks *hooks = &call->link->dialect->hooks;
    log_limited(&log_refused, LOG_LEVEL_WARNING, "signal", "token refused", LF_ADDR("peer", &call->link->peer),
                LF_ERROR(rc));
    hooks->refused(hooks->ctx, &call->link->peer);
    call->doom = DOOM_UNAUTHORIZED;
    metrics_inc(rc == -ERR_EXPIRED ? METRIC_SIGNAL_JOINS_EXPIRED : METRIC_SIGNAL_JOINS_UNAUTHORIZED);
    return rc == -ERR_EXPIRED ? DIALECT_EXPIRED : DIALECT_UNAUTHORIZED;
}

/* The token's word counts; the client's own where the token has none, or lets it. */
static void choose_profile(struct profile *out, const struct jwt_claims *claims, const struct join_request *join) {
    bool free_choice = claims->grants & JWT_GRANT_UPDATE_OWN_METADATA;
    out->name = join->profile.name && (free_choice || !claims->name[0]) ? join->profile.name : claims->name;
    out->metadata = join->profile.metadata && free_choice ? join->profile.metadata : claims->metadata;
    out->attributes = join->profile.attributes && free_choice ? &join->attributes : &claims->attributes;
}

static enum dialect_error enter(struct call *call, const struct join_request *join, const struct jwt_claims *claims) {
    struct session *s;
    struct profile profile;
    const struct permissions may = {.grants = claims->grants, .sources = claims->sources, .caps = claims->caps};
    choose_profile(&profile, claims, join);
    const struct rooms_join wanted = {.room = claims->room,
                                      .identity = claims->subject,
                                      .may = &may,
                                      .profile = &profile,
                                      .tracks = join->tracks,
                                      .track_count = join->track_count,
                                      .link = call->link};
    int rc = rooms_join(&call->link->dialect->rooms, &wanted, call->now, &s);
    if (rc < 0) {
        metrics_inc(rc == -ERR_FORBIDDEN ? METRIC_SIGNAL_JOINS_FORBIDDEN
                    : rc == -ERR_QUOTA   ? METRIC_SIGNAL_JOINS_FULL
                                         : METRIC_SIGNAL_JOINS_FAILED);
        return rc == -ENOBUFS ? DIALECT_UNAVAILABLE : call_error_of(rc);
    }
    metrics_inc(METRIC_SIGNAL_JOINS_OK);
    link_attach(call->link, s, 0);
    put_session(call, s, false, true);
    return DIALECT_OK;
}

static enum dialect_error join_with_token(struct call *call, const struct join_request *join) {
    const struct dialect_hooks *hooks = &call->link->dialect->hooks;
    struct jwt_claims claims;
    int rc = hooks->verify(hooks->ctx, join->token, strlen(join->token), &claims);
    if (rc < 0) {
        return refuse_token(call, rc);
    }
    if (!(claims.grants & JWT_GRANT_ROOM_JOIN) || !claims.room[0] || !claims.subject[0]) {
        metrics_inc(METRIC_SIGNAL_JOINS_FORBIDDEN);
        return DIALECT_FORBIDDEN; /* the same as for a room that is not there */
    }
    return enter(call, join, &claims);
}

enum dialect_error method_join(struct call *call) {
    struct join_request join;
    struct link *link = call->link;
    if (link->session) {
        return DIALECT_CONFLICT;
    }
    if (++link->attempts >= SIGNAL_JOIN_ATTEMPTS) {
        call->doom = DOOM_UNAUTHORIZED; /* unless this one succeeds */
    }
    const char *wrong = read_join(call->request, &join);
    if (wrong) {
        metrics_inc(METRIC_SIGNAL_JOINS_BAD);
        return call_refuse(call, wrong);
    }
    enum dialect_error error = join.resume_key ? resume(call, &join) : join_with_token(call, &join);
    if (error == DIALECT_OK) {
        call->doom = DOOM_NONE;
    }
    return error;
}
