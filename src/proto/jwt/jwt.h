/* Tokens: JSON Web Tokens (RFC 7519) in JWS compact form (RFC 7515), HMAC-SHA256 and nothing else (RFC 8725
 * section 3.1: the algorithm is ours to choose, not the token's). Claims have the names LiveKit's libraries mint. */
#pragma once

#include "base/pairs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JWT_TOKEN_MAX = 16384,              /* bytes of a token */
    JWT_TOKEN_SIZE = JWT_TOKEN_MAX + 4, /* what jwt_sign needs for the longest */
    JWT_KEY_ID_MAX = 64,                /* bytes of an API key's id */
    JWT_SECRET_MAX = 128,               /* bytes of its secret */
    JWT_ID_MAX = 128,                   /* bytes of a room's name or an identity */
    JWT_NAME_MAX = 256,                 /* bytes of a display name */
    JWT_METADATA_MAX = 4096,
    JWT_SHA256_MAX = 64,
    JWT_LEEWAY_S = 60, /* clocks may differ by this much */
};

enum jwt_grant {
    JWT_GRANT_ROOM_JOIN = 1 << 0,
    JWT_GRANT_ROOM_CREATE = 1 << 1,
    JWT_GRANT_ROOM_LIST = 1 << 2,
    JWT_GRANT_ROOM_ADMIN = 1 << 3,
    JWT_GRANT_PUBLISH = 1 << 4,      /* allowed when absent */
    JWT_GRANT_SUBSCRIBE = 1 << 5,    /* allowed when absent */
    JWT_GRANT_PUBLISH_DATA = 1 << 6, /* as canPublish when absent */
    JWT_GRANT_UPDATE_OWN_METADATA = 1 << 7,
    JWT_GRANT_HIDDEN = 1 << 8,
};

enum jwt_source {
    JWT_SOURCE_CAMERA = 1 << 0,
    JWT_SOURCE_MICROPHONE = 1 << 1,
    JWT_SOURCE_SCREEN = 1 << 2,
    JWT_SOURCE_SCREEN_AUDIO = 1 << 3,
    JWT_SOURCES_ALL = 15, /* when absent or empty */
};

/* What the server holds a participant to; 0: no cap. */
struct jwt_caps {
    uint64_t max_bitrate_bps;
    uint64_t max_receive_bitrate_bps;
    uint32_t max_height; /* pixels */
    uint32_t max_tracks;
};

/* Strings are terminated; absent is "". No memory of its own. */
struct jwt_claims {
    char issuer[JWT_KEY_ID_MAX + 1]; /* API key id */
    char subject[JWT_ID_MAX + 1];    /* identity */
    char room[JWT_ID_MAX + 1];
    char name[JWT_NAME_MAX + 1];
    char metadata[JWT_METADATA_MAX + 1];
    char sha256[JWT_SHA256_MAX + 1]; /* base64 hash of a webhook's body */
    struct pairs attributes;
    uint64_t expires_s;    /* seconds since 1970 */
    uint64_t not_before_s; /* 0: none */
    uint32_t grants;       /* enum jwt_grant */
    uint32_t sources;      /* enum jwt_source */
    struct jwt_caps caps;
};

struct jwt_secret {
    size_t len;
    uint8_t bytes[JWT_SECRET_MAX];
};

/* Finds the secret of an API key. 0 or -ERR_UNKNOWN_KEY. issuer is at most JWT_KEY_ID_MAX bytes, printable. */
struct jwt_keys {
    int (*lookup)(void *ctx, const char *issuer, struct jwt_secret *out);
    void *ctx;
};

/* Everything empty, with the grants a token has that says nothing. */
void jwt_claims_init(struct jwt_claims *claims);

/* Checks token (len bytes, not terminated) and reads its claims. -EMSGSIZE too long, -EBADMSG malformed (also
 * another algorithm, bad claims, no exp), -ERR_UNKNOWN_KEY, -ERR_INTEGRITY, -ERR_EXPIRED, -EAGAIN before nbf.
 * out is to be used after 0 only. */
int jwt_verify(struct jwt_claims *out, const char *token, size_t len, const struct jwt_keys *keys, uint64_t now_wall_s);

/* Writes a token and a terminator. Returns its length; -EINVAL for claims that verify would refuse, -ENOBUFS
 * when it is longer than JWT_TOKEN_MAX or cap (JWT_TOKEN_SIZE is always enough), -ENOMEM. */
long jwt_sign(char *out, size_t cap, const struct jwt_claims *claims, const void *secret, size_t secret_len);

/* "camera", "microphone", "screen" ("screen_share"), "screen-audio" ("screen_share_audio"); 0 for others. */
uint32_t jwt_source_parse(const char *text);
const char *jwt_source_name(uint32_t source); /* of one bit */
