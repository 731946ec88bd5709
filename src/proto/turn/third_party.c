/* Third-party authorization (RFC 7635): the client shows a token of an authorization server, which holds the key that
 * he signs with. USERNAME names the key the token is sealed with, so it is the same for all clients; a session's user is
 * called "<key>:<mark of the token>", that quotas, logs and the admin can tell them apart. */
#include "proto/turn/internal.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>

enum { MARK_BYTES = 4 };

bool third_party_has(const struct request *r) {
    return r->in && r->in->oauth_key_count > 0 && stun_msg_has(r->msg, STUN_ATTR_ACCESS_TOKEN);
}

static const struct turn_oauth_key *find_key(const struct request *r) {
    for (size_t i = 0; i < r->in->oauth_key_count; i++) {
        if (auth_user_equals(r, r->in->oauth_keys[i].kid)) {
            return &r->in->oauth_keys[i];
        }
    }
    return NULL;
}

/* Keyed, so that the mark in a log line tells nothing of the token's key. */
static bool name_user(struct request *r, const struct turn_oauth_key *key, const struct turn_token *token) {
    const uint8_t *secret = r->server->settings->plain.nonce_key;
    uint8_t mac[STUN_SHA1_BYTES];
    size_t n = strlen(key->kid);
    stun_hmac_begin(r->server->crypto, STUN_HASH_SHA1,
                    (struct stun_span){secret, sizeof r->server->settings->plain.nonce_key});
    stun_hmac_add(r->server->crypto, (struct stun_span){token->mac_key, token->mac_key_len});
    if (stun_hmac_end(r->server->crypto, mac) < 0) {
        return false;
    }
    memcpy(r->token_user, key->kid, n);
    r->token_user[n] = ':';
    hex_encode(r->token_user + n + 1, mac, MARK_BYTES);
    r->user = r->token_user;
    r->user_len = strlen(r->token_user);
    return true;
}

static int refuse(struct request *r, int code, enum turn_reason reason) {
    r->reason = reason;
    return code;
}

/* A session goes on under the name it began with, also with a later token, perhaps of another key. */
static bool take(struct request *r, const struct turn_oauth_key *key, const struct turn_token *token) {
    memcpy(r->key, token->mac_key, token->mac_key_len);
    r->key_len = (uint8_t)token->mac_key_len;
    r->token = true;
    r->ephemeral = true;
    if (stun_msg_has(r->msg, STUN_ATTR_MESSAGE_INTEGRITY_SHA256)) {
        r->hash = STUN_HASH_SHA256;
    }
    if (r->allocation && r->allocation->token) {
        r->user = r->allocation->user;
        r->user_len = strlen(r->allocation->user);
        return true;
    }
    return name_user(r, key, token);
}

int third_party_open(struct request *r) {
    const struct turn_oauth_key *key = r->userhash ? NULL : find_key(r);
    const uint8_t *value;
    struct turn_token token;
    size_t len;
    if (!key || stun_msg_bytes(r->msg, STUN_ATTR_ACCESS_TOKEN, &value, &len) < 0) {
        return refuse(r, 401, TURN_REASON_UNKNOWN_USER);
    }
    int rc = turn_token_open(&token, key, r->in->oauth_name, value, len);
    if (rc < 0) {
        return rc == -EIO ? refuse(r, 500, TURN_REASON_INTERNAL) : refuse(r, 401, TURN_REASON_BAD_INTEGRITY);
    }
    r->credential_expiry_s = turn_token_expiry(&token, r->now.wall_s);
    bool taken = take(r, key, &token);
    explicit_bzero(&token, sizeof token);
    return taken ? 0 : refuse(r, 500, TURN_REASON_INTERNAL);
}

bool third_party_is_owner(const struct request *r, const struct turn_allocation *a) {
    const char *mark = strrchr(a->user, ':');
    if (!a->token || !mark) {
        return false;
    }
    bool first = (size_t)(mark - a->user) == r->user_len && memcmp(a->user, r->user, r->user_len) == 0;
    return first || (r->in && find_key(r)); /* a later token may have been of another key */
}

void third_party_write(struct request *r) {
    if (r->in && r->in->oauth_key_count > 0) {
        stun_write_text(&r->reply, STUN_ATTR_THIRD_PARTY_AUTHORIZATION, r->in->oauth_name);
    }
}
