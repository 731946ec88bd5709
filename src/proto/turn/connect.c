/* Connect, ConnectionAttempt and ConnectionBind (RFC 6062 sections 5.2 to 5.4). */
#include "base/error.h"
#include "base/rng.h"
#include "proto/turn/internal.h"

#include <errno.h>
#include <stdlib.h>

/* ---- to a peer */

/* Of this allocation, to that peer; 0 or an error code. */
static int check_connect(struct request *r) {
    struct turn_server *s = r->server;
    if (!r->allocation->tcp) {
        r->reason = TURN_REASON_UNSUPPORTED; /* its relayed address is of UDP */
        return 403;
    }
    if (stun_msg_xor_addr(r->msg, STUN_ATTR_XOR_PEER_ADDRESS, &s->event_peer) < 0 || s->event_peer.port == 0) {
        return 400;
    }
    r->peer = &s->event_peer;
    int code = permission_check_peer(r, r->peer, true);
    return code == 0 && connection_find_peer(r->allocation, r->peer) ? 446 : code;
}

int handle_connect(struct request *r) {
    struct turn_server *s = r->server;
    struct turn_connection *c;
    int code = check_connect(r);
    if (code != 0) {
        return code;
    }
    int rc = connection_new(&c, s, r->allocation, r->peer);
    if (rc < 0) {
        return rc == -ENOSPC ? 508 : 500;
    }
    struct pending *p = pending_new(r, PENDING_CONNECT);
    if (!p) {
        connection_end(s, c); /* nothing was opened: who closes what is not there does no harm */
        return 508;
    }
    c->request = p->id;
    struct turn_output *out = output_push(s, TURN_OUTPUT_CONNECT, r->client);
    out->allocation = r->allocation;
    out->connection.id = c->id;
    out->connection.peer = c->peer;
    out->connection.from = turn_relay_for(r->allocation, &c->peer)->handle;
    return REQUEST_WAITS;
}

/* Goes on with a request that waited; its memory goes. */
static void resume(struct turn_server *s, struct pending *p, struct request *r, struct stun_msg *msg,
                   const struct turn_time *now) {
    pending_unlink(s, p);
    *r = (struct request){.server = s};
    request_resume(r, msg, p, now);
    r->authenticated = true;
    reply_begin(r);
}

static void forget(struct pending *p, struct request *r) {
    explicit_bzero(p->key, sizeof p->key);
    explicit_bzero(r->key, sizeof r->key);
    free(p);
}

void connect_answer(struct turn_server *s, struct turn_connection *c, int code, const struct turn_time *now) {
    struct pending *p = c->request ? pending_find(s, c->request, PENDING_CONNECT) : NULL;
    struct request r;
    struct stun_msg msg;
    c->request = 0;
    if (!p) {
        return;
    }
    resume(s, p, &r, &msg, now);
    s->event_peer = c->peer;
    r.peer = &s->event_peer;
    if (code == 0) {
        stun_write_u32(&r.reply, STUN_ATTR_CONNECTION_ID, c->id);
    }
    request_answer(&r, code);
    forget(p, &r);
}

static struct turn_connection *find_connecting(const struct turn_server *s, uint32_t id) {
    struct turn_connection *c = connection_find(s, id);
    return c && c->state == CONNECTION_CONNECTING ? c : NULL;
}

int turn_server_connected(struct turn_server *s, uint32_t id, const struct turn_time *now) {
    struct turn_connection *c = find_connecting(s, id);
    if (!c) {
        return -ENOENT;
    }
    server_set_now(s, now->now_us);
    connection_await_bind(s, c);
    connect_answer(s, c, 0, now);
    return 0;
}

int turn_server_connect_failed(struct turn_server *s, uint32_t id, const struct turn_time *now) {
    struct turn_connection *c = find_connecting(s, id);
    if (!c) {
        return -ENOENT;
    }
    server_set_now(s, now->now_us);
    connection_end(s, c);
    return 0;
}

/* ---- from a peer */

static void indicate(struct turn_server *s, const struct turn_connection *c) {
    uint8_t txid[STUN_TXID_BYTES];
    struct writer w;
    rng_bytes(txid, sizeof txid);
    writer_init(&w, s->reply, sizeof s->reply);
    stun_write_header(&w, STUN_INDICATION, STUN_CONNECTION_ATTEMPT, txid);
    stun_write_xor_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, &c->peer);
    stun_write_u32(&w, STUN_ATTR_CONNECTION_ID, c->id);
    struct turn_output *out = output_push(s, TURN_OUTPUT_INDICATION, &c->allocation->client);
    out->allocation = c->allocation;
    out->reply.bytes = s->reply;
    out->reply.len = (size_t)stun_write_end(&w); /* it fits */
    out->reply.method = STUN_CONNECTION_ATTEMPT;
}

int turn_server_peer_connected(struct turn_server *s, struct turn_allocation *a, const struct addr *peer, uint32_t *id,
                               const struct turn_time *now) {
    struct turn_connection *c;
    if (a->dying || !a->tcp || !permission_holds(s, a, peer)) {
        return -ERR_FORBIDDEN;
    }
    if (connection_find_peer(a, peer)) {
        return -EEXIST;
    }
    server_set_now(s, now->now_us);
    int rc = connection_new(&c, s, a, peer);
    if (rc < 0) {
        return rc;
    }
    connection_await_bind(s, c);
    indicate(s, c);
    *id = c->id;
    return 0;
}

/* ---- the client's data connection */

static bool may_bind(const struct request *r) {
    bool stream = r->client->transport == TRANSPORT_TCP || r->client->transport == TRANSPORT_TLS;
    return stream && !r->allocation; /* a control connection stays one */
}

/* The connection may be another worker's, which also knows whose it is. */
int handle_connection_bind(struct request *r) {
    struct turn_server *s = r->server;
    uint32_t id;
    if (!may_bind(r) || stun_msg_u32(r->msg, STUN_ATTR_CONNECTION_ID, &id) < 0) {
        return 400;
    }
    struct pending *p = pending_new(r, PENDING_BIND);
    if (!p) {
        return 508;
    }
    struct turn_output *out = output_push(s, TURN_OUTPUT_TAKE_CONNECTION, r->client);
    memcpy(s->lookup_user, r->user, r->user_len);
    s->lookup_user[r->user_len] = '\0';
    memcpy(s->lookup_realm, r->realm, sizeof s->lookup_realm);
    out->request = p->id;
    out->connection.id = id;
    out->connection.worker = s->settings->plain.worker_count ? id % s->settings->plain.worker_count : 0;
    out->connection.user = s->lookup_user;
    out->connection.realm = s->lookup_realm;
    return REQUEST_WAITS;
}

int turn_server_taken(struct turn_server *s, uint64_t request, int code, const struct turn_time *now) {
    struct pending *p = pending_find(s, request, PENDING_BIND);
    struct request r;
    struct stun_msg msg;
    if (!p) {
        return -ENOENT;
    }
    server_set_now(s, now->now_us);
    resume(s, p, &r, &msg, now);
    request_answer(&r, code);
    forget(p, &r);
    return 0;
}
