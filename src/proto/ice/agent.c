/* Paths and nomination. */
#include "proto/ice/ice.h"

#include "base/error.h"
#include "base/rng.h"
#include "proto/stun/stun.h"

#include <errno.h>

/* A nominated path that the peer has not checked for this long gives way to any other that is nominated. Browsers check
 * the pair in use every 2.5 s (Chromium) to 6 s (Firefox). */
#define STALE_US 8000000ULL

/* The least that RFC 8839 section 5.4 asks of a ufrag. */
enum { UFRAG_MIN = 4 };

/* ---- credentials ---- */

static const char hex[] = "0123456789abcdef";

static int hex_value(char c) {
    const char *at = c ? strchr(hex, c) : NULL;
    return at ? (int)(at - hex) : -1;
}

int ice_ufrag_owner(const char *ufrag, size_t len) {
    if (len != ICE_UFRAG_CHARS) {
        return -EBADMSG;
    }
    int high = hex_value(ufrag[0]);
    int low = hex_value(ufrag[1]);
    return high < 0 || low < 0 ? -EBADMSG : high * 16 + low;
}

static void make_credentials(struct ice_credentials *c, unsigned owner) {
    c->ufrag[0] = hex[owner / 16];
    c->ufrag[1] = hex[owner % 16];
    rng_token(c->ufrag + 2, ICE_UFRAG_CHARS - 2);
    rng_token(c->pwd, ICE_PWD_CHARS);
}

static bool ice_chars(const char *text) {
    for (; *text; text++) {
        if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || (*text >= '0' && *text <= '9') ||
              *text == '+' || *text == '/')) {
            return false;
        }
    }
    return true;
}

static bool ufrag_valid(const char *ufrag) {
    size_t len = strlen(ufrag);
    return len >= UFRAG_MIN && len <= ICE_REMOTE_UFRAG_MAX && ice_chars(ufrag);
}

int ice_agent_init(struct ice_agent *a, unsigned owner, const char *remote_ufrag) {
    if (owner >= ICE_OWNERS_MAX || !ufrag_valid(remote_ufrag)) {
        return -EINVAL;
    }
    memset(a, 0, sizeof *a);
    a->selected = a->rival = -1;
    make_credentials(&a->local, owner);
    memcpy(a->remote_ufrag, remote_ufrag, strlen(remote_ufrag));
    return 0;
}

int ice_agent_restart(struct ice_agent *a, unsigned owner, const char *remote_ufrag) {
    if (owner >= ICE_OWNERS_MAX || !ufrag_valid(remote_ufrag)) {
        return -EINVAL;
    }
    /* A second restart before the peer followed the first: media still flows by the oldest credentials. */
    if (a->old.ufrag[0] == '\0') {
        a->old = a->local;
        memcpy(a->old_remote_ufrag, a->remote_ufrag, sizeof a->old_remote_ufrag);
    }
    make_credentials(&a->local, owner);
    memset(a->remote_ufrag, 0, sizeof a->remote_ufrag);
    memcpy(a->remote_ufrag, remote_ufrag, strlen(remote_ufrag));
    return 0;
}

static bool text_equal(const char *own, const char *text, size_t len) {
    return strlen(own) == len && memcmp(own, text, len) == 0;
}

bool ice_agent_has_ufrag(const struct ice_agent *a, const char *ufrag, size_t len) {
    return len > 0 && (text_equal(a->local.ufrag, ufrag, len) || text_equal(a->old.ufrag, ufrag, len));
}

/* ---- paths ---- */

static int find_path(const struct ice_agent *a, const struct five_tuple *tuple) {
    for (int i = 0; i < a->path_count; i++) {
        if (five_tuple_equal(&a->paths[i].tuple, tuple)) {
            return i;
        }
    }
    return -1;
}

bool ice_agent_has_path(const struct ice_agent *a, const struct five_tuple *tuple) { return find_path(a, tuple) >= 0; }

/* The selection went: the nominated path heard last takes over, or none. */
static void reselect(struct ice_agent *a) {
    a->selected = -1;
    for (int8_t i = 0; i < a->path_count; i++) {
        if (a->paths[i].nominated && (a->selected < 0 || a->paths[i].checked_us > a->paths[a->selected].checked_us)) {
            a->selected = i;
        }
    }
}

/* Keeps the order of the others; indexes behind it move up. */
static void remove_path(struct ice_agent *a, int index) {
    bool was_selected = a->selected == index;
    memmove(&a->paths[index], &a->paths[index + 1], (size_t)(a->path_count - index - 1) * sizeof a->paths[0]);
    a->path_count--;
    a->selected = (int8_t)(a->selected - (a->selected > index));
    a->rival = (int8_t)(a->rival == index ? -1 : a->rival - (a->rival > index));
    if (was_selected) {
        reselect(a);
        a->rival = -1;
    }
}

/* Which path to give up for a new one: the one heard longest ago, but for the one in use. */
static int find_oldest(const struct ice_agent *a) {
    int oldest = -1;
    for (int i = 0; i < a->path_count; i++) {
        if (i != a->selected && (oldest < 0 || a->paths[i].checked_us < a->paths[oldest].checked_us)) {
            oldest = i;
        }
    }
    return oldest;
}

