/* TURN allocations belong to the workers: an errand visits them one after the other and comes back with a page. */
#include "daemon/verbs.h"

#include "base/text.h"
#include "daemon/daemon.h"
#include "relay/relay.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_SESSIONS = 64, RETRY_US = 100000 };

struct errand {
    struct daemon *daemon;
    struct admin_call *call;
    struct loop_timer retry; /* of the worker's loop, when the control thread's inbox is full */
    enum admin_verb_id verb;
    unsigned worker;  /* where it is */
    char wanted[512]; /* a user's name, or a session's id */
    uint64_t left;    /* rows still wanted */
    uint32_t cursor;
    int rc;
    size_t count;
    struct relay_session page[PAGE_SESSIONS];
};

static void visit(struct errand *e);

/* A user name is bytes of a client, and may be cut within a character. */
json_t *verbs_session_row(struct relay_session *s) {
    char client[ADDR_TEXT_MAX], server[ADDR_TEXT_MAX], text[ADDR_TEXT_MAX];
    json_t *relayed = json_array();
    text_make_utf8(s->user);
    for (size_t i = 0; i < sizeof s->relayed / sizeof s->relayed[0]; i++) {
        if (s->relayed[i].family != AF_UNSPEC) {
            json_array_append_new(relayed, json_string(addr_format(&s->relayed[i], text)));
        }
    }
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:I}", "id",
        s->id, "user", s->user, "realm", s->realm, "client", addr_format(&s->client.remote, client), "server",
        addr_format(&s->client.local, server), "transport", transport_name((enum transport)s->client.transport),
        "relayed", relayed, "worker", (json_int_t)s->worker, "age_s", (json_int_t)s->age_s, "expires_s",
        (json_int_t)s->expires_s, "permissions", (json_int_t)s->permissions, "channels", (json_int_t)s->channels,
        "packets_from_client", (json_int_t)s->packets_from_client, "bytes_from_client",
        (json_int_t)s->bytes_from_client, "packets_to_client", (json_int_t)s->packets_to_client, "bytes_to_client",
        (json_int_t)s->bytes_to_client, "dropped", (json_int_t)s->dropped, "bits_per_s_from_client",
        (json_int_t)s->rates.up_bps, "bits_per_s_to_client", (json_int_t)s->rates.down_bps, "packets_per_s_from_client",
        (json_int_t)s->rates.up_pps, "packets_per_s_to_client", (json_int_t)s->rates.down_pps, "dropped_per_s",
        (json_int_t)s->rates.dropped_pps, "relays", s->tcp ? "tcp" : "udp", "connections", (json_int_t)s->connections);
}

/* A user is wanted by the whole name or, for short-lived credentials, by what follows the expiry. */
static bool is_wanted(const struct errand *e, const struct relay_session *s) {
    const char *colon = strchr(s->user, ':');
    return !e->wanted[0] || strcmp(s->user, e->wanted) == 0 || (colon && strcmp(colon + 1, e->wanted) == 0);
}

/* ---- on the control thread ---- */

static void go_on(void *ctx, struct admin_call *call) {
    if (admin_call_is_abandoned(call)) {
        admin_call_done(call);
        free(ctx);
    } else {
        visit(ctx);
    }
}

/* The page's rows. True when the errand goes on. */
static bool list_page(struct errand *e) {
    int rc = 0;
    for (size_t i = 0; i < e->count && e->left > 0; i++) {
        if (is_wanted(e, &e->page[i])) {
            rc = admin_call_row(e->call, verbs_session_row(&e->page[i]));
            e->left--;
        }
    }
    if (e->count < PAGE_SESSIONS) {
        e->worker++;
        e->cursor = 0;
    }
    if (rc == -EPIPE || e->left == 0 || e->worker == e->daemon->worker_count) {
        admin_call_done(e->call);
        return false;
    }
    if (rc == -EAGAIN) {
        admin_call_on_resume(e->call, go_on, e);
    } else {
        visit(e);
    }
    return true;
}

/* Show and kill: the answer, or the next worker. True when the errand goes on. */
static bool find_one(struct errand *e) {
    if (e->rc == 0) {
        admin_call_reply(e->call, verbs_session_row(&e->page[0]));
        return false;
    }
    if (++e->worker < e->daemon->worker_count) {
        visit(e);
        return true;
    }
    admin_call_fail(e->call, "not-found", "There is no session %s.", e->wanted);
    return false;
}

static void come_back(void *data) {
    struct errand *e = *(struct errand **)data;
    bool goes_on = e->verb == ADMIN_VERB_SESSIONS_LIST ? list_page(e) : find_one(e);
    if (!goes_on) {
        free(e);
    }
}

/* ---- on a worker's thread ---- */

static void leave(void *ctx) {
    struct errand *e = ctx;
    if (loop_post(e->daemon->control, come_back, &e, sizeof e) < 0) {
        loop_timer_init(&e->retry, leave, e);
        loop_timer_set(worker_loop(e->daemon->workers[e->worker]), &e->retry, RETRY_US);
    }
}

static void look(void *data) {
    struct errand *e = *(struct errand **)data;
    struct relay *relay = worker_relay(e->daemon->workers[e->worker]);
    if (e->verb == ADMIN_VERB_SESSIONS_LIST) {
        e->count = relay_sessions(relay, &e->cursor, e->page, PAGE_SESSIONS);
    } else {
        e->rc = relay_session_find(relay, e->wanted, &e->page[0]);
    }
    if (e->rc == 0 && e->verb == ADMIN_VERB_SESSIONS_KILL) {
        e->rc = relay_session_kill(relay, e->wanted);
    }
    leave(e);
}

/* ---- start ---- */

/* Frees the errand when the worker cannot be asked. */
static void visit(struct errand *e) {
    if (loop_post(worker_loop(e->daemon->workers[e->worker]), look, &e, sizeof e) < 0) {
        admin_call_error(e->call, -ENOBUFS, "The worker");
        free(e);
    }
}

static void start(void *ctx, struct admin_call *call) {
    struct errand *e = calloc(1, sizeof *e);
    if (!e) {
        admin_call_error(call, -ENOMEM, "The sessions");
        return;
    }
    e->daemon = ctx;
    e->call = call;
    e->verb = admin_call_verb(call);
    e->left = admin_call_uint(call, "limit", UINT64_MAX);
    const char *wanted = admin_call_text(call, e->verb == ADMIN_VERB_SESSIONS_LIST ? "user" : "id");
    snprintf(e->wanted, sizeof e->wanted, "%s", wanted ? wanted : "");
    visit(e);
}

void verbs_set_sessions(struct admin_hooks *hooks) {
    hooks->verbs[ADMIN_VERB_SESSIONS_LIST] = start;
    hooks->verbs[ADMIN_VERB_SESSIONS_SHOW] = start;
    hooks->verbs[ADMIN_VERB_SESSIONS_KILL] = start;
}
