#include "signal/call.h"

#include "base/metrics.h"
#include "base/text.h"
#include "proto/json/json.h"
#include "signal/fields.h"
#include "signal/objects.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum dialect_error method_ping(struct call *call) {
    call_put(call, "time", json_integer((json_int_t)call->now->wall_ms));
    return DIALECT_OK;
}

enum dialect_error method_leave(struct call *call) {
    rooms_leave(&call->link->dialect->rooms, call->link->session, LEAVE_LEFT, call->now);
    link_end_session(call->link);
    call->doom = DOOM_LEFT;
    return DIALECT_OK;
}

enum dialect_error method_ice_servers(struct call *call) {
    struct link *link = call->link;
    const struct dialect_hooks *hooks = &link->dialect->hooks;
    const struct dialect_caller caller = {
        .subject = link->session->participant->identity, .host = link->host, .peer = &link->peer};
    uint32_t ttl_s = 0;
    json_t *servers = hooks->ice_servers(hooks->ctx, &caller, true, &ttl_s);
    if (!servers) {
        return DIALECT_RATE_LIMITED;
    }
    call_put(call, "iceServers", servers);
    call_put(call, "iceTtl", json_integer(ttl_s));
    return DIALECT_OK;
}

/* --- tracks --- */

enum dialect_error method_publish(struct call *call) {
    struct track wanted;
    const struct track *track;
    json_t *object = NULL;
    if (json_take_node(call->request, "track", JSON_OBJECT, &object) <= 0) {
        return call_refuse(call, "track is an object");
    }
    const char *wrong = field_track(object, &wanted);
    if (wrong) {
        return call_refuse(call, wrong);
    }
    int rc = session_publish(call->link->session, &wanted, &track);
    if (rc < 0) {
        return call_error_of(rc);
    }
    call_put(call, "track", object_of_track(track));
    return DIALECT_OK;
}

enum dialect_error method_unpublish(struct call *call) {
    const char *id;
    const char *wrong = field_track_id(call->request, "track", &id);
    return wrong ? call_refuse(call, wrong) : call_error_of(session_unpublish(call->link->session, id));
}

enum dialect_error method_mute(struct call *call) {
    const struct track *track;
    const char *id;
    bool muted;
    const char *wrong = field_track_id(call->request, "track", &id);
    if (wrong) {
        return call_refuse(call, wrong);
    }
    if (json_take_bool(call->request, "muted", &muted) <= 0) {
        return call_refuse(call, "muted is true or false");
    }
    int rc = session_mute(call->link->session, id, muted, &track);
    if (rc < 0) {
        return call_error_of(rc);
    }
    call_put(call, "track", object_of_track(track));
    return DIALECT_OK;
}

/* --- people --- */

enum dialect_error method_update(struct call *call) {
    struct session *session = call->link->session;
    struct profile profile;
    struct pairs attributes;
    pairs_init(&attributes);
    if (session->participant->attributes) {
        attributes = *session->participant->attributes;
    }
    const char *wrong = field_profile(call->request, &profile, &attributes);
    if (wrong) {
        return call_refuse(call, wrong);
    }
    int rc = session_update(session, &profile);
    if (rc < 0) {
        return call_error_of(rc);
    }
    call_put(call, "participant", object_of_self(session->participant));
    return DIALECT_OK;
}

/* People write lines: other control characters have no business in a chat. */
static bool is_chat(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t' && text[i] != '\r') {
            return false;
        }
    }
    return len > 0;
}

enum dialect_error method_chat(struct call *call) {
    const char *to[SIGNAL_CHAT_TO_MAX];
    struct room_message message = {.to = to, .text = ""};
    char id[24];
    if (json_take_text(call->request, "text", SIZE_MAX, &message.text) <= 0 ||
        !is_chat(message.text, strlen(message.text))) {
        return call_refuse(call, "text is 1 to 4000 characters");
    }
    if (text_utf8_length(message.text, strlen(message.text)) > SIGNAL_CHAT_CHARS_MAX) {
        return DIALECT_TOO_LARGE;
    }
    message.directed = !json_is_null(json_object_get(call->request, "to")) && json_object_get(call->request, "to");
    const char *wrong = message.directed ? field_sids(call->request, to, SIGNAL_CHAT_TO_MAX, &message.to_count) : NULL;
    if (wrong) {
        return call_refuse(call, wrong);
    }
    int rc = session_chat(call->link->session, &message, call->now);
    if (rc < 0) {
        return call_error_of(rc);
    }
    metrics_inc(METRIC_SIGNAL_CHATS);
    snprintf(id, sizeof id, "m%llu", (unsigned long long)message.id);
    call_put(call, "message", json_pack("{s:s,s:I}", "id", id, "time", (json_int_t)message.time_ms));
    return DIALECT_OK;
}

/* --- from peer to peer --- */

/* The data is relayed as it is; only its size counts. */
static bool data_is_small(const json_t *data) {
    return json_dumpb(data, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) <= SIGNAL_PEER_DATA_MAX;
}

static const char *read_peer(const json_t *request, struct room_message *out, const char **to) {
    uint64_t generation = 0;
    if (json_take_text(request, "to", SID_SIZE - 1, to) <= 0) {
        return "to is the sid of a participant";
    }
    if (json_take_u64(request, "generation", UINT32_MAX, &generation) <= 0) {
        return "generation is the room's";
    }
    if (json_take_u64(request, "msg", (uint64_t)1 << 53, &out->number) <= 0) {
        return "msg is a number";
    }
    out->generation = (uint32_t)generation;
    out->data = json_object_get(request, "data");
    return out->data ? field_peer_type(request, &out->type) : "data is missing";
}

enum dialect_error method_peer(struct call *call) {
    const char *to[1];
    struct room_message message = {.directed = true, .to = to, .to_count = 1};
    const char *wrong = read_peer(call->request, &message, to);
    if (wrong) {
        return call_refuse(call, wrong);
    }
    if (!data_is_small(message.data)) {
        return DIALECT_TOO_LARGE;
    }
    int rc = session_peer(call->link->session, &message);
    if (rc == -ESTALE) {
        call->generation = call->link->session->participant->room->generation;
        call->message = "the room's generation is another";
    } else if (rc == 0) {
        metrics_inc(METRIC_SIGNAL_PEER_MESSAGES);
    }
    return call_error_of(rc);
}
