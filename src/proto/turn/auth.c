/* Long-term credentials (RFC 8489 section 9.2.4), with users of a database, whose keys the caller looks up, and
 * shared-secret users "<expiry>:<user>", whose passwords follow from the secret. */
#include "proto/turn/internal.h"

#include "base/error.h"

#include <errno.h>

/* RFC 8489 section 14.11: algorithm and length of parameters, twice. */
const uint8_t auth_password_algorithms[8] = {0, 2, 0, 0, 0, 1, 0, 0};

bool auth_user_equals(const struct request *r, const char *name) {
    return strlen(name) == r->user_len && memcmp(name, r->user, r->user_len) == 0;
}

static int deny(struct request *r, int code, enum turn_reason reason) {
    r->reason = reason;
    return code;
}

/* Which hash the client chose; 400 when an attacker may have changed the choice (bid-down). */
static int choose_hash(struct request *r) {
    const uint8_t *list = NULL, *choice = NULL;
    size_t list_len = 0, choice_len = 0;
    bool has_list = stun_msg_bytes(r->msg, STUN_ATTR_PASSWORD_ALGORITHMS, &list, &list_len) == 0;
    bool has_choice = stun_msg_bytes(r->msg, STUN_ATTR_PASSWORD_ALGORITHM, &choice, &choice_len) == 0;
    r->hash = STUN_HASH_SHA1;
    if (!r->server->settings->plain.sha256 || (!has_list && !has_choice)) {
        return 0;
    }
    if (!has_list || !has_choice || list_len != sizeof auth_password_algorithms ||
        memcmp(list, auth_password_algorithms, list_len) != 0 || choice_len != 4 || load_be16(choice + 2) != 0) {
        return deny(r, 400, TURN_REASON_MALFORMED);
    }
    switch (load_be16(choice)) {
    case 1:
        return 0;
    case 2:
        r->hash = STUN_HASH_SHA256;
        return 0;
    default:
        return deny(r, 400, TURN_REASON_MALFORMED);
    }
}

/* USERNAME, or USERHASH in its place. False when there is neither of a valid form. */
static bool read_user(struct request *r) {
    const uint8_t *value;
    size_t len;
    if (stun_msg_bytes(r->msg, STUN_ATTR_USERNAME, &value, &len) == 0) {
        r->user = (const char *)value;
        r->user_len = len;
        r->userhash = NULL;
        return len > 0 && len <= STUN_USERNAME_BYTES_MAX && !memchr(value, 0, len);
    }
    if (stun_msg_bytes(r->msg, STUN_ATTR_USERHASH, &value, &len) < 0 || len != STUN_SHA256_BYTES) {
        return false;
    }
    r->userhash = value; /* r->user stays: it may have been looked up */
    return true;
}

int auth_check_form(struct request *r) {
    const uint8_t *realm, *nonce;
    size_t realm_len, nonce_len;
    realm_choose(r);
    if (!stun_msg_has(r->msg, STUN_ATTR_MESSAGE_INTEGRITY) &&
        !stun_msg_has(r->msg, STUN_ATTR_MESSAGE_INTEGRITY_SHA256)) {
        return deny(r, 401, TURN_REASON_CHALLENGE);
    }
    if (!read_user(r) || stun_msg_bytes(r->msg, STUN_ATTR_REALM, &realm, &realm_len) < 0 ||
        stun_msg_bytes(r->msg, STUN_ATTR_NONCE, &nonce, &nonce_len) < 0) {
        r->user_len = 0;
        return deny(r, 400, TURN_REASON_MALFORMED);
    }
    /* The RFC looks at the nonce last. A nonce that is not ours is refused first: no lookup and no hashing
     * for an address that has not shown that it receives our replies. One that is ours and too old waits. */
    enum nonce_state state =
        realm_check_nonce(r, (struct stun_span){realm, realm_len}, (struct stun_span){nonce, nonce_len});
    if (state == NONCE_FOREIGN) {
        return deny(r, 438, TURN_REASON_STALE_NONCE);
    }
    if (strlen(r->realm) != realm_len || memcmp(r->realm, realm, realm_len) != 0) {
        return deny(r, 401, TURN_REASON_BAD_INTEGRITY); /* its key is another realm's */
    }
    r->nonce_expired = state == NONCE_EXPIRED;
    return choose_hash(r);
}

