#include "admin/token.h"

#include "base/text.h"
#include "proto/jwt/jwt.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TTL_S = 6 * 3600 };

static const struct {
    const char *arg;
    enum jwt_grant grant;
} flags[] = {
    {"room_join", JWT_GRANT_ROOM_JOIN},
    {"room_create", JWT_GRANT_ROOM_CREATE},
    {"room_list", JWT_GRANT_ROOM_LIST},
    {"room_admin", JWT_GRANT_ROOM_ADMIN},
    {"can_publish", JWT_GRANT_PUBLISH},
    {"can_subscribe", JWT_GRANT_SUBSCRIBE},
    {"can_publish_data", JWT_GRANT_PUBLISH_DATA},
    {"can_update_own_metadata", JWT_GRANT_UPDATE_OWN_METADATA},
    {"hidden", JWT_GRANT_HIDDEN},
};

enum { ADMINISTERING = JWT_GRANT_ROOM_CREATE | JWT_GRANT_ROOM_LIST | JWT_GRANT_ROOM_ADMIN };

static uint32_t grants_asked(const json_t *args, uint32_t base) {
    uint32_t grants = base;
    if (json_object_get(args, "room")) {
        grants |= JWT_GRANT_ROOM_JOIN;
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        const json_t *value = json_object_get(args, flags[i].arg);
        if (value) {
            grants = json_is_true(value) ? grants | (uint32_t)flags[i].grant : grants & ~(uint32_t)flags[i].grant;
        }
    }
    return grants;
}

static int refuse(char why[ADMIN_WHY_SIZE], const char *sentence) {
    snprintf(why, ADMIN_WHY_SIZE, "%s", sentence);
    return -EINVAL;
}

int admin_token_permissions(const json_t *args, uint32_t *permissions, char why[ADMIN_WHY_SIZE]) {
    uint32_t grants = grants_asked(args, 0);
    bool join = grants & JWT_GRANT_ROOM_JOIN;
    if (join && !json_object_get(args, "room")) {
        return refuse(why, "A token to join needs a room: --room ROOM.");
    }
    if (join && !json_object_get(args, "identity")) {
        return refuse(why, "A token to join needs an identity: --identity IDENTITY.");
    }
    if (!join && !(grants & ADMINISTERING)) {
        return refuse(why, "The token would allow nothing: give --room and --identity, or --room-create, "
                           "--room-list or --room-admin.");
    }
    *permissions =
        (join ? (uint32_t)STORE_MAY_JOIN : 0) | (grants & ADMINISTERING ? (uint32_t)STORE_MAY_ADMINISTER : 0);
    return 0;
}

static int copy_claim(char *out, size_t cap, const json_t *args, const char *name) {
    const json_t *value = json_object_get(args, name);
    return value ? text_copy(out, cap, json_string_value(value), json_string_length(value)) : 0;
}

static int fill_claims(struct jwt_claims *claims, const struct store_api_key *key, const json_t *args, uint64_t now_s) {
    const json_t *ttl = json_object_get(args, "ttl");
    jwt_claims_init(claims);
    claims->grants = grants_asked(args, claims->grants);
    claims->expires_s = now_s + (ttl ? (uint64_t)json_integer_value(ttl) : DEFAULT_TTL_S);
    if (text_copy(claims->issuer, sizeof claims->issuer, key->id, strlen(key->id)) < 0 ||
        copy_claim(claims->room, sizeof claims->room, args, "room") < 0 ||
        copy_claim(claims->subject, sizeof claims->subject, args, "identity") < 0 ||
        copy_claim(claims->name, sizeof claims->name, args, "name") < 0 ||
        copy_claim(claims->metadata, sizeof claims->metadata, args, "metadata") < 0) {
        return -EINVAL;
    }
    return 0;
}

int admin_token_sign(const struct store_api_key *key, const json_t *args, uint64_t now_s, struct admin_result *out) {
    struct jwt_claims *claims = calloc(1, sizeof *claims);
    char *token = malloc(JWT_TOKEN_MAX + 1);
    int rc = claims && token ? fill_claims(claims, key, args, now_s) : -ENOMEM;
    if (rc == 0) {
        long len = jwt_sign(token, JWT_TOKEN_MAX + 1, claims, key->secret, strlen(key->secret));
        rc = len < 0 ? (int)len : 0;
    }
    if (rc == 0) {
        out->data = json_pack("{s:s,s:s,s:s,s:s,s:I}", "token", token, "key", key->id, "room", claims->room, "identity",
                              claims->subject, "expires", (json_int_t)claims->expires_s);
        rc = out->data ? 0 : -ENOMEM;
    }
    free(claims);
    free(token);
    return rc;
}