static int add_path(struct ice_agent *a, const struct five_tuple *tuple, struct ice_outcome *out) {
    if (a->path_count == ICE_PATHS_MAX) {
        int oldest = find_oldest(a);
        out->evicted = true;
        out->gone = a->paths[oldest].tuple;
        remove_path(a, oldest);
    }
    a->paths[a->path_count] = (struct ice_path){.tuple = *tuple};
    out->new_path = true;
    return a->path_count++;
}

/* A browser that nominates aggressively marks every check, one that nominates once marks the pair it uses and goes on
 * marking it. So a worse path wins by its second nomination in a row, a better one at once, and any path over a
 * selection that has gone quiet. */
static bool takes_over(struct ice_agent *a, int index, uint64_t now_us) {
    const struct ice_path *used = a->selected >= 0 ? &a->paths[a->selected] : NULL;
    if (!used || a->paths[index].priority > used->priority || now_us - used->checked_us > STALE_US) {
        return true;
    }
    bool second = a->rival == index;
    a->rival = (int8_t)index;
    return second;
}

static void nominate(struct ice_agent *a, int index, uint64_t now_us, struct ice_outcome *out) {
    a->paths[index].nominated = true;
    if (index == a->selected) {
        a->rival = -1;
    } else if (takes_over(a, index, now_us)) {
        a->selected = (int8_t)index;
        a->rival = -1;
        out->selected = true;
    }
}

/* The peer uses the new credentials: what was nominated under the old ones counts no longer, but the path in use stays
 * until another is nominated. */
static void follow_restart(struct ice_agent *a, struct ice_outcome *out) {
    memset(&a->old, 0, sizeof a->old);
    for (int i = 0; i < a->path_count; i++) {
        a->paths[i].nominated = i == a->selected;
        a->paths[i].priority = 0;
    }
    a->rival = -1;
    out->followed_restart = true;
}

const struct five_tuple *ice_agent_selected(const struct ice_agent *a) {
    return a->selected >= 0 ? &a->paths[a->selected].tuple : NULL;
}

bool ice_agent_path_gone(struct ice_agent *a, const struct five_tuple *tuple) {
    int index = find_path(a, tuple);
    if (index < 0) {
        return false;
    }
    bool was_selected = a->selected == index;
    remove_path(a, index);
    return was_selected;
}

/* ---- consent ---- */

uint64_t ice_agent_deadline(const struct ice_agent *a) {
    uint64_t first = UINT64_MAX;
    for (int i = 0; i < a->path_count; i++) {
        uint64_t due = a->paths[i].checked_us + ICE_CONSENT_US;
        first = due < first ? due : first;
    }
    return first;
}

bool ice_agent_expire(struct ice_agent *a, uint64_t now_us, struct five_tuple *gone) {
    for (int i = 0; i < a->path_count; i++) {
        if (a->paths[i].checked_us + ICE_CONSENT_US <= now_us) {
            *gone = a->paths[i].tuple;
            remove_path(a, i);
            return true;
        }
    }
    return false;
}

uint64_t ice_agent_heard_us(const struct ice_agent *a) {
    uint64_t last = 0;
    for (int i = 0; i < a->path_count; i++) {
        last = a->paths[i].checked_us > last ? a->paths[i].checked_us : last;
    }
    return last;
}

uint32_t ice_host_priority(bool tcp, uint16_t local_preference) {
    enum { HOST = 126, COMPONENT = 1 };
    /* RFC 6544: the upper three bits of the local preference are the direction's, 4 for passive; UDP stays above. */
    uint32_t preference = tcp ? 4U << 13 | local_preference >> 3 : 3U << 14 | local_preference >> 2;
    return (uint32_t)HOST << 24 | preference << 8 | (256 - COMPONENT);
}

/* ---- checks ---- */

static bool attr_known(uint16_t type) {
    switch (type) {
    case STUN_ATTR_USERNAME:
    case STUN_ATTR_MESSAGE_INTEGRITY:
    case STUN_ATTR_PRIORITY:
    case STUN_ATTR_USE_CANDIDATE:
        return true;
    default:
        return false;
    }
}

int ice_check_ufrag(const struct stun_msg *msg, const char **ufrag, size_t *len) {
    const uint8_t *name;
    size_t name_len;
    if (stun_msg_bytes(msg, STUN_ATTR_USERNAME, &name, &name_len) < 0 || name_len > STUN_USERNAME_BYTES_MAX) {
        return -EBADMSG;
    }
    const uint8_t *colon = memchr(name, ':', name_len);
    if (!colon || colon == name) {
        return -EBADMSG;
    }
    *ufrag = (const char *)name;
    *len = (size_t)(colon - name);
    return 0;
}

