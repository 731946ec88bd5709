#include "proto/jwt/claims.h"

#include "base/text.h"
#include "proto/json/json.h"

#include <errno.h>
#include <string.h>

#define GRANTS_BY_DEFAULT (JWT_GRANT_PUBLISH | JWT_GRANT_SUBSCRIBE | JWT_GRANT_PUBLISH_DATA)
/* Integers a JSON number carries exactly in every language. */
#define EXACT_MAX ((uint64_t)1 << 53)

static const struct grant_row {
    const char *name;
    uint32_t grant;
} grant_rows[] = {
    {"roomJoin", JWT_GRANT_ROOM_JOIN},
    {"roomCreate", JWT_GRANT_ROOM_CREATE},
    {"roomList", JWT_GRANT_ROOM_LIST},
    {"roomAdmin", JWT_GRANT_ROOM_ADMIN},
    {"canPublish", JWT_GRANT_PUBLISH},
    {"canSubscribe", JWT_GRANT_SUBSCRIBE},
    {"canPublishData", JWT_GRANT_PUBLISH_DATA},
    {"canUpdateOwnMetadata", JWT_GRANT_UPDATE_OWN_METADATA},
    {"hidden", JWT_GRANT_HIDDEN},
};
enum { GRANT_ROWS = sizeof grant_rows / sizeof grant_rows[0], SOURCES = 4 };

/* Two spellings: ours and that of existing server libraries. */
static const struct source_row {
    const char *name;
    const char *other;
} source_rows[SOURCES] = {
    {"camera", "camera"},
    {"microphone", "microphone"},
    {"screen", "screen_share"},
    {"screen-audio", "screen_share_audio"},
};

void jwt_claims_init(struct jwt_claims *claims) {
    memset(claims, 0, sizeof *claims);
    claims->grants = GRANTS_BY_DEFAULT;
    claims->sources = JWT_SOURCES_ALL;
}

uint32_t jwt_source_parse(const char *text) {
    for (uint32_t i = 0; i < SOURCES; i++) {
        if (strcmp(text, source_rows[i].name) == 0 || strcmp(text, source_rows[i].other) == 0) {
            return 1U << i;
        }
    }
    return 0;
}

const char *jwt_source_name(uint32_t source) {
    for (uint32_t i = 0; i < SOURCES; i++) {
        if (source == 1U << i) {
            return source_rows[i].name;
        }
    }
    return "";
}

bool jwt_claims_valid(const struct jwt_claims *c) {
    return text_is_printable(c->issuer, strlen(c->issuer)) && text_is_printable(c->subject, strlen(c->subject)) &&
           text_is_printable(c->room, strlen(c->room)) && text_is_printable(c->name, strlen(c->name)) &&
           text_is_utf8(c->metadata, strlen(c->metadata));
}

/* --- reading --- */

static int read_text(const json_t *object, const char *key, char *out, size_t max) {
    const char *text;
    int rc = json_take_text(object, key, max, &text);
    return rc > 0 ? text_copy(out, max + 1, text, strlen(text)) : rc;
}

/* NumericDate (RFC 7519 section 2) may carry a fraction. 1 when there, 0 when absent. */
static int read_date(const json_t *object, const char *key, uint64_t *out) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_real(value)) {
        return json_take_u64(object, key, EXACT_MAX, out);
    }
    double seconds = json_real_value(value);
    if (!(seconds >= 0 && seconds < (double)EXACT_MAX)) {
        return -EINVAL;
    }
    *out = (uint64_t)seconds;
    return 1;
}

static int read_attributes(struct pairs *out, const json_t *payload) {
    json_t *object = NULL;
    if (json_take_node(payload, "attributes", JSON_OBJECT, &object) < 0) {
        return -EINVAL;
    }
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (!json_is_string(value) || pairs_set(out, key, json_string_value(value)) < 0) {
            return -EINVAL;
        }
    }
    return 0;
}

/* An unknown source grants nothing, but the list still counts as one. */
static int read_sources(uint32_t *out, const json_t *video) {
    json_t *list = NULL;
    if (json_take_node(video, "canPublishSources", JSON_ARRAY, &list) < 0) {
        return -EINVAL;
    }
    uint32_t sources = 0;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        if (!json_is_string(item)) {
            return -EINVAL;
        }
        sources |= jwt_source_parse(json_string_value(item));
    }
    if (json_array_size(list) > 0) {
        *out = sources;
    }
    return 0;
}

static int read_grants(struct jwt_claims *out, const json_t *video) {
    bool data_said = false;
    for (size_t i = 0; i < GRANT_ROWS; i++) {
        bool granted = false;
        int rc = json_take_bool(video, grant_rows[i].name, &granted);
        if (rc < 0) {
            return rc;
        }
        if (rc > 0) {
            out->grants = granted ? out->grants | grant_rows[i].grant : out->grants & ~grant_rows[i].grant;
            data_said |= grant_rows[i].grant == JWT_GRANT_PUBLISH_DATA;
        }
    }
    if (!data_said && !(out->grants & JWT_GRANT_PUBLISH)) {
        out->grants &= ~(uint32_t)JWT_GRANT_PUBLISH_DATA;
    }
    return 0;
}