/* MESSAGE-INTEGRITY-SHA256 counts when both are there (RFC 8489 section 9.2.4). */
static int verify_with_key(struct request *r) {
    bool sha256 = stun_msg_has(r->msg, STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
    return stun_verify_integrity(r->msg, r->server->crypto, sha256 ? STUN_HASH_SHA256 : STUN_HASH_SHA1,
                                 (struct stun_span){r->key, r->key_len});
}

static int finish_verification(struct request *r, int rc) {
    if (rc == 0) {
        r->authenticated = true;
        return 0;
    }
    return rc == -EIO ? deny(r, 500, TURN_REASON_INTERNAL) : deny(r, 401, TURN_REASON_BAD_INTEGRITY);
}

static size_t key_bytes(const struct request *r) {
    return r->hash == STUN_HASH_SHA1 ? STUN_MD5_BYTES : STUN_SHA256_BYTES;
}

/* The owner of this client's allocation is known by his hash without asking anybody. */
static void recognise_owner(struct request *r) {
    const struct turn_allocation *a = r->allocation;
    uint8_t hash[STUN_SHA256_BYTES];
    if (a && !r->userhash && third_party_is_owner(r, a)) {
        r->user = a->user;
        r->user_len = strlen(a->user);
    }
    if (!r->userhash || !a) {
        return;
    }
    struct stun_credentials who = {
        .user = a->user, .user_len = strlen(a->user), .realm = a->realm, .realm_len = strlen(a->realm)};
    if (stun_derive_userhash(r->server->crypto, &who, hash) == 0 && memcmp(hash, r->userhash, sizeof hash) == 0) {
        r->user = a->user;
        r->user_len = who.user_len;
    }
}

static bool shares_key(const struct request *r, const struct turn_allocation *a) {
    return a && auth_user_equals(r, a->user) && (a->token || a->key_len == key_bytes(r));
}

static int verify_by_allocation(struct request *r) {
    memcpy(r->key, r->allocation->key, r->allocation->key_len);
    r->key_len = r->allocation->key_len;
    r->credential_expiry_s = r->allocation->credential_expiry_s;
    r->token = r->allocation->token;
    if (r->token && stun_msg_has(r->msg, STUN_ATTR_MESSAGE_INTEGRITY_SHA256)) {
        r->hash = STUN_HASH_SHA256;
    }
    r->ephemeral = r->credential_expiry_s != 0;
    return finish_verification(r, verify_with_key(r));
}

static int derive_from_secret(struct request *r, const char *secret) {
    char password[STUN_PASSWORD_BYTES];
    int rc = stun_derive_password(r->server->crypto, secret, r->user, r->user_len, password);
    if (rc == 0) {
        struct stun_credentials who = {.user = r->user,
                                       .user_len = r->user_len,
                                       .realm = r->realm,
                                       .realm_len = strlen(r->realm),
                                       .password = password,
                                       .password_len = strlen(password)};
        rc = stun_derive_key(r->server->crypto, r->hash, &who, r->key);
        r->key_len = (uint8_t)(rc > 0 ? rc : 0);
    }
    explicit_bzero(password, sizeof password);
    return rc < 0 ? rc : 0;
}

/* Every secret is tried: the old one is good until the admin takes it away. */
static int verify_by_secrets(struct request *r, uint64_t expiry_s) {
    int rc = -ERR_INTEGRITY;
    for (size_t i = 0; i < r->in->secret_count && rc == -ERR_INTEGRITY; i++) {
        rc = derive_from_secret(r, r->in->secrets[i]);
        rc = rc < 0 ? rc : verify_with_key(r);
    }
    r->credential_expiry_s = expiry_s;
    r->ephemeral = true;
    return finish_verification(r, rc);
}

/* coturn and its clients sign with the first 16 bytes of a longer key: what fits a password's hash. */
static int verify_by_token(struct request *r) {
    int rc = verify_with_key(r);
    if (rc == -ERR_INTEGRITY && r->key_len > STUN_MD5_BYTES && r->hash == STUN_HASH_SHA1) {
        r->key_len = STUN_MD5_BYTES;
        rc = verify_with_key(r);
    }
    return rc;
}

static int ask_for_key(struct request *r) {
    struct turn_server *s = r->server;
    struct pending *p = pending_new(r, PENDING_KEY);
    if (!p) {
        return deny(r, 508, TURN_REASON_CAPACITY);
    }
    struct turn_output *out = output_push(s, TURN_OUTPUT_LOOKUP_KEY, r->client);
    out->request = p->id;
    if (r->userhash) {
        memcpy(s->lookup_user, r->userhash, STUN_SHA256_BYTES);
        out->lookup.userhash = (const uint8_t *)s->lookup_user;
    } else {
        memcpy(s->lookup_user, r->user, r->user_len);
        s->lookup_user[r->user_len] = '\0';
        out->lookup.user = s->lookup_user;
    }
    memcpy(s->lookup_realm, r->realm, sizeof s->lookup_realm);
    out->lookup.realm = s->lookup_realm;
    out->lookup.sha256 = r->hash == STUN_HASH_SHA256;
    return REQUEST_WAITS;
}

static int verify_user(struct request *r) {
    struct stun_ephemeral name;
    if (r->lookup == LOOKUP_FOUND && r->key_len == key_bytes(r)) {
        return finish_verification(r, verify_with_key(r));
    }
    if (r->lookup != LOOKUP_NOT_ASKED) {
        return deny(r, 401, TURN_REASON_UNKNOWN_USER);
    }
    if (third_party_has(r)) {
        int code = third_party_open(r);
        return code != 0 ? code : finish_verification(r, verify_by_token(r));
    }
    recognise_owner(r);
    if (shares_key(r, r->allocation)) {
        return verify_by_allocation(r);
    }
    if (!r->userhash && r->in && r->in->secret_count > 0 && stun_ephemeral_parse(&name, r->user, r->user_len) == 0) {
        return verify_by_secrets(r, name.expiry_s);
    }
    return r->server->settings->plain.has_users ? ask_for_key(r) : deny(r, 401, TURN_REASON_UNKNOWN_USER);
}

/* A token counts as long as it says (RFC 7635 section 7). An ephemeral credential starts allocations until its expiry; with
 * strict-expiry it keeps them no longer. ConnectionBind continues an allocation that another connection has. */
static bool credential_expired(const struct request *r) {
    bool begins = !r->allocation && r->msg->method != STUN_CONNECTION_BIND;
    bool matters = begins || r->token || r->server->settings->plain.strict_expiry;
    return r->ephemeral && matters && r->now.wall_s >= r->credential_expiry_s;
}

int auth_verify(struct request *r) {
    int code = verify_user(r);
    if (code != 0) {
        return code;
    }
    if (r->nonce_expired) {
        r->authenticated = false; /* the reply is a challenge */
        return deny(r, 438, TURN_REASON_STALE_NONCE);
    }
    if (credential_expired(r)) {
        r->authenticated = false;
        return deny(r, 401, TURN_REASON_EXPIRED);
    }
    return 0;
}