/* The credentials that the USERNAME names, or NULL. */
static const struct ice_credentials *credentials_of(const struct ice_agent *a, const struct stun_msg *msg) {
    const uint8_t *name;
    size_t name_len, len;
    const char *ufrag;
    if (ice_check_ufrag(msg, &ufrag, &len) < 0) {
        return NULL;
    }
    stun_msg_bytes(msg, STUN_ATTR_USERNAME, &name, &name_len);
    const char *theirs = ufrag + len + 1;
    size_t theirs_len = name_len - len - 1;
    if (text_equal(a->local.ufrag, ufrag, len) && text_equal(a->remote_ufrag, theirs, theirs_len)) {
        return &a->local;
    }
    bool old = a->old.ufrag[0] && text_equal(a->old.ufrag, ufrag, len);
    return old && text_equal(a->old_remote_ufrag, theirs, theirs_len) ? &a->old : NULL;
}

static struct stun_span password(const struct ice_credentials *c) { return (struct stun_span){c->pwd, strlen(c->pwd)}; }

/* Short-term credentials (RFC 8489 section 9.1.3), then what a check must have. The error code, 0, or -EIO. */
static int examine(const struct ice_check *check, const struct ice_credentials *ours, uint16_t *unknown,
                   size_t *unknown_count) {
    uint32_t priority;
    if (!stun_msg_has(check->msg, STUN_ATTR_MESSAGE_INTEGRITY) || !stun_msg_has(check->msg, STUN_ATTR_USERNAME)) {
        return 400;
    }
    int rc = ours ? stun_verify_integrity(check->msg, check->crypto, STUN_HASH_SHA1, password(ours)) : -ERR_INTEGRITY;
    if (rc < 0) {
        return rc == -EIO ? rc : 401;
    }
    *unknown_count = stun_msg_unknown(check->msg, attr_known, unknown, *unknown_count);
    if (*unknown_count > 0) {
        return 420;
    }
    if (stun_msg_u32(check->msg, STUN_ATTR_PRIORITY, &priority) < 0) {
        return 400;
    }
    return stun_msg_has(check->msg, STUN_ATTR_ICE_CONTROLLED) ? 487 : 0;
}

/* ours NULL: the answer is not signed. */
static int write_error(const struct ice_check *check, int code, const struct ice_credentials *ours,
                       struct writer *reply) {
    stun_write_header(reply, STUN_ERROR, STUN_BINDING, check->msg->txid);
    stun_write_error(reply, code);
    if (ours) {
        stun_write_integrity(reply, check->crypto, STUN_HASH_SHA1, password(ours));
    }
    stun_write_fingerprint(reply);
    return stun_write_end(reply) < 0 ? -EIO : code;
}

static int write_unknown(const struct ice_check *check, const uint16_t *types, size_t count,
                         const struct ice_credentials *ours, struct writer *reply) {
    stun_write_header(reply, STUN_ERROR, STUN_BINDING, check->msg->txid);
    stun_write_error(reply, 420);
    stun_write_unknown(reply, types, count);
    stun_write_integrity(reply, check->crypto, STUN_HASH_SHA1, password(ours));
    stun_write_fingerprint(reply);
    return stun_write_end(reply) < 0 ? -EIO : 420;
}

static int write_success(const struct ice_check *check, const struct ice_credentials *ours, struct writer *reply) {
    stun_write_header(reply, STUN_SUCCESS, STUN_BINDING, check->msg->txid);
    stun_write_xor_addr(reply, STUN_ATTR_XOR_MAPPED_ADDRESS, &check->tuple->remote);
    stun_write_integrity(reply, check->crypto, STUN_HASH_SHA1, password(ours));
    stun_write_fingerprint(reply);
    return stun_write_end(reply) < 0 ? -EIO : 0;
}

static void take_check(struct ice_agent *a, const struct ice_check *check, struct ice_outcome *out) {
    int index = find_path(a, check->tuple);
    if (index < 0) {
        index = add_path(a, check->tuple, out);
    }
    a->paths[index].checked_us = check->now_us;
    stun_msg_u32(check->msg, STUN_ATTR_PRIORITY, &a->paths[index].priority);
    if (stun_msg_has(check->msg, STUN_ATTR_USE_CANDIDATE)) {
        nominate(a, index, check->now_us, out);
    }
}

int ice_agent_check(struct ice_agent *a, const struct ice_check *check, struct writer *reply, struct ice_outcome *out) {
    enum { UNKNOWN_MAX = 4 };
    uint16_t unknown[UNKNOWN_MAX];
    size_t unknown_count = UNKNOWN_MAX;
    const struct ice_credentials *ours = credentials_of(a, check->msg);
    *out = (struct ice_outcome){0};
    int code = examine(check, ours, unknown, &unknown_count);
    if (code < 0) {
        return code;
    }
    if (code == 420) {
        return write_unknown(check, unknown, unknown_count, ours, reply);
    }
    if (code != 0) {
        return write_error(check, code, code == 487 ? ours : NULL, reply);
    }
    int rc = write_success(check, ours, reply);
    if (rc == 0) {
        if (ours == &a->local && a->old.ufrag[0]) {
            follow_restart(a, out);
        }
        take_check(a, check, out);
    }
    return rc;
}