static int read_video(struct jwt_claims *out, const json_t *payload) {
    json_t *video = NULL;
    if (json_take_node(payload, "video", JSON_OBJECT, &video) < 0 ||
        read_text(video, "room", out->room, JWT_ID_MAX) < 0 || read_grants(out, video) < 0) {
        return -EINVAL;
    }
    return read_sources(&out->sources, video);
}

static int read_caps(struct jwt_caps *out, const json_t *payload) {
    json_t *caps = NULL;
    uint64_t height = 0;
    uint64_t tracks = 0;
    if (json_take_node(payload, "turnout", JSON_OBJECT, &caps) < 0 ||
        json_take_u64(caps, "maxBitrate", EXACT_MAX, &out->max_bitrate_bps) < 0 ||
        json_take_u64(caps, "maxReceiveBitrate", EXACT_MAX, &out->max_receive_bitrate_bps) < 0 ||
        json_take_u64(caps, "maxHeight", UINT16_MAX, &height) < 0 ||
        json_take_u64(caps, "maxTracks", UINT16_MAX, &tracks) < 0) {
        return -EINVAL;
    }
    out->max_height = (uint32_t)height;
    out->max_tracks = (uint32_t)tracks;
    return 0;
}

int jwt_claims_read(struct jwt_claims *out, const json_t *payload) {
    jwt_claims_init(out);
    if (read_text(payload, "iss", out->issuer, JWT_KEY_ID_MAX) < 0 ||
        read_text(payload, "sub", out->subject, JWT_ID_MAX) < 0 ||
        read_text(payload, "name", out->name, JWT_NAME_MAX) < 0 ||
        read_text(payload, "metadata", out->metadata, JWT_METADATA_MAX) < 0 ||
        read_text(payload, "sha256", out->sha256, JWT_SHA256_MAX) < 0 ||
        read_date(payload, "exp", &out->expires_s) <= 0 || read_date(payload, "nbf", &out->not_before_s) < 0 ||
        read_attributes(&out->attributes, payload) < 0 || read_video(out, payload) < 0 ||
        read_caps(&out->caps, payload) < 0 || out->issuer[0] == '\0' || !jwt_claims_valid(out)) {
        return -EBADMSG;
    }
    return 0;
}

/* --- writing --- */

static int write_text(json_t *object, const char *key, const char *text) {
    return text[0] == '\0' ? 0 : json_object_set_new(object, key, json_string(text));
}

static int write_number(json_t *object, const char *key, uint64_t n) {
    return n == 0 ? 0 : json_object_set_new(object, key, json_integer((json_int_t)n));
}

/* Takes over part; an empty one is left out. */
static int write_part(json_t *payload, const char *key, json_t *part) {
    if (part && json_object_size(part) == 0) {
        json_decref(part);
        return 0;
    }
    return json_object_set_new(payload, key, part);
}

static json_t *write_sources(uint32_t sources) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < SOURCES; i++) {
        if (sources & 1U << i) {
            json_array_append_new(list, json_string(source_rows[i].other));
        }
    }
    if (sources == 0) { /* an empty list would allow all */
        json_array_append_new(list, json_string("none"));
    }
    return list;
}

/* The permissions that default to allowed are always written: the token then says what it means. */
static json_t *write_video(const struct jwt_claims *claims) {
    json_t *video = json_object();
    int rc = write_text(video, "room", claims->room);
    for (size_t i = 0; i < GRANT_ROWS; i++) {
        bool granted = claims->grants & grant_rows[i].grant;
        if (granted || grant_rows[i].grant & GRANTS_BY_DEFAULT) {
            rc |= json_object_set_new(video, grant_rows[i].name, json_boolean(granted));
        }
    }
    if (claims->sources != JWT_SOURCES_ALL) {
        rc |= json_object_set_new(video, "canPublishSources", write_sources(claims->sources));
    }
    if (rc < 0) {
        json_decref(video);
        return NULL;
    }
    return video;
}

static json_t *write_caps(const struct jwt_caps *caps) {
    json_t *object = json_object();
    write_number(object, "maxBitrate", caps->max_bitrate_bps);
    write_number(object, "maxReceiveBitrate", caps->max_receive_bitrate_bps);
    write_number(object, "maxHeight", caps->max_height);
    write_number(object, "maxTracks", caps->max_tracks);
    return object;
}

static json_t *write_attributes(const struct pairs *attributes) {
    json_t *object = json_object();
    const char *key;
    const char *value;
    for (size_t cursor = 0; pairs_next(attributes, &cursor, &key, &value);) {
        json_object_set_new(object, key, json_string(value));
    }
    return object;
}

json_t *jwt_claims_write(const struct jwt_claims *claims) {
    json_t *payload = json_object();
    int rc = write_text(payload, "iss", claims->issuer);
    rc |= write_text(payload, "sub", claims->subject);
    rc |= write_text(payload, "name", claims->name);
    rc |= write_text(payload, "metadata", claims->metadata);
    rc |= write_text(payload, "sha256", claims->sha256);
    rc |= write_number(payload, "exp", claims->expires_s);
    rc |= write_number(payload, "nbf", claims->not_before_s);
    rc |= write_part(payload, "attributes", write_attributes(&claims->attributes));
    rc |= write_part(payload, "video", write_video(claims));
    rc |= write_part(payload, "turnout", write_caps(&claims->caps));
    if (rc < 0) {
        json_decref(payload);
        return NULL;
    }
    return payload;
}
