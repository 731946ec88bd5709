/* The way of a request: credentials, unknown attributes, the allocation, then its own handler. */
#include "proto/turn/internal.h"

#include <errno.h>

struct method {
    uint16_t number;
    bool open;             /* without credentials */
    bool needs_allocation; /* 437 without one */
    int (*handle)(struct request *r);
};

static const struct method methods[] = {
    {STUN_BINDING, true, false, handle_binding},
    {STUN_ALLOCATE, false, false, handle_allocate},
    {STUN_REFRESH, false, true, handle_refresh},
    {STUN_CREATE_PERMISSION, false, true, handle_create_permission},
    {STUN_CHANNEL_BIND, false, true, handle_channel_bind},
    {STUN_CONNECT, false, true, handle_connect},
    {STUN_CONNECTION_BIND, false, false, handle_connection_bind},
};

static const struct method *find_method(uint16_t number) {
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (methods[i].number == number) {
            return &methods[i];
        }
    }
    return NULL;
}

static enum turn_reason usual_reason(int code) {
    switch (code) {
    case 300:
        return TURN_REASON_REDIRECTED;
    case 400:
        return TURN_REASON_MALFORMED;
    case 403:
        return TURN_REASON_FORBIDDEN_PEER;
    case 437:
    case 446:
        return TURN_REASON_MISMATCH;
    case 441:
        return TURN_REASON_WRONG_USER;
    case 447:
        return TURN_REASON_UNREACHABLE;
    case 486:
        return TURN_REASON_QUOTA;
    case 500:
        return TURN_REASON_INTERNAL;
    case 508:
        return TURN_REASON_CAPACITY;
    default:
        return TURN_REASON_UNSUPPORTED;
    }
}

void request_find_allocation(struct request *r) {
    r->allocation = turn_client_find(r->server, r->client);
    if (!r->allocation) {
        r->allocation = mobility_find(r);
        r->by_ticket = r->allocation != NULL;
    }
}

void request_answer(struct request *r, int code) {
    if (code == 0) {
        reply_send_success(r);
        return;
    }
    if (r->reason == TURN_REASON_NONE) {
        r->reason = usual_reason(code);
    }
    output_denied(r, code);
    reply_send_error(r, code);
}

void request_resume(struct request *r, struct stun_msg *msg, const struct pending *p, const struct turn_time *now) {
    const uint8_t *user = NULL;
    stun_msg_parse(msg, p->message, p->len); /* it parsed before */
    r->client = &p->client;
    r->msg = msg;
    r->now = *now;
    request_find_allocation(r);
    if (p->user_len > 0) {
        r->user = (const char *)p->message + p->len;
        r->user_len = p->user_len;
    } else if (stun_msg_bytes(msg, STUN_ATTR_USERNAME, &user, &r->user_len) == 0) {
        r->user = (const char *)user;
    }
    realm_resume(r);
    r->hash = p->key_hash;
    r->token = p->token;
    r->key_len = p->key_len;
    memcpy(r->key, p->key, p->key_len);
    r->has_quota = p->has_quota;
    r->credential_expiry_s = p->credential_expiry_s;
}

void request_user_text(const struct request *r, char out[STUN_USERNAME_BYTES_MAX + 1]) {
    memcpy(out, r->user, r->user_len);
    out[r->user_len] = '\0';
}

/* The worker whose session the request is about, or -1. */
static int named_worker(const struct request *r) {
    const uint8_t *token;
    size_t len;
    if (r->msg->method == STUN_REFRESH) {
        return mobility_owner(r);
    }
    bool has_token = r->msg->method == STUN_ALLOCATE &&
                     stun_msg_bytes(r->msg, STUN_ATTR_RESERVATION_TOKEN, &token, &len) == 0 && len == 8;
    return has_token ? reservation_owner(r->server, token) : -1;
}

/* A reservation token and a mobility ticket name the worker that holds the port or the allocation (their first byte).
 * Only a client with a nonce of ours gets this far; who owns it checks the credentials. */
static bool forward_to_owner(struct request *r) {
    const struct turn_settings *plain = &r->server->settings->plain;
    int owner = r->allocation ? -1 : named_worker(r);
    if (owner < 0 || owner == plain->worker || owner >= plain->worker_count) {
        return false;
    }
    output_push(r->server, TURN_OUTPUT_FORWARD, r->client)->forward.worker = (unsigned)owner;
    return true;
}

static int check_unknown(struct request *r) {
    r->discovery = r->msg->method == STUN_BINDING ? discovery_find(r) : NULL;
    r->unknown_count =
        stun_msg_unknown(r->msg, r->discovery ? discovery_attr_known : turn_attr_known, r->unknown, UNKNOWN_MAX - 1);
    return r->unknown_count > 0 ? 420 : 0;
}

static int check_owner(const struct request *r) {
    if (!r->allocation) {
        return 437;
    }
    return auth_user_equals(r, r->allocation->user) ? 0 : 441;
}

/* With strict expiry a session does not outlive the Refresh that its credential is too old for. */
static void end_expired(struct request *r) {
    struct turn_allocation *a = r->allocation;
    if (r->msg->method == STUN_REFRESH && r->reason == TURN_REASON_EXPIRED && a && auth_user_equals(r, a->user)) {
        allocation_end(r->server, a, TURN_REASON_EXPIRED);
    }
}

static int run(struct request *r, const struct method *m) {
    int code = m->open ? 0 : auth_verify(r);
    end_expired(r);
    if (code == 0) {
        code = check_unknown(r);
    }
    if (code == 0) {
        code = mobility_check(r);
    }
    if (code == 0 && m->needs_allocation) {
        code = check_owner(r);
    }
    if (code == 0) {
        reply_begin(r);
        code = m->handle(r);
    }
    return code;
}

int request_serve(struct request *r) {
    const struct method *m = r->msg->class == STUN_REQUEST ? find_method(r->msg->method) : NULL;
    if (!m) {
        return -EPROTO;
    }
    if (m->number == STUN_BINDING && !limit_binding(r->server, r->client)) {
        return -EDQUOT;
    }
    int code = 0;
    if (!m->open) {
        code = r->msg->len > TURN_PENDING_MESSAGE_MAX ? 400 : auth_check_form(r);
        if (code == 0 && forward_to_owner(r)) {
            return 0;
        }
    }
    if (code == 0) {
        code = run(r, m);
    }
    if (code != REQUEST_WAITS) {
        request_answer(r, code);
    }
    return r->silenced ? -EDQUOT : 0;
}
